"""Kernels are kept where they can be, and a cache that cannot be used is compiled over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from calcigram import kernelcache
from calcigram.kernelcache import source_stamp

KERNEL = """
from calcigram.kernelcache import cached_njit

@cached_njit(nogil=True)
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


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "doubling.py").write_text(KERNEL)
    return folder


def run(folder, home, **variables):
    environment = {
        k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    }
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
    monkeypatch.setattr(kernelcache, "PACKAGE", tmp_path)

    def stamp():
        source_stamp.cache_clear()
        kernelcache._imported.cache_clear()
        return source_stamp(tmp_path / "one.py")

    try:
        first = stamp()
        (tmp_path / "four.py").write_text("h = 2\n")
        assert stamp() == first
        (tmp_path / "three.py").write_text("g = 2\n")
        assert stamp() != first
    finally:
        source_stamp.cache_clear()
        kernelcache._imported.cache_clear()
