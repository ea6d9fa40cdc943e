"""Starting and stopping: uvicorn with uvloop and httptools, one process or several.

A process that dies is replaced and takes with it only the requests it was at work on; on
SIGTERM no more are taken and those under way are finished.
"""

from __future__ import annotations

import math
import os
import signal
import socket
from functools import partial
from inspect import signature
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from calcigram.errors import BadInputError
from calcigram.formats.temporary import temporary_folder
from calcigram.server.settings import Settings, variable
from calcigram.server.telemetry import catch_all, configuration
from calcigram.server.transport import LimitedProtocol


def serve(settings: Settings) -> None:
    """Serve until stopped by a signal.

    Parameters
    ----------
    settings : Settings
    """
    check_address(settings)
    options = uvicorn_options(settings)
    if settings.workers == 1:
        # uvicorn raises the signal again when all is finished; that is then no failure.
        signal.signal(signal.SIGTERM, lambda *_: None)
        from calcigram.server.app import create_app

        catch_all()
        os.environ[variable("model")] = settings.model  # for what children are forked from
        try:
            uvicorn.run(create_app(settings), **options)
        except SystemExit:
            check_address(settings)  # another server may have taken it meanwhile
            raise
        return
    # Processes of their own read the settings anew, from the environment.
    for name, value in settings.model_dump().items():
        os.environ[variable(name)] = str(value)
    with temporary_folder() as shared:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared)
        config = uvicorn.Config(f"{__package__}.launch:application", factory=True, **options)
        address = config.bind_socket()
        try:
            address.listen(options["backlog"])  # from now on no other server can
        except OSError:
            check_address(settings)
            raise
        needed: dict[str, Any] = {"sockets": [address]}
        if "target" in signature(Multiprocess).parameters:  # of older versions
            needed["target"] = uvicorn.Server(config).run
        Multiprocess(config, **needed).run()


def application() -> Any:
    """Return the application of one of several processes."""
    from calcigram.server.app import create_app

    catch_all()
    return create_app()


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Return how uvicorn is to run, as `uvicorn.run` takes it."""
    return {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "loop": "uvloop",
        "http": partial(
            LimitedProtocol, max_connections=settings.max_connections, header_s=settings.header_s
        ),
        "log_config": configuration(settings.log_level),
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "timeout_graceful_shutdown": math.ceil(settings.stop_s),
        "backlog": 2048,
        # Longer than clients and proxies keep a connection, so that none is closed as it is used.
        "timeout_keep_alive": 75,
    }


def check_address(settings: Settings) -> None:
    """Refuse an address that cannot be listened on, before the model is loaded.

    Raises
    ------
    BadInputError
        It is taken, or none of this machine's.
    """
    place = f"{settings.host[:80]} port {settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
            probe.bind((settings.host, settings.port))
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a ValueError
        why = getattr(error, "strerror", None) or "no name of a machine"
        raise BadInputError(
            f"an address that is free and this machine's ({why})", value=place
        ) from None
