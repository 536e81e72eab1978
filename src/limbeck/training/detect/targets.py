"""What a centre map is to answer for the boxes of a canvas: heat of centres, distances to sides, weights of cells.

Heat is a Gaussian as wide and as high as a share of the box, 1 in the cell of its centre (TTFNet, Liu et al. 2020,
§3.2); distances are learned wherever the Gaussian reaches, by weights that add up to 1 for every box, so that a sign of
8 pixels counts as much as one of 90.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck.networks.detect.centre_map import STRIDE
from limbeck.tasks.detect.boxes import Boxes

REACH = 0.54  # share of half a side that the Gaussian covers
IGNORED = 0.9999  # heat where nothing is learned: the focal loss weighs it by (1 - heat)^4
_LEAST = 0.45  # standard deviation of the smallest Gaussian, in cells
Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def targets(boxes: Boxes, classes: int, height: int, width: int) -> Maps:
    """Return heat float32 [C, h, w], distances float32 [4, h, w] in cells, and shares float32 [h, w].

    Parameters
    ----------
    boxes
        In pixels of the canvas; those that are crowds or of no class are not learned.
    height, width
        Of the canvas, in cells.
    """
    heat = np.zeros((classes, height, width), dtype=np.float32)
    sides = np.ones((4, height, width), dtype=np.float32)
    share = np.zeros((height, width), dtype=np.float32)
    strongest = np.zeros((height, width), dtype=np.float32)
    edges = boxes.edges / STRIDE
    areas = boxes.sizes.prod(axis=1)
    for at in np.argsort(-areas, kind="stable"):  # a smaller box takes cells from a larger one
        left, up, right, down = edges[at]
        kind = int(boxes.labels[at])
        if boxes.crowd[at]:
            rows, columns = _cells(up, down, height), _cells(left, right, width)
            covered = heat[:, rows, columns] if kind < 0 else heat[kind : kind + 1, rows, columns]
            np.maximum(covered, IGNORED * (covered < 1), out=covered)
            continue
        x, y = (left + right) / 2, (up + down) / 2
        column, row = min(int(x), width - 1), min(int(y), height - 1)
        bell, rows, columns = _bell(column, row, right - left, down - up, height, width)
        np.maximum(heat[kind, rows, columns], bell, out=heat[kind, rows, columns])
        own = bell >= strongest[rows, columns] * (strongest[rows, columns] >= 1.0)
        strongest[rows, columns][own] = bell[own]
        middle_x = np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5
        middle_y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
        for plane, distance in zip(
            sides, (middle_x - left, middle_y - up, right - middle_x, down - middle_y), strict=True
        ):
            plane[rows, columns][own] = np.broadcast_to(np.maximum(distance, 0.05), own.shape)[own]
        weights = np.where(own, bell, 0.0)
        share[rows, columns][own] = (weights / max(float(weights.sum()), 1e-6))[own]
    return heat, sides, share


def _bell(
    column: int, row: int, across: float, down: float, height: int, width: int
) -> tuple[NDArray[np.float32], slice, slice]:
    """Return a Gaussian that is 1 in a cell, and the rows and columns that it covers."""
    reach_x, reach_y = int(REACH * across / 2), int(REACH * down / 2)
    wide_x, wide_y = (max(_LEAST, (2 * reach + 1) / 6) for reach in (reach_x, reach_y))
    reach_x, reach_y = max(reach_x, 1 if across > 1.5 else 0), max(reach_y, 1 if down > 1.5 else 0)
    rows = slice(max(0, row - reach_y), min(height, row + reach_y + 1))
    columns = slice(max(0, column - reach_x), min(width, column + reach_x + 1))
    x = (np.arange(columns.start, columns.stop) - column) / wide_x
    y = (np.arange(rows.start, rows.stop) - row) / wide_y
    return np.exp(-0.5 * (x[None, :] ** 2 + y[:, None] ** 2)).astype(np.float32), rows, columns


def _cells(low: float, high: float, most: int) -> slice:
    return slice(max(0, int(low)), min(most, max(int(np.ceil(high)), int(low) + 1)))
