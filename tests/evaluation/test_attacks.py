"""From the recipe's words to the rates, through training, the bundle, the command line, the page and the card."""

import json
import re

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import read_manifest
from limbeck.cli.main import main
from limbeck.errors import LimbeckError
from limbeck.metrics.measure import decide
from limbeck.recipe import Attacks, dump_recipe, load_recipe, parse_recipe
from limbeck.tasks.classify.attack_rows import bona_fide_index, settled_threshold, species_of
from pictures import faces, tiny

ATTACKS = {"bona_fide": "live", "species": "species"}


def detector(**evaluation):
    return tiny(
        data={"train": "index.csv", "split": "split"},
        evaluation={"attacks": ATTACKS, "group": "subject", **evaluation},
        training={"epochs": 4},
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    faces(folder)
    return folder, limbeck.train(detector(), data=folder, out=folder / "out" / "bundle")


def test_the_rates_are_in_the_metrics_the_page_and_the_card(made):
    _, trained = made
    stored = json.loads((trained.bundle / "metrics.json").read_text())["test"]
    assert set(stored["apcer_by_species"]) == {"photo", "sly"}
    assert stored["apcer"] == max(stored["apcer_by_species"].values())
    assert {"apcer", "bpcer", "acer", "bpcer_at_apcer_1", "apcer_by_species"} <= set(stored["confidence_intervals"])
    page = (trained.bundle / "report.html").read_text("utf-8")
    for words in ("Presentation attacks", "呈现攻击检测", "ISO/IEC 30107-3", "sly", "APCER（最差种类）"):
        assert words in page
    card = (trained.bundle / "README.md").read_text("utf-8")
    assert re.search(r"\| APCER, sly \| \d+ \| [01]\.\d{4} \| [01]\.\d{4} to [01]\.\d{4} \|", card)
    assert trained.metrics["acer"] == stored["acer"]


def test_a_bundle_judges_any_table_by_its_own_threshold(made, tmp_path):
    _, trained = made
    manifest = read_manifest(trained.bundle)
    assert manifest.attacks == Attacks(**ATTACKS)
    faces(tmp_path, 48, 500)
    out = CliRunner().invoke(main, ["evaluate", str(trained.bundle), str(tmp_path / "index.csv"), "--group", "subject",
                                    "--json"])  # fmt: skip
    found = json.loads(out.output)
    with Classifier(trained.bundle) as classifier:
        frame = pl.read_csv(tmp_path / "index.csv")
        called = classifier.decide(classifier.predict_proba([str(tmp_path / name) for name in frame["path"]]))
        live = classifier.classes.index("live")
    for kind in ("photo", "sly"):
        of_kind = (frame["species"] == kind).fill_null(False).to_numpy()
        assert found["apcer_by_species"][kind] == pytest.approx(np.mean(called[of_kind] == live))
    assert found["bpcer"] == pytest.approx(np.mean(called[(frame["label"] == "live").to_numpy()] != live))
    assert found["threshold"] == manifest.threshold
    shown = CliRunner().invoke(main, ["evaluate", str(trained.bundle), str(tmp_path / "index.csv")]).output
    for words in ("presentation attacks (ISO/IEC 30107-3)", "APCER sly", "BPCER live", "of these rows"):
        assert words in shown


def test_without_the_column_all_attacks_are_one_species_and_that_is_said(made, tmp_path):
    _, trained = made
    faces(tmp_path, 24, 700)
    pl.read_csv(tmp_path / "index.csv").drop("species").write_csv(tmp_path / "index.csv")
    found = limbeck.evaluate(trained.bundle, tmp_path / "index.csv", bootstrap=20)
    assert set(found["apcer_by_species"]) == {"spoof"}
    assert any("no column 'species'" in line and "one species" in line for line in found["findings"])


def test_an_empty_cell_is_a_species_of_its_own():
    frame = pl.DataFrame({"kind": ["a", None, " ", "b "]})
    assert species_of(Attacks(bona_fide="live", species="kind"), frame) == ["a", "(missing)", "(missing)", "b"]
    assert species_of(Attacks(bona_fide="live"), frame) is None


def test_older_bundles_still_load_and_others_have_no_such_rates(own_bundle):
    file = own_bundle / "bundle.json"
    raw = json.loads(file.read_text())
    assert raw.pop("attacks") is None
    file.write_text(json.dumps(raw))
    assert read_manifest(own_bundle).attacks is None
    file.write_text(json.dumps(raw | {"attacks": {"bona_fide": "live"}}))
    with pytest.raises(LimbeckError, match="attacks does not fit the classes"):
        read_manifest(own_bundle)


def test_the_threshold_holds_the_level_on_valid_for_the_worst_species():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    kinds = np.where(rng.random(3000) < 0.2, "sly", "photo")
    z = rng.normal(size=3000) + np.where(y == 1, np.where(kinds == "sly", 1.0, 3.0), -2.0)
    s = 1 / (1 + np.exp(-z))
    p, frame = np.stack([1 - s, s], axis=1), pl.DataFrame({"species": kinds})
    wish = detector(threshold={"apcer": 0.05}).evaluation
    cut = settled_threshold(wish, frame, y, p, ("live", "spoof"), 1)
    passed = {kind: float(np.mean(decide(p, cut, 1)[(y == 1) & (kinds == kind)] == 0)) for kind in ("sly", "photo")}
    assert 0.045 < passed["sly"] <= 0.05
    assert passed["photo"] < 0.01
    one = settled_threshold(detector(threshold=0.25).evaluation, frame, y, p, ("live", "spoof"), 1)
    assert one == 0.25


def test_training_takes_the_level_from_valid_and_the_bundle_keeps_it(made):
    folder, plain = made
    recipe = detector(threshold={"apcer": 0.01})
    strict = limbeck.train(recipe, data=folder, out=folder / "out" / "strict")
    again = load_recipe(strict.bundle / "recipe.toml")
    assert again.evaluation.threshold == recipe.evaluation.threshold
    with Classifier(strict.bundle) as classifier:
        rows = pl.read_csv(folder / "index.csv").filter(pl.col("split") == "valid")
        called = classifier.decide(classifier.predict_proba([str(folder / name) for name in rows["path"]]))
        spoofs = (rows["label"] == "spoof").to_numpy()
        assert (called[spoofs] == classifier.classes.index("spoof")).all()
    assert strict.metrics["threshold"] != plain.metrics["threshold"]


def test_what_does_not_fit_is_one_line():
    def raw(**evaluation):
        return {"task": {"kind": "image", "classes": ["live", "spoof"]}, "data": {"train": "."},
                "student": {"network": "multiscale"}, "evaluation": evaluation}  # fmt: skip

    assert "attacks" in dump_recipe(parse_recipe(raw(attacks=ATTACKS, threshold={"apcer": 0.01})))
    for evaluation, said in (
        ({"attacks": {"bona_fide": "alive"}}, "two classes, of which 'alive' is one"),
        ({"attacks": {"bonafide": "live"}}, "did you mean 'bona_fide'"),
        ({"threshold": {"apcer": 0.01}}, r"needs evaluation\.attacks"),
        ({"threshold": {"apcr": 0.01}, "attacks": ATTACKS}, r"evaluation\.threshold\.apcr"),
        ({"threshold": {"apcer": 1.5}, "attacks": ATTACKS}, r"evaluation\.threshold"),
    ):
        with pytest.raises(LimbeckError, match=said):
            parse_recipe(raw(**evaluation))
    with pytest.raises(LimbeckError, match=r"evaluation\.pictures is for"):
        parse_recipe({"task": {"kind": "text"}, "data": {"train": "a"}, "student": {"network": "gru"},
                      "evaluation": {"pictures": True}})  # fmt: skip
    with pytest.raises(LimbeckError, match="here are 3"):
        bona_fide_index(Attacks(bona_fide="live"), ("live", "mask", "photo"))
    with pytest.raises(LimbeckError, match="did you mean 'live'"):
        bona_fide_index(Attacks(bona_fide="lve"), ("live", "spoof"))


def test_classes_read_off_the_rows_are_checked_before_training_and_by_doctor(made, tmp_path):
    folder, _ = made
    wrong = detector(attacks={"bona_fide": "alive", "species": "kind"})
    with pytest.raises(LimbeckError, match=r"bona_fide 'alive' is no class; did you mean 'live'"):
        limbeck.train(wrong, data=folder, out=tmp_path / "never")
    found = limbeck.doctor(wrong, data=folder)
    assert any(one.level == "error" and "'alive' is no class" in one.what for one in found)
    found = limbeck.doctor(detector(attacks={"bona_fide": "live", "species": "spcies"}), data=folder)
    assert any(one.level == "warn" and "no column 'spcies'" in one.what and "'species'" in one.fix for one in found)
