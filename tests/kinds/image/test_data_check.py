"""The spectrum's features are what they say; a resize that removes what tells the classes is told, with the fix."""

import numpy as np
import pytest
from PIL import Image

from limbeck.dataset.prepare import prepare
from limbeck.kinds.image.data_check import lost_frequencies
from limbeck.metrics.log_spectrum import ring_powers, separation
from limbeck.training.doctor import doctor
from pictures import tiny


def waves(cycles, side, angle=0.0):
    down, right = np.mgrid[:side, :side] / side
    return 128 + 60 * np.cos(2 * np.pi * cycles * (right * np.cos(angle) + down * np.sin(angle)))


@pytest.mark.parametrize("side", [64, 100])
def test_a_wave_stands_in_its_own_ring_whatever_the_size(side):
    edges = [1, 4, 8, 12, 16, 24, 32]
    for ring, cycles in enumerate((3, 6, 10, 14, 20, 28)):
        assert ring_powers(waves(cycles, side, 0.7), edges).argmax() == ring
    part = waves(20, side)[: side // 2, side // 4 : side // 4 + side // 2]
    assert ring_powers(part, edges, (side, side)).argmax() == 4
    assert np.isnan(ring_powers(waves(3, 32), edges)).tolist() == [False] * 4 + [True, True]


def test_separation_is_the_auc_of_rows_not_seen():
    random = np.random.default_rng(0)
    labels = np.arange(300) % 3
    noise = random.normal(size=(300, 6))
    assert separation(noise, labels) == pytest.approx(0.5, abs=0.08)
    told = noise + 3 * np.eye(6)[labels]
    assert separation(told, labels) > 0.95
    holes = np.where(random.random(told.shape) < 0.2, np.nan, told)
    assert 0.85 < separation(holes, labels) < separation(told, labels)
    # Groups that all have a mark of their own: knowing the mark tells the label, for rows of groups one has seen.
    group = np.arange(300) % 10
    marks = np.eye(10)[group]
    label = random.permutation(np.arange(10) % 2)[group]
    assert separation(marks, label) == 1.0
    assert separation(marks, label, group) < 0.6


@pytest.fixture(scope="module")
def fine(tmp_path_factory):
    """Pictures of 96 pixels whose classes differ in a faint grain of 36 to 44 cycles alone."""
    folder = tmp_path_factory.mktemp("fine")
    random = np.random.default_rng(1)
    for name in ("live", "spoof"):
        (folder / name).mkdir()
        for at in range(80):
            smooth = np.asarray(Image.fromarray(random.integers(60, 190, (8, 8), dtype=np.uint8)).resize((96, 96)))
            grain = waves(random.uniform(36, 44), 96, random.uniform(0, 0.3)) - 128 if name == "spoof" else 0
            grey = smooth + 0.15 * grain + random.normal(0, 1.5, (96, 96))
            Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(folder / name / f"{at:03d}.png")
    return folder


@pytest.mark.timeout(120)  # a guard against work without end, not a measurement
def test_a_resize_that_removes_what_tells_the_classes_is_said_with_the_size_that_would_not(fine):
    recipe = tiny(input={"size": 32}, student={"widths": [4, 8]})
    data = prepare(recipe, fine)
    lost = lost_frequencies(recipe, data)
    assert lost is not None
    assert lost.whole > 0.95
    assert lost.kept < 0.7
    assert 72 <= lost.size <= 96
    assert lost_frequencies(tiny(input={"size": lost.size}), data) is None
    found = [finding for finding in doctor(recipe, data=fine) if "frequencies" in finding.what]
    assert [finding.level for finding in found] == ["warn"]
    assert f"input.size = {lost.size} would keep them" in found[0].fix


def test_nothing_is_said_where_nothing_is_lost(fine, tmp_path):
    assert lost_frequencies(tiny(input={"size": 96}), prepare(tiny(), fine)) is None
    random = np.random.default_rng(2)
    for name, level in (("dark", 60), ("light", 160)):  # told by what is coarse
        (tmp_path / name).mkdir()
        for at in range(60):
            grey = level + random.normal(0, 12, (64, 64))
            Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(tmp_path / name / f"{at}.png")
    recipe = tiny(input={"size": 16})
    assert lost_frequencies(recipe, prepare(recipe, tmp_path)) is None
