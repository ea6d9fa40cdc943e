"""The one way in which kernels are compiled, and where the result is kept.

Compiled kernels are looked for in ``NUMBA_CACHE_DIR`` (where that is set), beside the source and in
the user's cache folder, and written to the first of these that can be written. So a read-only
installation uses what was compiled when it was made. Four things differ from numba's own cache: a
folder need not be writable to be read; a cache that cannot be read (cut off, or left by something
else, or with another digest than it was written with: damaged machine code would run) is compiled over; a kernel is compiled anew when a module it calls into has changed, not
only its own; and the first compiling of a kernel is announced, once per process.

What a kernel calls is optimised and made machine code with it, not apart: see `_Part`. Only kernels
that Python calls are kept.

The folder `linked` beside this module contains kernels that are typed, lowered and linked, but not yet
optimised, as LLVM bitcode: for this processor they are made machine code in a sixth of the time that
compiling from source takes, and give the same results, bit by bit (a test). They are used where source,
Python, numba, llvmlite and platform are those they were made with; `make linked` makes them again.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import pickle
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import llvmlite  # type: ignore[import-untyped]  # comes with numba
from llvmlite.binding import get_process_triple, parse_assembly, parse_bitcode  # type: ignore[import-untyped]
from numba import config, jit, njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.caching import UserWideCacheLocator as _UserWide
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.runtime import rtsys
from numba.core.target_extension import CPU, dispatcher_registry, jit_registry
from numba.core.targetconfig import ConfigStack

PACKAGE = Path(__file__).parents[1]

LINKED = Path(__file__).parent / "linked"
"""Kernels as bitcode, written by ``make linked``."""

_LOG = logging.getLogger("calcigram")

_OBJECTS_PER_COLLECTION = 100_000

# The kernels use vector instructions that Python lacks, and callees that numba compiles for them:
# NUMBA_DISABLE_JIT cannot be heeded, nor heeded in part.
vars(config)["DISABLE_JIT"] = 0

_IMPORT = re.compile(
    r"^(?:from (calcigram[\w.]*) import (\([^)]*\)|[^\n]*)|import (calcigram[\w.]*))", re.MULTILINE
)


def kernel(function: Any = None, *, fast: bool = False) -> Any:
    """Compile a function as all kernels of the package are, keep the result, release the GIL.

    Division by zero gives inf or NaN, as with numpy, and raises nothing.

    Parameters
    ----------
    function : callable
        As a decorator: ``@kernel``, or ``@kernel(fast=True)``.
    fast : bool
        Let sums be taken in any order, so that loops vectorise; results then differ in the last
        digits between kinds of processor. NaN and inf stay what they are in either case.

    Examples
    --------
    A kernel stands in a file, by which its cache is found:

    >>> from calcigram._kernels.statistics import quantile
    >>> import numpy as np
    >>> float(quantile(np.array([1, 2, 3], np.float32), 0.5))  # of sorted values
    2.0
    """
    if function is None:
        return partial(kernel, fast=fast)
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "no_cfunc_wrapper": True,
        "fastmath": {"reassoc", "contract", "nsz"} if fast else False,
    }
    dispatcher: Any = njit(pipeline_class=_WholeCompiler, **options)(function)
    dispatcher._cache = KernelCache(function)
    part = _part(function, **options)
    # What the compiler asks of a kernel that another calls.
    dispatcher.get_call_template = part.get_call_template
    dispatcher.get_overload = part.get_overload
    return dispatcher


class _Target(CPU):
    """The processor, by another name: for it numba makes its own functions, such as `min`, with `_part`.

    Else each is optimised and made machine code apart, fifty of them for the features.
    """


def _part(function: Any = None, **options: Any) -> Any:
    """Compile a function for the kernels that call it: see `_Part`."""
    if function is None:
        return partial(_part, **options)
    options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return jit(pipeline_class=_PartCompiler, **options)(function)


jit_registry[_Target] = _part
dispatcher_registry[_Target] = dispatcher_registry[CPU]


class _KernelCompiler(Compiler):
    """Numba's compiler, but what it knows and compiles for itself is kept for the other kernels."""

    def __init__(self, typing_context: Any, *rest: Any) -> None:
        super().__init__(_Memory(typing_context), *rest)
        self.state.targetctx.target = _Target


class _WholeCompiler(_KernelCompiler):
    """Compiles what Python calls, and collects garbage less often meanwhile.

    Looking through the compiler's many objects in vain takes an eighth of the time otherwise.
    """

    def __init__(self, typing_context: Any, target: Any, library: Any, *rest: Any) -> None:
        whole = _Whole(target.codegen(), "whole")
        whole.enable_object_caching()
        super().__init__(typing_context, target, whole, *rest)

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile one kernel for one signature."""
        usual = gc.get_threshold()
        if usual[0] > 0:  # else it is off
            gc.set_threshold(_OBJECTS_PER_COLLECTION, *usual[1:])
        try:
            return super().compile_extra(func)
        finally:
            gc.set_threshold(*usual)


class _Whole(JITCodeLibrary):
    """The code of a kernel that Python calls; `linked` is what it was before it was optimised."""

    linked: bytes

    def _optimize_final_module(self) -> None:
        self.linked = self._final_module.as_bitcode()
        super()._optimize_final_module()


class _Part(JITCodeLibrary):
    """The code of a kernel for the kernels that call it, as it was written.

    By numba's own way each kernel is optimised and made machine code, then linked into every caller and
    optimised with it once more: a kernel five calls deep six times. Nobody runs that code, since the
    caller has its own: left out, first use takes two thirds of the time, and the result is the same.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    @property
    def codegen(self) -> Any:
        """Stands in for the generator of machine code, to which a library tells its environment."""
        return self

    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing: that is for what Python calls."""


class _PartCompiler(_KernelCompiler):
    def __init__(self, typing_context: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing_context, target, _Part(target.codegen(), "part"), *rest)


class _Memory:
    """A typing context that remembers which signature a function has for which types.

    Else numba tries every meaning of an operator, from lists to dates, each time one is met: ten thousand
    times for the features.
    """

    _known: ClassVar[dict[Any, Any]] = {}

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a function for types of arguments."""
        flags = ConfigStack.top_or_none()
        fast = flags is not None and bool(flags.fastmath)
        key = func, tuple(args), tuple(dict(kws).items()), fast
        found = self._known.get(key)
        if found is None:
            found = self._context.resolve_function_type(func, args, kws)
            if found is not None:
                self._known[key] = found
        return found


class KernelCache(FunctionCache):
    """The cache of one kernel; what cannot be used counts as not there."""

    links: ClassVar[bool] = False
    """Compile all from source and write it to `LINKED`: for ``make linked``."""

    # Not numba's own, which fails where no folder can be written.
    def __init__(self, function: Callable[..., Any]) -> None:
        self._name, self._py_func = repr(function), function
        self._impl = _Impl(function)
        self._source = Path(function.__code__.co_filename)
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Folder to write to, None where there is none."""
        return next((str(folder) for folder in _folders(self._source) if _can_write(folder)), None)

    @cached_property
    def _files(self) -> list[_CacheFile]:
        stamp, base = source_stamp(self._source), self._impl.filename_base
        return [_CacheFile(str(folder), base, stamp) for folder in _folders(self._source)]

    @cached_property
    def _linked_file(self) -> _CacheFile:
        return linked_file(self._source, self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None.

        What numba knows to compile is not loaded for that (half of the processor time of a start,
        scipy.linalg with it): the compiler loads it itself. Kept code needs only the allocator of arrays.
        """
        if self.links:
            return None
        rtsys.initialize(target_context)
        for file in self._files:
            self._cache_file = file
            try:
                found = self._load_overload(sig, target_context)
            except Exception:  # unpickling what others wrote may raise anything
                continue
            if found is not None:
                return found
        try:
            found = self._load_linked(sig, target_context)
        except Exception:  # as above
            found = None
        if found is not None:
            return found
        if not any(file._load_index() for file in self._files):
            _announce(can_be_kept=self.cache_path is not None)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, if it can be written."""
        if self.links:
            _, *rest = data._replace(
                type_annotation=""
            )._reduce()  # that tells where the source lay
            self._linked_file.save(_linked_key(sig), (data.library.linked, *rest))
        elif self._impl.check_cachable(data):
            self._keep(self._index_key(sig, data.codegen), self._impl.reduce(data))

    def _keep(self, key: Any, data: Any) -> None:
        path = self.cache_path
        if path is None:
            return
        try:
            next(file for file in self._files if file._cache_path == path).save(key, data)
        except OSError:  # a full disk, or a folder gone meanwhile
            return

    def _load_linked(self, sig: Any, target_context: Any) -> Any:
        """Return the kernel that the package contains as bitcode, or None; keep its machine code."""
        found = self._linked_file.load(_linked_key(sig))
        if found is None:
            return None
        if self.cache_path is None:
            _announce(can_be_kept=False)
        bitcode, *rest = found
        codegen = target_context.codegen()
        library = codegen.create_library("whole")
        library._final_module = parse_bitcode(bitcode)
        library._optimize_final_module()
        machine_code = codegen._tm.emit_object(library._final_module)
        data = (library.name, "object", (machine_code, _names_of(library._final_module))), *rest
        self._keep(self._index_key(sig, codegen), data)
        return self._impl.rebuild(target_context, data)


class _Impl(CompileResultCacheImpl):
    """Names files, and makes and restores their content."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _UserWide(function, function.__code__.co_filename)
        stem = Path(function.__code__.co_filename).stem
        self._filename_base = self.get_filename_base(f"{stem}.{function.__qualname__}", "")

    def reduce(self, cres: Any) -> Any:
        """Return what is kept: machine code, without the bitcode for kernels that would call it."""
        (name, kind, (machine_code, bitcode)), *rest = super().reduce(cres)
        return (name, kind, (machine_code, _names_of(parse_bitcode(bitcode)))), *rest


def _names_of(module: Any) -> bytes:
    """Return bitcode that defines the names which a module defines, as numba asks for, and nothing more."""
    found = (
        one.name for one in (*module.functions, *module.global_variables) if not one.is_declaration
    )
    names = "\n".join(f'@"{name}" = global i8 0' for name in found)
    bitcode: bytes = parse_assembly(names).as_bitcode()
    return bitcode


class _CacheFile(IndexDataCacheFile):
    def _load_index(self) -> dict[Any, str]:
        try:
            found = super()._load_index()
        except Exception:  # unpickling what others wrote may raise anything
            return {}
        return found if isinstance(found, dict) else {}

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if content[:_DIGEST_BYTES] != self._digest(name, content[_DIGEST_BYTES:]):
            raise ValueError("a kernel that was damaged, or of another source")
        return pickle.loads(content[_DIGEST_BYTES:])

    def _save_data(self, name: str, data: Any) -> None:
        dumped = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(self._digest(name, dumped) + dumped)

    def _digest(self, name: str, data: bytes) -> bytes:
        return hashlib.sha256(f"{self._source_stamp} {name} ".encode() + data).digest()


_DIGEST_BYTES = 32


def linked_file(source: Path, name: str) -> _CacheFile:
    """Return the file of a kernel in `LINKED`.

    Parameters
    ----------
    source : pathlib.Path
        Where the kernel stands.
    name : str
        Of the file, without suffix.

    Examples
    --------
    >>> linked_file(Path(__file__), "none").load("of this name") is None
    True
    """
    stamp = f"{source_stamp(source)} llvmlite {llvmlite.__version__}"
    return _CacheFile(str(LINKED), name, stamp)


def _linked_key(sig: Any) -> Any:
    return sig, sys.implementation.cache_tag, get_process_triple()


def _folders(source: Path) -> list[Path]:
    """Return where kernels of a source file may be kept, the first choice first."""
    user_wide = Path(_UserWide(_folders, str(source)).get_cache_path())
    folders = [source.parent / "__pycache__"]
    if user_wide.is_absolute():  # else there is no home
        folders.append(user_wide)
    chosen = vars(config)["CACHE_DIR"]
    if chosen:
        folders.insert(0, Path(chosen).absolute() / user_wide.name)
    return folders


@cache
def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


@cache
def _announce(*, can_be_kept: bool) -> None:
    _LOG.warning(
        "calcigram: compiling kernels for the first use; this takes about 20 s, once"
        if can_be_kept
        else "calcigram: compiling at every start: no folder can be written to keep the result; let "
        "NUMBA_CACHE_DIR name one"
    )


@cache
def source_stamp(path: Path) -> str:
    """Return a digest of a module and of all modules of the package that it imports.

    Parameters
    ----------
    path : pathlib.Path
        Source of the module.

    Examples
    --------
    >>> len(source_stamp(Path(__file__)))
    64
    """
    digest = hashlib.sha256()
    for source in sorted(_closure(path)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _closure(path: Path) -> set[Path]:
    found, waiting = {path}, [path]
    while waiting:
        new = set(_imported(waiting.pop())) - found
        found |= new
        waiting += new
    return found


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the sources of the modules that a module imports when it is imported itself."""
    modules: list[str] = []
    for package, names, module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        modules += [package or module]
        modules += [f"{package}.{name}" for name in re.findall(r"\w+", names) if package]
    return tuple(_sources(modules))


def _sources(modules: list[str]) -> Iterator[Path]:
    for module in modules:
        place = PACKAGE.joinpath(*module.split(".")[1:])
        for source in (place.with_suffix(".py"), place / "__init__.py"):
            if source.is_file():
                yield source
