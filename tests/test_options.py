"""Options that change nothing for an input are refused or told."""

from pathlib import Path

import pytest

from calcigram import read_clusters, write_clusters
from calcigram.cli import main
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.linking import Linking
from calcigram.longtable import NoticeWarning
from calcigram.options import OPTIONS, ReadOptions

DATA = Path(__file__).parent / "data"
FILES = {
    "table": "a.csv",
    "report": DATA / "mammography_cad_sr.dcm",
    "segmentation": DATA / "segmentation.dcm",
    "annotation": DATA / "inbreast.xml",
    "mask": DATA / "labels.png",
}
GIVEN = {
    "columns": {"x": "posX"},
    "units": "px",
    "single_cluster": "A",
    "images": (DATA / "mammogram_header.dcm",),
    "linking": Linking(link_mm=5),
    "labels": (1,),
    "regions": ("cluster",),
    "threshold": 0.4,
    "sheet": "marks",
}
REFUSED = {
    "table": {"images", "linking", "labels", "regions", "threshold", "sheet"},
    "report": {"columns", "units", "single_cluster", "labels", "regions", "threshold", "sheet"},
    "segmentation": {"columns", "units", "single_cluster", "sheet"},
    "annotation": {"columns", "units", "single_cluster", "sheet"},
    "mask": {"columns", "units", "single_cluster", "sheet"},
}


@pytest.fixture
def path_of(tmp_path):
    def path(kind):
        if kind != "table":
            return FILES[kind]
        write_clusters(ClusterSet.from_arrays([0, 3], [0, 1, 2], [0, 1, 0]), tmp_path / "a.csv")
        return tmp_path / "a.csv"

    return path


@pytest.mark.parametrize(
    ("kind", "option"),
    [(kind, option) for kind, names in REFUSED.items() for option in sorted(names)],
)
def test_an_option_that_does_not_apply_is_refused(path_of, kind, option):
    with pytest.raises(BadInputError, match="expected only options that change") as caught:
        read_intake(path_of(kind), ReadOptions(**{option: GIVEN[option]}))
    assert OPTIONS[option]["flag"] in str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_an_image_must_exist(path_of, kind, tmp_path):
    with pytest.raises(BadInputError, match=r"no\.dcm.*exists|got '--image'"):
        read_intake(path_of(kind), ReadOptions(images=[tmp_path / "no.dcm"]))


def test_at_the_command_line(path_of, capsys):
    for options in (["--link-mm", "5"], ["--label", "3"], ["--image", "no.dcm"]):
        assert main(["inspect", str(path_of("table")), *options]) == 2
        assert options[0] in capsys.readouterr().err
    assert main(["inspect", str(FILES["report"]), "--units", "px"]) == 2
    assert "'--units'" in capsys.readouterr().err


def test_a_template_goes_with_a_dicom_answer(path_of, tmp_path, capsys):
    table = str(path_of("table"))
    for output in ([], ["-o", str(tmp_path / "v.csv")]):
        assert main(["classify", table, "--template", "cad-sr", *output]) == 2
        assert "-o FILE.dcm together with --template" in capsys.readouterr().err


def test_linking_where_nothing_is_loose_is_told():
    with pytest.warns(NoticeWarning, match="no loose calcification to be linked by DBSCAN"):
        read_clusters(FILES["report"], linking=Linking(link_mm=5))


def test_images_that_are_not_those_of_the_file_are_told(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.warns(NoticeWarning, match="none of the given images belongs to the file"):
        read_clusters(FILES["report"], images=[tmp_path / "images"])


def test_what_is_left_out_is_told_by_every_command(tmp_path, capsys):
    commands = {
        "inspect": [],
        "classify": [],
        "features": ["-o", str(tmp_path / "f.csv")],
    }
    for command, options in commands.items():
        assert main([command, str(FILES["annotation"]), *options]) == 0
        said = "".join(capsys.readouterr())
        assert "1 region named 'Mass' left out" in said, command
        assert "1 loose calcification in no cluster, left out" in said, command
