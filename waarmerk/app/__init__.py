"""The service and the command."""

import os

# One picture is one worker's: a BLAS that starts threads of its own for small products fights the other workers and
# costs a busy machine twice the time. Read once, when numpy is first imported, which is below here.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
