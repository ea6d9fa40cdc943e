"""How much there is to read: modules, lines of code, kernels, layers, circles, files per recipe.

    python benchmarks/code_size.py [COMMIT ...] [--write]

Each column is a commit, taken with ``git archive``; the last one is the work tree. Nothing is
imported or run: everything follows from the source text. With ``--write`` the table goes into
docs/architecture.md.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import tarfile
import tempfile
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- code size: begin -->\n", "<!-- code size: end -->\n"

BEFORE = ("ec5d326", "ef5c59c")
"""The commit that was to be made lighter, and the one at which the work began."""

NOT_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip

COMPILERS = {
    "njit", "cached_njit", "jit", "vectorize", "intrinsic", "kernel", "inner_kernel", "plain_kernel",
}  # fmt: skip

FORMER = {
    "_kernels": "geometry kernelcache kernels pairs threads tree vectors",
    "lexicon": "columns limits rulebooks",
    "clusters": "alike concerns linking longtable markdown wording",
    "plots": "charts figure marks",
    "formats": "io",
    "features": "oddities",
    "validate": "evaluate missing",
    "streaming": "replies",
}
"""Package of a layer -> modules of earlier commits that are part of it, or stand in its layer."""


def code_lines(source: str) -> int:
    """Return the lines of a module without docstrings, comments and blanks."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def n_kernels(tree: ast.AST) -> int:
    """Return how many functions of a module numba compiles."""

    def name(decorator: ast.expr) -> str:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")

    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return sum(any(name(d) in COMPILERS for d in node.decorator_list) for node in functions)


def module_name(package: Path, path: Path) -> str:
    """Return the dotted name of a module below ``calcigram``, "" for the package itself."""
    return (
        ".".join(path.relative_to(package).with_suffix("").parts)
        .removesuffix("__init__")
        .rstrip(".")
    )


def is_for_types(node: ast.AST) -> bool:
    """Tell whether a statement is ``if TYPE_CHECKING``."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@cache
def public_names(package: Path) -> dict[str, str]:
    """Return public name -> the module that has it, from the stub or from what is imported for types."""
    stub = package / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else stub.with_suffix(".py")).read_text())
    blocks = tree.body if stub.exists() else [block for block in tree.body if is_for_types(block)]
    return {
        alias.asname or alias.name: f"calcigram.{str(node.module).removeprefix('calcigram.')}"
        for block in blocks
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def imports(package: Path, path: Path) -> Iterator[tuple[str, int]]:
    """Yield (module below calcigram, line) for each import of it; late ones too, those for types not."""
    tree, public = ast.parse(path.read_text()), public_names(package)
    for_types = {id(n) for block in ast.walk(tree) if is_for_types(block) for n in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import, line {node.lineno}"
            origin = str(node.module)
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                inner = package.joinpath(*name.split(".")[1:])
                if origin == "calcigram" and alias.name in public:
                    name = public[alias.name]
                elif not (inner.is_dir() or inner.with_suffix(".py").exists()):
                    name = origin
                names.append(name)
        for name in names:
            if name.startswith("calcigram."):
                yield name.removeprefix("calcigram."), node.lineno


def module_graph(package: Path) -> dict[str, set[str]]:
    """Return module -> modules that it imports."""
    return {
        module_name(package, path): {name for name, _ in imports(package, path)}
        for path in sorted(package.rglob("*.py"))
    }


def unit_of(module: str) -> str:
    """Return the package or module directly below calcigram that a module belongs to."""
    return module.partition(".")[0]


def unit_graph(modules: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return package -> packages that its modules import; ``__main__`` and ``calcigram`` left out."""
    graph: dict[str, set[str]] = {}
    for module, imported in modules.items():
        unit = unit_of(module)
        if unit not in ("", "__main__"):
            others = {unit_of(name) for name in imported} - {unit}
            graph.setdefault(unit, set()).update(others)
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that import one another, in a circle."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = list(graph[start])
        while ahead:
            name = ahead.pop()
            if name not in found and name in graph:
                found.add(name)
                ahead += graph[name]
        return found

    ahead = {name: reached(name) for name in graph}
    groups = {
        tuple(sorted({name} | {other for other in ahead[name] if name in ahead[other]}))
        for name in graph
        if name in ahead[name]
    }
    return [list(group) for group in sorted(groups)]


def longest_chain(graph: dict[str, set[str]]) -> int:
    """Return how many packages stand above one another at most; a circle counts as one."""
    group_of = {name: group[0] for group in circles(graph) for name in group}
    merged: dict[str, set[str]] = {}
    for name, others in graph.items():
        own = group_of.get(name, name)
        merged.setdefault(own, set()).update({group_of.get(o, o) for o in others} - {own})
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = 1 + max((height(other) for other in merged.get(name, ())), default=0)
        return heights[name]

    return max(map(height, merged))


def layers(page: str) -> dict[str, int]:
    """Return package -> layer, 1 at the bottom, as docs/architecture.md draws them."""
    drawing = page.split("src/calcigram/\n", 1)[1].split("```", 1)[0]
    found: dict[str, int] = {}
    for line in drawing.splitlines():
        number, _, rest = line.strip().partition("  ")
        names = rest.split("  ")[0]
        if number.isdecimal():
            found |= dict.fromkeys(re.findall(r"\w+", names), int(number))
    return found


def upward_imports(package: Path, layer_of: dict[str, int]) -> list[str]:
    """Return each import that runs from a lower to a higher layer."""
    found = []
    for path in sorted(package.rglob("*.py")):
        unit = unit_of(module_name(package, path))
        for name, line in imports(package, path) if unit not in ("", "__main__") else ():
            if layer_of[unit_of(name)] > layer_of[unit]:
                found.append(f"{path.relative_to(package)}, line {line}: {name}")
    return found


def recipes(root: Path) -> dict[str, int]:
    """Return what a recipe of CONTRIBUTING.md adds -> files of ``src`` that the recipe names."""
    text = (root / "CONTRIBUTING.md").read_text()
    known = [str(p) for kind in ("*.py", "*.toml") for p in (root / "src").rglob(kind)]
    found = {}
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        what = re.sub(r"^Add (or change )?", "", title).lower().removesuffix(" to the simulator")
        files = re.search(r"^Files: (.*)", body, flags=re.MULTILINE)
        if files:  # a folder stands for a new module in it
            found[what.removesuffix(" of the simulator")] = len(
                set(re.findall(r"`src/[^`]+`", files[1]))
            )
        elif title.startswith("Add "):
            named = set(re.findall(r"`([\w/]+\.(?:py|toml))`", body))
            n_files = sum(any(p.endswith(f"/{name}") for p in known) for name in named)
            found |= {what: n_files} if n_files else {}
    return found


def figures(root: Path, page: str) -> dict[str, str]:
    """Return the figures of a source tree, by the names of the table's rows."""
    package = root / "src" / "calcigram"
    sources = [path.read_text() for path in sorted(package.rglob("*.py"))]
    modules = module_graph(package)
    layer_of = layers(page)
    for unit, others in FORMER.items():
        layer_of |= {name: layer_of[unit] for name in others.split() if name not in layer_of}
    lines = [len(source.splitlines()) for source in sources]
    rows = {
        "modules": len(sources),
        "lines of code (without docstrings, comments, blanks)": sum(map(code_lines, sources)),
        "lines in all": sum(lines),
        "longest module, lines": max(lines),
        "compiled functions (numba)": sum(n_kernels(ast.parse(source)) for source in sources),
        "packages and modules directly below `calcigram`": len(unit_graph(modules)),
        "layers: the longest chain of imports between these": longest_chain(unit_graph(modules)),
        "imports that run upwards, in the layers above": len(upward_imports(package, layer_of)),
        "circles between packages": len(circles(unit_graph(modules))),
        "circles between modules": len(circles(modules)),
        "public names": len(public_names(package)),
    }
    for title, n_files in recipes(root).items():
        rows[f"files of `src` to change, to add {title}"] = n_files
    return {name: f"{value:,}" for name, value in rows.items()}


def table(columns: dict[str, dict[str, str]]) -> str:
    """Return the table in Markdown; a figure that a commit does not have is a dash."""
    names = list(dict.fromkeys(name for rows in reversed(columns.values()) for name in rows))
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    lines += [
        f"| {name} | {' | '.join(rows.get(name, '-') for rows in columns.values())} |"
        for name in names
    ]
    return "\n".join(lines)


def commit_of(name: str) -> str:
    """Return the short hash of a commit."""
    call = ["git", "-C", str(ROOT), "rev-parse", "--short=7", name]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()


def measured(commits: list[str]) -> dict[str, dict[str, str]]:
    """Return the figures of commits and of the work tree, by the headings of the columns."""
    page = PAGE.read_text(encoding="utf-8")
    columns = {}
    for commit in map(commit_of, commits):
        call = ["git", "-C", str(ROOT), "archive", commit, "src", "CONTRIBUTING.md"]
        archive = subprocess.run(call, check=True, capture_output=True).stdout
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(folder, filter="data")
            columns[f"`{commit}`"] = figures(Path(folder), page)
    return columns | {"now": figures(ROOT, page)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commits", nargs="*", default=BEFORE, metavar="COMMIT")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    args = parser.parse_args()
    text = table(measured(list(args.commits)))
    print(text)
    if args.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        page = f"{before}{BEGIN}\n{text}\n\n{END}{rest.split(END)[1]}"
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
