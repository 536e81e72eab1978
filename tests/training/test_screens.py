"""A display's grid gives fringes coarser than itself; re-captured pictures look re-captured; and may be a class."""

import json

import numpy as np
import pytest
import torch

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.image import recapture as screens
from limbeck.kinds.image.added_rows import with_added
from limbeck.kinds.image.augment import change, recapture
from limbeck.kinds.image.encode import Pictures
from limbeck.recipe import Pictures as Settings
from limbeck.training.doctor import doctor
from pictures import CLASSES, class_folders, square, tiny

GREY = np.full((64, 64, 64, 3), 120, dtype=np.uint8)


def draws(count, **fixed):
    names = list(dict.fromkeys(screens.RECAPTURE))  # in a fixed order: each has a seed of its own
    free = {name: torch.rand(count, generator=torch.Generator().manual_seed(at)) for at, name in enumerate(names)}
    return {**free, **{name: torch.full((count,), value) for name, value in fixed.items()}}


def test_a_grid_as_fine_as_our_pixels_gives_coarse_fringes():
    # 1.05 cycles a pixel, upright: what is left is the difference, 0.05 cycles a pixel or 3.2 in 64 pixels.
    pitch = (1.05 - 0.75) / (1.35 - 0.75)
    maps = screens.moire(torch.full((1, 3, 64, 64), 0.5), draws(1, pitch=pitch, slant=0.5, bend=0.5, strength=1.0))
    spectrum = np.abs(np.fft.rfft(maps[0, 0].mean(dim=0).numpy() - float(maps[0, 0].mean())))
    assert spectrum.argmax() == 3
    assert maps[0, 0].mean() == pytest.approx(0.5, abs=0.03)
    assert (maps[0, 0] - maps[0, 2]).abs().max() > 0.1  # the fringes are coloured


def test_a_print_is_made_of_dots_that_follow_the_tone():
    ramp = torch.linspace(0, 1, 64)[None, None, None, :].expand(1, 3, 64, 64)
    printed = screens.halftone(ramp, draws(1, ink=1.0))
    assert torch.corrcoef(torch.stack([printed[0, 0].mean(dim=0), ramp[0, 0, 0]]))[0, 1] > 0.97
    assert printed[0, 0, :, 32].std() > 0.1  # an even tone is even no more
    assert printed[0, 0].amin() >= 0
    assert printed[0, 0].amax() <= 1


def test_the_shares_of_moire_and_recapture_are_those_asked_for():
    for key in ("moire", "recapture"):
        none, some, all_ = (
            (change(GREY, Settings.model_validate({key: share}), 0, 0) != GREY).any(axis=(1, 2, 3)).mean()
            for share in (0.0, 0.4, 1.0)
        )
        assert (none, all_) == (0, 1)
        assert 0.2 < some < 0.6


def test_recaptured_pictures_lose_contrast_and_are_told_by_key_alone():
    rows = np.stack([np.asarray(square("red", n, (48, 48))) for n in range(40)])
    keys = [(7, 0, row) for row in range(40)]
    found = recapture(rows, keys)
    assert found.tobytes() == recapture(rows, keys).tobytes()
    assert (found != recapture(rows, [(7, 1, row) for row in range(40)])).any(axis=(1, 2, 3)).all()
    assert recapture(rows[5:9], keys[5:9]).tobytes() == found[5:9].tobytes()
    tones = [np.quantile(part.reshape(40, -1), [0.02, 0.98], axis=1) for part in (rows, found)]
    assert (tones[1][1] - tones[1][0]).mean() < 0.95 * (tones[0][1] - tones[0][0]).mean()
    assert recapture(rows[:0], []).shape == (0, 48, 48, 3)


def attacked(labels, share=0.5, name="red", alone=True):
    # Row n is bright in its quarter n, so that a copy says whose it is however it was shown.
    pixels = np.full((len(labels), 24, 24, 3), 30, dtype=np.uint8)
    for row in range(len(labels)):
        down, across = divmod(row % 4, 2)
        pixels[row, 12 * down : 12 * down + 12, 12 * across : 12 * across + 12] = 220
    recipe = tiny(training={"pictures": {"recapture": share, "recapture_as": name}})
    return with_added(lambda epoch: Pictures(pixels), np.array(labels), recipe, CLASSES, alone=alone)


def test_recaptured_copies_of_other_classes_are_rows_of_the_class_named():
    labels = [0, 0, 0, 0, 1, 1, -1]
    rows, more = attacked(labels)
    assert more.tolist() == [*labels, 1, 1]
    first, second = rows(0).pixels, rows(1).pixels
    assert len(first) == len(more)
    assert first[:7].tobytes() == second[:7].tobytes()  # the plain rows are plain in every epoch
    assert (first[7:] != second[7:]).any(axis=(1, 2, 3)).all()
    for copy, again in zip(first[7:], second[7:], strict=True):  # and both copies are of blue rows, the same ones
        quarters = [one.reshape(2, 12, 2, 12, 3).mean(axis=(1, 3, 4)) for one in (copy, again)]
        assert quarters[0].argmax() == quarters[1].argmax()


def test_no_copies_where_they_would_have_a_wrong_answer():
    with pytest.raises(LimbeckError, match=r"recapture_as 'rad' is no class.*red"):
        attacked([0, 1], name="rad")
    with pytest.raises(LimbeckError, match="without teachers and second views"):
        attacked([0, 1], alone=False)
    with pytest.raises(LimbeckError, match="set recapture to a share above 0"):
        tiny(training={"pictures": {"recapture_as": "red"}})


def test_the_doctor_finds_a_recaptured_class_that_is_none(tmp_path):
    recipe = tiny(training={"pictures": {"recapture": 0.5, "recapture_as": "rad"}})
    found = doctor(recipe, data=class_folders(tmp_path / "p"))
    assert [f.check for f in found if "recapture_as 'rad' is no class" in f.what and f.level == "error"] == ["training"]


def test_training_with_recaptured_copies_runs_and_says_so_in_its_recipe(tmp_path):
    recipe = tiny(training={"pictures": {"recapture": 0.5, "recapture_as": "red", "flip": 0.5}})
    done = limbeck.train(recipe, data=class_folders(tmp_path / "p"), out=tmp_path / "out")
    assert done.metrics["n"] == 2
    assert 'recapture_as = "red"' in (done.bundle / "recipe.toml").read_text()
    assert json.loads((done.bundle / "metrics.json").read_text())["history"]
