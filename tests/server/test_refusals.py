"""What is refused, and how: problem details that name field and value, limits, the token."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time

import httpx
import pytest

from calcigram.cli import main
from calcigram.server.responses import PROBLEM_TYPE

TOKEN = "a token that nobody guesses"

PATIENCE_S = 5

ONE = {"x_mm": [0, 1, 2, 3], "y_mm": [0, 0, 0, 1]}


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    document = answer.json()
    assert document["status"] == status
    assert document["instance"].endswith(answer.headers["x-request-id"])
    assert not re.search(r"/(tmp|home|root|work|usr|var)\b|Traceback|\.py\b", answer.text)
    return document


@pytest.mark.parametrize(
    ("sent", "field", "value"),
    [
        ({"points": [{"x_mm": 0, "y_mm": 0}, {"x_mm": 0, "y_mm": "seven"}]}, "points[1].y_mm", "seven"),
        ({"points": [{"x_mm": 0, "y_mm": 0, "diameter_mm": -1}]}, "points[0].diameter_mm", "-1"),
        ({"points": [{"x_mm": 0, "y_mm": 0, "aspect_ratio": 0.5}]}, "points[0].aspect_ratio", "0.5"),
        ({"points": [{"x_mm": 0, "y_mm": 0, "orientation_deg": 180}]}, "points[0].orientation_deg", "180"),
        ({"points": [{"x_mm": 1e9, "y_mm": 0}]}, "points[0].x_mm", "1000000000.0"),
        ({"points": [{"x_mm": 1}]}, "points[0].y_mm", "nothing"),
        ({"points": 3}, "points", "3"),
        ({**ONE, "patient": "x"}, "patient", "x"),
        ({"clusters": [ONE, {"x_mm": [1, 2], "y_mm": [1]}]}, "clusters[1].y_mm", "1 values"),
        ({"clusters": [{"x_mm": [1]}]}, "clusters[0].y_mm", "nothing"),
        ({"clusters": [{"cluster_id": "a"}]}, "clusters[0].points", "nothing"),
        ({"clusters": [], "x_mm": [1]}, "x_mm", None),
        ({"clusters": [{**ONE, "breast_area_mm2": 0}]}, "clusters[0].breast_area_mm2", "0"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named(client, sent, field, value):
    document = problem(client.post("/v1/classify", json=sent), 422)
    (fault,) = document["errors"]
    assert fault["field"] == field
    assert value is None or fault["value"] == value
    assert fault["expected"]


def test_what_is_expected_is_said_in_our_words(client):
    bad = {"points": [{"x_mm": 0, "y_mm": 0, "diameter_mm": -1}]}
    (fault,) = problem(client.post("/v1/classify", json=bad), 422)["errors"]
    assert fault["expected"] == "a number above 0 in mm, or nothing (at most 10,000)"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b'{"x_mm": [0,', 400), (b'{"x_mm": [NaN]}', 400), (b"\xff", 400), (b"[" * 50_000, 400)],
)
def test_what_is_no_json_of_ours(client, content, status):
    headers = {"content-type": "application/json"}
    document = problem(client.post("/v1/classify", content=content, headers=headers), status)
    assert document["errors"][0]["field"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/model"), ("POST", "/v1/classify")])
def test_a_failure_of_the_server_itself_is_told_alike(monkeypatch, method, path):
    from calcigram.server import app
    from calcigram.server.settings import Settings

    class Broken(app.Service):
        def __init__(self, settings):
            super().__init__(settings)
            self.model_document = 3.5  # no body
            self._classifier = None  # nothing to call

    monkeypatch.setattr(app, "Service", Broken)
    gate = app.create_app(Settings(page=False))

    async def ask():
        transport = httpx.ASGITransport(app=gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as inner:
            return await inner.request(method, path, json=ONE if method == "POST" else None)

    problem(asyncio.run(ask()), 500)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"units": "inch"}, "units"),
        ({"pixel_spacing": "0"}, "pixel_spacing"),
        ({"pixel_spacing": "nan"}, "pixel_spacing"),
        ({"pixel_spacing": "70"}, "pixel_spacing"),
        ({"pixelspacing": "0.07"}, "pixelspacing"),
        ({"columns": "x"}, "columns"),
    ],
)
def test_bad_ways_to_read_a_file(client, query, field):
    headers = {"content-type": "text/csv"}
    answer = client.post("/v1/classify", params=query, content="x,y\n0,0\n", headers=headers)
    assert problem(answer, 422)["errors"][0]["field"] == field
    answer = client.post("/v1/classify", params={"units": "cm"}, json=ONE)
    assert "beside JSON" in problem(answer, 422)["detail"]


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("text/csv", b"", 422),
        ("text/csv", b"cluster_id,x_mm,y_mm\na,0,oops\n", 422),
        ("application/vnd.apache.parquet", b"PAR1 and no more", 422),
        ("application/vnd.apache.arrow.stream", b"no stream", 422),
        ("application/octet-stream", b"\x00\x01\x02", 422),
        ("application/x-tar", b"x", 415),
        ("multipart/form-data; boundary=b", b"--b--", 422),
        ("multipart/form-data", b"no boundary", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nno form", 400),
    ],
)
def test_bad_files(client, kind, content, status):
    answer = client.post("/v1/classify", content=content, headers={"content-type": kind})
    document = problem(answer, status)
    if b"oops" in content:
        assert document["errors"][0] == {
            "field": "cluster 'a', row 2, y_mm", "value": "oops", "expected": "a finite number in mm (up to 1,000,000 either way)",
        }  # fmt: skip


def test_media_types_that_nobody_has(client):
    problem(client.post("/v1/classify", json=ONE, headers={"accept": "image/png"}), 406)
    problem(client.post("/v1/classify", json=ONE, headers={"content-encoding": "br"}), 415)
    document = problem(client.post("/v1/classify", content=json.dumps(ONE)), 415)
    assert document["errors"][0]["field"] == "Content-Type"


def test_addresses_that_are_not_there(client):
    problem(client.get("/no/such/address"), 404)
    answer = client.get("/v1/classify")
    problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_names_under_which_the_server_is_not_asked(client):
    problem(client.get("/v1/model", headers={"host": "evil.example"}), 421)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://other.example", 421),
        ("http://other.example:PORT", 421),
        ("HTTP://127.0.0.1:PORT@other.example", 421),
        ("http://127.0.0.1:PORT", 200),
        ("http://localhost", 200),
    ],
)
def test_the_host_of_an_absolute_address_counts_rather_than_the_header(server, target, status):
    port = server.url.rpartition(":")[2]
    head = (
        f"GET {target}/health/live HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(port)), 10) as client:
        client.sendall(head.replace("PORT", port).encode())
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_request_id_is_taken_up_only_if_it_is_one(client):
    wanted = "123e4567-e89b-12d3-a456-426614174000"
    assert (
        client.get("/v1/rules", headers={"x-request-id": wanted}).headers["x-request-id"] == wanted
    )
    given = client.get("/v1/rules", headers={"x-request-id": "Jane Doe"}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", given)


@pytest.fixture(scope="module")
def tight(start):
    limits = {"max_body_mb": 0.02, "max_clusters": 3, "max_points": 50, "max_total_points": 100}
    limits |= {"timeout_s": PATIENCE_S, "header_s": PATIENCE_S / 2, "max_requests": 2}
    with start("--no-page", token=TOKEN, **limits) as server:
        headers = {"authorization": f"Bearer {TOKEN}"}
        with server.client() as session, httpx.Client(headers=headers, base_url=server.url, trust_env=False) as known:  # fmt: skip
            yield known, server, session


def cluster_of(n):
    return {"x_mm": list(range(n)), "y_mm": [0] * n}


class TestLimits:
    def test_body(self, tight):
        document = problem(
            tight[0].post("/v1/classify", content=b" " * 30_000, headers={"content-type": "application/json"}), 413
        )  # fmt: skip
        assert "20000 bytes" in document["detail"]
        assert document["errors"] == [
            {"field": "body", "value": "30000 bytes", "expected": "at most 20000 bytes"}
        ]

    def test_body_that_does_not_announce_its_length(self, tight):
        def parts():
            for _ in range(40):
                yield b" " * 1000

        kind = {"content-type": "application/json"}
        problem(tight[0].post("/v1/classify", content=parts(), headers=kind), 413)

    def test_clusters(self, tight):
        document = problem(tight[0].post("/v1/classify", json={"clusters": [ONE] * 4}), 422)
        assert document["detail"] == "4 clusters; at most 3."
        assert document["errors"] == [
            {"field": "clusters", "value": "4 clusters", "expected": "at most 3"}
        ]

    def test_points(self, tight):
        document = problem(tight[0].post("/v1/classify", json=cluster_of(51)), 422)
        assert "51 calcifications" in document["detail"]
        second = {"clusters": [ONE, cluster_of(51)]}
        (fault,) = problem(tight[0].post("/v1/classify", json=second), 422)["errors"]
        assert fault["field"] == "cluster no. 2"
        many = {"clusters": [cluster_of(40)] * 3}
        assert (
            "120 calcifications" in problem(tight[0].post("/v1/classify", json=many), 422)["detail"]
        )

    def test_points_of_a_file(self, tight):
        rows = "".join(f"a,{i},{i * i % 7}\n" for i in range(60))
        answer = tight[0].post(
            "/v1/classify", content=f"cluster_id,x_mm,y_mm\n{rows}", headers={"content-type": "text/csv"}
        )  # fmt: skip
        problem(answer, 422)

    def test_what_fits_is_read(self, tight):
        assert tight[0].post("/v1/classify", json=cluster_of(50)).status_code == 200


def slow_request(server, n_bytes_to_come=10):
    """Open a request whose body does not end."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = (
        f"POST /v1/classify HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {n_bytes_to_come}\r\n\r\n"
    )
    connection.sendall(head.encode() + b"{")
    return connection


@pytest.mark.slow
def test_bodies_that_do_not_end_keep_nobody_out(tight):
    client, server, _ = tight
    slow = [slow_request(server) for _ in range(20)]
    time.sleep(0.4)
    start = time.monotonic()
    assert client.post("/v1/classify", json=ONE).status_code == 200
    assert time.monotonic() - start < PATIENCE_S / 2
    for connection in slow:
        with connection, connection.makefile("rb") as stream:
            answer = stream.read()
        assert b" 408 " in answer.splitlines()[0]
        assert b"urn:calcigram:problem:too-slow" in answer
    assert client.post("/v1/classify", json=ONE).status_code == 200


@pytest.fixture(scope="module")
def guarded(tight):
    return tight[1:]


class TestToken:
    @pytest.mark.parametrize(
        "path", ["/v1/model", "/v1/rules", "/metrics", "/openapi.json", "/nothing"]
    )
    def test_nothing_is_told_without_it(self, guarded, path):
        answer = guarded[1].get(path)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("path", ["/", "/atlas"])
    def test_a_browser_is_asked_for_it(self, guarded, path):
        answer = guarded[1].get(path)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Basic")

    @pytest.mark.parametrize("sent", ["Bearer wrong", "Bearer", "Basic ???", f"Token {TOKEN}"])
    def test_wrong_ones(self, guarded, sent):
        problem(guarded[1].post("/v1/classify", json=ONE, headers={"authorization": sent}), 401)

    def test_the_right_one(self, guarded):
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert guarded[1].post("/v1/classify", json=ONE, headers=headers).status_code == 200
        assert guarded[1].get("/v1/model", auth=("anyone", TOKEN)).status_code == 200

    def test_health_needs_none(self, guarded):
        assert guarded[1].get("/health/live").status_code == 200

    def test_it_is_in_no_log(self, guarded):
        assert TOKEN not in guarded[0].log()


def test_no_open_address_without_a_token(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CALCIGRAM_TOKEN", raising=False)

    def refused(*arguments):
        assert main(["serve", "--host", "0.0.0.0", "--port", "0", *arguments]) == 2
        return capsys.readouterr().err

    assert "CALCIGRAM_TOKEN" in refused()
    (tmp_path / "token").write_text("short")
    assert "at least 16 characters" in refused("--token-file", str(tmp_path / "token"))
    assert "a file that holds a token" in refused("--token-file", str(tmp_path / "none"))


def test_an_address_that_is_taken_is_refused_before_the_model_is_loaded(server, capsys):
    port = server.url.rpartition(":")[2]
    assert main(["serve", "--port", port, "--model", "no such folder"]) == 2
    assert f"127.0.0.1 port {port}" in capsys.readouterr().err
    assert main(["serve", "--host", "203.0.113.7", "--token-file", __file__]) == 2
    assert "203.0.113.7 port 8000" in capsys.readouterr().err


def test_an_address_that_another_server_took_meanwhile(monkeypatch, capsys):
    """While the model was loaded: two servers that were started at once."""
    with socket.socket() as other:

        def taken(*_, **__):
            other.listen()
            raise SystemExit(1)  # as uvicorn does

        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        monkeypatch.setattr("uvicorn.run", taken)
        monkeypatch.setattr("calcigram.server.app.create_app", lambda _: None)
        assert main(["serve", "--port", str(other.getsockname()[1])]) == 2
    assert "an address that is free" in capsys.readouterr().err


def test_logs_tell_of_requests_and_of_nobody(server, client):
    name = "Jane Doe 19700101"
    bad = [{"cluster_id": name, "x_mm": [0, 1, 2], "y_mm": [0, 0, "Jane Doe"]}]
    client.post("/v1/classify", json={"clusters": [{**ONE, "cluster_id": name}]})
    client.post("/v1/classify", json={"clusters": bad})
    client.post(f"/v1/{name}")
    client.post("/v1/classify", files={"file": (f"{name}.dcm", b"\0\1")})
    log = server.log()
    assert "Jane" not in log
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert {"request_id", "method", "route", "status", "ms", "time", "level"} <= set(requests[-1])
    assert "none" in {line["route"] for line in requests}


@pytest.mark.slow
def test_a_stop_finishes_what_was_begun(start):
    many = {"clusters": [cluster_of(400)] * 300}
    with start("--no-page") as server:
        answers = []

        def ask():
            with server.client() as client:
                answers.append(client.post("/v1/classify", json=many))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.3)
        server.process.terminate()
        asking.join(60)
        assert server.process.wait(30) == 0
        assert answers[0].status_code == 200
        assert len(answers[0].json()["verdicts"]) == 300
        with pytest.raises(httpx.TransportError), server.client() as client:
            client.get("/health/live")
