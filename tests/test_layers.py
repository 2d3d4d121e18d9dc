"""Data flows one way, and the pure folders stay pure: proved by reading the imports of every module."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import waarmerk

ROOT = Path(waarmerk.__file__).parent
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))

# Which of our packages each may import. The three in the middle never import each other.
MAY_IMPORT = {
    "core": {"core"},
    "marking": {"core", "marking"},
    "detection": {"core", "detection"},
    "adapters": {"core", "adapters"},
    "app": {"core", "marking", "detection", "adapters", "app"},
}

PURE = ("core", "marking", "detection")

# What reaches the disk, the network, the clock, chance or a framework; none of it enters a pure folder.
IMPURE_MODULES = {
    "asyncio", "c2pa", "fastapi", "glob", "http", "httpx", "io", "logging", "multiprocessing", "os",
    "pathlib", "random", "requests", "secrets", "shutil", "socket", "sqlalchemy", "sqlite3", "starlette",
    "structlog", "subprocess", "sys", "tempfile", "time", "typer", "urllib", "uuid", "uvicorn",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "exec", "eval"}
# `now` and `today` read the clock whatever they hang on; `numpy.random` draws from a global state.
IMPURE_ATTRIBUTES = {"now", "utcnow", "today", "urandom", "random", "default_rng"}

# One module (or folder) for each of these; their types do not travel.
ONE_HOME = {
    "alembic": ("adapters/registry.py", "adapters/migrations/"),
    "c2pa": ("adapters/manifests.py",),
    "cryptography": ("core/keys.py", "adapters/certificates.py"),
    "defusedxml": ("core/xmp.py",),
    "PIL": ("adapters/", "marking/", "detection/"),  # opens and saves in adapters, resizes arrays elsewhere
    "prometheus_client": ("app/metrics.py",),
    "psycopg": ("adapters/registry.py",),
    "pydantic_settings": ("app/settings.py",),
    "sqlalchemy": ("adapters/registry.py", "adapters/migrations/"),
    "structlog": ("app/log.py",),
    "typer": ("app/cli.py",),
    "uvicorn": ("app/server.py",),
    "fastapi": ("app/main.py", "app/errors.py", "app/routes/"),
    "starlette": ("app/main.py", "app/errors.py", "app/middleware.py", "app/routes/"),
}


def tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imported(module: Path) -> list[str]:
    """Dotted names a module imports, relative ones made absolute, wherever in the file they stand."""
    package = ["waarmerk", *module.parent.parts]
    names: list[str] = []
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names.append(stem)
            names += [f"{stem}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("module", [m for m in MODULES if len(m.parts) > 1], ids=str)
def test_imports_point_inward(module: Path) -> None:
    layer = module.parts[0]
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("waarmerk.")}
    assert ours & set(MAY_IMPORT) <= MAY_IMPORT[layer], f"{module} reaches outward"


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] in PURE], ids=str)
def test_pure_folders_touch_nothing_outside(module: Path) -> None:
    reached = {name.split(".")[0] for name in imported(module)} & IMPURE_MODULES
    assert not reached, f"{module} imports {sorted(reached)}"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            assert called not in IMPURE_CALLS, f"{module}:{node.lineno} calls {called}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in IMPURE_ATTRIBUTES, f"{module}:{node.lineno} reads .{node.attr}"
            assert ast.unparse(node) != "Image.open", f"{module}:{node.lineno} opens a picture"


@pytest.mark.parametrize("dependency", sorted(ONE_HOME))
def test_a_dependency_is_imported_in_one_place(dependency: str) -> None:
    homes = ONE_HOME[dependency]
    strays = [
        str(module)
        for module in MODULES
        if dependency in {name.split(".")[0] for name in imported(module)}
        and not module.as_posix().startswith(homes)
    ]
    assert not strays, f"{dependency} is also imported in {strays}; its home is {' and '.join(homes)}"


def test_a_wheel_holds_every_package() -> None:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    there = {
        ".".join(("waarmerk", *file.parent.relative_to(ROOT).parts)) for file in ROOT.rglob("__init__.py")
    }
    assert set(project["tool"]["setuptools"]["packages"]) == there
