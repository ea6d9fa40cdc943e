"""``calcigram atlas``: write the atlas of patterns."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import progress_bar, say


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "atlas",
        run,
        "write the atlas: each distribution and morphology beside a mimic, one HTML file",
        "calcigram atlas -o atlas.html",
        _options.output("HTML file to write", ".html", ".htm", required=True),
    )


def run(args: argparse.Namespace) -> None:
    """Draw and write the atlas."""
    from calcigram.atlas import atlas_entries, write_atlas

    with progress_bar("Drawing") as progress:
        write_atlas(args.output, progress=progress)
    say(f"{len(atlas_entries())} entries, all synthetic -> {args.output}")
