"""MiniRocket: features as the paper defines them, exact in every engine, and a head fitted as scikit-learn would."""

import io
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.linear_model import RidgeClassifierCV

from limbeck.errors import LimbeckError
from limbeck.networks.signal.minirocket import GOLDEN, GRID, MiniRocket, Options, dilations
from limbeck.process.quiet import without_warnings
from limbeck.training.fit.ridge_head import ALPHAS, fit_ridge


def network(samples: int, channels: int = 1, features: int = 840, numbers: tuple[int, int] = (0, 0)) -> MiniRocket:
    encoder = SimpleNamespace(channels=channels, shape=(channels, samples), numbers=numbers)
    return MiniRocket(Options(features=features), encoder, 2).eval()


def series(rows: int, samples: int, channels: int = 1, seed: int = 0) -> SimpleNamespace:
    random = np.random.default_rng(seed)
    return SimpleNamespace(beats=random.normal(size=(rows, channels, samples)).cumsum(axis=2).astype(np.float32))


def reference(beats: np.ndarray, training: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return PPV features float64 [N, F] of one-channel series, by the paper's definition and one sum at a time."""
    factor = np.float32(GRID) / training.std(dtype=np.float64).astype(np.float32)
    whole, train = (np.rint(part[:, 0] * factor).astype(np.int64) for part in (beats, training))
    kernels = [[2 if place in chosen else -1 for place in range(9)] for chosen in combinations(range(9), 3)]
    random, number, found = np.random.default_rng(seed), 0, []

    def output(row, kernel, dilation, padded):
        row = np.pad(row, 4 * dilation) if padded else row
        places = range(len(row) - 8 * dilation)
        return np.array([sum(kernel[i] * row[at + i * dilation] for i in range(9)) for at in places])

    for at, (dilation, features) in enumerate(dilations(beats.shape[2], count).items()):
        for _ in kernels:  # the draws of channels, of which there is one
            random.uniform(0, 1)
            random.permutation(1)
        chosen = random.integers(len(train), size=84)
        for order in (0, 1):
            for index in range(order, 84, 2):
                padded = (index + at) % 2 == 0
                example = output(train[chosen[index]], kernels[index], dilation, padded)
                outputs = [output(row, kernels[index], dilation, padded) for row in whole]
                for one in range(features):
                    share = (number + index * features + one + 1) * GOLDEN % 1
                    bias = np.quantile(example, share)
                    found.append([(values > bias).mean() for values in outputs])
        number += 84 * features
    return np.array(found).T


@pytest.mark.parametrize(("samples", "count"), [(40, 10), (61, 3), (9, 1)])
def test_features_are_those_of_a_slow_straightforward_reference(samples, count):
    train, asked = series(7, samples), series(5, samples, seed=1)
    fitted = network(samples, features=84 * count)
    fitted.fit_start(train)
    found = fitted.features(torch.from_numpy(asked.beats)).numpy()
    assert found.shape == (5, 84 * count)
    np.testing.assert_allclose(found, reference(asked.beats, train.beats, count, 7), atol=1e-6)


def test_dilations_are_spaced_exponentially_up_to_the_longest_that_fits():
    assert dilations(9, 119) == {1: 119}
    assert dilations(96, 1) == {1: 1}
    for samples in (10, 96, 128, 1000):
        found = dilations(samples, 119)
        assert sum(found.values()) == 119
        assert 8 * max(found) < samples <= 8 * (max(found) + 1) + 8
        assert next(iter(found.values())) == max(found.values())


def test_every_engine_computes_the_same_features_to_the_last_bit():
    rows = series(20, 96, channels=3)
    rows.beats[3] = 0.0
    rows.beats[4] *= 1e9  # beyond any amplitude that was seen
    rows.beats[5] *= 1e-9
    fitted = network(96, channels=3, features=2016)
    fitted.fit_start(rows)
    file = io.BytesIO()
    fitted.head = torch.nn.Identity()
    beats = torch.from_numpy(rows.beats)
    axes = {"beats": {0: "batch"}}
    with without_warnings():
        torch.onnx.export(
            fitted, (beats[:2],), file, dynamo=False, opset_version=18, input_names=["beats"], dynamic_axes=axes
        )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    told = session.run(None, {"beats": rows.beats})[0]
    with torch.no_grad():
        np.testing.assert_allclose(told, fitted(beats).numpy(), atol=3e-7)  # equal counts, divided by the samples
        alone = np.concatenate([fitted(beats[at : at + 1]).numpy() for at in range(20)])
    np.testing.assert_allclose(told, alone, atol=3e-7)
    assert np.isfinite(told).all()


def test_a_channel_that_never_changes_is_not_read():
    rows = series(20, 64, channels=2)
    rows.beats[:, 1] = 3.0
    fitted = network(64, channels=2)
    fitted.fit_start(rows)
    before = fitted.features(torch.from_numpy(rows.beats))
    rows.beats[:, 1] = np.random.default_rng(0).normal(size=(20, 64))
    assert torch.equal(fitted.features(torch.from_numpy(rows.beats)), before)
    rows.beats[:] = 0.0
    fitted.fit_start(rows)  # nothing changes at all
    assert torch.equal(fitted.features(torch.from_numpy(rows.beats)), torch.zeros(20, 840))


def test_windows_shorter_than_a_kernel_are_refused():
    with pytest.raises(LimbeckError, match=r"windows of 8 samples .* raise input\.signal\.rate"):
        network(8)


@pytest.mark.parametrize("features", [30, 400])
def test_the_head_is_that_of_scikit_learn(features):
    random = np.random.default_rng(3)
    x = random.normal(size=(60, features)) * random.uniform(0.1, 9, size=features) + 5.0
    y = (x[:, 0] / x[:, 0].std() + random.normal(size=60) > 5.0 / x[:, 0].std()).astype(np.int64)
    ours = fit_ridge(x.astype(np.float32), 2.0 * np.eye(2)[y] - 1.0)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = RidgeClassifierCV(alphas=ALPHAS, store_cv_results=False).fit(scaled, y)
    assert ours.alpha == pytest.approx(theirs.alpha_)
    scores = (x - ours.centre) @ ours.weights + ours.intercept
    np.testing.assert_allclose(scores[:, 1], theirs.decision_function(scaled), atol=1e-4)


def test_left_out_scores_are_those_of_fits_without_the_row():
    random = np.random.default_rng(4)
    x, weight = random.normal(size=(12, 30)), random.uniform(0.5, 2, size=12)
    y = random.integers(0, 3, size=12)
    ours = fit_ridge(x.astype(np.float32), 2.0 * np.eye(3)[y] - 1.0, weight)
    weight = weight * (12 / weight.sum())
    centre = weight @ x / 12
    scaled = (x - centre) / np.sqrt(weight @ (x - centre) ** 2 / 12)
    for row in range(12):
        rest = np.arange(12) != row
        inside = np.concatenate([scaled[rest], np.ones((11, 1))], axis=1)
        penalty = ours.alpha * np.diag([1.0] * 30 + [0.0])
        products = inside.T @ (weight[rest, None] * inside) + penalty
        solved = np.linalg.solve(products, inside.T @ (weight[rest, None] * (2.0 * np.eye(3)[y[rest]] - 1.0)))
        np.testing.assert_allclose(ours.left_out[row], np.append(scaled[row], 1.0) @ solved, atol=1e-4)


def test_one_class_or_features_that_never_change_give_a_head_all_the_same():
    one = fit_ridge(np.random.default_rng(0).normal(size=(5, 9)).astype(np.float32), np.ones((5, 1)))
    assert np.abs(one.weights).max() < 1e-6
    assert one.intercept == pytest.approx(1.0)
    still = fit_ridge(np.ones((6, 4), dtype=np.float32), 2.0 * np.eye(2)[[0, 1] * 3] - 1.0)
    assert np.isfinite(still.left_out).all()
    assert not still.weights.any()
