"""Kernels are kept where they can be, and a cache that cannot be used is compiled over."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import calcigram
from calcigram._kernels import compiler
from calcigram._kernels.compiler import source_stamp
from calcigram.cli.demo import sample_clusters

PACKAGE = Path(calcigram.__file__).parent

KERNEL = """
from calcigram._kernels.compiler import kernel

@kernel
def twice(x):
    return 2 * x
"""

RUN = """
import sys
sys.path.insert(0, {folder!r})
import doubling
assert doubling.twice(21) == 42
stats = doubling.twice.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), stats.cache_path)
"""
LOADED = """
print([name for name in ("numba.np.linalg", "scipy.linalg") if name in sys.modules])
"""

CACHES = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
"""What names the folders of compiled kernels; without them HOME does."""


LINK = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from calcigram._kernels import compiler
compiler.LINKED = Path({folder!r}) / "linked"
compiler.KernelCache.links = {links}
import doubling
assert doubling.twice(21) == 42
stats = doubling.twice.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "doubling.py").write_text(KERNEL)
    return folder


def run(folder, home, **variables):
    environment = {k: v for k, v in os.environ.items() if k not in CACHES}
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(folder=str(folder))],
        env=environment | {"HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hits, misses, path = done.stdout.split(maxsplit=2)
    return int(hits), int(misses), path.strip()


def forbid(folder):
    """A file where the folder of the cache should be: nobody can write there, root neither."""
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    (folder / "__pycache__").write_text("")


def test_a_read_only_installation_uses_the_users_cache_folder(module, tmp_path):
    forbid(module)
    hits, misses, path = run(module, tmp_path / "home")
    assert (hits, misses) == (0, 1)
    assert Path(path).is_relative_to(tmp_path / "home" / ".cache")
    assert run(module, tmp_path / "home")[:2] == (1, 0)


def test_a_kept_kernel_is_loaded_without_what_the_compiler_knows(module, tmp_path):
    run(module, tmp_path)
    done = python(module, "-c", RUN.format(folder=str(module)) + LOADED)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_where_nothing_can_be_written_kernels_work_all_the_same(module, tmp_path):
    forbid(module)
    (tmp_path / "home").write_text("")
    hits, _, path = run(module, tmp_path / "home")
    assert hits == 0
    assert path == "None"


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04cut off", b"cnowhere\nNothing\n.", b"\x80\x04K\x01."]
)
def test_a_cache_that_cannot_be_read_is_compiled_over(module, tmp_path, pattern, content):
    run(module, tmp_path)
    (spoilt,) = (module / "__pycache__").glob(pattern)
    good = spoilt.read_bytes()
    spoilt.write_bytes(content if pattern == "*.nbc" else good[:9] + content)
    assert run(module, tmp_path)[0] == 0
    assert run(module, tmp_path)[:2] == (1, 0)


def test_an_index_of_another_source_is_compiled_over(module, tmp_path):
    run(module, tmp_path)
    (module / "doubling.py").write_text(KERNEL.replace("2 * x", "x + x"))
    assert run(module, tmp_path)[:2] == (0, 1)


def test_the_stamp_follows_the_modules_a_kernel_calls(tmp_path, monkeypatch):
    for name, text in (
        ("one", "from calcigram.two import f\n"),
        ("two", "from calcigram.three import g\n"),
        ("three", "g = 1\n"),
        ("four", ""),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(compiler, "PACKAGE", tmp_path)

    def stamp():
        source_stamp.cache_clear()
        compiler._imported.cache_clear()
        return source_stamp(tmp_path / "one.py")

    try:
        first = stamp()
        (tmp_path / "four.py").write_text("h = 2\n")
        assert stamp() == first
        (tmp_path / "three.py").write_text("g = 2\n")
        assert stamp() != first
    finally:
        source_stamp.cache_clear()
        compiler._imported.cache_clear()


CALLER = """
from calcigram import callee
from calcigram._kernels.compiler import kernel

@kernel
def shifted(x):
    return callee.offset(x) + 1
"""
CALLEE = """
from calcigram._kernels.compiler import kernel

@kernel
def offset(x):
    return x + {by}
"""


def test_a_kernel_that_calls_one_of_another_file_is_never_stale(tmp_path):
    package = tmp_path / "calcigram"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "caller.py").write_text(CALLER)
    command = "from calcigram.caller import shifted; print(shifted(1), *shifted.stats[1:])"
    for by, misses in ((10, 1), (10, 0), (20, 1), (20, 0)):
        (package / "callee.py").write_text(CALLEE.format(by=by))
        done = python(tmp_path, "-c", command)
        assert done.stdout.split()[0] == str(1 + by + 1), done.stderr
        assert ("compiling" in done.stderr) == bool(misses)


def python(folder, *arguments, bare=False, **variables):
    """Run Python on the package in a folder; `bare`: read-only, without a home, as no root."""
    command = [sys.executable, *arguments]
    environment = {k: v for k, v in os.environ.items() if k not in (*CACHES, "PYTHONPATH")}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | variables
    if bare:
        environment |= {"HOME": "/nonexistent"}
        if os.geteuid() == 0:  # root without its powers is held by permissions as others are
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=550
    )


@pytest.fixture
def installation(tmp_path):
    """A copy of the package, warmed up as the container's build does it, then read-only."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root can write anywhere")
    shutil.copytree(PACKAGE, tmp_path / "site" / "calcigram")
    shipped = tmp_path / "site" / "calcigram" / "_shipped"
    checkout = PACKAGE.parents[1]
    for name in ("models/default", "data"):
        shutil.copytree(checkout / name, shipped / name, dirs_exist_ok=True)
    warmed = python(tmp_path / "site", "-m", "calcigram", "warm-up")
    assert warmed.returncode == 0, warmed.stderr
    folders = [tmp_path / "site", *(p for p in (tmp_path / "site").rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield tmp_path / "site"
    for folder in folders:
        folder.chmod(0o755)


IN_THE_CONTAINER = """
import sys
import numba.core.event as event
from calcigram.cli import main
compiled = []
class Listener(event.Listener):
    def on_start(self, happening):
        pass
    def on_end(self, happening):
        dispatcher = happening.data["dispatcher"]
        compiled.extend([dispatcher.py_func.__name__] * sum(dispatcher.stats.cache_misses.values()))
event.register("numba:compile", Listener())
assert main(sys.argv[1:]) == 0
print(sorted(set(compiled)))
"""


def test_a_read_only_installation_uses_what_was_compiled_when_it_was_made(installation, tmp_path):
    """As the container does: no home, and nothing to write to."""
    clusters = calcigram.read_clusters(sample_clusters())[:8]
    for suffix in ("csv", "parquet"):
        calcigram.write_clusters(clusters, tmp_path / f"a.{suffix}")
        out = tmp_path / f"v.{suffix}"
        done = python(
            installation, "-c", IN_THE_CONTAINER, "classify", tmp_path / f"a.{suffix}", "-o", out,
            bare=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
        assert "compiling" not in done.stderr
        assert out.exists()
    done = python(
        installation, "-c", IN_THE_CONTAINER, "explain", tmp_path / "a.csv", "-o",
        tmp_path / "e.json", bare=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_all_kernels_are_compiled_in_one_way():
    """Else some would need a folder that can be written, or be served stale."""
    makers = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "jitclass"}
    for path in PACKAGE.rglob("*.py"):
        if path.name == "compiler.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numba"):
                assert not makers & {alias.name for alias in node.names}, path
            if isinstance(node, ast.Import):
                assert not {"numba"} & {alias.name for alias in node.names}, path


@pytest.mark.parametrize("value", ["0", "1"])
def test_numba_disable_jit_changes_nothing(value, tmp_path):
    command = "import calcigram; print(calcigram.classify(calcigram.simulate(3, seed=1)).concern.tolist())"
    done = python(PACKAGE.parent, "-c", command, NUMBA_DISABLE_JIT=value)
    assert done.stdout == f"{calcigram.classify(calcigram.simulate(3, seed=1)).concern.tolist()}\n"


def test_compiling_is_announced_once_and_says_where_nothing_can_be_kept(module, tmp_path):
    def said(home):
        environment = {k: v for k, v in os.environ.items() if k not in CACHES}
        return subprocess.run(
            [sys.executable, "-c", RUN.format(folder=str(module))],
            env=environment | {"HOME": str(home)}, capture_output=True, text=True, check=True,
        ).stderr  # fmt: skip

    assert (
        said(tmp_path)
        == "calcigram: compiling kernels for the first use; this takes about 20 s, once\n"
    )
    assert said(tmp_path) == ""
    forbid(module)
    (tmp_path / "home").write_text("")
    assert "at every start" in said(tmp_path / "home")


@pytest.mark.parametrize("place", [0.02, 0.5, 0.98])
def test_one_bit_of_a_kernel_that_has_changed_is_noticed(module, tmp_path, place):
    """Machine code with another bit would run, and crash or compute something else."""
    run(module, tmp_path)
    (kept,) = (module / "__pycache__").glob("*.nbc")
    content = bytearray(kept.read_bytes())
    content[int(place * len(content))] ^= 1
    kept.write_bytes(content)
    assert run(module, tmp_path)[0] == 0
    assert run(module, tmp_path)[:2] == (1, 0)


def test_code_of_an_older_source_is_not_run_where_a_kill_left_only_the_new_index(module, tmp_path):
    run(module, tmp_path)
    (kept,) = (module / "__pycache__").glob("*.nbc")
    older = kept.read_bytes()
    (module / "doubling.py").write_text(KERNEL.replace("2 * x", "x + x"))
    run(module, tmp_path)
    kept.write_bytes(older)
    assert run(module, tmp_path)[0] == 0


def link(folder, home, *, links):
    """Return how often the kernel was loaded and compiled, and what was said."""
    (folder / "linked").mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if k not in CACHES}
    done = subprocess.run(
        [sys.executable, "-c", LINK.format(folder=str(folder), links=links)],
        env=environment | {"HOME": str(home), "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    hits, misses = map(int, done.stdout.split())
    return hits, misses, done.stderr


def test_a_linked_kernel_is_made_machine_code_once_and_not_compiled(module, tmp_path):
    assert link(module, tmp_path, links=True)[:2] == (0, 1)
    assert not list((module / "__pycache__").glob("*.nbc"))
    assert link(module, tmp_path, links=False) == (1, 0, "")
    shutil.rmtree(module / "linked")
    assert link(module, tmp_path, links=False) == (1, 0, "")  # kept


def test_a_linked_kernel_gives_the_machine_code_of_its_source(module, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(module)

    def kept():
        (path,) = (module / "__pycache__").glob("*.nbc")
        (_, _, (machine_code, _)), *_ = pickle.loads(path.read_bytes()[compiler._DIGEST_BYTES :])
        shutil.rmtree(module / "__pycache__")
        del sys.modules["doubling"]
        return machine_code

    run(module, tmp_path, PYTHONHASHSEED="0")  # which names in the code follow
    compiled = kept()
    link(module, tmp_path, links=True)
    link(module, tmp_path, links=False)
    assert kept() == compiled


def test_a_linked_kernel_that_is_damaged_or_of_another_source_is_compiled(module, tmp_path):
    link(module, tmp_path, links=True)
    (linked,) = (module / "linked").glob("*.nbc")
    content = bytearray(linked.read_bytes())
    content[len(content) // 2] ^= 1
    linked.write_bytes(content)
    assert link(module, tmp_path, links=False)[:2] == (0, 1)
    shutil.rmtree(module / "__pycache__")
    link(module, tmp_path, links=True)
    (module / "doubling.py").write_text(KERNEL.replace("2 * x", "x + x"))
    assert link(module, tmp_path, links=False)[:2] == (0, 1)


def test_a_linked_kernel_that_cannot_be_kept_is_announced(module, tmp_path):
    link(module, tmp_path, links=True)
    forbid(module)
    (tmp_path / "home").write_text("")
    hits, misses, said = link(module, tmp_path / "home", links=False)
    assert (hits, misses) == (1, 0)
    assert "at every start" in said


OF_THIS_PYTHON = f"*.py{sys.version_info.major}{sys.version_info.minor}.*"


@pytest.mark.skipif(
    not list(compiler.LINKED.glob(OF_THIS_PYTHON)), reason="linked for other Pythons only"
)
def test_the_linked_kernels_are_of_the_source_as_it_is():
    for path in compiler.LINKED.glob(f"{OF_THIS_PYTHON}nbi"):
        name = path.name.removesuffix(".nbi")
        sources = PACKAGE.rglob(f"{name.split('.')[0]}.py")
        found = [compiler.linked_file(source, name)._load_index() for source in sources]
        assert any(found), f"{name} is of another source: make linked"


READ_THE_SAMPLE = """
import hashlib
import calcigram
from calcigram.cli.demo import sample_clusters
clusters, model = calcigram.read_clusters(sample_clusters()), calcigram.load_model()
features = calcigram.extract_features(clusters)
said = features.values.tobytes() + calcigram.classify(clusters, model).to_csv().encode()
said += str(calcigram.explain(clusters[3], model).to_dict()).encode()
print(hashlib.sha256(said).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not list(compiler.LINKED.glob(OF_THIS_PYTHON)), reason="linked for other Pythons only"
)
def test_the_linked_kernels_give_what_their_source_gives(tmp_path):
    """Nobody can read bitcode: it must not do what the source does not say."""
    said = {}
    for way in ("linked", "source"):
        for name in ("src", "models/default", "data"):
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PACKAGE.parents[1] / name, tmp_path / way / name, ignore=without)
        shutil.copy(PACKAGE.parents[1] / "pyproject.toml", tmp_path / way)
        if way == "source":
            shutil.rmtree(tmp_path / way / "src" / "calcigram" / "_kernels" / "linked")
        folders = {"HOME": str(tmp_path / way), "NUMBA_CACHE_DIR": str(tmp_path / way / "cache")}
        ran = python(tmp_path / way / "src", "-W", "ignore", "-c", READ_THE_SAMPLE, **folders)
        assert ran.returncode == 0, ran.stderr
        assert ("compiling" in ran.stderr) == (way == "source")
        said[way] = ran.stdout
    assert said["linked"] == said["source"]
