"""Write the kernels that `calcigram warm-up` compiles to `src/calcigram/_kernels/linked`, for this Python.

    python benchmarks/make_linked_kernels.py

They are compiled from source. The code in them is the same wherever source, Python, numba, llvmlite and processor are,
but for addresses in the names of expressions; so that other names are the same, Python orders its sets in one way.
"""

from __future__ import annotations

import os
import sys

from calcigram._kernels.compiler import LINKED, KernelCache
from calcigram.cli import main

if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})
    version = f".py{sys.version_info.major}{sys.version_info.minor}."
    LINKED.mkdir(exist_ok=True)
    for old in LINKED.glob(f"*{version}*"):
        old.unlink()
    KernelCache.links = True
    main(["warm-up"])
    files = [path for path in LINKED.iterdir() if version in path.name]
    print(
        f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e3:.0f} kB: {LINKED}"
    )
