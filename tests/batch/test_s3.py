"""The same on object storage: a real server that speaks S3, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from io import BytesIO

import pytest
from pyarrow import parquet

from calcigram.batch import run_batch
from calcigram.batch.storage import Storage
from calcigram.cli import main

pytestmark = pytest.mark.slow

PART = 60
START_S = 60


@pytest.fixture(scope="module")
def bucket():
    """Start the server, and give the URL of an empty bucket on it."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "none")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            wait_for(port, server)
            Storage("s3://calcigram").fs.mkdir("calcigram")
            yield "s3://calcigram"
    finally:
        server.kill()
        server.wait()


def wait_for(port, server):
    end = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the S3 server did not start")


@pytest.fixture
def source(folder, bucket, request):
    """Upload the folder of clusters; give its URL."""
    url = f"{bucket}/{request.node.name}/in"
    storage = Storage(url)
    storage.fs.put(f"{folder}/", f"{storage.path}/", recursive=True)
    return url


def contents_of(url):
    storage = Storage(url)
    return {name: storage.read(name) for name in storage.names()}


def tables(contents):
    """The tables of parts; their bytes also tell what they were made from, which a store names otherwise."""
    return {
        name: parquet.read_table(BytesIO(data)).replace_schema_metadata()
        for name, data in contents.items()
        if name.endswith(".parquet")
    }


def test_parts_on_s3_are_those_on_a_disk(tmp_path, folder, source, contents):
    run_batch(folder, tmp_path / "out", partition_clusters=PART)
    output = source.removesuffix("in") + "out"
    summary = run_batch(source, output, partition_clusters=PART)
    there, here = contents_of(output), contents(tmp_path / "out")
    assert (summary.n_parts, summary.n_clusters) == (4 + 3, 400)
    assert tables(there) == tables(here)
    assert len(tables(here)) == summary.n_parts
    assert set(there) == {*tables(here), "_calcigram.json"}
    assert not Storage(output).beside(".out.work").exists()


def test_a_run_that_was_broken_off_is_resumed(source):
    output = source.removesuffix("in") + "out"
    options = {"task": "features", "partition_clusters": PART}

    def stop(n_done, n_parts):
        if n_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(source, output, progress=stop, **options)
    assert not Storage(output).exists()
    summary = run_batch(source, output, resume=True, **options)
    assert (summary.n_parts, summary.n_resumed) == (7, 3)
    run_batch(source, f"{output}-whole", **options)
    assert contents_of(output) == contents_of(f"{output}-whole")


def test_at_the_command_line(source, capsys):
    output = source.removesuffix("in") + "out"
    assert main(["batch", source, output, "--task", "features"]) == 0
    first = contents_of(output)
    assert main(["batch", source, output, "--task", "features"]) == 2
    assert "expected an output that is not there yet" in capsys.readouterr().err
    assert main(["batch", source, output, "--task", "features", "--overwrite"]) == 0
    assert contents_of(output) == first
    assert main(["batch", f"{source}-none", f"{output}2", "--task", "features"]) == 2
    assert "a folder of them, that exists" in capsys.readouterr().err
