"""Imported by the process that children are forked from, and by no other: the model, ready to read.

It starts no thread, takes no request, and stops when the server is gone.
"""

from __future__ import annotations

import gc
import os
import signal

os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # others reserve more than they use
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the server itself stops, and this with it

# What parsers print of a file that they cannot read stands in no log.
_nowhere = os.open(os.devnull, os.O_RDWR)
for _stream in (1, 2):
    os.dup2(_nowhere, _stream)

from calcigram.server import children  # noqa: E402 - pyarrow and numpy look at the environment once
from calcigram.server.settings import variable  # noqa: E402

children.prepare(os.environ.get(variable("model"), ""))
gc.collect()
gc.freeze()  # else the first search for garbage would copy all of it into each child
