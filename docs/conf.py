"""The documentation site: `make site` builds it, from the pages where they stand in the repository.

The source folder of Sphinx is the root of the repository, so that a link from one page to another
is the same on the site and in the repository. Nothing is fetched, at build or by a reader.
"""

import argparse
import inspect
import pkgutil
from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import calcigram
from calcigram.atlas import atlas_html
from calcigram.cli import build_parser

project = "calcigram"
author = "The calcigram developers"
copyright = "The calcigram developers, BSD-3-Clause"
version = release = calcigram.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/**.rst",
    "data/*.md",
    "models/default/MODEL_CARD.md",
    "notebooks/*.ipynb",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
]
exclude_patterns = [".*", "build", "src", "tests", "benchmarks", "demo", "out", "dist", "deploy"]
nitpicky = True
# Types in docstrings name classes of other libraries, whose index would have to be fetched.
nitpick_ignore_regex = [("py:.*", ".*")]
default_role = "py:obj"
pygments_style = "a11y-high-contrast-light"

myst_heading_anchors = 4
myst_links_external_new_tab = False

nb_execution_mode = "cache"
nb_execution_cache_path = "build/notebooks"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # kernels may have to be compiled
nb_output_stderr = "remove"  # progress

autosummary_generate = False
autodoc_typehints = "none"  # the docstrings have them
autodoc_member_order = "bysource"
autodoc_default_options = {
    "exclude-members": "set_fit_request, set_predict_request, set_score_request, set_transform_request"
}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "calcigram"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_extra"]
html_sidebars = {"docs/index": [], "docs/start": []}
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "calcigram"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


class PublicNames(SphinxDirective):
    """``.. public-names:: MODULE``: what users may import from it, but what `calcigram` has too."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write a table of the names, then the documentation of each."""
        module = import_module(self.arguments[0])
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
        ]
        documented = (
            [] if module is calcigram else [getattr(calcigram, n) for n in calcigram.__all__]
        )
        table, details = [], []
        for name in names:
            value = getattr(module, name)
            if inspect.ismodule(value) or any(value is one for one in documented):
                continue
            path = f"{module.__name__}.{name}"
            table.append(f"   ~{path}")
            if inspect.isclass(value):
                kind = "exception" if issubclass(value, Exception) else "class"
                details += [f".. auto{kind}:: {path}", "   :members:", ""]
            else:
                details += [f".. auto{'function' if callable(value) else 'data'}:: {path}", ""]
        text = [".. autosummary::", "   :nosignatures:", "", *table, "", *details]
        return self.parse_text_to_nodes("\n".join(text))


class Packages(SphinxDirective):
    """``.. packages:: MODULE ...``: a section per package that has public names, and these modules."""

    final_argument_whitespace = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write a section each: what the module is for, and its names."""
        modules = {name: import_module(name) for name in self.arguments[0].split()}
        for info in pkgutil.iter_modules(calcigram.__path__, "calcigram."):
            if info.ispkg and hasattr(import_module(info.name), "__all__"):
                modules[info.name] = import_module(info.name)
        text = []
        for name, module in sorted(modules.items()):
            purpose = inspect.getdoc(module).splitlines()[0]
            text += [name, "-" * len(name), "", purpose, "", f".. public-names:: {name}", ""]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


class Commands(SphinxDirective):
    """``.. commands::``: the commands and their options, from the parsers themselves."""

    def run(self) -> list[nodes.Node]:
        """Write one section per command."""
        (commands,) = (
            action
            for action in build_parser()._actions
            if isinstance(action, argparse._SubParsersAction)
        )
        text = []
        for name, parser in commands.choices.items():
            usage = parser.format_usage().removeprefix("usage: ").splitlines()
            text += [name, "-" * len(name), "", parser.description, "", ".. code-block:: text", ""]
            text += [*(f"   {line}" for line in usage), "", f".. program:: calcigram {name}", ""]
            for group in parser._action_groups:
                actions = [
                    action
                    for action in group._group_actions
                    if action.help != argparse.SUPPRESS and action.dest != "help"
                ]
                text += [f".. rubric:: {group.title}", ""] if actions else []
                for action in actions:
                    text += [f".. option:: {self.signature(action)}", ""]
                    text += [f"   {parser._get_formatter()._expand_help(action)}", ""]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)

    @staticmethod
    def signature(action: argparse.Action) -> str:
        """Return how an option is written: ``-o FILE, --output FILE``."""
        value = action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}"
        value = "" if action.nargs == 0 else str(value)
        return ", ".join(f"{flag} {value}".strip() for flag in action.option_strings) or value


class Atlas(SphinxDirective):
    """``{atlas}``: the entries of the atlas and where they come from, drawn at build."""

    def run(self) -> list[nodes.Node]:
        """Write what ``calcigram atlas`` writes, without its head."""
        return [nodes.raw("", atlas_html("atlas_body.html.j2"), format="html")]


def setup(app: Sphinx) -> None:
    """Add the directives."""
    app.add_directive("packages", Packages)
    app.add_directive("public-names", PublicNames)
    app.add_directive("commands", Commands)
    app.add_directive("atlas", Atlas)
