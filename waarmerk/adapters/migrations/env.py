"""How a step is run: inside the transaction that `waarmerk.adapters.registry` opened and locked."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite can, once the transaction is begun by hand
    render_as_batch=True,  # SQLite changes a column by copying its table
)
with context.begin_transaction():
    context.run_migrations()
