"""What README and docs show, runs as it stands; what they say of recipes, recipes hold to.

In a page ``python`` and ``console`` blocks run in order in one folder. A ``toml`` block that begins with
``# NAME.toml`` becomes that file; any other is laid over a recipe and must be valid. ``sh`` blocks are for people
(long, or with their own data) and are only checked for verbs and options that exist.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import signals as hearts
from limbeck import recipe as sections
from limbeck.cli.main import main, run
from limbeck.networks import NETWORKS
from limbeck.recipe import override, parse_recipe
from pictures import faces, square
from small import reviews, tiny_recipe, write_csv

ROOT = Path(__file__).parents[1]
# Pages whose examples run here; those of the other pages run in the tests of what they are about.
PAGES = [
    "README.md",
    *(f"docs/{name}.md" for name in ("quick-start", "train", "bundle", "recalibrate", "predict", "distil")),
    *(f"docs/{name}.md" for name in ("estimator", "python", "explain", "doctor", "images", "signals", "tables")),
    "docs/automatic.md",
    "docs/multilabel.md",
    "docs/serve.md",
    "docs/detect.md",
    "docs/scale.md",
    "docs/exchange.md",
    "docs/loop.md",
]
ALL = sorted(str(file.relative_to(ROOT)) for folder in (ROOT, ROOT / "docs") for file in folder.glob("*.md"))
CHINESE = ".zh-CN.md"
PAIRS = sorted(page.removesuffix(CHINESE) for page in ALL if page.endswith(CHINESE))  # the examples of one run
WECHAT = ["Ofiicial Account Name", "Title", "News Url", "Image Url", "Report Content", "label"]
# Keys of recipes that are no text recipes; the pages of those parts describe them.
PICTURES = {"size", "colour", "convention", "box", "margin"}
ELSEWHERE = {
    "Task": {"normal", "mask", "separator", "none"},
    "Data": {"labels", "boxes"},
    "Input": {"scaling", "categories", "signal", "letterbox", *PICTURES},
    "Training": {"pictures", "signals", "unfreeze", "windows"},
}

# Pieces of recipes are laid over a recipe of the kind that the page is about.
OF_PICTURES = parse_recipe({"task": {"kind": "image"}, "data": {"train": "."}, "student": {"network": "minifas"}})


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield (language, content) of the fenced blocks of a page."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[list[str]]:
    """Return the `limbeck` commands of a block as words, those that Slurm or torchrun starts too."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "--wrap" in words:
            words = shlex.split(words[words.index("--wrap") + 1])
        elif words[:1] == ["torchrun"]:
            words = words[words.index("-m") + 1 :]
        if words[:1] == ["limbeck"]:
            found.append(words[1:])
    return found


def limbeck(words: list[str]) -> None:
    """Run one command of a page in this process, which has torch loaded already."""
    with pytest.raises(SystemExit) as ended:
        run(words)
    assert ended.value.code == 0, words


def lay_out(folder: Path) -> None:
    """Write what the examples find in the reader's folder."""
    rows = reviews(400)
    write_csv(folder / "reviews.csv", rows)
    write_csv(folder / "new-reviews.csv", reviews(800, seed=7)[400:])
    (folder / "demo-out").mkdir()
    write_csv(folder / "demo-out" / "reviews.csv", [{"text": row["text"], "label": row["label"]} for row in rows])
    (folder / "inbox").mkdir()
    for name, seed in (("testa.csv", 1), ("testb.csv", 2)):
        asked = [{"id": row["id"], "text": row["text"]} for row in reviews(40, seed=seed)]
        write_csv(folder / "inbox" / name, asked)
    faces(folder / "faces")
    (folder / "faces" / "inbox").mkdir()
    square("red", 900).save(folder / "faces" / "inbox" / "a.png")
    hearts.records(folder / "records")
    (folder / "synonyms.txt").write_text("很快 迅速\n太差 糟糕\n", encoding="utf-8")
    with (folder / "news.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(WECHAT)
        for number, row in enumerate(rows):
            url = f"http://mp.weixin.qq.com/s/{number}"
            writer.writerow(["小城新闻", row["text"], url, "", "这是谣言##已经举报" * int(row["label"]), row["label"]])


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    lay_out(tmp_path)
    if page in ("docs/bundle.md", "docs/predict.md", "docs/recalibrate.md", "docs/serve.md", "docs/scale.md"):
        _train_both()
    names: dict[str, object] = {}
    ran = 0
    for language, content in blocks(page):
        if language == "python":
            exec(compile(content, page, "exec"), names)
        elif language == "console":
            assert all(line.startswith("limbeck ") for line in content.splitlines()), content
            for words in commands(content):
                limbeck(words)
        elif language == "toml" and (named := re.match(r"# (\S+\.toml)\n", content)):
            Path(named[1]).write_text(content, encoding="utf-8")
        else:
            continue
        ran += 1
    assert ran >= 2


def _train_both() -> None:
    recipe = next(content for language, content in blocks("docs/train.md") if content.startswith("# reviews.toml"))
    Path("reviews.toml").write_text(recipe, encoding="utf-8")
    for network in ("ngram", "gru"):
        words = shlex.split(f"train reviews.toml --out bundles/{network} --set student.network={network}")
        limbeck([*words, "--set", "training.epochs=1", "--set", "evaluation.bootstrap=20"])


@pytest.mark.parametrize("page", ALL)
def test_commands_that_are_not_run_name_verbs_and_options_that_exist(page):
    for language, content in blocks(page):
        for words in commands(content) if language in ("sh", "console") else []:
            verb = main.commands[words[0]]
            while isinstance(verb, click.Group) and (below := [word for word in words if word in verb.commands]):
                verb = verb.commands[below[0]]
            assert isinstance(verb, click.Command)
            known = {name for option in verb.params for name in option.opts}
            assert {word for word in words if word.startswith("--")} <= known, words


@pytest.mark.parametrize("page", ALL)
def test_python_and_yaml_that_are_not_run_can_be_read(page):
    for language, content in blocks(page):
        if language == "py":
            compile(content, page, "exec")
        elif language == "yaml":
            assert list(yaml.safe_load_all(content))


@pytest.mark.parametrize("page", ALL)
def test_pieces_of_recipes_are_valid(page):
    for language, content in blocks(page):
        if language == "toml" and not re.match(r"# \S+\.toml\n", content):
            given = tomllib.loads(content)
            tables = {section: table for section, table in given.items() if isinstance(table, dict)}
            settings = {f"{section}.{key}": value for section, table in tables.items() for key, value in table.items()}
            assert override(OF_PICTURES if page.startswith("docs/images.") else tiny_recipe(), settings)


@pytest.mark.parametrize("page", ALL)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        place, _, anchor = target.partition("#")
        if place.startswith("https://"):
            continue
        file = ROOT / Path(page).parent / place if place else ROOT / page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}, target


@pytest.mark.parametrize("page", PAIRS)
def test_the_two_languages_of_a_page_show_the_same_examples(page):
    """So the examples of one language stand for both; comments may be translated, and reports open in Chinese."""

    def essence(suffix):
        return [(language, re.sub(r" +# .*| --lang zh", "", content)) for language, content in blocks(page + suffix)]

    assert essence(".md") == essence(CHINESE)


@pytest.mark.parametrize("page", PAIRS)
def test_the_two_languages_of_a_page_name_the_same_keys_in_their_tables(page):
    def keys(suffix):
        first = re.findall(r"^\| (`[^|]*)\|.*\n(?!\|---)", (ROOT / (page + suffix)).read_text("utf-8"), re.MULTILINE)
        return [re.findall(r"`([^`]+)`", cell) for cell in first]

    assert keys(".md") == keys(CHINESE)


@pytest.mark.parametrize("page", PAIRS)
def test_the_two_languages_of_a_page_lead_to_each_other(page):
    def head(suffix):
        return (ROOT / (page + suffix)).read_text("utf-8").split("\n## ")[0]

    name = Path(page).name
    assert f"({name}{CHINESE})" in head(".md")
    assert f"({name}.md)" in head(CHINESE)


TABLES = {
    "[task]": sections.Task, "[data]": sections.Data, "[input]": sections.Input, "[student]": sections.Student,
    "[objective]": sections.Objective, "[training]": sections.Training, "[training.augment]": sections.Augment,
    "[evaluation]": sections.Evaluation, "[export]": sections.Export,
    "[selection]": sections.Selection, "[tune]": sections.Tune,
}  # fmt: skip


@pytest.mark.parametrize("head", TABLES)
def test_every_key_of_a_recipe_is_in_its_table_with_its_default(head):
    model: type[BaseModel] = TABLES[head]
    check_table("docs/train.md", head, model, set(model.model_fields) - ELSEWHERE.get(model.__name__, set()))


def test_every_key_of_pictures_is_in_its_table_with_its_default():
    check_table("docs/images.md", "[input]", sections.Input, PICTURES)
    check_table("docs/images.md", "[training.pictures]", sections.Pictures, set(sections.Pictures.model_fields))


def test_every_key_of_several_labels_is_in_its_table_with_its_default():
    check_table("docs/multilabel.md", "[task]", sections.Task, {"separator", "none"})


@pytest.mark.parametrize("page", ["docs/detect.md", "docs/detect.zh-CN.md"])
def test_every_key_of_detectors_is_in_its_table_with_its_default(page):
    check_table(page, "[data]", sections.Data, {"boxes"})
    check_table(page, "[input]", sections.Input, {"letterbox"})
    check_table(page, "[training.windows]", sections.Windows, set(sections.Windows.model_fields))


def test_every_key_of_signals_is_in_its_table_with_its_default():
    page = "docs/signals.md"
    for head, model in (("[input.signal]", sections.Signal), ("[training.signals]", sections.Signals),
                        ("[training.unfreeze]", sections.Unfreeze)):  # fmt: skip
        check_table(page, head, model, set(model.model_fields))
    text = (ROOT / page).read_text("utf-8")
    for name in ("cnn-lstm", "resnet1d", "minirocket", "nearest"):
        row = re.search(rf"^\| `{name}` \|([^|]*)\|", text, re.MULTILINE)
        told = {key: tomllib.loads(f"v = {value}")["v"] for key, value in re.findall(r"`(\w+) = ([^`]+)`", row[1])}
        assert told == {key: field.default for key, field in NETWORKS[name].Options.model_fields.items()}


def check_table(page: str, head: str, model: type[BaseModel], keys_of_it: set[str]) -> None:
    """Check that the table under a heading names just these keys, with the defaults of the model."""
    text = (ROOT / page).read_text("utf-8")
    part = text.split(f"### {head}\n")[1].split("\n##")[0].split("\n\nThe networks'")[0]
    told = {}
    for keys, default in re.findall(r"^\| (`[^|]+`) \|([^|]*)\|", part, re.MULTILINE):
        told |= dict.fromkeys(re.findall(r"`(\w+)`", keys), default.strip())
    assert set(told) == keys_of_it, f"fix {page}"
    for key, default in told.items():
        written = re.fullmatch(r"`(.+)`", default)
        value = model.model_fields[key].default
        if written:
            shown = tomllib.loads(f"v = {written[1]}")["v"]
            value = value.model_dump() if isinstance(value, BaseModel) else value
            assert shown == (list(value) if isinstance(value, tuple) else value), key
        elif default == "none":
            assert value is None, key
        elif default == "":
            assert value is PydanticUndefined or key == "train", key


def test_every_option_of_a_network_is_in_the_table_with_its_default():
    page = (ROOT / "docs" / "train.md").read_text("utf-8").split("The networks' own keys")[1]
    for name, network in NETWORKS.items():
        row = re.search(rf"^\| `{name}` \|([^|]*)\|([^|]*)\|", page, re.MULTILINE)
        if name == "blend":  # of networks of any kind: docs/tables.md; here a key of [selection] has its name
            continue
        if row is None and not set(network.encoders) <= {"characters", "words", "wordpiece", "ngrams"}:
            continue  # not a network for texts
        assert row, name
        assert {word.strip() for word in row[1].split(",")} == set(network.encoders)
        told = {key: tomllib.loads(f"v = {value}")["v"] for key, value in re.findall(r"`(\w+) = ([^`]+)`", row[2])}
        held = {key: field.default for key, field in network.Options.model_fields.items()}
        assert told == {key: list(value) if isinstance(value, tuple) else value for key, value in held.items()}, name


def test_the_recipes_in_the_pages_are_whole():
    for page in ALL:
        for language, content in blocks(page):
            if language == "toml" and re.match(r"# \S+\.toml\n", content):
                raw = tomllib.loads(content)
                raw.pop("when", None)
                assert parse_recipe(raw)


def test_the_reference_is_what_the_code_says():
    # In a process of its own: other tests add networks, kinds and commands to this one.
    script = ROOT / "docs" / "make_reference.py"
    code = f"import json, runpy; print(json.dumps(runpy.run_path({str(script)!r})['pages']()))"
    made = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    again = "run python docs/make_reference.py"
    assert {file.name for file in (ROOT / "docs" / "reference").iterdir()} == set(made), again
    for name, content in made.items():
        assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == content, again
