import numpy as np
import pandas as pd
import pytest

from calcigram.clusters import ClusterSet, clusters_from_frame
from calcigram.errors import BadInputError
from calcigram.longtable import frame_from_clusters, known_columns


def test_columns_come_in_order_and_unknown_ones_are_left_out():
    clusters = ClusterSet.from_arrays(
        [0, 2, 3],
        [0, 1, 2],
        [3, 4, 5],
        cluster_id=["a", "b"],
        cnr=[1, np.nan, np.nan],
        nipple_y_mm=[7, np.nan],
        meta={"note": ["p", "q"]},
    )
    table = clusters.to_dataframe()
    assert list(table) == ["cluster_id", "x_mm", "y_mm", "cnr", "nipple_y_mm", "note"]
    assert table.cluster_id.tolist() == ["a", "a", "b"]
    assert table.note.tolist() == ["p", "p", "q"]
    assert table.nipple_y_mm.isna().tolist() == [False, False, True]
    assert known_columns(clusters) == ["x_mm", "y_mm", "cnr", "nipple_y_mm"]
    again = clusters_from_frame(table).clusters
    np.testing.assert_array_equal(again.cnr, clusters.cnr)
    pd.testing.assert_frame_equal(again.meta, clusters.meta)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (ClusterSet.from_arrays([0, 1, 1], [0], [0]), "cluster '1': expected at least one"),
        (
            ClusterSet.from_arrays([0, 1, 2], [0, 1], [0, 1], cluster_id=["a", "a"]),
            "cluster 'a': expected each cluster id once",
        ),
        (ClusterSet.from_arrays([0, 1], [0], [0], meta={"cnr": [1]}), "column 'cnr'"),
    ],
)
def test_what_a_long_table_cannot_hold(clusters, message):
    with pytest.raises(BadInputError, match=message):
        frame_from_clusters(clusters)
