import os
import threading
from pathlib import Path

import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_clusters, read_intake
from calcigram.formats.inputs import plain_file
from calcigram.options import ReadOptions

CSV = "cluster_id,x_mm,y_mm\na,1,2\na,2,3\n"


def test_a_plain_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    assert plain_file(path) is path


def test_a_pipe_is_opened_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(CSV,))
    writer.start()
    clusters = read_clusters(tmp_path / "pipe")
    writer.join(timeout=10)
    assert clusters.x_mm.tolist() == [1, 2]


def test_messages_name_what_was_given_and_the_copy_goes(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(CSV.replace("3", "up"),))
    writer.start()
    copy = plain_file(tmp_path / "pipe")
    writer.join(timeout=10)
    with pytest.raises(BadInputError, match="pipe, row 3, cluster 'a', column 'y_mm': got 'up'"):
        read_clusters(copy)
    where = Path(copy)
    assert where.exists()
    del copy
    assert not where.exists()


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_that_is_no_text_is_read_and_can_be_written_of(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller.csv"))
    path.write_text(CSV.replace("3", "up"))
    with pytest.raises(BadInputError, match=r"M\\xfcller.csv, row 3") as caught:
        read_clusters(path)
    str(caught.value).encode()
    rejects = read_intake(path, ReadOptions(skip_bad=True)).rejects
    rejects["source"][0].encode()


def test_reports_do_not_come_through_pipes(tmp_path):
    report = Path(__file__).parents[1] / "data" / "tid1500.dcm"
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(report.read_bytes(),))
    writer.start()
    with pytest.raises(BadInputError, match="expected CSV or Parquet where it is compressed"):
        read_clusters(tmp_path / "pipe")
    writer.join(timeout=10)
