"""The sections of a recipe that only signals read: what a window is, how it is changed, how a trunk thaws."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from limbeck.recipe.base import Section

Family = Literal["time", "frequency", "stft", "wavelet"]


class Signal(Section):
    """How a beat becomes arrays: ``[input.signal]``."""

    rate: float = Field(default=180.0, ge=20, le=5000, description="samples a second that the network sees")
    before: float = Field(default=0.355, gt=0, le=10, description="seconds before the R peak")
    after: float = Field(default=0.355, gt=0, le=10, description="seconds from the R peak on")
    leads: list[str] = Field(default=["MLII|II|ML2"], min_length=1, max_length=16, description="names, or a | between")
    band: tuple[float, float] | None = Field(default=None, description="Hz kept by the filter; 0: no edge there")
    mains: Literal[0, 50, 60] = Field(default=0, description="Hz of the mains hum to take out; 0: none")
    level: Literal["median", "line", "none"] = Field(default="median", description="what each window is levelled by")
    scale: Literal["record", "window", "none"] = Field(default="record", description="what each window is divided by")
    record: bool = Field(default=True, description="show the difference from the record's median beat too")
    rhythm: bool = Field(default=True, description="RR intervals against those of the record")
    features: list[Family] = Field(default=[], description="families of features, a branch beside the samples")
    annotations: str = Field(default="atr", pattern=r"^[A-Za-z0-9]{1,8}$", description="ending of annotation files")
    peaks: Literal["annotated", "found"] = Field(default="annotated", description="found: never read annotations")

    @field_validator("band")
    @classmethod
    def _low_below_high(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not (value[0] >= 0 and value[1] >= 0 and (value[1] == 0 or value[0] < value[1])):
            raise ValueError("give [low, high] in Hz with 0 <= low < high, or 0 for no edge on that side")
        return None if value == (0, 0) else value

    @property
    def reach(self) -> tuple[int, int]:
        """Samples before the R peak, and from it on."""
        return max(1, round(self.before * self.rate)), max(1, round(self.after * self.rate))

    @property
    def samples(self) -> int:
        """Samples of a window."""
        return sum(self.reach)


class Signals(Section):
    """Random changes to training windows: ``[training.signals]``; 0 switches one off."""

    noise: float = Field(default=0.0, ge=0, le=2, description="largest deviation of noise, in scaled units")
    wander: float = Field(default=0.0, ge=0, le=4, description="largest swing of the baseline, in scaled units")
    scale: float = Field(default=0.0, ge=0, lt=1, description="most in height, either way, as a factor")
    shift: float = Field(default=0.0, ge=0, le=0.5, description="most, either way, as a share of the window")
    drop: float = Field(default=0.0, ge=0, lt=1, description="share of windows that lose a lead, where there are two")
    rhythm: float = Field(default=0.0, ge=0, le=2, description="deviation of noise on rhythm numbers")
    alone: float = Field(default=0.0, ge=0, lt=1, description="share of windows shown without their record")


class Unfreeze(Section):
    """How a given trunk is brought to new rows: ``[training.unfreeze]``, one stage after the other.

    In stage 0 the head alone learns; each later stage thaws one more layer of the trunk, the last first.
    """

    epochs: list[int] = Field(default=[], max_length=32, description="epochs of each stage; empty: all learns at once")
    slower: float = Field(default=0.5, gt=0, le=1, description="learning rate of a stage over that of the one before")

    @field_validator("epochs")
    @classmethod
    def _some_each(cls, value: list[int]) -> list[int]:
        if any(count < 1 for count in value):
            raise ValueError("give 1 epoch or more for each stage")
        return value
