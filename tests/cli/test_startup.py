"""What commands import before they answer; times are for the benchmarks, lists are for tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from calcigram.cli import NAMES

OURS = {
    "calcigram", "calcigram.cli", "calcigram.errors", "calcigram.lexicon", "calcigram.options", "calcigram.wording",
    "calcigram.__main__", "calcigram._version",
}  # fmt: skip
NOT_FOR_CLASSIFY = {
    "sklearn", "joblib", "matplotlib", "jinja2", "rich", "dask", "distributed", "fsspec", "bokeh", "IPython",
}  # fmt: skip
"""Top-level modules that no classification needs."""


def modules_after(*arguments):
    code = (
        "import sys\n"
        "from calcigram.cli import main\n"
        f"try: code = main({list(map(str, arguments))!r})\n"
        "except SystemExit as leaving: code = leaving.code\n"
        "assert not code\n"
        "print('modules:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].removeprefix("modules: ").split())


def top_level(names):
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    "arguments", [["--help"], *([name, "--help"] for name in NAMES)], ids=" ".join
)
def test_help_imports_the_standard_library_and_the_command_line_alone(arguments):
    imported = modules_after(*arguments)
    ours = {name for name in imported if name.partition(".")[0] == "calcigram"}
    assert {name for name in ours if not name.startswith("calcigram.cli.")} <= OURS
    foreign = top_level(imported - ours) - sys.stdlib_module_names - {"__main__"}
    # what an editable installation puts on the path at start is none of the program's
    foreign -= {"lazy_loader"}
    assert not {name for name in foreign if not name.startswith(("_", "sitecustomize"))}


def test_classify_imports_no_more_than_it_needs(tmp_path):
    source = tmp_path / "one.csv"
    source.write_text("cluster_id,x_mm,y_mm\na,0,0\na,1,0\na,0,1\na,2,2\n")
    imported = top_level(modules_after("classify", source, "-o", tmp_path / "v.csv"))
    assert not imported & NOT_FOR_CLASSIFY
    assert {"numpy", "pandas", "numba", "pyarrow"} <= imported
