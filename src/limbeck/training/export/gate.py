"""The gate of the export: a model that answers like the trained network, or none.

The graph ends in calibrated probabilities, so that every door gives the same answer. Weights are rounded to half
precision *before* the student is evaluated, and stored that way: the files are half as large and no answer changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from limbeck.errors import LimbeckError
from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.kinds.text.encoding.ragged import batches
from limbeck.messages.message import message
from limbeck.networks import Network
from limbeck.progress import say
from limbeck.training.export.int8 import try_int8, why
from limbeck.training.export.onnx_model import Answering, halve, to_onnx
from limbeck.training.export.timed_answers import onnx_answers, torch_answers

LARGEST_DIFFERENCE = 1e-4
_COMPARED, _ALONE = 1000, 100  # rows


@dataclass(frozen=True)
class Gate:
    """What the gate found; saved as ``export.json``."""

    rows: int
    largest_difference: float
    flipped: int
    bytes: int
    speed_over_torch: float
    int8: dict[str, float | int | bool | str]
    serve: str


@torch.no_grad()
def round_to_half(network: Network) -> None:
    """Round every weight to the nearest half-precision number, in place, unless one is out of its range."""
    for weight in network.parameters():
        rounded = weight.half().float()
        if torch.isfinite(rounded).all():
            weight.copy_(rounded)


@torch.no_grad()
def logits_of(network: Network, encoder: RowInput, rows: Rows) -> np.ndarray:
    """Return the student's logits float [N, C] in its own precision, in batches of similar length."""
    network.eval()
    held = chain(network.parameters(), network.buffers())  # a detector may have no weights
    weight = next(tensor for tensor in held if tensor.is_floating_point())
    out = None
    for part in batches(rows.lengths, tokens=8192, most=256):
        arrays = batch_of(encoder, rows, part)
        given = [torch.from_numpy(arrays[name]).to(weight.device) for name in network.arrays]
        given = [array.to(weight.dtype) if array.is_floating_point() else array for array in given]
        logits = network(*given).cpu().numpy()
        if out is None:
            out = np.empty((len(rows), logits.shape[1]), dtype=logits.dtype)
        out[part] = logits
    if out is None:
        raise LimbeckError("there are no rows to score")
    return out


def export(
    network: Network, encoder: RowInput, rows: Rows, folder: Path, *, temperature: float, threshold: float,
    positive: int, int8: str, sample: Rows | None = None, offset: np.ndarray | None = None,
) -> Gate:  # fmt: skip
    """Write ``model.onnx`` (and ``model.int8.onnx`` when the gate lets it through) and return the gate's findings.

    Parameters
    ----------
    rows
        Encoded rows on which the models are compared; those of valid.
    int8
        ``auto``, ``keep`` or ``never``, as in the recipe. What ``auto`` came to depends on the clock, so the bundle's
        recipe says ``keep`` or ``never``: training from it again gives the same bundle.
    offset
        Added to the logits of each class after the temperature, float [C]; None for none.
    sample
        Training pictures by which int8 finds its ranges; None where rows are no pictures.

    Raises
    ------
    LimbeckError
        When the exported model differs from the trained one by more than 1e-4 or flips a label.
    """

    def decide(answers: list[np.ndarray]) -> np.ndarray:
        joined = np.concatenate(answers)
        return joined.argmax(axis=1) if joined.shape[1] > 2 else joined[:, positive] >= threshold

    answering = Answering(network.cpu().eval(), temperature, offset).eval()
    return through_gate(answering, encoder, rows, folder, decide=decide, int8=int8, sample=sample)


def through_gate(
    answering: Answering, encoder: RowInput, rows: Rows, folder: Path, *,
    decide: Callable[[list[np.ndarray]], np.ndarray], int8: str, sample: Rows | None = None,
) -> Gate:  # fmt: skip
    """Write the models of a network with its calibration; see `export`.

    Parameters
    ----------
    decide
        Batches of answers float [B, C] -> what is decided, one or more numbers a row.
    """
    network = answering.network
    whole = to_onnx(answering, encoder, rows)
    file = folder / "model.onnx"
    file.write_bytes(halve(whole).SerializeToString())
    rows = rows.take(np.linspace(0, len(rows) - 1, min(len(rows), _COMPARED)).astype(np.int64))
    parts = batches(rows.lengths, tokens=4096, most=32)
    feeds = [batch_of(encoder, rows, part) for part in parts]

    wanted, torch_seconds = torch_answers(answering, feeds)
    answers, seconds = onnx_answers(file, feeds)
    difference = float(np.abs(np.concatenate(answers) - np.concatenate(wanted)).max())
    # A row within rounding of the threshold may fall on either side; such a row is no flip unless it really moved.
    moved = decide(answers) != decide(wanted)
    flipped = int(moved.sum()) if difference > 1e-6 else 0
    if not difference <= LARGEST_DIFFERENCE or flipped:  # so written that a NaN is refused too
        what = f"the exported model differs from the trained one by {difference:.1e} and flips {flipped} labels"
        raise LimbeckError(what, where="export", fix="report it; the checkpoint is kept, so nothing is lost")
    found: dict[str, float | int | bool | str] = {"kept": False, **why(message("export.switched_off"))}
    if network.operators:
        found = {"kept": False, **why(message("export.no_int8_operators", domains=sorted(network.operators)))}
    elif int8 != "never":
        shown = [] if sample is None else [
            batch_of(encoder, sample, part) for part in batches(sample.lengths, tokens=4096, most=32)
        ]  # fmt: skip
        order = np.concatenate(parts)
        some = np.unique(np.linspace(0, len(order) - 1, min(len(order), _ALONE)).astype(np.int64))
        alone = {int(at): batch_of(encoder, rows, order[at : at + 1]) for at in some}
        found = try_int8(whole, folder, feeds, alone, decide, answers, shown, whatever_speed=int8 == "keep")
    serve = "model.int8.onnx" if found["kept"] else "model.onnx"
    gate = Gate(len(rows), difference, flipped, file.stat().st_size, torch_seconds / seconds, found, serve)
    kept = "kept" if found["kept"] else f"not kept ({found['reason']})"
    say(f"export: largest difference {difference:.1e}, {flipped} labels flipped, int8 {kept}")
    return gate


def gate_facts(gate: Gate) -> dict:
    """Return the gate's findings as plain data."""
    return asdict(gate)
