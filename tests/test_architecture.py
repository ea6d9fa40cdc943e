"""docs/architecture.md holds: layers, no circles, words in one place, modules of one concept."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

import calcigram
from calcigram import lexicon

PACKAGE = Path(calcigram.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500


def load_script():
    """Return benchmarks/code_size.py, which reads the imports of the source; that folder is no package."""
    spec = importlib.util.spec_from_file_location("code_size", ROOT / "benchmarks" / "code_size.py")
    script = importlib.util.module_from_spec(spec)
    sys.modules["code_size"] = script
    spec.loader.exec_module(script)
    return script


code_size = load_script()
LAYERS = code_size.layers((ROOT / "docs" / "architecture.md").read_text())
GRAPH = code_size.module_graph(PACKAGE)


def unit_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of constants that are docstrings, of modules, classes, functions or attributes."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def test_the_page_names_every_package():
    assert set(LAYERS) == {unit_of(m) for m in MODULES} - {"__init__", "__main__"}


def test_no_import_runs_upwards():
    assert code_size.upward_imports(PACKAGE, LAYERS) == []


def test_no_packages_import_one_another():
    assert code_size.circles(code_size.unit_graph(GRAPH)) == []


def test_no_modules_import_one_another():
    assert code_size.circles(GRAPH) == []


def test_the_readers_do_not_know_each_other():
    for reader, other in (("model", "rules"), ("rules", "model")):
        imported = [
            name
            for module, names in GRAPH.items()
            if module.split(".")[0] == reader
            for name in names
        ]
        assert not [name for name in imported if name.split(".")[0] == other]


def test_modules_are_short():
    lengths = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert not {path: n for path, n in lengths.items() if n > MAX_LINES}, "one concept per module"


def test_modules_say_what_they_are_for():
    trees = {path: ast.parse(path.read_text()) for path in MODULES}
    assert not [path for path, tree in trees.items() if tree.body and not ast.get_docstring(tree)]


def test_words_of_the_lexicon_are_spelled_there_alone():
    spelled = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        exempt = docstrings(tree) | excused(tree)
        words = WORDS - NAMESAKES.get(unit_of(path), set())
        spelled += [
            f"{path}, line {node.lineno}: {node.value!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value in words
            and id(node) not in exempt
        ]
    assert not spelled, "use the members of calcigram.lexicon"


# `linear`, `round` and the like are also English, names of methods and of simulator mechanisms; these
# words are nothing but the lexicon's, or so long that a second spelling is a copy.
WORDS = {
    str(word)
    for word in (*lexicon.DISTRIBUTION_LABELS, *lexicon.MORPHOLOGY_LABELS, *lexicon.CONCERNS)
} - {"linear", "round"}
NAMESAKES = {
    "lexicon": WORDS,
    "features": {"branching"},  # a family of features
    "crosscheck": {"benign", "suspicious"},  # adjectives in a sentence
}


def excused(tree: ast.AST) -> set[int]:
    """Return string constants that name a thing other than the word: attributes and modules."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    arguments = [
        argument
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in {"getattr", "hasattr", "setattr"}
        for argument in call.args
    ]
    exported = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "'__all__'" in ast.dump(node.targets[0])
        for name in ast.walk(node.value)
    ]
    return {id(node) for node in (*arguments, *exported)}


@pytest.fixture
def small_package(tmp_path):
    """A package whose lower module imports the upper one, late, and by the public name too."""
    package = tmp_path / "calcigram"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from calcigram.model import train_model\n"
    )
    (package / "low.py").write_text(
        "def f():\n    from calcigram.classify import classify\n    from calcigram import train_model\n"
    )
    (package / "classify.py").write_text("from calcigram import low\n")
    (package / "model.py").write_text("")
    return package


def test_an_upward_import_would_be_seen(small_package):
    layers = {"low": 1, "model": 2, "classify": 3}
    assert code_size.upward_imports(small_package, layers) == [
        "low.py, line 2: classify",
        "low.py, line 3: model",
    ]


def test_a_circle_would_be_seen(small_package):
    graph = code_size.module_graph(small_package)
    assert code_size.circles(graph) == [["classify", "low"]]
    assert code_size.longest_chain(code_size.unit_graph(graph)) == 2


def test_code_lines_leave_out_what_is_no_code():
    source = '"""Text.\n\nMore."""\n\n# why\nx = [\n    1,\n]\n'
    assert code_size.code_lines(source) == 3
