"""What each feature is: the table behind `catalogue`. Data only.

A row is (name, unit, low, high, meaning, formula, source, marks needed). `ROWS` holds the
families in order, and the order of rows is the order of the columns.
"""

from __future__ import annotations

from math import inf

_D6 = "common definition"
_PRUNED = (
    "The tree is first freed of strays (at most 5 % of the points, at least one if n >= 8, on an edge over "
    "4 median edges) and of twigs (branches under 2 median edges or of a single node)"
)
_PAIRS = "n >= 2"
_NIPPLE = ("nipple_x_mm", "nipple_y_mm")
_AXES = ("orientation_deg", "aspect_ratio")
_SIZE = ("diameter_mm",)
_FORM = ("aspect_ratio",)
_THIN = ("diameter_mm", "aspect_ratio")
_SOLID = ("solidity",)
_OUTLINED = ("diameter_mm", "aspect_ratio", "solidity")
_CNR = ("cnr",)

CORRELATED = (
    ("size", "contrast"),
    ("size", "aspect"),
    ("size", "solidity"),
    ("aspect", "solidity"),
    ("contrast", "solidity"),
    ("contrast", "aspect"),
)
"""Pairs of marks whose correlation over a cluster's calcifications is a feature, in order."""

_MARK = {"size": "diameter_mm", "contrast": "cnr", "aspect": "aspect_ratio", "solidity": "solidity"}
_SAID = {
    "size": "log d",
    "contrast": "log max(cnr, 0.1)",
    "aspect": "log aspect",
    "solidity": "solidity",
}

Row = tuple[str, str, float, float, str, str, str, tuple[str, ...]]

ROWS: dict[str, tuple[Row, ...]] = {
    "spread": (
        ("n_calcifications", "1", 0, inf, "How many calcifications the cluster has.", "Number of calcifications, n", "definition", ()),
        ("radius_of_gyration_mm", "mm", 0, inf, "How far the calcifications typically lie from the middle of the cluster.", "Root mean square distance to the centroid", _D6, ()),
        ("max_distance_mm", "mm", 0, inf, "How far apart the two outermost calcifications are.", "Greatest distance between two points", _D6, ()),
        ("core_radius_mm", "mm", 0, inf, "The radius around the densest place that holds half of the calcifications.", "Median distance to the geometric median", "Weiszfeld 1937", ()),
        ("core_radius_90_mm", "mm", 0, inf, "The radius around the densest place that holds nine in ten calcifications.", "90th percentile of the distance to the geometric median", "Weiszfeld 1937", ()),
        ("hull_area_mm2", "mm2", 0, inf, "The area within a tight line around the cluster.", "Area of the convex hull", _D6, ()),
        ("density_per_cm2", "1/cm2", 0, inf, "How many calcifications there are per square centimetre of that area.", "100 n / hull area in mm2; undefined for a line", _D6, ()),
        ("mean_distance_mm", "mm", 0, inf, "How far apart two calcifications are on average.", "Mean distance over all pairs", _D6, ()),
        ("nn_mean_mm", "mm", 0, inf, "How far each calcification is, on average, from the one next to it.", "Mean distance to the nearest neighbour", "DICOM PS3.16 code 112200; " + _D6, ()),
        ("nn_sd_mm", "mm", 0, inf, "How much that distance to the next calcification varies.", "Standard deviation of the distance to the nearest neighbour", "DICOM PS3.16 code 112201; " + _D6, ()),
        ("nn_cv", "1", 0, inf, "How uneven the spacing is, whatever the size of the cluster.", "nn_sd_mm / nn_mean_mm", _D6, ()),
        ("clark_evans_ratio", "1", 0, 15, "", "nn_mean_mm / (0.5 sqrt(A/n) + (0.0514 + 0.041/sqrt(n)) P/n), A and P area and perimeter of the hull; n >= 3", "Clark & Evans 1954; edge correction of Donnelly 1978", ()),
        ("ripley_l_1mm", "mm", -1, inf, "", "L(r) - r at r = 1 mm, L = sqrt(A K / pi), K = ordered pairs within r / (n (n - 1)), A hull area; no edge correction; n >= 3", "Ripley 1977", ()),
        ("ripley_l_3mm", "mm", -3, inf, "", "As ripley_l_1mm at 3 mm", "Ripley 1977", ()),
        ("ripley_l_10mm", "mm", -10, inf, "", "As ripley_l_1mm at 10 mm", "Ripley 1977", ()),
        ("max_count_1cm", "1", 0, inf, "The largest number of calcifications in a circle of 1 cm.", "Greatest number of points within 5 mm of a calcification, itself included", "BI-RADS 5th ed., grouped (5 within 1 cm)", ()),
        ("share_2cm", "1", 0, 1, "The share of the calcifications that one circle of 2 cm can hold.", "Greatest share of the points within 10 mm of a calcification, itself included", "BI-RADS 5th ed., grouped (2 cm)", ()),
        ("radial_kurtosis", "1", 1, inf, "Whether the calcifications form a ring, an even disc, or a dense core with a sparse rim.", "mean(r^4) / mean(r^2)^2, r the distance to the centroid: 1 ring, 4/3 disc, 2 Gaussian; n >= 3", _D6, ()),
        ("breast_share", "1", 0, inf, "The share of the breast that the cluster covers.", "hull_area_mm2 / breast_area_mm2", "lexicon, diffuse", ("breast_area_mm2",)),
    ),
    "linearity": (
        ("pca_axis_ratio", "1", 0, 1, "How narrow the cluster is for its length: 0 is a straight line, 1 is as wide as long.", "sqrt(l2 / l1), l1 >= l2 the eigenvalues of the covariance: 0 is a line; n >= 3", _D6, ()),
        ("line_residual_mm", "mm", 0, inf, "How far the calcifications lie from a straight line through the cluster.", "Root mean square distance to the major axis, sqrt(l2); n >= 3", _D6, ()),
        ("line_residual_ratio", "1", 0, 1, "The same distance, compared with the length of the line.", "line_residual_mm / extent along the major axis", _D6, ()),
        ("curve_residual_mm", "mm", 0, inf, "How far the calcifications lie from a smooth curve through the cluster.", "Root mean square distance to the principal curve, whose ends go on by a tenth of its length; n >= 3", "Hastie & Stuetzle 1989; " + _D6, ()),
        ("curve_residual_median_mm", "mm", 0, inf, "How far half of the calcifications lie from that curve at most.", "Median of those distances", "Hastie & Stuetzle 1989", ()),
        ("curve_residual_ratio", "1", 0, inf, "The distance from the curve, compared with the length of the curve.", "curve_residual_mm / curve_length_mm", _D6, ()),
        ("curve_length_mm", "mm", 0, inf, "How long that curve is, as a duct or a vessel would be.", "Length of the principal curve", "Hastie & Stuetzle 1989", ()),
        ("tortuosity", "1", 1, inf, "How much longer the way along the curve is than the straight way: 1 is straight.", "curve_length_mm / distance between the ends of the curve", _D6, ()),
        ("curve_turning_deg", "deg", 0, inf, "How much the curve turns in all, to the left and to the right.", "Sum of the absolute turns between the pieces of the principal curve", _D6, ()),
        ("path_share", "1", 0, 1, "How much of the links between neighbours lies on one path through the cluster.", "Longest path / total length of the spanning tree without strays; n >= 3", "Prim 1957; " + _D6, ()),
        ("path_members", "1", 0, 1, "The share of the calcifications on the longest path from neighbour to neighbour.", "Share of the calcifications on that path", _D6, ()),
        ("local_linearity_4", "1", 0, 1, "How well each calcification and its four neighbours lie on a line.", "Mean of 1 - l2/l1 of a point and its 4 nearest neighbours, ties (within 1e-5 of the squared distance) all included, over the points where those have an extent; n >= 3", _D6, ()),
        ("local_linearity_8", "1", 0, 1, "How well each calcification and its eight neighbours lie on a line.", "As local_linearity_4 with 8 neighbours", _D6, ()),
        ("direction_order", "1", 0, 1, "Whether such local lines all run the same way across the cluster.", "|sum a_k exp(2i t_k)| / sum a_k over the 8-neighbour directions t_k with anisotropies a_k = (l1 - l2)/(l1 + l2)", _D6, ()),
        ("direction_fan", "1", -1, 1, "Whether the local lines fan out towards one end, as in a segment.", "sum a_k sin(2t_k) v_k / sum a_k |v_k| of the same directions, v_k the distance from the major axis: above 0 where they fan out towards the longer tail; n >= 3", "lexicon, segmental; own formula", ()),
        ("orientation_coherence", "1", -1, 1, "Whether elongated calcifications lie along the line that they are part of.", "Mean cos 2(o_k - t_k) of major axis o_k and local direction t_k, weighted by (1 - 1/aspect) a_k", "after Valvano et al. 2019 (tram tracks)", _AXES),
        ("orientation_order", "1", 0, 1, "Whether elongated calcifications all point the same way.", "|sum w_k exp(2i o_k)| / sum w_k, w_k = 1 - 1/aspect", _D6, _AXES),
        ("rail_score", "1", 0, 1, "How clearly the calcifications form two parallel rows, as vessel walls do.", "Bimodality of the signed offsets from the principal curve, from their median, those beyond twice the upper quartile of distance left out, in two halves by at most 8 steps of two means from 0: product of the share of variance between the halves above the uniform's 3/4, the emptiness of the middle third (of all n), the mixing of both along the curve, and 4pq; n >= 6", "after Valvano et al. 2019 (tram tracks)", ()),
        ("rail_between_share", "1", 0, 1, "How sharply the calcifications part into two rows beside the curve.", "Share of the variance of those offsets between their two halves: 0.64 normal, 0.75 uniform, 1 two thin rails; n >= 6", "after Valvano et al. 2019 (tram tracks)", ()),
        ("rail_mixing", "1", 0, 1, "Whether both rows run along the whole curve, or one follows the other.", "How far both halves share each stretch of the curve, one of 8 or of n / 6 if fewer: 1 as by chance, 0 apart; n >= 6", "after Valvano et al. 2019 (tram tracks)", ()),
        ("rail_separation_mm", "mm", 0, inf, "How far apart the two rows are, as the walls of a vessel.", "Distance between the mean offsets of the two halves; n >= 6", "after Valvano et al. 2019 (tram tracks)", ()),
    ),
    "branching": (
        ("tree_longest_edge_ratio", "1", 1, inf, "How wide the widest gap between neighbours is, compared with the usual one.", "Longest / median edge of the spanning tree; n >= 3", "Prim 1957", ()),
        ("tree_length_ratio", "1", 0, inf, "How evenly the calcifications fill their area: low for clumps and lines.", "Tree length / sqrt(n hull area); n >= 3", "Prim 1957", ()),
        ("tree_leaf_share", "1", 0, 1, "The share of the calcifications at the end of a chain of neighbours.", "Leaves of the unpruned spanning tree / n; n >= 3", _D6, ()),
        ("junctions", "1", 0, inf, "How many forks there are.", "Nodes of degree >= 3 of the pruned tree; n >= 3. " + _PRUNED, _D6, ()),
        ("leaves", "1", 0, inf, "How many free ends the main line and its branches have.", "Ends of the pruned tree; n >= 3", _D6, ()),
        ("junction_angle_mean_deg", "deg", 0, 180, "The angle at which branches leave, on average.", "Mean over the side branches of the least angle between two arms where they leave, each drawn from its first node to the mean of its next three, one of a single node from the junction", _D6, ()),
        ("junction_angle_sd_deg", "deg", 0, 90, "How much the angles of the branches differ.", "Standard deviation of those angles; two side branches or more", _D6, ()),
        ("side_branch_share", "1", 0, 1, "How much of the length lies on side branches, not on the main line.", "Length off the main path / length of the pruned tree; n >= 3", _D6, ()),
        ("longest_side_branch_ratio", "1", 0, 1, "How long the longest side branch is, compared with the main line.", "Longest side branch of the pruned tree / main path; n >= 3", _D6, ()),
        ("side_branch_member_share", "1", 0, 1, "The share of the calcifications on the side branch with the most of them.", "Share of the calcifications that are on the most populous side branch of the tree without strays, twigs and its own branches counted; n >= 3", _D6, ()),
        ("longest_side_branch_edges", "1", 0, inf, "How long the longest side branch is, counted in usual gaps between neighbours.", "Longest side branch of the pruned tree / median edge of the spanning tree; n >= 3", _D6, ()),
        ("fork_gain", "1", 0, 1, "How much better a line with side branches follows the calcifications than one curve.", "1 - mean distance to the principal curve with those of its three longest side branches that have four nodes or more (smoothed) / mean distance to the curve alone; n >= 3", _D6, ()),
        ("correlation_dimension", "1", 0, inf, "", "log(C(R) / C(R/4)) / log 4, C(r) the share of pairs within r, R the radius of gyration; unknown without a pair within R/4; n >= 3", "Batchelder 2014 (fractal dimension); " + _D6, ()),
        *(
            (f"components_{r}mm", "1", 0, 1, "", f"Components / n of the graph that joins points within {r} mm", "Chen et al. 2015", ())
            for r in (1, 2, 4, 8)
        ),
        *(
            (f"giant_share_{r}mm", "1", 0, 1, "", f"Share of the points in the largest component of the graph at {r} mm", "Chen et al. 2015", ())
            for r in (1, 2, 4, 8)
        ),
    ),
    "roundness": (
        ("hull_circularity", "1", 0, 1, "How round the outline of the cluster is: 1 is a circle.", "4 pi A / P^2 of the hull", _D6, ()),
        ("hull_solidity", "1", 0, 1, "How much of the area within the outline has a calcification nearby.", "Share of the hull that lies within one spacing, sqrt(hull area / n), of a calcification, by 64 places spread evenly over it: 0.96 where the points are spread by chance; n >= 3", "empty-space function, Diggle 2013", ()),
        ("empty_space_ratio", "1", 0, inf, "How hollow the area within the outline is.", "Mean distance of those places to the nearest calcification / the spacing: 0.5 by chance, more where the hull is hollow; n >= 3", "empty-space function, Diggle 2013", ()),
        ("hull_eccentricity", "1", 0, 1, "How elongated the area within the outline is: 0 is a circle.", "sqrt(1 - m2/m1), m1 >= m2 the second central moments of the hull's area", _D6, ()),
        ("hull_width_ratio", "1", 0, 1, "How wide the outline is at its narrowest, compared with its length.", "Least width of the hull / max_distance_mm; n >= 3", _D6, ()),
        ("hull_triangularity", "1", 0, 1, "How close the outline is to a triangle, as that of a segment is.", "Largest inscribed triangle / hull area: 1 triangle, 0.5 square, 0.41 disc", "after Lanyi (triangular outline), own formula", ()),
        ("angular_resultant", "1", 0, 1, "Whether the calcifications lie mostly to one side of the middle.", "Length of the mean unit vector from the centroid to the points; n >= 3", _D6, ()),
    ),
    "nipple": (
        ("wedge_slope", "1", 0, inf, "How fast the cluster widens along its length.", "|slope| of the distance from the major axis against the position along it; n >= 5", _D6, ()),
        ("wedge_correlation", "1", 0, 1, "How steadily the cluster widens along its length.", "|correlation| of the same two; n >= 5", _D6, ()),
        ("widening_axis", "1", -inf, inf, "How much wider one half of the cluster is than the other, along its length.", "log of the ratio of the breadths of the two halves along the major axis, that towards the longer tail over the other; the breadth is the standard deviation across the axis plus 0.01 radii of gyration, the halves meet at the centroid, where a point within a tenth of the radius of gyration counts for both in part; n >= 5", _D6, ()),
        ("widening_mean", "1", 0, inf, "How much wider one half is than the other, averaged over all directions.", "Mean of |widening_axis| over 12 directions, 15 deg apart from the major axis on; n >= 5", _D6, ()),
        ("widening_max", "1", 0, inf, "How much wider one half is than the other, in the direction where it is most.", "Greatest of the same 12; n >= 5", _D6, ()),
        ("nipple_distance_mm", "mm", 0, inf, "How far the middle of the cluster is from the nipple.", "Distance from the centroid to the nipple", _D6, _NIPPLE),
        ("nipple_axis_angle_deg", "deg", 0, 90, "How well the length of the cluster points to the nipple: 0 is exactly.", "Angle between the major axis and the direction from the centroid to the nipple; n >= 3", _D6, _NIPPLE),
        ("nipple_wedge_slope", "1", -inf, inf, "How fast the cluster widens away from the nipple.", "Slope of the distance from the ray nipple-centroid against the distance to the nipple; n >= 5", _D6, _NIPPLE),
        ("nipple_span_deg", "deg", 0, 360, "How wide the cluster looks from the nipple, as an angle.", "10-90 % range of the angle seen from the nipple; n >= 3", _D6, _NIPPLE),
        ("nipple_radial_span_mm", "mm", 0, inf, "How deep the cluster is, in the direction away from the nipple.", "10-90 % range of the distance to the nipple; n >= 3", _D6, _NIPPLE),
        ("nipple_span_ratio", "1", 0, inf, "Whether the cluster is longer towards the nipple than across.", "nipple_radial_span_mm / (mean distance x nipple_span in radians)", _D6, _NIPPLE),
        ("nipple_nearness", "1", 0, 1, "How close to the nipple the nearest part is, compared with the farthest.", "5th / 95th percentile of the distance to the nipple; n >= 3", _D6, _NIPPLE),
        ("nipple_widening", "1", -inf, inf, "How much wider the part far from the nipple is than the part near it.", "Log of the mean distance from the ray nipple-centroid of the points farther from the nipple than 0.4 standard deviations above the mean distance, over that of those nearer than 0.4 below it; n >= 5", _D6, _NIPPLE),
    ),
    "particles": (
        ("diameter_median_mm", "mm", 0, inf, "The typical size of a calcification.", "Median diameter d", "common definition", _SIZE),
        ("diameter_area_mean_mm", "mm", 0, inf, "The typical size, counting large calcifications more.", "sum d^3 / sum d^2", "definition (Sauter mean)", _SIZE),
        ("diameter_max_mm", "mm", 0, inf, "The size of the largest calcification.", "Greatest diameter", "BI-RADS 5th ed., popcorn (2 to 3 mm)", _SIZE),
        ("diameter_p10_mm", "mm", 0, inf, "The size of the small ones: one in ten is smaller.", "10th percentile of the diameter", "common definition", _SIZE),
        ("diameter_cv", "1", 0, inf, "How much the sizes differ.", "Standard deviation / mean of the diameter; two known or more", _D6, _SIZE),
        ("diameter_log_sd", "1", 0, inf, "How much the sizes differ, as a ratio.", "Standard deviation of log d; two known or more", "own choice: sizes are about lognormal", _SIZE),
        ("macro_share", "1", 0, 1, "The share of calcifications of 0.5 mm and more.", "Share with d >= 0.5 mm", "DICOM PS3.16 code 111345", _SIZE),
        ("calibre_median_mm", "mm", 0, inf, "The typical thickness of a calcification.", "Median of d / sqrt(aspect), the minor axis of the ellipse of equal area", "BI-RADS 5th ed., fine linear (under 0.5 mm)", _THIN),
        ("length_p90_mm", "mm", 0, inf, "The length of the long ones: one in ten is longer.", "90th percentile of d sqrt(aspect), the major axis of that ellipse", "common definition", _THIN),
        ("thin_share", "1", 0, 1, "The share of thin lines: elongated and less than 0.5 mm thick.", "Share elongated (aspect ratio >= 2) and under 0.5 mm thick, d / sqrt(aspect)", "BI-RADS 5th ed., fine linear (under 0.5 mm)", _THIN),
        ("rod_share", "1", 0, 1, "The share of rods: elongated and at least 0.5 mm thick.", "Share elongated (aspect ratio >= 2) and at least 0.5 mm thick", "BI-RADS 5th ed., large rod-like", _THIN),
        ("dot_share", "1", 0, 1, "The share of smooth, round dots of less than 0.5 mm.", "Share round (aspect ratio < 1.5), smooth (solidity >= 0.9) and under 0.5 mm", "BI-RADS 5th ed., punctate", _OUTLINED),
        ("ball_share", "1", 0, 1, "The share of smooth, round calcifications of 0.5 mm and more.", "Share round, smooth and at least 0.5 mm", "BI-RADS 5th ed., round", _OUTLINED),
        ("aspect_median", "1", 1, inf, "How elongated a typical calcification is: 1 is round.", "Median aspect ratio", _D6, _FORM),
        ("aspect_p25", "1", 1, inf, "How elongated the rounder ones are: one in four is rounder.", "25th percentile of the aspect ratio", _D6, _FORM),
        ("aspect_p90", "1", 1, inf, "How elongated the longest ones are: one in ten is more so.", "90th percentile of the aspect ratio", _D6, _FORM),
        ("aspect_sd", "1", 0, inf, "How much the elongation differs between calcifications.", "Standard deviation of the aspect ratio; two known or more", _D6, _FORM),
        ("elongated_share", "1", 0, 1, "The share of calcifications at least two and a half times as long as wide.", "Share with aspect ratio >= 2.5", _D6, _FORM),
        ("solidity_median", "1", 0, 1, "How smooth a typical outline is: 1 has no notches.", "Median solidity", _D6, _SOLID),
        ("solidity_p75", "1", 0, 1, "How smooth the smoother outlines are: one in four is smoother.", "75th percentile of the solidity", _D6, _SOLID),
        ("solidity_p10", "1", 0, 1, "How notched the most irregular outlines are: one in ten is more so.", "10th percentile of the solidity", _D6, _SOLID),
        ("solidity_sd", "1", 0, 1, "How much the smoothness differs between calcifications.", "Standard deviation of the solidity; two known or more", _D6, _SOLID),
        ("cnr_median", "1", 0, inf, "How clearly a typical calcification stands out from the tissue.", "Median contrast-to-noise ratio", _D6, _CNR),
        ("cnr_p10", "1", 0, inf, "How clearly the faintest ones stand out: one in ten is fainter.", "10th percentile of the contrast-to-noise ratio", _D6, _CNR),
        ("cnr_log_sd", "1", 0, inf, "How much the contrast differs between calcifications.", "Standard deviation of log max(cnr, 0.1); two known or more", _D6, _CNR),
        ("faint_share", "1", 0, 1, "The share of calcifications too faint to show a shape.", "Share with cnr < 5", "Rose 1948", _CNR),
        *(
            (f"{one}_{other}_correlation", "1", -1, 1, "", f"Correlation of {_SAID[one]} with {_SAID[other]}, of the calcifications of which both are known; three or more", _D6, (_MARK[one], _MARK[other]))
            for one, other in CORRELATED
        ),
        ("contact_share", "1", 0, 1, "The share of calcifications that nearly touch the next one.", "Share nearer to their nearest neighbour than 1.5 times the sum of both radii, of those with both known; n >= 2", "BI-RADS 5th ed., coarse heterogeneous (coalescing)", _SIZE),
        ("form_variety", "1", 0, inf, "How much size, elongation and smoothness differ between calcifications.", "Mean of the standard deviations of log d, log aspect and solidity; two known or more of each", "Willekens et al. 2014 (polymorphy), own formula", _OUTLINED),
    ),
    "regularity": (
        ("tree_even_share", "1", 0, 1, "The share of neighbours at exactly the usual distance, as in a grid.", "Share of the spanning tree's edges within 12 % of their median; n >= 5", "own choice", ()),
        ("gap_mm", "mm", 0, inf, "How wide the widest gap is that parts the cluster in two.", "Longest edge of the spanning tree; n >= 5", "Prim 1957", ()),
        ("gap_ratio", "1", 1, inf, "How much wider that gap is than the next one.", "Longest edge of the spanning tree / second longest; n >= 5", "own choice", ()),
        ("gap_share", "1", 0, 0.5, "The share of the calcifications on the smaller side of the gap.", "Share of the points on the smaller side of the longest edge; n >= 5", "own choice", ()),
        ("ring_cv", "1", 0, inf, "How well the calcifications lie on one circle: 0 is exactly.", "Standard deviation / mean of the distance to the centre of the fitted circle; unknown for a line; n >= 5", "Kasa 1976", ()),
        ("ring_gap_deg", "deg", 0, 360, "How much of that circle is empty in one piece.", "Largest empty arc of that circle, in steps of 10 deg; n >= 5", "own choice", ()),
    ),
}  # fmt: skip

DROPPED = frozenset(
    """
    core_radius_mm core_radius_90_mm density_per_cm2 clark_evans_ratio ripley_l_1mm ripley_l_3mm
    ripley_l_10mm line_residual_mm line_residual_ratio rail_between_share rail_mixing
    tree_longest_edge_ratio tree_length_ratio tree_leaf_share correlation_dimension
    components_1mm components_2mm components_4mm components_8mm giant_share_1mm giant_share_2mm
    giant_share_4mm giant_share_8mm hull_solidity empty_space_ratio hull_eccentricity
    hull_width_ratio angular_resultant diameter_cv diameter_log_sd thin_share rod_share
    dot_share ball_share size_contrast_correlation size_aspect_correlation
    size_solidity_correlation aspect_solidity_correlation contrast_solidity_correlation
    contrast_aspect_correlation contact_share form_variety
    """.split()  # noqa: SIM905
)
"""Measured by kernels, but in no table: see docs/features.md."""
