"""Loaders of public data sets, on small files of the same layout; nothing of the data sets is here."""

import importlib.util
import plistlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calcigram.errors import BadInputError

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import detection_public  # noqa: E402
import public_images  # noqa: E402

sys.path.pop(0)
spec = importlib.util.spec_from_file_location("mammography", ROOT / "tests" / "mammography.py")
dicom = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dicom)

SPOTS = [(200, 100), (210, 110), (190, 120), (215, 125), (200, 130), (205, 118)]
PIXELS = dicom.breast(spots=SPOTS)
NONE = dicom.breast(spots=[], seed=3)
MIDDLES = [(row + 2.0, column + 2.0) for row, column in SPOTS]


def region(name, points, area=0.0):
    return {"Name": name, "Point_px": [f"({x}, {y})" for x, y in points], "Area": area}


def save_plist(path, regions):
    path.write_bytes(plistlib.dumps({"Images": [{"ROIs": regions}]}))


@pytest.fixture
def inbreast(tmp_path):
    (tmp_path / "AllDICOMs").mkdir()
    (tmp_path / "AllXML").mkdir()
    for number, patient, pixels in ((2001, "aa", PIXELS), (2002, "bb", NONE), (2003, "cc", NONE)):
        dicom.save(tmp_path / "AllDICOMs" / f"{number}_{patient}_MG_R_CC_ANON.dcm", pixels)
    regions = [region("Calcification", [(column, row)]) for row, column in MIDDLES[:-1]]
    row, column = MIDDLES[-1]
    square = [
        (column - 3, row - 3),
        (column + 3, row - 3),
        (column + 3, row + 3),
        (column - 3, row + 3),
    ]
    regions.append(region("Calcification", square))
    regions.append(region("Cluster", [(90, 180), (140, 180), (140, 230), (90, 230)]))
    regions.append(
        region("Calcifications", [(80, 170), (150, 170), (150, 240), (80, 240)])
    )  # around the others
    regions.append(region("Mass", [(10, 10), (50, 10), (50, 50)]))
    save_plist(tmp_path / "AllXML" / "2001.xml", regions)
    save_plist(tmp_path / "AllXML" / "2002.xml", [region("Mass", [(10, 10), (50, 10), (50, 50)])])
    return tmp_path


def test_inbreast(inbreast):
    annotated, *normals = public_images.inbreast(inbreast)
    assert (annotated.name, annotated.patient) == ("2001", "aa")
    mammogram = annotated.read()
    assert mammogram.spacing_mm == (0.07, 0.07)
    truth, labels = annotated.truth(mammogram)
    assert tuple(truth.columns) == public_images.TRUTH
    np.testing.assert_allclose(truth["y_mm"], [row * 0.07 for row, _ in MIDDLES], atol=1e-9)
    assert truth["diameter_mm"].notna().tolist() == [False] * 5 + [True]
    assert truth["diameter_mm"].iloc[-1] == pytest.approx(6 * 0.07 * 2 / np.sqrt(np.pi))
    assert (truth["cluster"] == 0).all()
    assert 25 <= (labels == 6).sum() <= 49
    for normal in normals:
        table, _ = normal.truth(normal.read())
        assert table.empty


def test_figures_of_inbreast(inbreast):
    figures = detection_public.figures_of("inbreast", inbreast)
    assert (figures["images"], figures["normals"]) == (1, 2)
    assert figures["sensitivity at the default threshold"]["n"] == 6
    assert figures["clusters found"]["n"] == 1
    assert figures["marks"]["sensitivity"]["value"] >= 0.5


def test_points_have_no_diameter_but_count(inbreast):
    figures = detection_public.figures_of("inbreast", inbreast, limit=1)
    assert figures["normals"] == 0
    assert figures["sensitivity at the default threshold"]["n"] == 6


@pytest.fixture
def bmcd(tmp_path):
    for case, name, pixels, marked in (
        ("Suspicious_cases/46", "CC_recent.DCM", PIXELS, MIDDLES), ("Suspicious_cases/46", "CC_prior.DCM", NONE, []),
        ("Normal_cases/1", "MLO_recent.dcm", NONE, []),
    ):  # fmt: skip
        folder = tmp_path / "Dataset_v3" / case
        folder.mkdir(parents=True, exist_ok=True)
        dicom.save(folder / name, pixels)
        grey = np.repeat((pixels // 16).astype(np.uint8)[:, :, None], 3, axis=2)
        for row, column in marked:
            grey[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3] = (237, 28, 36)
        picture = Image.fromarray(grey).resize(
            (grey.shape[1] * 2, grey.shape[0] * 2), Image.Resampling.NEAREST
        )
        picture.save(folder / (Path(name).stem + "_GT.jpg"), quality=90)
    return tmp_path


def test_bmcd(bmcd):
    samples = {sample.name: sample for sample in public_images.bmcd(bmcd)}
    assert set(samples) == {
        "Normal_cases/1/MLO_recent",
        "Suspicious_cases/46/CC_prior",
        "Suspicious_cases/46/CC_recent",
    }
    sample = samples["Suspicious_cases/46/CC_recent"]
    assert sample.patient == "Suspicious_cases/46"
    mammogram = sample.read()
    truth, labels = sample.truth(mammogram)
    assert len(truth) == 6
    spacing = mammogram.spacing_mm[0]
    expected = sorted(
        ((column + 0.5) * spacing, (row + 0.5) * spacing) for row, column in np.floor(MIDDLES)
    )
    np.testing.assert_allclose(
        sorted(zip(truth["x_mm"], truth["y_mm"], strict=True)), expected, atol=spacing
    )
    assert labels.shape == mammogram.pixels.shape
    normal = samples["Suspicious_cases/46/CC_prior"]
    assert normal.truth(normal.read())[0].empty


def test_bmcd_without_its_pictures_is_refused(bmcd):
    next(bmcd.rglob("*_GT.jpg")).unlink()
    with pytest.raises(BadInputError, match="JPEG of the marks"):
        list(public_images.bmcd(bmcd))


HEAD = (
    "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,calc type,calc distribution,"
    "assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path\n"
)


@pytest.fixture
def cbis(tmp_path):
    name = "Calc-Test_P_00038_LEFT_CC"
    rows = [
        f"P_00038,2,LEFT,CC,1,calcification,PUNCTATE-PLEOMORPHIC,CLUSTERED,4,MALIGNANT,2,{name}/1/2/000000.dcm,"
        f'"{name}_1/1/3/000001.dcm\n",{name}_1/1/3/000000.dcm\n',
        f"P_00099,2,LEFT,CC,1,calcification,SKIN,N/A,2,BENIGN,2,{name.replace('38', '99')}/1/2/000000.dcm,a,b\n",
    ]
    (tmp_path / "calc_case_description_test_set.csv").write_text(HEAD + "".join(rows))
    film = {"class_uid": dicom.SC, "ImagerPixelSpacing": None, "PixelSpacing": None}
    mask = np.zeros(PIXELS.shape, np.uint8)
    mask[170:240, 80:150] = 255
    for folder, file, pixels in (
        (f"{name}/1.2/1.3", "1-1.dcm", PIXELS), (f"{name}_1/1.2/1.4", "1-1.dcm", mask[170:240, 80:150]),
        (f"{name}_1/1.2/1.4", "1-2.dcm", mask),
    ):  # fmt: skip
        (tmp_path / "CBIS-DDSM" / folder).mkdir(parents=True, exist_ok=True)
        dicom.save(tmp_path / "CBIS-DDSM" / folder / file, pixels, **film)
    return tmp_path


def test_cbis(cbis):
    (lesion,) = public_images.cbis(cbis)  # the other's images are not there
    assert lesion.mask.name == "1-2.dcm"
    assert lesion.forms == {"punctate", "fine_pleomorphic"}
    assert lesion.distributions == {"grouped"}
    mammogram, mask = public_images.read_lesion(lesion, 0.07)
    assert mammogram.pixels.shape == mask.shape
    assert mask.sum() == 70 * 70


def test_figures_of_cbis(cbis):
    figures = detection_public.cbis_figures(public_images.cbis(cbis), 0.07)
    assert (figures["lesions"], figures["read"]) == (1, 1)
    assert figures["distribution, model, among the radiologist's words"]["n"] == 1
    assert "CBIS-DDSM" in figures["credit"]


@pytest.mark.parametrize("name", ["inbreast", "bmcd", "cbis"])
def test_a_folder_of_another_layout_is_refused(name, tmp_path):
    with pytest.raises(BadInputError) as caught:
        list(getattr(public_images, name)(tmp_path))
    assert str(tmp_path) in str(caught.value)
