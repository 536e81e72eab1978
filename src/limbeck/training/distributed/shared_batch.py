"""One batch shared by several processes, with the gradients of one: `whole_batch` around forward and backward.

A process takes every n-th row, padded as the whole batch is. What then depends on more than a row is made whole again:

- a loss is a mean over its own count (labelled rows, answered rows, class weights), so the processes sum the counts,
  and each weighs its means by its share of them; gradients are summed, not averaged;
- batch norm takes mean and variance over all processes, joined without cancellation (Chan et al. 1979, eq. 2.1), and
  its gradient likewise (Ioffe & Szegedy 2015, §3); torch's SyncBatchNorm has no CPU form;
- random numbers for rows, such as the masks of dropout, are drawn for the whole batch, and each process takes those of
  its rows. Draws inside torch's kernels (dropout between the layers of a GRU, inside fused attention) cannot be had
  so: there each process draws its own.

A process without a row computes the first one, which then counts for nothing, so that all go through the same sums.
Students are small, so their gradients go as one message a step; there is nothing to overlap it with that would pay.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.networks.image.base import Norm
from limbeck.training.distributed.processes import ProcessGroup
from limbeck.training.fit.learner import Learner

_MAKERS: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint)
_INSIDE: tuple[Callable[..., Any], ...] = (  # draw where nobody can reach
    torch.gru, torch.lstm, nn.functional.scaled_dot_product_attention, nn.functional.multi_head_attention_forward,
    nn.functional.alpha_dropout, nn.functional.dropout1d, nn.functional.dropout2d, nn.functional.dropout3d,
    torch.rand_like, torch.randn_like, torch.bernoulli,
)  # fmt: skip


def own_rows(process_group: ProcessGroup, rows: int) -> slice:
    """Return which of a batch's rows are this process's; the first where there is none for it."""
    return slice(process_group.rank, None, process_group.size) if rows > process_group.rank else slice(0, 1)


def own_batch(process_group: ProcessGroup, reader: RowInput, rows: Rows, which: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of this process's part of a batch int64 [B], padded as the whole batch is."""
    own = own_rows(process_group, len(which))
    if process_group.size == 1 or not rows.padded:
        return batch_of(reader, rows, which[own])
    return {name: np.ascontiguousarray(array[own]) for name, array in batch_of(reader, rows, which).items()}


@contextlib.contextmanager
def whole_batch(process_group: ProcessGroup, learner: Learner, rows: int, seed: int) -> Iterator[None]:
    """Let ``learner`` go through its part of a batch of ``rows`` rows as if it were the whole.

    Parameters
    ----------
    seed
        Of what this process draws for itself.
    """
    if process_group.size == 1:
        yield
        return
    device = next(learner.parameters()).device
    batch = _Batch(process_group, rows, device, seed)
    norms = [module for module in learner.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.forward = partial(batch.normalise, norm)
    learner.shares = batch.shares
    try:
        with batch:
            yield
    finally:
        learner.shares = None
        for norm in norms:
            del norm.forward


def all_reduce_gradients(process_group: ProcessGroup, learner: Learner, loss: float) -> float:
    """Sum the gradients over the processes, in place, and return the sum of their losses."""
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    # A weight that no process has used keeps no gradient, so that the optimizer leaves it alone, as it does in one.
    more = [loss, *(float(weight.grad is not None) for weight in weights)]
    flat = process_group.all_reduce(torch.cat([*(part.flatten() for part in parts), parts[0].new_tensor(more)]))
    start = 0
    used = flat[-len(weights) :].tolist()
    for weight, part, count in zip(weights, parts, used, strict=True):
        if count:
            weight.grad = flat[start : start + part.numel()].view_as(part)
        start += part.numel()
    return float(flat[start])


class _Batch(TorchFunctionMode):
    """One batch, of which this process has every n-th row."""

    def __init__(self, process_group: ProcessGroup, rows: int, device: torch.device, seed: int) -> None:
        super().__init__()
        self.process_group, self.rows, self.device = process_group, rows, device
        self.own = own_rows(process_group, rows)
        self.mine = len(range(rows)[self.own])
        self.real = rows > process_group.rank  # else the row only takes part in the collective calls
        kinds = {torch.device("cpu"), device}
        self.states = {kind: torch.Generator(kind).manual_seed(seed).get_state() for kind in kinds}

    def shares(self, counts: Tensor) -> Tensor:
        """Return this process's share of each count, float [K], in the counts of all."""
        counts = counts.float() * self.real
        return counts / self.process_group.all_reduce(counts.clone()).clamp(min=1e-12)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.dropout:
            return self._dropout(*args, **kwargs)
        if func in _MAKERS:
            return self._made(func, args, kwargs)
        with self._apart() if func in _INSIDE else contextlib.nullcontext():
            return func(*args, **kwargs)

    def _dropout(self, given: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or not p:
            return given
        if given.shape[0] != self.mine:
            with self._apart():
                return nn.functional.dropout(given, p, training, inplace)
        ones = torch.ones((self.rows, *given.shape[1:]), dtype=given.dtype, device=given.device)
        mask = nn.functional.dropout(ones, p)[self.own]
        return given.mul_(mask) if inplace else given * mask

    def _made(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """Draw for all rows where the shape begins with the number of rows here."""
        at = next((at for at, value in enumerate(args) if isinstance(value, tuple | list)), None)
        shape = kwargs.get("size") if at is None else args[at]
        if shape is None or not len(shape) or shape[0] != self.mine:
            with self._apart():
                return func(*args, **kwargs)
        whole = (self.rows, *shape[1:])
        if at is None:
            return func(*args, **{**kwargs, "size": whole})[self.own]
        return func(*args[:at], whole, *args[at + 1 :], **kwargs)[self.own]

    @contextlib.contextmanager
    def _apart(self) -> Iterator[None]:
        """Draw from this process's own numbers, and leave the common ones where they are."""
        common = {kind: _state(kind) for kind in self.states}
        for kind, state in self.states.items():
            _state(kind, state)
        try:
            yield
        finally:
            for kind, state in common.items():
                self.states[kind] = _state(kind)
                _state(kind, state)

    def normalise(self, norm: _BatchNorm, maps: Tensor) -> Tensor:
        """Batch norm of maps float [B, F, …] over all processes; figures in answering are the module's own."""
        if not norm.training or (self.rows == 1 and isinstance(norm, Norm)):
            return type(norm).forward(norm, maps)
        with torch.no_grad():
            mean, variance, count = self._figures(maps)
            if norm.running_mean is not None:
                norm.num_batches_tracked += 1
                share = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
                norm.running_mean.lerp_(mean, share)
                norm.running_var.lerp_(variance * (count / max(count - 1.0, 1.0)), share)
        return _Normalised.apply(maps, norm.weight, norm.bias, mean, variance, norm.eps, count, self)

    def _figures(self, maps: Tensor) -> tuple[Tensor, Tensor, float]:
        """Return mean and variance float [F] over all processes, and of how many numbers they are."""
        variance, mean = torch.var_mean(maps.float(), dim=_others(maps), unbiased=False)
        count = maps.numel() // maps.shape[1] * self.real
        parts = self.process_group.all_gather(torch.cat((mean, variance, mean.new_tensor([count]))))
        means, variances, counts = parts[:, : len(mean)], parts[:, len(mean) : -1], parts[:, -1:]
        total = counts.sum()
        mean = (means * counts).sum(dim=0) / total
        return mean, ((variances + (means - mean).square()) * counts).sum(dim=0) / total, float(total)


class _Normalised(torch.autograd.Function):
    """Batch norm by given figures that come from the very maps, of all processes."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float,
        count: float, batch: _Batch,
    ) -> Tensor:  # fmt: skip
        """Normalise maps [B, F, …] by mean and variance float [F]."""
        ctx.save_for_backward(maps, weight, mean, (variance + eps).rsqrt())
        ctx.count, ctx.batch = count, batch
        return nn.functional.batch_norm(maps, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        """Return the gradients; sums over rows run over all processes, for weight and bias over the rows here."""
        maps, weight, mean, scale = ctx.saved_tensors
        shape = (1, -1, *(1 for _ in maps.shape[2:]))
        dims = _others(maps)
        wide = slope.float()
        centred = (maps.float() - mean.view(shape)) * scale.view(shape)
        own = torch.stack((wide.sum(dim=dims), (wide * centred).sum(dim=dims)))
        first, second = ctx.batch.process_group.all_reduce(own.clone()) / ctx.count
        factor = scale if weight is None else scale * weight.float()
        back = (wide - first.view(shape) - centred * second.view(shape)) * factor.view(shape) * ctx.batch.real
        mine = (None, None) if weight is None else (own[1].to(weight.dtype), own[0].to(weight.dtype))
        return back.to(maps.dtype), *mine, None, None, None, None, None


def _others(maps: Tensor) -> list[int]:
    return [0, *range(2, maps.ndim)]


def _state(kind: torch.device, new: Tensor | None = None) -> Tensor:
    """Return the state of a device's random numbers, and set a new one."""
    cuda = kind.type == "cuda"
    found = torch.cuda.get_rng_state(kind) if cuda else torch.get_rng_state()
    if new is not None:
        torch.cuda.set_rng_state(new, kind) if cuda else torch.set_rng_state(new)
    return found
