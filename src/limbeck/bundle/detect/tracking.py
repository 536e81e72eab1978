"""Objects followed through a video: boxes of each frame are joined to tracks by overlap with where these should be.

After ByteTrack (Zhang et al. 2022, https://arxiv.org/abs/2110.06864): tracks are joined first with boxes of high score,
then what is left of them with boxes of low score; only high ones begin a track. Where a track should be is told by a
Kalman filter of constant speed over centre, shape and height (SORT, Bewley et al. 2016), whose two noises grow with the
height. Pairs are those of the largest total overlap (Hungarian method, `scipy.optimize.linear_sum_assignment`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.detect.detector import LEAST
from limbeck.bundle.detect.found import Detections
from limbeck.errors import needing
from limbeck.metrics.boxes.overlap import overlaps

LOW = 0.4  # of a class's threshold: boxes from here on may go on with a track
LOST = 30  # frames after which a track that no box fits is forgotten
_FIRST, _SECOND = 0.2, 0.4  # least overlap of the two joinings
_PLACE, _SPEED = 1 / 20, 1 / 80  # standard deviations of a step, in heights
_MOVES = np.eye(8) + np.eye(8, k=4)
_SEES = np.eye(4, 8)
Floats = NDArray[np.float64]


@dataclass
class Track:
    """One object: its number, class, the filter's mean float64 [8] and covariance [8, 8], and when it was last seen."""

    number: int
    label: int
    mean: Floats
    spread: Floats
    unseen: int = 0

    @property
    def edges(self) -> Floats:
        """Where it should be, float64 [4]."""
        x, y, shape, height = self.mean[:4]
        width = max(shape * height, 1e-3)
        return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


class Tracker:
    """Follows the boxes of one video.

    Parameters
    ----------
    thresholds
        Class -> the score from which on a box counts.
    """

    def __init__(self, thresholds: Mapping[str, float], classes: Sequence[str]) -> None:
        with needing("scipy", "video", "following objects"):
            from scipy.optimize import linear_sum_assignment
        self._assigned = linear_sum_assignment
        self._cuts = np.array([thresholds[name] for name in classes])
        self.tracks: list[Track] = []
        self._next = 1

    @property
    def lowest(self) -> float:
        """The smallest score of any class that is of use."""
        return max(LEAST, float(self._cuts.min()) * LOW)

    def step(self, found: Detections, threshold: float | None = None) -> Detections:
        """Return the boxes of the next frame that belong to a track, with its number.

        Parameters
        ----------
        found
            All boxes from `lowest` on.
        threshold
            One score for all classes instead of theirs.
        """
        cuts = self._cuts[found.labels] if threshold is None else np.full(len(found), threshold)
        high = found.scores >= cuts
        low = (found.scores >= LOW * cuts) & ~high
        for track in self.tracks:
            _predict(track)
        numbers = np.zeros(len(found), dtype=np.int64)
        edges = found.edges.astype(np.float64)
        left = self._join(list(self.tracks), edges, found.labels, np.flatnonzero(high), _FIRST, numbers)
        seen = [track for track in left if track.unseen <= 1]
        self._join(seen, edges, found.labels, np.flatnonzero(low), _SECOND, numbers)
        for at in np.flatnonzero(high & (numbers == 0)).tolist():
            self.tracks.append(_begun(self._next, int(found.labels[at]), edges[at]))
            numbers[at] = self._next
            self._next += 1
        self.tracks = [track for track in self.tracks if track.unseen <= LOST]
        return replace(found, tracks=numbers).take(numbers > 0)

    def _join(
        self, tracks: list[Track], edges: Floats, labels: NDArray[np.int64], which: NDArray[np.int64], least: float,
        numbers: NDArray[np.int64],
    ) -> list[Track]:  # fmt: skip
        """Join tracks with boxes, note their numbers, and return the tracks that are left."""
        if not tracks or not len(which):
            return tracks
        shared = overlaps(np.stack([track.edges for track in tracks]), edges[which])
        shared[np.array([track.label for track in tracks])[:, None] != labels[which][None, :]] = 0.0
        rows, columns = self._assigned(-shared)
        joined = set()
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if shared[row, column] >= least:
                track, at = tracks[row], int(which[column])
                _update(track, edges[at])
                numbers[at] = track.number
                joined.add(row)
        return [track for row, track in enumerate(tracks) if row not in joined]


def _measured(edges: Floats) -> Floats:
    width, height = edges[2] - edges[0], max(edges[3] - edges[1], 1e-3)
    return np.array([(edges[0] + edges[2]) / 2, (edges[1] + edges[3]) / 2, width / height, height])


def _begun(number: int, label: int, edges: Floats) -> Track:
    seen = _measured(edges)
    place, speed = 2 * _PLACE * seen[3], 10 * _SPEED * seen[3]
    spread = np.diag(np.square([place, place, 1e-2, place, speed, speed, 1e-5, speed]))
    return Track(number, label, np.concatenate((seen, np.zeros(4))), spread)


def _predict(track: Track) -> None:
    """Move a track by one frame (Kalman 1960)."""
    place, speed = _PLACE * track.mean[3], _SPEED * track.mean[3]
    noise = np.diag(np.square([place, place, 1e-2, place, speed, speed, 1e-5, speed]))
    track.mean = _MOVES @ track.mean
    track.mean[3] = max(track.mean[3], 1.0)
    track.spread = _MOVES @ track.spread @ _MOVES.T + noise
    track.unseen += 1


def _update(track: Track, edges: Floats) -> None:
    """Correct a track by the box that was found."""
    place = _PLACE * track.mean[3]
    noise = np.diag(np.square([place, place, 1e-1, place]))
    inner = _SEES @ track.spread @ _SEES.T + noise
    gain = np.linalg.solve(inner, _SEES @ track.spread).T
    track.mean = track.mean + gain @ (_measured(edges) - _SEES @ track.mean)
    track.spread = track.spread - gain @ _SEES @ track.spread
    track.unseen = 0
