"""A Deep Sets network on the raw marks of a cluster, in PyTorch: the learnt representation.

No benchmark itself; ``learnt_representations.py`` trains it. Each calcification passes through the same
small network, the results are pooled by mean and greatest, and a second network reads both axes of
what was pooled, the number of calcifications and what is known of the breast (Zaheer et al. 2017; the
greatest as in PointNet, Qi et al. 2017).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from calcigram.clusters import ClusterSet

MARKS = ("diameter_mm", "aspect_ratio", "solidity", "cnr")
HIDDEN_SHARES = ((0.15, (*MARKS, "frame")), (0.05, MARKS), (0.15, ("frame",)), (0.04, ("cnr",)))
"""Share of the training clusters of each batch, and what they forget: about what our model's forget."""


@dataclass(frozen=True)
class Options:
    """How the network is built and trained; chosen on the development fold."""

    width: int = 96
    epochs: int = 40
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1


@dataclass(frozen=True)
class Points:
    """Clusters as tensors: P calcifications of C clusters.

    Attributes
    ----------
    xy : (P, 2) in units of each cluster's root mean square radius, about its centre
    turn : (P, 2) cosine and sine of twice the major axis' angle; 0 where unknown
    marks : (P, 8) four marks, and whether each is known
    nipple : (C, 2) from the centre to the nipple, unit length; 0 where unknown
    rest : (C, 5) logarithms of radius, number, distance to the nipple, area; whether the nipple is known
    """

    offsets: torch.Tensor
    xy: torch.Tensor
    turn: torch.Tensor
    marks: torch.Tensor
    nipple: torch.Tensor
    rest: torch.Tensor

    def take(self, rows: torch.Tensor) -> tuple[Points, torch.Tensor]:
        """Return the chosen clusters, and which of them owns each calcification."""
        counts = (self.offsets[1:] - self.offsets[:-1])[rows]
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
        owner = torch.repeat_interleave(torch.arange(len(rows)), counts)
        at = self.offsets[rows][owner] + torch.arange(len(owner)) - offsets[owner]
        return Points(
            offsets, self.xy[at], self.turn[at], self.marks[at], self.nipple[rows], self.rest[rows]
        ), owner


def points_of(clusters: ClusterSet) -> Points:
    """Make tensors of clusters; nothing is measured but centre, extent and unit."""
    starts, counts = clusters.offsets[:-1], clusters.n_calcifications
    owner = np.repeat(np.arange(len(clusters)), counts)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values.astype(float), starts) / counts

    xy = np.stack([clusters.x_mm, clusters.y_mm], 1).astype(float)
    centre = np.stack([mean(xy[:, 0]), mean(xy[:, 1])], 1)
    xy -= centre[owner]
    radius = np.sqrt(mean((xy**2).sum(axis=1))) + 0.05
    angle = 2 * np.deg2rad(clusters.orientation_deg.astype(float))
    marks = [
        np.log(clusters.diameter_mm / 0.3),
        np.log(clusters.aspect_ratio),
        4 * (1 - clusters.solidity),
        np.log1p(clusters.cnr) - 2,
    ]
    to_nipple = np.stack([clusters.nipple_x_mm, clusters.nipple_y_mm], 1) - centre
    far = np.hypot(*to_nipple.T)
    rest = [np.log(radius / 10), np.log(counts / 20), np.log((far + 1) / 60), np.log(clusters.breast_area_mm2 / 1e4)]  # fmt: skip
    rest.append(np.isfinite(far).astype(float))
    known = np.isfinite(marks)

    def tensor(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.nan_to_num(np.asarray(values, np.float32)))

    return Points(
        torch.from_numpy(clusters.offsets.astype(np.int64)),
        tensor(xy / radius[owner, None]),
        tensor(np.stack([np.cos(angle), np.sin(angle)], 1)),
        tensor(np.concatenate([np.nan_to_num(marks), known]).T),
        tensor(to_nipple / (far[:, None] + 1e-6)),
        tensor(np.stack(rest, 1)),
    )


def shaken(points: Points, owner: torch.Tensor) -> Points:
    """Turn and mirror each cluster by chance, and let some forget marks."""
    n = len(points.rest)
    angle = 2 * torch.pi * torch.rand(n)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)

    def turned(xy: torch.Tensor, by: torch.Tensor, flip: torch.Tensor) -> torch.Tensor:
        x, y = xy[:, 0], xy[:, 1] * flip
        return torch.stack([by.cos() * x - by.sin() * y, by.sin() * x + by.cos() * y], 1)

    keep_marks, keep_frame = torch.ones(n, 8), torch.ones(n)
    draw, low = torch.rand(n), 0.0
    for share, hidden in HIDDEN_SHARES:
        chosen = (draw >= low) & (draw < low + share)
        low += share
        for name in hidden:
            if name == "frame":
                keep_frame[chosen] = 0
            else:
                keep_marks[chosen, MARKS.index(name)] = 0
                keep_marks[chosen, 4 + MARKS.index(name)] = 0
    rest = points.rest.clone()
    rest[:, 2:] *= keep_frame[:, None]
    outlined = keep_marks[owner, 1:2]  # who forgets the elongation forgets its direction
    return Points(
        points.offsets,
        turned(points.xy, angle[owner], mirror[owner]),
        turned(points.turn, 2 * angle[owner], mirror[owner]) * outlined,
        points.marks * keep_marks[owner],
        turned(points.nipple, angle, mirror) * keep_frame[:, None],
        rest,
    )


class DeepSets(nn.Module):
    """Raw marks to the log-odds of both axes' words."""

    def __init__(self, n_words: tuple[int, int], options: Options):
        super().__init__()
        width = options.width
        self.each = nn.Sequential(
            nn.Linear(2 + 2 + 8 + 2 + 5, width), nn.GELU(),
            nn.Linear(width, width), nn.GELU(),
            nn.Linear(width, width),
        )  # fmt: skip
        self.all = nn.Sequential(
            nn.LayerNorm(2 * width + 7), nn.Linear(2 * width + 7, 2 * width), nn.GELU(),
            nn.Dropout(options.dropout), nn.Linear(2 * width, width), nn.GELU(),
            nn.Dropout(options.dropout), nn.Linear(width, sum(n_words)),
        )  # fmt: skip
        self.n_words = n_words

    def forward(self, points: Points, owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        frame = torch.cat([points.nipple, points.rest], 1)
        each = self.each(torch.cat([points.xy, points.turn, points.marks, frame[owner]], 1))
        n = (points.offsets[1:] - points.offsets[:-1])[:, None]
        place = owner[:, None].expand_as(each)
        empty = torch.zeros(len(n), each.shape[1])
        mean = empty.scatter_add(0, place, each) / n
        most = empty.scatter_reduce(0, place, each, "amax", include_self=False)
        scores = self.all(torch.cat([mean, most, frame], 1))
        return tuple(scores.split(self.n_words, dim=1))  # type: ignore[return-value]


def fit(
    clusters: ClusterSet, codes: tuple[np.ndarray, np.ndarray], n_words: tuple[int, int],
    *, seed: int, options: Options | None = None,
) -> DeepSets:  # fmt: skip
    """Train on labelled clusters; a code of -1 leaves the axis of that cluster out."""
    options = options or Options()
    torch.manual_seed(seed)
    network = DeepSets(n_words, options)
    points = points_of(clusters)
    truth = [torch.from_numpy(c.astype(np.int64)) for c in codes]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
    )
    n_steps = options.epochs * -(-len(clusters) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.learning_rate, n_steps)
    loss_of = nn.CrossEntropyLoss(ignore_index=-1)
    for _ in range(options.epochs):
        for rows in torch.randperm(len(clusters)).split(options.batch):
            batch, owner = points.take(rows)
            scores = network(shaken(batch, owner), owner)
            loss = sum(loss_of(s, t[rows]) for s, t in zip(scores, truth, strict=True))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def read(network: DeepSets, clusters: ClusterSet, batch: int = 1024) -> list[np.ndarray]:
    """Return the probabilities of both axes' words."""
    points = points_of(clusters)
    parts: list[list[np.ndarray]] = [[], []]
    with torch.inference_mode():
        for rows in torch.arange(len(clusters)).split(batch):
            for part, scores in zip(parts, network(*points.take(rows)), strict=True):
                part.append(scores.softmax(1).double().numpy())
    return [np.concatenate(part) for part in parts]


def size_bytes(network: DeepSets) -> int:
    """Return the size of the weights in a file."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return file.tell()
