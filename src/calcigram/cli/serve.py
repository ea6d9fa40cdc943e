"""``calcigram serve``: the HTTP interface and the page."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._options import option


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "serve",
        run,
        "serve the HTTP interface and the page, by default to this machine only",
        "calcigram serve --port 8000\n"
        "  calcigram serve --host 0.0.0.0 --workers 2 --token-file token.txt",
        option("--host", "address to listen on (127.0.0.1)", str, "ADDRESS"),
        option("--port", "port to listen on, 0 for a free one (8000)", _options.count),
        option(
            "--workers",
            "processes (1); more than one serve the interface without the page",
            _options.positive_int,
        ),
        option("--token-file", "file that holds the token requests must carry", str, "FILE"),
        option("--no-page", "serve the interface without the page"),
        _options.MODEL,
        _options.THREADS,
    )


def run(args: argparse.Namespace) -> None:
    """Serve until stopped; what is not given here is read from the environment."""
    from calcigram.errors import BadInputError
    from calcigram.formats.extras import how_to_install

    try:
        from calcigram.server.launch import serve
        from calcigram.server.settings import Settings
    except ImportError:
        raise BadInputError(f"the packages of the server: {how_to_install('server')}") from None

    names = ("host", "port", "workers", "token_file", "model", "threads")
    given = {name: getattr(args, name) for name in names}
    serve(Settings.from_environment(**given, page=False if args.no_page else None))
