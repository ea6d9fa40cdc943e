"""A real archive: Orthanc with its DICOMweb plug-in, started here on a loopback port.

Debian packages ``orthanc`` and ``orthanc-dicomweb``. Where they are not installed these tests are
skipped, unless CALCIGRAM_REQUIRE_DICOM_TOOLS is set, as `.ci/run` does: then that is a failure.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from calcigram.cli import main
from calcigram.errors import BadInputError
from calcigram.formats.dicom.images import open_dicom

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
ORTHANC = shutil.which("Orthanc")
USER, PASSWORD = "reader", "se:cret"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def examples():
    path = Path(__file__).parent / "data" / "make_examples.py"
    spec = importlib.util.spec_from_file_location("make_examples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running Orthanc."""

    def __init__(self, folder):
        self.port = free_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/dicom-web"
        self.login = (USER, PASSWORD)
        settings = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpServerEnabled": True,
            "HttpPort": self.port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomServerEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "OverwriteInstances": False,
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        self._log = (folder / "orthanc.log").open("w")
        self._process = subprocess.Popen(
            [ORTHANC, str(folder / "orthanc.json")], stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + 120
        while True:
            try:
                requests.get(f"{self.root}/system", auth=self.login, timeout=5).raise_for_status()
                break
            except requests.RequestException:
                assert self._process.poll() is None, (folder / "orthanc.log").read_text()
                assert time.monotonic() < deadline, "Orthanc did not start"
                time.sleep(0.2)

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def add(self, path):
        data = Path(path).read_bytes()
        answer = requests.post(f"{self.root}/instances", data=data, auth=self.login, timeout=60)
        answer.raise_for_status()

    def instances(self):
        """Return what is stored: SOP instance UID -> bytes."""
        found = {}
        for name in requests.get(f"{self.root}/instances", auth=self.login, timeout=60).json():
            tags = requests.get(
                f"{self.root}/instances/{name}/simplified-tags", auth=self.login, timeout=60
            ).json()
            data = requests.get(
                f"{self.root}/instances/{name}/file", auth=self.login, timeout=60
            ).content
            found[tags["SOPInstanceUID"]] = data
        return found


@pytest.fixture
def orthanc(tmp_path):
    if ORTHANC is None or not PLUGIN.exists():
        problem = "needs the Debian packages orthanc and orthanc-dicomweb"
        if os.environ.get("CALCIGRAM_REQUIRE_DICOM_TOOLS"):
            pytest.fail(problem)
        pytest.skip(problem)
    folder = tmp_path / "orthanc"
    folder.mkdir()
    server = Server(folder)
    yield server
    server.stop()


@pytest.fixture
def filled(orthanc, examples, tmp_path):
    """An archive with a mammogram, two CAD reports, and a report of something else."""
    second = examples.cad_sr(examples.centres_px(9, 5), spacing=False)
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = "2.25.107"
    other = examples.tid1500()
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "2.25.108"
    other.ConceptNameCodeSequence[0].CodeValue = "113701"
    other.ConceptNameCodeSequence[0].CodeMeaning = "X-Ray Radiation Dose Report"
    del other.ContentTemplateSequence
    for number, dataset in enumerate((examples.mammogram(), examples.cad_sr(), second, other)):
        orthanc.add(examples.save(dataset, tmp_path / f"{number}.dcm"))
    return orthanc


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv("CALCIGRAM_DICOMWEB_PASSWORD", PASSWORD)


def run(orthanc, examples, *more, url=None):
    return main(
        ["dicomweb", url or orthanc.url, "--study", examples.UIDS["study"], "--user", USER, *more]
    )


def test_reports_are_answered_once(filled, examples, password, capsys, tmp_path):
    before = filled.instances()
    assert run(filled, examples) == 0
    after = filled.instances()
    assert "2 answers stored, 0 were there already" in capsys.readouterr().err
    assert {uid: after[uid] for uid in before} == before
    new = set(after) - set(before)
    assert len(new) == 2
    for uid in new:
        (tmp_path / "answer.dcm").write_bytes(after[uid])
        answer = open_dicom(tmp_path / "answer.dcm")
        assert answer.StudyInstanceUID == examples.UIDS["study"]
        assert answer.VerificationFlag == "UNVERIFIED"
        assert answer.PatientName == "Beispiel^Änne"
    assert run(filled, examples) == 0
    said = capsys.readouterr().err
    assert "0 answers stored, 2 were there already" in said
    assert "skipped: 2.25.108" in said
    assert filled.instances() == after


def test_the_image_for_presentation_will_do(orthanc, examples, password, capsys, tmp_path):
    presented = examples.mammogram(SOPInstanceUID="2.25.300")
    presented.file_meta.MediaStorageSOPInstanceUID = "2.25.300"
    presented.SourceImageSequence = examples.image("", examples.UIDS["image"]).ReferencedSOPSequence
    for number, dataset in enumerate((presented, examples.cad_sr(spacing=False))):
        orthanc.add(examples.save(dataset, tmp_path / f"{number}.dcm"))
    assert run(orthanc, examples) == 0
    said = capsys.readouterr().err
    assert "1 answers stored" in said
    assert "2.25.300, made of it, has its pixels" in said


def test_a_report_without_any_pixel_size_is_told(orthanc, examples, password, capsys, tmp_path):
    orthanc.add(examples.save(examples.cad_sr(spacing=False), tmp_path / "a.dcm"))
    assert run(orthanc, examples) == 2
    said = capsys.readouterr().err
    assert "not answered: 2.25.106" in said
    assert "0018,1164" in said
    assert run(orthanc, examples, "--pixel-spacing", "0.07") == 0


def test_nothing_is_stored_on_a_dry_run(filled, examples, password):
    before = filled.instances()
    assert run(filled, examples, "--dry-run", "--template", "cad-sr") == 0
    assert filled.instances() == before


def test_a_wrong_password_is_told(filled, examples, monkeypatch, capsys):
    monkeypatch.setenv("CALCIGRAM_DICOMWEB_PASSWORD", "wrong")
    assert run(filled, examples) == 2
    assert "user name or password refused (HTTP 401)" in capsys.readouterr().err


def test_a_study_that_is_not_there_is_told(filled, password, capsys):
    assert main(["dicomweb", filled.url, "--study", "2.25.999", "--user", USER]) == 2
    assert "a study that the archive has" in capsys.readouterr().err


def test_a_lost_connection_loses_nothing(filled, examples, password, capsys):
    before = filled.instances()
    with Cutter(filled.port, after_stores=1) as cutter:
        assert run(filled, examples, url=f"http://127.0.0.1:{cutter.port}/dicom-web") == 2
    said = capsys.readouterr().err
    assert "connection lost" in said
    assert "1 answers were stored before; run again to go on" in said
    assert len(filled.instances()) == len(before) + 1
    assert run(filled, examples) == 0
    assert len(filled.instances()) == len(before) + 2


def test_no_archive_at_all(examples, capsys):
    port = free_port()
    code = main(["dicomweb", f"http://127.0.0.1:{port}/dicom-web", "--study", "2.25.1"])
    assert code == 2
    assert "connection lost or refused" in capsys.readouterr().err


def test_what_is_no_url_is_refused():
    from calcigram.dicomweb import Archive

    with pytest.raises(BadInputError, match="a URL such as"):
        Archive("not a url")


class Cutter:
    """A proxy that passes requests on, and hangs up for good at the next store after the first."""

    def __init__(self, port, after_stores):
        self._target = port
        self._left = after_stores
        self._dead = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
            while data := self._read(client):
                if data.startswith(b"POST "):
                    self._left -= 1
                    self._dead |= self._left < 0
                if self._dead:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)

    def _pump(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            return

    @staticmethod
    def _read(client):
        try:
            return client.recv(65536)
        except OSError:
            return b""


class Stub:
    """An archive that answers what a test says."""

    def __init__(self, answer):
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        paths = self.paths = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                paths.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/dicom+json")
                self.end_headers()
                try:
                    for part in answer(self.path):
                        self.wfile.write(part)
                except OSError:
                    return

            def log_message(self, *_):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/dicom-web"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def of(**values):
    tags = {"series": "0020000E", "instance": "00080018", "study": "0020000D"}
    return {tags[name]: {"vr": "UI", "Value": [value]} for name, value in values.items()}


class TestHostileArchive:
    def test_an_answer_without_end_is_not_read_to_the_end(self, capsys):
        def answer(path):
            yield b"["
            while True:
                yield b" " * (1 << 20)

        with Stub(answer) as stub:
            assert main(["dicomweb", stub.url, "--study", "1.2.3"]) == 2
        assert "an answer of more than 32 MB" in capsys.readouterr().err

    def test_a_packed_answer_is_unpacked_within_limits(self):
        import gzip

        from calcigram import dicomweb

        packed = io.BytesIO(gzip.compress(bytes(256 << 20)))
        answer = requests.Response()
        answer.raw = requests.packages.urllib3.HTTPResponse(
            packed, headers={"Content-Encoding": "gzip"}, preload_content=False
        )
        with pytest.raises(dicomweb.ArchiveError, match="more than 32 MB"):
            dicomweb.read_bounded(answer)

    @pytest.mark.parametrize("uid", ["../../instances", "1.2/3", "1.2?x=1", "1." * 40, ""])
    def test_only_a_uid_reaches_the_address(self, uid, capsys):
        def answer(path):
            series = [of(study="1.2.3", series=uid, instance="1.2.5")]
            yield json.dumps([of(study="1.2.3")] if "/series" not in path else series).encode()

        with Stub(answer) as stub:
            assert main(["dicomweb", stub.url, "--study", uid]) == 2
            assert not stub.paths
            assert main(["dicomweb", stub.url, "--study", "1.2.3"]) == 2
            assert all(".." not in path and len(path) < 100 for path in stub.paths)
        error = capsys.readouterr().err
        assert "a Study Instance UID" in error
        assert "in place of a UID" in error
