"""The detectors of tables beside scikit-learn's, and how some of them are chosen."""

import numpy as np
import polars as pl
import torch
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from limbeck.kinds.table.encode import TableInput
from limbeck.networks.anomaly.isolation import TREES, Isolation
from limbeck.networks.anomaly.neighbours import NEAREST, NEIGHBOURS, Neighbours
from limbeck.networks.anomaly.outliers import CANDIDATES, Options, Outliers
from limbeck.networks.anomaly.residual import KEPT, Residual
from limbeck.networks.anomaly.synthetic import synthetic_anomalies
from limbeck.recipe import Input

DRAW = torch.Generator().manual_seed(0)
ROWS = torch.randn(300, 6, generator=DRAW) @ torch.randn(6, 6, generator=DRAW)
OTHERS = torch.randn(100, 6, generator=DRAW) * 3


def test_the_mean_distance_is_that_to_the_nearest_rows_and_the_factor_ranks_as_the_original():
    made = Neighbours()
    made.fit(ROWS, DRAW)
    distance, factor = made(OTHERS).T.numpy()
    near, _ = NearestNeighbors(n_neighbors=NEAREST).fit(ROWS).kneighbors(OTHERS)
    np.testing.assert_allclose(distance, np.log(near.mean(axis=1) / float(made.usual) + 0.05), atol=0.01)
    original = LocalOutlierFactor(NEIGHBOURS, novelty=True).fit(ROWS.numpy())
    assert spearmanr(factor, -original.score_samples(OTHERS.numpy())).statistic > 0.98


def test_ties_are_seen_where_neighbours_are_left_to_chance():
    grid = torch.eye(60)  # all rows are equally far from each other
    tied, clear = Neighbours(), Neighbours()
    tied.fit(grid, DRAW)
    clear.fit(ROWS, DRAW)
    assert tied.tied
    assert not clear.tied


def test_few_rows_are_enough():
    made = Neighbours()
    made.fit(ROWS[:2], DRAW)
    assert torch.isfinite(made(OTHERS)).all()


def test_the_error_of_components_is_that_of_principal_components():
    made = Residual()
    made.fit(ROWS, DRAW)
    one = PCA(KEPT).fit(ROWS.numpy())
    rebuilt = one.inverse_transform(one.transform(OTHERS.numpy()))
    expected = np.linalg.norm(OTHERS.numpy() - rebuilt, axis=1)
    np.testing.assert_allclose((made(OTHERS)[:, 0].exp() - 0.2) * made.usual, expected, rtol=0.01)
    made.fit(ROWS[:, :1], DRAW)
    assert made(OTHERS[:, :1]).std() > 0  # one column: how far from its mean


def test_the_depth_is_the_logarithm_of_the_score_of_an_isolation_forest():
    made = Isolation()
    made.fit(ROWS, 3)
    forest = IsolationForest(n_estimators=TREES, random_state=3).fit(ROWS.numpy())
    expected = np.log2(-forest.score_samples(OTHERS.numpy()))
    np.testing.assert_allclose(made(OTHERS)[:, 0], expected, atol=1e-4)


def test_synthetic_anomalies_have_cells_of_real_ones_and_a_cell_changes_as_a_whole():
    rows = torch.arange(40.0).reshape(10, 4)
    mixed, _, _, away, between, noisy = synthetic_anomalies(rows, [[0, 1], [2], [3]], DRAW)
    assert (mixed[:, 1] - mixed[:, 0] == 1).all()
    assert torch.isin(mixed, rows).all()
    assert ((away - rows.mean(dim=0)).abs() > (rows - rows.mean(dim=0)).abs()).all()
    assert ((between >= rows.min(dim=0).values) & (between <= rows.max(dim=0).values)).all()
    assert (noisy != rows).any()


def fitted(frame, **options):
    encoder = TableInput.fit(Input(), frame)
    network = Outliers(Options(**options), encoder, 2)
    network.fit_start(encoder.encode(frame))
    return network, encoder


def test_detectors_that_find_synthetic_anomalies_are_used_and_others_are_not():
    hidden = np.random.default_rng(0).normal(size=200)
    noise = np.random.default_rng(1).normal(size=(200, 2)) * 0.02
    network, _ = fitted(pl.DataFrame({"a": hidden + noise[:, 0], "b": 2 * hidden + noise[:, 1]}))
    used = {CANDIDATES[at][0] for at, share in enumerate(network.shares) if share}
    assert "isolation-forest" not in used  # its splits see one column at a time, and each alone is as usual
    assert sum(network.shares) == 1
    assert "AUROC" in network.remark


def test_named_methods_alone_are_used_and_categories_and_gaps_are_read():
    frame = pl.DataFrame({"a": [1.0, 2.0, None, 4.0] * 10, "b": ["x", "y", "x", None] * 10})
    network, encoder = fitted(frame, methods=["isolation-forest"])
    assert network.shares == (0,) * 6 + (1,)
    arrays = encoder.encode(frame).pad(np.arange(40))
    assert torch.isfinite(network.statistics(*(torch.from_numpy(arrays[name]) for name in network.arrays))).all()
