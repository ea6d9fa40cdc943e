"""Files that are small and would be large: refused before they are parsed."""

import struct
import subprocess
import sys
import time
import tracemalloc
import zlib

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.formats.dicom import datasets, tree

DATASET = b"\x08\x00\x05\x00CS"
SEQUENCE = b"\x40\x00\x30\xa7SQ"
ITEM = b"\xfe\xff\x00\xe0" + bytes(4)
MOST_BYTES = 100 << 20


@pytest.fixture
def cheaply():
    """Read a file that must be refused, within a few seconds and a hundred megabytes."""

    def read(path, match):
        tracemalloc.start()
        start = time.process_time()
        try:
            with pytest.raises(BadInputError, match=match):
                read_intake(path)
            assert tracemalloc.get_traced_memory()[1] < 2 * MOST_BYTES
        finally:
            tracemalloc.stop()
        assert time.process_time() - start < 20

    return read


def deflated(dataset, path, n_bytes):
    """Write a deflated file, and in it an element of so many zeros."""
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True, implicit_vr=False, little_endian=True)
    whole = path.read_bytes()
    start = 132
    while whole[start : start + 2] == b"\x02\x00":
        is_long = whole[start + 4 : start + 6] in (b"OB", b"UN")
        at, kind, head = (8, "<I", 12) if is_long else (6, "<H", 8)
        start += head + struct.unpack_from(kind, whole, start + at)[0]
    plain = zlib.decompress(whole[start:], -15)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(plain) + packer.compress(
        b"\xfd\xff\x10\x00OB\0\0" + struct.pack("<I", n_bytes)
    )
    for _ in range(n_bytes >> 20):
        packed += packer.compress(bytes(1 << 20))
    path.write_bytes(whole[:start] + packed + packer.flush())
    return path


@pytest.mark.slow
def test_a_deflated_file_is_inflated_within_limits(examples, tmp_path, cheaply):
    path = deflated(examples.cad_sr(), tmp_path / "a.dcm", 1 << 30)
    assert path.stat().st_size < 2_000_000
    cheaply(path, "at most 134217728 bytes when it is inflated")
    fine = deflated(examples.cad_sr(), tmp_path / "b.dcm", 1 << 20)
    assert read_intake(fine).clusters.n_calcifications.tolist() == [7]


def with_sequence(examples, path, content):
    """Write a report that ends in a content sequence of these bytes."""
    whole = examples.save(examples.cad_sr(), path).read_bytes()
    length = struct.pack("<I", len(content))
    path.write_bytes(whole[: whole.index(SEQUENCE)] + SEQUENCE + b"\0\0" + length + content)
    return path


ELEMENT = b"\x09\x00\x01\x00LO\0\0"
VALUES = b"1\\" * 30_000


@pytest.mark.parametrize(
    "content",
    [
        ITEM * 30_000,
        ITEM[:4] + struct.pack("<I", 8 * 30_000) + ELEMENT * 30_000,
        ITEM[:4] + b"\xff" * 4 + b"\x18\x00\x64\x11UN\0\0" + struct.pack("<I", 60_000) + VALUES,
    ],
    ids=["items", "elements", "values"],
)
def test_items_elements_and_values_are_counted(examples, tmp_path, cheaply, monkeypatch, content):
    monkeypatch.setattr(datasets, "MAX_ELEMENTS", 20_000)
    cheaply(with_sequence(examples, tmp_path / "a.dcm", content), "at most 20000 elements")


@pytest.mark.slow
def test_many_empty_items(examples, tmp_path):
    path = with_sequence(examples, tmp_path / "a.dcm", ITEM * 900_000)
    start = time.process_time()
    with pytest.raises(BadInputError, match="at most 500000 elements"):
        read_intake(path)
    assert time.process_time() - start < 10


def test_references_that_fan_out_are_counted(examples, saved, monkeypatch):
    monkeypatch.setattr(tree, "MAX_STEPS", 100)
    with pytest.raises(BadInputError, match="refer to each other at most 100 times"):
        read_intake(saved(examples.cad_sr(nested="reference")))


@pytest.mark.slow
def test_many_findings_in_one_container_take_linear_time(examples, saved):
    findings = [
        examples.item("CONTAINS", "CODE", examples.FINDING, ConceptCodeSequence=examples.word("single"))
        for _ in range(4000)
    ]  # fmt: skip
    root = examples.item(
        None, "CONTAINER", examples.dcm("111036", "Mammography CAD Report"),
        examples.item("CONTAINS", "CONTAINER", examples.dcm("111034", "Impression"), *findings),
    )  # fmt: skip
    path = saved(examples.report(examples.CAD_SR, root))
    start = time.process_time()
    intake = read_intake(path)
    assert any(note.startswith("4000 calcifications without a position") for note in intake.notes)
    assert time.process_time() - start < 20


FULL = """
import resource, sys
import numpy as np
from calcigram.formats.dicom.images import write_mammogram
from calcigram.mammogram import Mammogram
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_mammogram(Mammogram(np.full((99, 99), 7, np.float32), (0.07, 0.07)), sys.argv[1])
except OSError as error:
    print(error.filename, error.strerror)
"""


def test_a_full_disk_is_an_error_of_the_system_without_a_stack(tmp_path):
    path = tmp_path / "a.dcm"
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{path} File too large\n"
    assert list(tmp_path.iterdir()) == []
