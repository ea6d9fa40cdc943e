"""HTTP and WebSocket messages that are no sound ones: refused or ended, and others are served."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import random
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

from attack.frame import Outcome, kind
from attack.serving import LINE, Server, Watch, serving

BODY = json.dumps(LINE).encode()

POST = b"POST /v1/classify HTTP/1.1\r\nhost: {host}\r\n"
TYPE = b"content-type: application/json\r\n"
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n"
ONE_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)

MESSAGES: dict[str, bytes] = {
    "two lengths": POST + TYPE + LENGTH + b"content-length: 5\r\n\r\n" + BODY,
    "two equal lengths": POST + TYPE + LENGTH * 2 + b"\r\n" + BODY,
    "a list of lengths": POST + TYPE + b"content-length: 5, 5\r\n\r\n" + BODY,
    "a negative length": POST + TYPE + b"content-length: -5\r\n\r\n" + BODY,
    "a length of 400 digits": POST + TYPE + b"content-length: " + b"9" * 400 + b"\r\n\r\n" + BODY,
    "a length in hexadecimal": POST + TYPE + b"content-length: 0x10\r\n\r\n" + BODY,
    "a signed length": POST + TYPE + b"content-length: +%d\r\n\r\n" % len(BODY) + BODY,
    "a length and chunks": POST + TYPE + LENGTH + CHUNKED + b"\r\n" + ONE_CHUNK,
    "chunks of another coding": POST + TYPE + b"transfer-encoding: xchunked\r\n\r\n" + ONE_CHUNK,
    "chunks twice": POST + TYPE + CHUNKED * 2 + b"\r\n" + ONE_CHUNK,
    "a chunk of negative size": POST + TYPE + CHUNKED + b"\r\n-5\r\n" + BODY,
    "a chunk of 2^64": POST + TYPE + CHUNKED + b"\r\nffffffffffffffff\r\n" + BODY,
    "a chunk of 2^72": POST + TYPE + CHUNKED + b"\r\n" + b"f" * 18 + b"\r\n" + BODY,
    "a chunk with a megabyte of extension": POST + TYPE + CHUNKED + b"\r\n5;" + b"a" * 1_000_000 + b"\r\n" + BODY,
    "200,000 chunks of a byte": POST + TYPE + CHUNKED + b"\r\n" + b"1\r\n \r\n" * 200_000 + b"0\r\n\r\n",
    "a megabyte of trailers": POST + TYPE + CHUNKED + b"\r\n0\r\n" + b"a: b\r\n" * 160_000 + b"\r\n",
    "a header of a megabyte": b"GET /health/ready HTTP/1.1\r\nhost: {host}\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "100,000 headers": b"GET /health/ready HTTP/1.1\r\nhost: {host}\r\n" + b"x: y\r\n" * 100_000 + b"\r\n",
    "a path of a megabyte": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "a query of 60,000 names": b"GET /v1/rules?" + b"a=&" * 20_000 + b" HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "a path out of the root": b"GET /../../etc/passwd HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "an encoded path": b"GET /static/..%2f..%2f..%2fetc/passwd%00 HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "a target with an authority": b"GET http://evil.example/v1/rules HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "a trace": b"TRACE /v1/classify HTTP/1.1\r\nhost: {host}\r\n\r\n",
    "no host": b"GET /v1/rules HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v1/rules HTTP/1.1\r\nhost: {host}\r\nhost: evil.example\r\n\r\n",
    "a version that there is not": b"GET /v1/rules HTTP/9.9\r\nhost: {host}\r\n\r\n",
    "HTTP/0.9": b"GET /v1/rules\r\n\r\n",
    "HTTP/2 in advance": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "NUL in a header": b"GET /v1/rules HTTP/1.1\r\nhost: {host}\r\nx: a\x00b\r\n\r\n",
    "a bare line feed": b"GET /v1/rules HTTP/1.1\nhost: {host}\nx: a\n\n",
    "a folded header": b"GET /v1/rules HTTP/1.1\r\nhost: {host}\r\nx: a\r\n b\r\n\r\n",
    "a blank before the colon": POST + TYPE + b"content-length : 5\r\n\r\n" + BODY,
    "bytes beyond ASCII": b"GET /v1/rules HTTP/1.1\r\nhost: {host}\r\nx-request-id: \xff\xfe\r\n\r\n",
    "only line ends": b"\r\n" * 100_000,
    "random bytes": random.Random(0).randbytes(100_000),
    "a body in a GET": b"GET /v1/rules HTTP/1.1\r\nhost: {host}\r\n" + LENGTH + b"\r\n" + BODY,
    "100 requests at once": (POST + TYPE + LENGTH + b"\r\n" + BODY) * 100,
    "expect: something else": POST + TYPE + LENGTH + b"expect: 200-nothing\r\n\r\n" + BODY,
    "a type of a megabyte": POST + b"content-type: application/json;" + b"a=b;" * 250_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
    "gzip in name only": POST + TYPE + LENGTH + b"content-encoding: gzip\r\n\r\n" + BODY,
    "gzip ten times": POST + TYPE + LENGTH + b"content-encoding: " + b"gzip, " * 10 + b"gzip\r\n\r\n" + BODY,
    "a coding that is unknown": POST + TYPE + LENGTH + b"content-encoding: br\r\n\r\n" + BODY,
    "form data without an end": POST + b"content-type: multipart/form-data; boundary=a\r\ncontent-length: 70\r\n\r\n--a\r\n" + b"x" * 65,
    "form data of 20,000 parts": b"",
    "form data of a long boundary": b"",
    "gzip of a gigabyte, chunked": b"",
}  # fmt: skip


def posted(body: bytes, headers: bytes) -> bytes:
    return POST + headers + b"content-length: %d\r\n\r\n" % len(body) + body


def messages() -> Iterator[tuple[str, bytes]]:
    """Yield all messages; what is large is made now."""
    part = b'--a\r\ncontent-disposition: form-data; name="x"\r\n\r\n1\r\n'
    made = {
        "form data of 20,000 parts": posted(part * 20_000 + b"--a--\r\n", b"content-type: multipart/form-data; boundary=a\r\n"),
        "form data of a long boundary": posted(b"-" * 500_000, b"content-type: multipart/form-data; boundary=" + b"-" * 60_000 + b"\r\n"),
    }  # fmt: skip
    for name, message in MESSAGES.items():
        if name.startswith("gzip of"):
            packed = gzip.compress(bytes(1 << 28)) * 4
            message = POST + TYPE + CHUNKED + b"content-encoding: gzip\r\n\r\n" + b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n"  # fmt: skip
        yield name, message or made[name]


PATIENCE_S, WAIT_S = 2, 20
"""Until the end of a message is told, and until its connection must end."""


def answer_to(server: Server, message: bytes) -> tuple[bytes, float]:
    """Send a message; return what comes back until the connection ends or nothing comes for some time."""
    address = server.url.removeprefix("http://")
    host, port = address.split(":")
    start, found = time.monotonic(), b""
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        with contextlib.suppress(OSError):  # it may be refused before all is sent
            connection.sendall(message.replace(b"{host}", address.encode()))
        for _ in range(2):
            with contextlib.suppress(OSError):
                while data := connection.recv(1 << 16):
                    found += data
            with contextlib.suppress(
                OSError
            ):  # what is answered stays open, what is half waits for more
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(WAIT_S)
    return found, time.monotonic() - start


@kind(
    "load", "messages that are not HTTP",
    "lengths and chunks that contradict one another or never end, headers of a megabyte, other protocols, paths out of the root, bodies in gzip and forms",
    full=len(MESSAGES), bounded=len(MESSAGES),
)  # fmt: skip
def not_http(n: int) -> Iterator[Outcome]:
    with serving("--no-page") as server:
        before_mb = server.memory_mb()
        with Watch(server) as watch:
            for name, message in itertools.islice(messages(), n):
                answer, took_s = answer_to(server, message)
                status = answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else ""
                failure = ""
                if answer and status not in ("200", "400", "403", "404", "405", "408", "411", "413", "414", "415", "417", "421", "422", "431", "501", "505"):  # fmt: skip
                    failure = f"answered {answer[:100]!r}"
                elif b"root:" in answer or b"Traceback" in answer:
                    failure = f"told: {answer[:300]!r}"
                elif took_s > PATIENCE_S + WAIT_S:
                    failure = f"no end after {took_s:.0f} s"
                yield Outcome(f"{name}: {status or 'ended'}", failure, seconds=took_s)
        log = server.log.read_text(errors="replace")
        grown = server.memory_mb() - before_mb
    late = f"another waited {watch.longest_s:.1f} s" if watch.longest_s > WAIT_S else ""
    yield Outcome("others", watch.failed or late, memory_mb=max(0.0, grown))
    yield Outcome("the log", "a trace in the log: " + log[-300:] if "Traceback" in log else "")


def socket_messages(seed: int) -> str | bytes:
    """Return a message that the page's protocol does not know, or nearly knows."""
    rng = random.Random(seed)
    heads = [{"msgid": "1", "msgtype": kind} for kind in ("PATCH-DOC", "PULL-DOC-REQ", "PUSH-DOC", "OK", "ERROR", "SERVER-INFO-REQ", "__class__", "")]  # fmt: skip
    values = [
        None, 0, -1, 10**40, "", "<script>", [], {}, [[]] * 50, {"events": [{"kind": "ModelChanged", "model": {"id": "p1001"}, "attr": "__dict__", "new": 1}]},
        {"events": [{"kind": "MessageSent", "msg_type": "x", "msg_data": "y" * 1000}]}, {"events": "x" * 1000}, {"doc": {"roots": [{"type": "object", "name": "Plot", "id": "1"}]}},
        {"events": [{"kind": "RootAdded", "model": {"type": "object", "name": "os.system", "id": "1"}}]},
    ]  # fmt: skip
    way = rng.random()
    if way < 0.1:
        return rng.randbytes(rng.choice([1, 100, 100_000]))
    if way < 0.2:
        return "[" * rng.choice([1, 1_000, 100_000])
    return json.dumps(rng.choice([*heads, *values]))


@kind(
    "people", "hostile messages to the page's socket",
    "what is no JSON, deeply nested, of unknown types or of models that there are not, over sockets with and without a session of the page",
    full=400, bounded=20,
)  # fmt: skip
def hostile_sockets(n: int) -> Iterator[Outcome]:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Origin

    with serving() as server, server.client() as client, Watch(server) as watch:
        address = server.url.removeprefix("http://")
        for start in range(0, n, 20):
            page = client.get("/").text
            token = re.search(r'"token":\s*"([^"]+)"', page)
            given = [token[1] if token and start % 40 == 0 else "a.b"]
            failure = "" if token else "no session in the page"
            sent = 0
            protocols: list[Any] = ["bokeh", *given]
            with (
                contextlib.suppress(WebSocketException, OSError, EOFError),
                connect(
                    f"ws://{address}/ws", origin=Origin(server.url), subprotocols=protocols
                ) as one,
            ):
                for seed in range(start, min(n, start + 20)):
                    one.send(socket_messages(seed))
                    sent += 1
            yield Outcome(
                f"{sent} sent, session {start % 40 == 0}", failure, tries=min(20, n - start)
            )
        log = server.log.read_text(errors="replace")
    yield Outcome("others", watch.failed, seconds=watch.longest_s)
    yield Outcome("the log", "a trace in the log: " + log[-600:] if "Traceback" in log else "")
