"""Arrangements, forms, sizes and counts, as data."""

from __future__ import annotations

VERTICES = 40
POOL_SIZE = 170
PIXEL_SIZES_MM = (0.05, 0.07, 0.07, 0.085, 0.085, 0.1, 0.1, 0.2)
ARRANGEMENTS: dict[str, tuple[str, ...]] = {
    "diffuse": ("scattered", "patchy_gland", "lobules_throughout", "denser_behind_nipple"),
    "regional": ("uneven_patch", "crosswise_band", "several_lobules", "soft_clouds"),
    "segmental": ("filled_lobe", "lobules_of_lobe", "fan_of_ducts", "lobe_tree"),
    "grouped": ("even_patch", "one_lobule", "neighbouring_lobules", "angular_outline"),
    "linear": ("duct", "duct_with_skips", "duct_wide", "oblique_arc"),
    "branching": ("fork", "two_forks", "side_twigs"),
}
# Form: bulk, contrast-to-noise ratio at 0.3 mm and its log spread, spread in radians of the
# long axis about the duct or vessel (None: they lie anyhow), variants.
FORMS: dict[str, tuple[str, float, float, float | None, tuple[str, ...]]] = {
    "round": ("medium", 8.5, 0.15, None, ("pearls", "beads")),
    "punctate": ("fine", 7.0, 0.2, None, ("dots", "ovals")),
    "popcorn": ("popcorn", 9.0, 0.2, None, ("lobulated", "knobbly")),
    "rod_like": ("rod", 8.0, 0.15, 0.14, ("needles", "cigars")),
    "amorphous": ("fine", 2.6, 0.22, None, ("powder", "smudges")),
    "coarse_heterogeneous": ("medium", 8.0, 0.35, None, ("stones", "coalescing")),
    "fine_pleomorphic": ("fine", 7.0, 0.4, None, ("crushed_stone", "chips")),
    "fine_linear": ("fine", 6.0, 0.3, 0.28, ("casts", "dashes", "forked")),
    "vascular": ("fine", 5.5, 0.3, 0.14, ("tram_track", "one_wall", "granular")),
}
# Variant: lowest and highest typical diameter in mm, log spread, limits in mm,
# mean excess of the aspect ratio over 1, roughness of the outline.
GRAINS: dict[str, tuple[float, ...]] = {
    "pearls": (0.58, 0.85, 0.07, 0.5, 1.0, 0.04, 0.015),
    "beads": (0.58, 0.85, 0.16, 0.5, 1.0, 0.06, 0.02),
    "dots": (0.2, 0.36, 0.12, 0.13, 0.46, 0.05, 0.02),
    "ovals": (0.2, 0.36, 0.2, 0.13, 0.46, 0.25, 0.02),
    "lobulated": (2.3, 4.2, 0.2, 2.1, 7.0, 0.15, 0.0),
    "knobbly": (2.3, 4.2, 0.25, 2.1, 7.0, 0.15, 0.0),
    "powder": (0.11, 0.2, 0.25, 0.08, 0.3, 0.25, 0.1),
    "smudges": (0.24, 0.42, 0.25, 0.15, 0.65, 0.3, 0.12),
    "stones": (0.62, 0.85, 0.2, 0.5, 1.1, 0.5, 0.22),
    "coalescing": (0.62, 0.85, 0.2, 0.5, 1.1, 0.45, 0.2),
    "crushed_stone": (0.22, 0.34, 0.4, 0.1, 0.6, 0.45, 0.23),
    "chips": (0.22, 0.34, 0.45, 0.1, 0.6, 0.65, 0.18),
    "granular": (0.25, 0.42, 0.25, 0.15, 0.7, 0.8, 0.08),
}
# Variant: lowest and highest typical calibre, its limits, lowest and highest typical length,
# its limits (all mm), least length over calibre, bend as a share of the length, roughness.
STRANDS: dict[str, tuple[float, ...]] = {
    "needles": (0.55, 0.85, 0.5, 1.2, 3.0, 5.5, 2.2, 8.0, 3.5, 0.04, 0.03),
    "cigars": (0.6, 0.95, 0.5, 1.3, 2.4, 3.6, 2.0, 6.0, 2.8, 0.03, 0.03),
    "casts": (0.12, 0.28, 0.08, 0.42, 1.2, 2.4, 0.6, 4.5, 3.5, 0.06, 0.16),
    "dashes": (0.12, 0.26, 0.08, 0.42, 0.7, 1.2, 0.5, 3.0, 3.5, 0.05, 0.16),
    "forked": (0.12, 0.26, 0.08, 0.42, 1.2, 2.4, 0.6, 4.5, 4.0, 0.06, 0.15),
    "tram_track": (0.22, 0.42, 0.15, 0.6, 0.9, 2.0, 0.5, 4.0, 2.0, 0.04, 0.12),
    "one_wall": (0.22, 0.42, 0.15, 0.6, 0.9, 2.0, 0.5, 4.0, 2.0, 0.04, 0.12),
}
# Fewest and most calcifications, by how bulky they are.
COUNTS: dict[str, dict[str, tuple[int, int]]] = {
    "diffuse": {"fine": (40, 160), "medium": (30, 110), "rod": (22, 60), "popcorn": (14, 26)},
    "regional": {"fine": (30, 110), "medium": (22, 75), "rod": (13, 32), "popcorn": (7, 14)},
    "segmental": {"fine": (40, 130), "medium": (32, 90), "rod": (22, 45)},
    "grouped": {"fine": (7, 36), "medium": (6, 24), "rod": (6, 10), "popcorn": (5, 7)},
    "linear": {"fine": (9, 28), "medium": (8, 20), "rod": (6, 11)},
    "branching": {"fine": (14, 15), "medium": (14, 15), "rod": (12, 13)},
}
