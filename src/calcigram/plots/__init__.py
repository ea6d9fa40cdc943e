"""Pictures of clusters in mm, of their features and of one reading; nothing is classified here.

Every function draws into the axes it is given, or into a figure of its own that pyplot does not
know, so it works without a display, inside servers, and in notebooks, which show it. Fonts,
colours and widths follow ``matplotlib.rcParams`` and style sheets; no meaning rests on colour
alone. Pictures of results (confusion matrices, calibration curves) are in `calcigram.charts`.
"""

from calcigram.figure import save_picture
from calcigram.plots.cluster import plot_cluster
from calcigram.plots.overview import plot_features, plot_gallery
from calcigram.plots.reading import plot_reading

__all__ = ["plot_cluster", "plot_features", "plot_gallery", "plot_reading", "save_picture"]
