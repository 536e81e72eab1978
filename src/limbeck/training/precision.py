"""In which precision and on which device a student is trained."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.recipe import Recipe, Training
from limbeck.training.distributed.processes import by_itself, current_process_group, own_cores


def bf16_pays(settings: Training, network: Network | type[Network]) -> bool:
    """Return whether half precision is faster for this network, on this machine and the device asked for."""
    if settings.device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return network.bf16_pays and _bf16_is_native()


def accelerator_for(recipe: Recipe, network: Network | type[Network]) -> Accelerator:
    """Return accelerate's view of this machine, in the recipe's device and precision."""
    settings = recipe.training
    threads = settings.threads or network.threads
    torch.set_num_threads(threads or own_cores())
    half = settings.precision == "bf16" or (settings.precision == "auto" and bf16_pays(settings, network))
    if settings.device in ("cuda", "mps"):
        there = torch.cuda.is_available() if settings.device == "cuda" else torch.backends.mps.is_available()
        if not there:
            fix = "set training.device = 'auto'"
            raise LimbeckError(f"this machine has no {settings.device} device", where="recipe", fix=fix)
    AcceleratorState._reset_state(reset_partial_state=False)  # a process may train several students, each its own way
    # Several processes share GPUs or CPUs; accelerate alone would take an mps device for each.
    cpu = settings.device == "cpu" or (current_process_group().size > 1 and not torch.cuda.is_available())
    with by_itself():
        return Accelerator(mixed_precision="bf16" if half else "no", cpu=cpu)


def _bf16_is_native() -> bool:
    # Without the instructions bf16 is emulated, and slower than single precision.
    return bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False
