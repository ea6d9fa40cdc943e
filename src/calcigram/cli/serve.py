"""``calcigram serve``: the HTTP interface and the page."""

from __future__ import annotations

import argparse

from calcigram.cli import _options


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "serve",
        run,
        "serve the HTTP interface and the page, to this machine alone unless told otherwise",
        "calcigram serve --port 8000\n"
        "  calcigram serve --host 0.0.0.0 --workers 2 --token-file token.txt",
    )
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port",
        type=_options.count,
        metavar="N",
        help="port to listen on, 0 for a free one (8000)",
    )
    parser.add_argument(
        "--workers",
        type=_options.positive_int,
        metavar="N",
        help="processes (1); more than one serve the interface without the page",
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="file that holds the token requests must carry"
    )
    parser.add_argument(
        "--no-page", action="store_true", help="serve the interface without the page"
    )
    _options.add_model(parser)
    _options.add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Serve until stopped; what is not given here is read from the environment."""
    from calcigram.errors import BadInputError
    from calcigram.formats.extras import how_to_install

    try:
        from calcigram.server.launch import serve
        from calcigram.server.settings import Settings
    except ImportError:
        raise BadInputError(f"the packages of the server: {how_to_install('server')}") from None

    serve(
        Settings.from_environment(
            host=args.host,
            port=args.port,
            workers=args.workers,
            token_file=args.token_file,
            page=False if args.no_page else None,
            model=args.model,
            threads=args.threads,
        )
    )
