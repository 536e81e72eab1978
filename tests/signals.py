"""Small made-up hearts that the tests share: beats with P, QRS and T waves, wide ventricular ones, premature ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.recipe import Recipe, parse_recipe

RATE = 360
WAVES = {"N": ((-0.17, 0.025, 0.12), (0.0, 0.012, 1.0), (0.22, 0.05, 0.25)),
         "V": ((0.0, 0.045, 1.6), (0.2, 0.06, -0.5)),
         "A": ((-0.12, 0.02, -0.1), (0.0, 0.012, 0.95), (0.22, 0.05, 0.25))}  # fmt: skip


def heart(
    seconds: float, seed: int, *, rate: int = RATE, abnormal: float = 0.25
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return two leads float64 [2, n] in mV, the samples of the R peaks, and the symbols of the beats."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    leads = np.zeros((2, count))
    time = np.arange(count) / rate
    resting = random.uniform(0.7, 1.0)
    at, peaks, symbols = 0.6, [], []
    while at < seconds - 0.5:
        kind = str(random.choice(["V", "A"])) if random.random() < abnormal and peaks else "N"
        # A premature beat comes early, and the next one late.
        at -= 0.35 * resting if kind != "N" else 0.0
        for place, width, height in WAVES[kind]:
            wave = height * np.exp(-0.5 * ((time - at - place) / width) ** 2)
            leads += np.array([[1.0], [0.6]]) * wave
        peaks.append(round(at * rate))
        symbols.append(kind)
        at += resting * (1.35 if kind != "N" else 1.0) * random.uniform(0.97, 1.03)
    leads += 0.01 * random.standard_normal(leads.shape)
    return leads, np.array(peaks), symbols


def write_record(folder: Path, name: str, seed: int, *, seconds: float = 40.0, rate: int = RATE, annotated: bool = True,
                 leads: np.ndarray | None = None, names: tuple[str, ...] = ("MLII", "V5")) -> Path:  # fmt: skip
    """Write a record in WFDB form; returns its header."""
    wfdb = pytest.importorskip("wfdb")
    folder.mkdir(parents=True, exist_ok=True)
    made, peaks, symbols = heart(seconds, seed, rate=rate)
    leads = made if leads is None else leads
    wfdb.wrsamp(name, fs=rate, units=["mV"] * len(leads), sig_name=list(names[: len(leads)]), p_signal=leads.T,
                fmt=["16"] * len(leads), adc_gain=[200.0] * len(leads), baseline=[0] * len(leads),
                write_dir=str(folder))  # fmt: skip
    if annotated:
        wfdb.wrann(name, "atr", peaks, symbols, write_dir=str(folder))
    return folder / f"{name}.hea"


def write_edf(file: Path, seed: int, *, seconds: float = 40.0, annotated: bool = True) -> Path:
    """Write a recording of the same heart as `write_record` in EDF+ form: MLII in mV, V5 in uV at half the rate."""
    edfio = pytest.importorskip("edfio")
    leads, peaks, symbols = heart(seconds, seed)
    signals = [
        edfio.EdfSignal(leads[0], RATE, label="MLII", physical_dimension="mV"),
        edfio.EdfSignal(1000 * leads[1, ::2], RATE / 2, label="V5", physical_dimension="uV"),
    ]
    beats = [edfio.EdfAnnotation(peak / RATE, None, symbol) for peak, symbol in zip(peaks, symbols, strict=True)]
    notes = [edfio.EdfAnnotation(1.0, None, "begin"), *beats] if annotated else []
    edfio.Edf(signals, annotations=notes, data_record_duration=1.0).write(file)
    return file


def records(folder: Path, count: int = 8, **given: Any) -> Path:
    """Write several records of different hearts."""
    for seed in range(count):
        write_record(folder, f"h{seed}", seed, **given)
    return folder


def signal_recipe(network: str = "cnn-lstm", **sections: dict[str, Any]) -> Recipe:
    """Return a recipe for `records` that trains in seconds; ``sections`` are laid over it."""
    join = {"mix": 16, "branch": 8}
    student = {"cnn-lstm": {"width": 8, "hidden": 8, **join}, "resnet1d": {"width": 8, "blocks": 1, **join},
               "minirocket": {"features": 840}, "nearest": {},
               "autoencoder1d": {"width": 4, "middle": 4, "branch": 1}}[network]  # fmt: skip
    raw: dict[str, Any] = {
        "task": {"kind": "signal", "classes": {"N": "normal", "S": "abnormal", "V": "abnormal"}},
        "data": {"train": ".", "split": {"valid": 0.2, "test": 0.25}},
        "input": {"signal": {"rate": 120, "before": 0.3, "after": 0.4}},
        "student": {"network": network, **student},
        "training": {
            "epochs": 6,
            "batch_size": 16,
            "learning_rate": 0.01,
            "threads": 1,
            "device": "cpu",
            "precision": "fp32",
        },
        "evaluation": {"bootstrap": 20, "baseline": False, "group": "patient"},
        "export": {"int8": "never"},
    }
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values}
    return parse_recipe(raw)
