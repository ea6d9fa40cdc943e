"""INbreast annotations, sound and unsound."""

import plistlib
import time
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.linking import Linking
from calcigram.longtable import NoticeWarning
from calcigram.options import ReadOptions

EXAMPLE = Path(__file__).parents[1] / "data" / "inbreast.xml"


def write(path, rois):
    images = [{"ImageIndex": 0, "ROIs": [{"Name": n, "Point_px": p} for n, p in rois]}]
    path.write_bytes(plistlib.dumps({"Images": images}))
    return path


def circle(centre, radius):
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    return np.array(centre) + radius * np.column_stack([np.cos(angle), np.sin(angle)])


def points_of(corners):
    return [f"({x:f}, {y:f})" for x, y in corners]


def test_ellipses_points_and_outlines():
    intake = read_intake(EXAMPLE)
    clusters = intake.clusters
    assert clusters.n_calcifications.tolist() == [7, 6]
    assert clusters.meta.formed_by[0] == "in the outline drawn around it"
    assert "linked by DBSCAN" in clusters.meta.formed_by[1]
    assert np.isfinite(clusters.diameter_mm).tolist() == [True] * 4 + [False] * 9
    assert clusters.x_mm[0] == pytest.approx(1500 * 0.07, abs=0.5)
    text = " ".join(intake.notes)
    assert "'Mass' left out" in text
    assert "1 loose calcification in no cluster" in text


def test_linking_can_be_chosen():
    clusters = read_intake(EXAMPLE, ReadOptions(linking=Linking(min_number=1))).clusters
    assert clusters.n_calcifications.tolist() == [7, 6, 1]


def test_other_pixels_are_noticed():
    notes = read_intake(EXAMPLE, ReadOptions(pixel_spacing=0.05)).notes
    assert any("pixels of 0.07 mm, not 0.05 mm" in note for note in notes)


def test_regions_without_a_name_or_points(tmp_path):
    path = write(
        tmp_path / "a.xml", [("", ["(1, 2)"]), ("Calcification", []), ("cluster", ["(1,2)"])]
    )
    with pytest.warns(NoticeWarning) as caught:
        assert read_clusters(path).n_calcifications.tolist() == [0]
    told = " ".join(str(warning.message) for warning in caught)
    assert "1 region named 'no name' left out" in told
    assert "1 region without points left out" in told
    assert "has no calcification with a position" in told


@pytest.mark.parametrize("name", ["Calcification ", " calcifications", "Microcalcifications"])
def test_names_and_numbers_as_people_have_them(tmp_path, name):
    numbers = [[100 + 10 * k, 50.5] for k in range(5)]  # not as texts, and one with a third
    numbers[0] = [100, 50.5, 0]
    images = [{"ROIs": [{"Name": name, "NumberOfPoints": 1, "Point_px": [p]} for p in numbers]}]
    (tmp_path / "a").write_bytes(plistlib.dumps({"Images": images}))
    clusters = read_clusters(tmp_path / "a")
    np.testing.assert_allclose(clusters.x_mm, 0.07 * np.arange(100, 150, 10), rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "Calc",
        "calcs",
        "micro-calcifications",
        "Calcification 3",
        "Calcification_2",
        "MICROCALCIFICATION",
    ],
)
def test_more_names_of_calcifications(tmp_path, name):
    path = write(tmp_path / "a.xml", [(name, [f"({100 + 10 * k}, 50)"]) for k in range(5)])
    assert read_clusters(path).n_calcifications.tolist() == [5]


@pytest.mark.parametrize(
    "name",
    ["Cluster", "clusters", "Cluster 2", "Cluster of calcifications", "Microcalcification cluster"],
)
def test_more_names_of_clusters(tmp_path, name):
    rois = [(name, points_of(circle((130, 50), 60)))]
    rois += [("Calcification", [f"({100 + 20 * k}, 50)"]) for k in range(4)]
    clusters = read_clusters(write(tmp_path / "a.xml", rois))
    assert clusters.n_calcifications.tolist() == [4]
    assert clusters.meta.formed_by.tolist() == ["in the outline drawn around it"]


@pytest.mark.parametrize(
    "name",
    [
        "Mass",
        "Spiculated Region",
        "Espiculated Region",
        "Assymetry",
        "Unnamed",
        "Point 1",
        "Pectoral Muscle",
    ],
)
def test_other_names_are_left_out_and_told(tmp_path, name):
    intake = read_intake(write(tmp_path / "a.xml", [(name, ["(1, 2)"])]))
    assert len(intake.clusters) == 0
    assert f"1 region named {name!r} left out" in intake.notes


def test_notes_have_an_end(tmp_path):
    rois = [(f"Point {k}", ["(1, 2)"]) for k in range(1000)]
    notes = read_intake(write(tmp_path / "a.xml", rois)).notes
    assert len(notes) == 201
    assert notes[-1].endswith("further notes are not shown")


def test_an_outline_of_calcifications_is_drawn_around_a_cluster(tmp_path):
    rois = [("Calcifications", points_of(circle((130, 50), 60)))]
    rois += [("Calcification", [f"({100 + 20 * k}, 50)"]) for k in range(4)]
    intake = read_intake(write(tmp_path / "a.xml", rois))
    assert intake.clusters.n_calcifications.tolist() == [4]
    assert any("1 outlines named as calcifications have several within" in n for n in intake.notes)


@pytest.mark.slow
def test_thousands_of_outlined_calcifications_are_read(tmp_path):
    places = np.stack(np.meshgrid(100 + 30 * np.arange(60), 100 + 30 * np.arange(60)), -1)
    rois = [("Calcification", points_of(circle(p, 3))) for p in places.reshape(-1, 2)]
    intake = read_intake(write(tmp_path / "a.xml", rois))
    assert intake.clusters.n_calcifications.tolist() == [3600]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Calcification", "Cluster"])
def test_outlines_around_all_points_have_limits(tmp_path, name):
    """4,000 outlines around 4,000 points."""
    around = points_of(circle((1500, 1500), 1400))
    points = np.random.default_rng(0).uniform(1000, 2000, (4000, 2))
    rois = [(name, around)] * 4000 + [("Calcification", points_of([p])) for p in points]
    path = write(tmp_path / "a.xml", rois)
    start = time.process_time()
    with pytest.raises(BadInputError, match="corners times points within are at most"):
        read_intake(path)
    assert time.process_time() - start < 20


def test_a_point_in_an_outlined_calcification_shows_it_again(tmp_path):
    places = [(100 + 20 * k, 50) for k in range(5)]
    rois = [("Calcification", points_of(circle(place, 3))) for place in places]
    rois += [("Calcification", [str(place)]) for place in places]
    intake = read_intake(write(tmp_path / "a.xml", rois))
    assert intake.clusters.n_calcifications.tolist() == [5]
    assert np.isfinite(intake.clusters.diameter_mm).all()
    assert any("5 points within an outlined calcification read once" in n for n in intake.notes)


@pytest.mark.parametrize("change", [
    lambda text: b"\n \n" + text,
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    lambda text: text.replace(b"\n", b"\r\n"),
    lambda text: text.replace(b"(", b"{").replace(b")", b"}"),
], ids=["space before", "mark of UTF-8", "UTF-16", "line ends", "braces"])  # fmt: skip
def test_the_text_as_programs_write_it(tmp_path, change):
    rois = [("Calcification", [f"({100 + 10 * k}, 50)"]) for k in range(5)]
    path = write(tmp_path / "a.xml", rois)
    path.write_bytes(change(path.read_bytes()))
    assert read_clusters(path).n_calcifications.tolist() == [5]


class TestTheMammogram:
    """Beside the annotation, where it is given."""

    @pytest.fixture
    def annotation(self, tmp_path):
        rois = [("Calcification", [f"({100 + 10 * k}, 50)"]) for k in range(5)]
        return write(tmp_path / "20586908.xml", rois)

    @pytest.fixture
    def mammogram(self, tmp_path):
        header = dcmread(EXAMPLE.parent / "mammogram_header.dcm")

        def save(name, **attributes):
            for key, value in attributes.items():
                setattr(header, key, value)
            path = tmp_path / "images" / name
            path.parent.mkdir(exist_ok=True)
            header.save_as(path)
            return path

        return save

    def test_states_its_pixels_side_and_view(self, annotation, mammogram):
        image = mammogram("a.dcm", ImagerPixelSpacing=[0.1, 0.085], ViewPosition="MLO")
        clusters = read_clusters(annotation, images=[image])
        np.testing.assert_allclose(clusters.x_mm, 0.085 * np.arange(100, 150, 10), rtol=1e-5)
        np.testing.assert_allclose(clusters.y_mm, 5, rtol=1e-5)
        row = clusters.meta.iloc[0]
        assert (row.laterality, row["view"], row.group_id) == ("L", "MLO", "EX-7")
        assert row.image_id == "2.25.103"
        stated = read_clusters(annotation, images=[image], pixel_spacing=0.07)
        np.testing.assert_allclose(stated.y_mm, 3.5, rtol=1e-5)

    def test_is_found_in_a_folder_by_the_name(self, annotation, mammogram):
        folder = mammogram("20586909_x_MG_R_CC_ANON.dcm", ImagerPixelSpacing=[0.2, 0.2]).parent
        mammogram("20586908_x_MG_R_CC_ANON.dcm", ImagerPixelSpacing=[0.1, 0.1])
        clusters = read_clusters(annotation, images=[folder])
        np.testing.assert_allclose(clusters.y_mm, 5, rtol=1e-5)

    def test_that_cannot_be_told_is_not_used(self, annotation, mammogram):
        folder = mammogram("20586909_x.dcm").parent
        intake = read_intake(annotation, ReadOptions(images=[folder]))
        assert "expected one DICOM image of this annotation, got 0: none is used" in intake.notes
        assert intake.clusters.meta.image_id.tolist() == ["20586908"]

    def test_that_is_too_small_is_told(self, annotation, mammogram):
        intake = read_intake(
            annotation, ReadOptions(images=[mammogram("a.dcm", Rows=100, Columns=120)])
        )
        assert any("2 regions reach outside of the image of 120 x 100" in n for n in intake.notes)


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [
        ("(1504,1, 1994,8)", 1504.1, 1994.8),
        ("(1504,100000, 1994,800000)", 1504.1, 1994.8),
        ("(1504, 1994,8)", 1504, 1994.8),
        ("{1504,1994}", 1504, 1994),
        ("(1504.1, 1994.8, 0)", 1504.1, 1994.8),
        ("(1.5041e3, 1994,8, 0,0)", 1504.1, 1994.8),
    ],
)
def test_a_decimal_comma_is_read(tmp_path, text, x, y):
    path = write(tmp_path / "a.xml", [("Calcification", [text])])
    clusters = read_clusters(path, linking=Linking(min_number=1))
    assert clusters.x_mm[0] == pytest.approx(x * 0.07)
    assert clusters.y_mm[0] == pytest.approx(y * 0.07)


@pytest.mark.parametrize(
    "point",
    [
        "1, 2", "(1; 2)", "(x, 2)", "(nan, 1)", "(1e9, 1)", "(1)", 5, {}, "(1504,1,1994,8)",
        "(1,504, 1,994)", "(1504,1, 1994,8, 7)", "(1504, 1994, 3)", "(1_5, 2)", "(1, 2) 3", "(1, 2}",
        "((1, 2))", "(1,5,0, 2)", "(", "(" + " " * 40_000, [1, True], ["1", "x"],
    ],
)  # fmt: skip
def test_a_bad_point_is_named(tmp_path, point):
    path = write(tmp_path / "a.xml", [("Mass", ["(1, 2)"]), ("Calcification", ["(1, 1)", point])])
    with pytest.raises(BadInputError, match=r"Images\[0\]\.ROIs\[1\]\.Point_px.*a point such as"):
        read_clusters(path)


BOMB = """<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<plist version="1.0"><dict><key>Images</key><string>&c;</string></dict></plist>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<plist version="1.0"><dict><key>Images</key><string>&a;</string></dict></plist>"""


@pytest.mark.parametrize(
    "text",
    [BOMB, OUTSIDE, "<?xml version='1.0'?><a/>", "<plist><dict><key>Images", "<?xml",
     "<plist><dict><key>Images</key><integer>3</integer></dict></plist>", "<plist>" + "<array>" * 5000],
    ids=["bomb", "outside", "other", "cut", "begun", "integer", "deep"],
)  # fmt: skip
def test_what_is_no_annotation_is_refused(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(BadInputError, match=r"a\.xml"):
        read_clusters(tmp_path / "a.xml")
