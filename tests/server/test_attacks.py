"""Small requests that cost much, and clients that mean harm: refused, and everybody else is served."""

from __future__ import annotations

import gzip
import io
import json
import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from calcigram.cli import main

LINE = {"x_mm": [0, 1, 2, 3], "y_mm": [0, 0, 0, 1]}

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

PROMPT_S = 4
"""What others wait at most, on a busy machine of two processors."""


@pytest.fixture(scope="module")
def attacked(start):
    with start(timeout_s=20, max_work_mb=600, max_bodies_mb=150) as server:
        yield server


@pytest.fixture(scope="module")
def client(attacked):
    with attacked.client() as session:
        yield session


@contextmanager
def others_are_served(server, prompt_s=PROMPT_S):
    """Ask all the while, on connections of its own, and note the longest that it took."""
    done, waits = threading.Event(), []

    def ask():
        while not done.is_set():
            start = time.monotonic()
            with server.client() as other:
                answer = other.post("/v1/classify", json=LINE)
                assert answer.status_code == 200, answer.text
            waits.append(time.monotonic() - start)
            time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        yield
        done.set()
        asking.result()
    assert max(waits) < prompt_s, f"another waited {max(waits):.1f} s"


def refused(answer, *statuses):
    assert answer.status_code in statuses, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert not re.search(r"/tmp|Traceback|\.py\b", answer.text)
    return answer.json()


def resident_mb(pid):
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000


# --- small bodies that froze the event loop


def test_paths_in_the_names_of_fields(attacked, client):
    body = json.dumps({" - at `" * 24_000: 1})
    with others_are_served(attacked):
        answer = client.post(
            "/v1/classify", content=body, headers={"content-type": "application/json"}
        )
    document = refused(answer, 422)
    assert len(answer.content) < 3_000
    assert "no field of this name" in document["errors"][0]["expected"]


@pytest.mark.parametrize(
    "shape",
    [
        [2**39] * 60_000,
        [1] * 65,
        [0] * 65,
        [2**70, 2],
        [10**300, 2],
        [-1, 2],
        [True, 2],
        [],
        None,
        "9",
    ],
)
def test_shapes_of_tensors(attacked, client, shape):
    tensor = {"name": "points", "datatype": "FP32", "shape": shape, "data": [1.0, 2.0]}
    offsets = {"name": "offsets", "datatype": "INT64", "shape": [2], "data": [0, 1]}
    start = time.monotonic()
    answer = client.post("/v2/models/calcigram/infer", json={"inputs": [tensor, offsets]})
    document = refused(answer, 400, 422)
    assert time.monotonic() - start < PROMPT_S
    assert "shape" in document["detail"] or "JSON" in document["detail"]


@pytest.mark.parametrize("length", ["\u00b2", "-1", "1e1", "9" * 400, "0x10"])
def test_lengths_that_are_no_numbers(client, length):
    headers = {"inference-header-content-length": length.encode("latin-1", "ignore")}
    answer = client.post("/v2/models/calcigram/infer", content=b"{}", headers=headers)
    refused(answer, 422)


@pytest.mark.slow
def test_json_of_sixty_megabytes(attacked):
    n = 1_300_000
    one = b'{"x_mm":1.5,"y_mm":2.5}'
    body = b'{"clusters":[{"points":[' + b"],".join([b",".join([one] * 1000)]) + b"]}]}"
    points = b'{"points":[' + b",".join([one] * 1000) + b"]}"
    body = b'{"clusters":[' + b",".join([points] * (n // 1000)) + b"]}"
    assert 25e6 < len(body) < 64e6
    with others_are_served(attacked), attacked.client() as asking:
        kind = {"content-type": "application/json"}
        answer = asking.post("/v1/classify", content=body, headers=kind, timeout=60)
    assert answer.status_code in (200, 413, 503)
    assert resident_mb(attacked.process.pid) < 1_200


# --- what unpacks to more than it is


def stream_of(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table)
    return sink.getvalue().to_pybytes()


def null_column():
    return ARROW, stream_of(pa.table({"x_mm": pa.nulls(400_000_000)}))


def dictionary():
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4_000_000, np.int8)), ["w" * 2_000])
    return ARROW, stream_of(pa.table({"cluster_id": words}), compression="zstd")


def list_of_nulls():
    marks = pa.ListArray.from_arrays(pa.array([0, 600_000_000], pa.int32()), pa.nulls(600_000_000))
    return ARROW, stream_of(pa.table({"cluster_id": ["a"], "x_mm": marks, "y_mm": marks}))


def row_groups():
    out, zeros = io.BytesIO(), pa.array(np.zeros(30_000_000))
    parquet.write_table(pa.table({"x_mm": zeros, "y_mm": zeros}), out, compression="zstd")
    return PARQUET, out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("little", [null_column, list_of_nulls, dictionary, row_groups])
def test_little_that_becomes_much(attacked, client, little):
    kind, body = little()
    before = resident_mb(attacked.process.pid)
    with others_are_served(attacked):
        answer = client.post(
            "/v1/classify", content=body, headers={"content-type": kind}, timeout=60
        )
    assert "malloc" not in refused(answer, 413, 422)["detail"]
    assert resident_mb(attacked.process.pid) - before < 300


@pytest.mark.slow
def test_bytes_changed_in_a_footer(attacked, client):
    out = io.BytesIO()
    table = pa.table({"cluster_id": ["a"] * 9, "x_mm": np.arange(9.0), "y_mm": np.zeros(9)})
    parquet.write_table(table, out)
    good = out.getvalue()
    (n_footer,) = struct.unpack("<I", good[-8:-4])
    places = np.random.default_rng(1).integers(len(good) - 8 - n_footer, len(good) - 8, 60)
    statuses = set()
    for place in places.tolist():
        body = bytearray(good)
        body[place] ^= 0xFF
        answer = client.post("/v1/classify", content=bytes(body), headers={"content-type": PARQUET})
        statuses.add(answer.status_code)
        assert attacked.process.poll() is None
    assert statuses <= {200, 413, 422, 503}


@pytest.mark.slow
def test_an_answer_that_would_take_minutes(attacked, client):
    body = json.dumps({"clusters": [{"x_mm": [1] * 20_000, "y_mm": [1] * 20_000}] * 245})
    headers = {"content-type": "application/json"}
    with others_are_served(attacked):
        start = time.monotonic()
        answer = client.post("/v1/classify", content=body, headers=headers, timeout=60)
    document = refused(answer, 413, 422)
    assert time.monotonic() - start < 20
    assert "pairs" in document["detail"] or "memory" in document["detail"]


@pytest.mark.slow
def test_a_stop_waits_no_longer_than_it_may(start):
    body = {"clusters": [{"x_mm": [1] * 20_000, "y_mm": [1] * 20_000}] * 10}
    with start("--no-page", stop_s=2, threads=1) as server:

        def ask(_):
            with suppress(httpx.TransportError), server.client() as client:
                return client.post("/v1/classify", json=body).status_code

        with ThreadPoolExecutor(3) as pool:
            asked = pool.map(ask, range(3))
            time.sleep(1.5)
            server.process.terminate()
            start_of_stop = time.monotonic()
            server.process.wait(20)
            assert time.monotonic() - start_of_stop < 2 + 5
            assert set(asked) <= {None, 200, 503}


# --- bodies, packed and unfinished


def test_bodies_packed_with_gzip(client):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    plain = client.post("/v1/classify", json=LINE).json()
    packed = gzip.compress(json.dumps(LINE).encode())
    assert client.post("/v1/classify", content=packed, headers=headers).json() == plain
    infer = {"inputs": [
        {"name": "points", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2]]},
        {"name": "offsets", "datatype": "INT64", "shape": [2], "data": [0, 1]},
    ]}  # fmt: skip
    packed = gzip.compress(json.dumps(infer).encode())
    answer = client.post("/v2/models/calcigram/infer", content=packed, headers=headers)
    assert answer.status_code == 200
    large = gzip.compress(b'{"x_mm": [' + b"1," * 2_000_000 + b'1], "y_mm": []}')
    refused(client.post("/v1/classify", content=large, headers=headers), 422)  # read to its end
    for bad in (b"no gzip", packed[:-9], packed + b"more", b""):
        refused(client.post("/v1/classify", content=bad, headers=headers), 400)


def test_a_bomb_of_gzip(attacked, client):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    bomb = gzip.compress(b" " * 500_000_000, 9)
    before = resident_mb(attacked.process.pid)
    with others_are_served(attacked):
        refused(client.post("/v1/classify", content=bomb, headers=headers), 413)
    assert resident_mb(attacked.process.pid) - before < 200


def opened(server, head):
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall(head.format(host=f"{host}:{port}").encode())
    return connection


UNFINISHED = (
    "POST /v1/classify HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    "Content-Length: 60000000\r\n\r\n"
)


@pytest.mark.slow
def test_thirty_unfinished_bodies(attacked, client):
    before = resident_mb(attacked.process.pid)
    connections = [opened(attacked, UNFINISHED) for _ in range(30)]

    def send(connection):
        with suppress(OSError):
            for _ in range(59):
                connection.sendall(b" " * 1_000_000)

    with others_are_served(attacked), ThreadPoolExecutor(30) as pool:
        list(pool.map(send, connections))
        grown = resident_mb(attacked.process.pid) - before
    for connection in connections:
        connection.close()
    assert grown < 600, f"{grown:.0f} MB"
    assert client.post("/v1/classify", json=LINE).status_code == 200


@pytest.mark.parametrize(
    "head", ["", "POST /v1/cl", "GET / HTTP/1.1\r\nHost: {host}\r\nX: ", UNFINISHED], ids=range(4)
)
def test_four_hundred_half_open_connections(attacked, head):
    connections = [opened(attacked, head) for _ in range(400)]
    with others_are_served(attacked):
        time.sleep(0.5)
    for connection in connections:
        connection.close()


def test_more_connections_than_may_be(start):
    with start("--no-page", max_connections=20, header_s=2) as server:
        idle = [opened(server, "GET /health/live HTTP/1.1\r\n") for _ in range(60)]
        with others_are_served(server):
            time.sleep(0.3)
        end = time.monotonic() + 10
        for connection in idle:  # those that were not closed for others are when their time is over
            connection.settimeout(max(0.1, end - time.monotonic()))
            with connection, suppress(ConnectionResetError):
                assert connection.recv(100) == b""


# --- pages of other origins


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
        },
    ],
)
def test_a_page_of_another_origin_makes_the_server_do_nothing(client, headers):
    assert refused(client.post("/v1/classify", json=LINE, headers=headers), 403)
    files = {"file": ("a.csv", b"x_mm,y_mm\n1,2\n")}
    refused(client.post("/v1/classify", files=files, headers=headers), 403)
    refused(client.post("/v2/models/calcigram/infer", content=b"{}", headers=headers), 403)
    if "sec-fetch-mode" not in headers:
        refused(client.get("/", headers=headers), 403)
        refused(client.get("/v1/rules", headers=headers), 403)


def test_browsers_are_told_that_no_other_origin_may_read(client):
    for answer in (
        client.get("/v1/rules"),
        client.post("/v1/classify", json=LINE),
        client.get("/no"),
    ):
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_our_own_pages_and_links_to_them_are_served(attacked, client):
    ours = {"origin": attacked.url, "sec-fetch-site": "same-origin"}
    assert client.post("/v1/classify", json=LINE, headers=ours).status_code == 200
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert client.get("/", headers=link).status_code == 200
    frame = link | {"sec-fetch-dest": "iframe"}
    refused(client.get("/", headers=frame), 403)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_bodies_of_no_kind_of_ours(client, kind):
    headers = {} if kind is None else {"content-type": kind}
    for path in ("/v1/classify", "/v1/explain"):
        document = refused(client.post(path, content=json.dumps(LINE), headers=headers), 415)
        assert document["errors"][0]["field"] == "Content-Type"
    if kind:
        infer = "/v2/models/calcigram/infer"
        refused(client.post(infer, content=b"{}", headers=headers), 415)


# --- the page


@pytest.mark.slow
def test_forty_pages_at_once(attacked):
    def ask(_):
        with attacked.client() as one:
            return one.get("/", timeout=60)

    with others_are_served(attacked, prompt_s=8), ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(ask, range(40)))
    assert {answer.status_code for answer in answers} <= {200, 429, 503}
    assert 1 <= sum(answer.status_code == 200 for answer in answers) <= 32
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code != 200)


def test_pages_are_bounded(start):
    with start(max_pages=2) as server, server.client() as client:
        statuses = [client.get("/").status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]
        assert client.get("/?bokeh-session-id=mine").status_code in (404, 429)
        assert client.post("/v1/classify", json=LINE).status_code == 200


def test_many_points_are_refused_by_the_page_before_they_are_drawn():
    from calcigram.errors import BadInputError
    from calcigram.page.files import open_file

    for n in (9_000, 20_000):
        rows = "".join(f"a,{i % 100},{i // 100}\n" for i in range(n))
        start = time.monotonic()
        with pytest.raises(BadInputError, match="at most 5,000 calcifications"):
            open_file(f"cluster_id,x_mm,y_mm\n{rows}".encode())
        assert time.monotonic() - start < PROMPT_S


# --- settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "99999", "from 0 to 65535"),
        ("PORT", "-1", "from 0 to 65535"),
        ("PORT", "1e9", "a whole number"),
        ("WORKERS", "1000000", "from 1 to 1000"),
        ("TIMEOUT_S", "inf", "from 0.01"),
        ("TIMEOUT_S", "nan", "from 0.01"),
        ("MAX_BODY_MB", "1e300", "from 0.001"),
        ("TOKEN", "   ", "not blank"),
        ("TOKEN", "\t\n", "not blank"),
        ("HOST", "a" * 300, "an address that is free"),
    ],
)
def test_settings_that_make_no_sense(monkeypatch, capsys, name, value, said):
    monkeypatch.setenv(f"CALCIGRAM_{name}", value)
    if name == "HOST":
        monkeypatch.setenv("CALCIGRAM_TOKEN", "a token that nobody guesses")
    assert main(["serve"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_port_that_there_is_not(capsys):
    assert main(["serve", "--port", "99999"]) == 2
    assert "from 0 to 65535" in capsys.readouterr().err


# --- and after all that


def test_the_log_is_json_and_tells_nothing(attacked):
    for line in attacked.log().splitlines():
        record = json.loads(line)
        assert "Traceback" not in line
        assert not re.search(r"/(tmp|work|home|usr|root)/", line), line
        assert record["message"]
