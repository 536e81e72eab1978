"""Fixtures of the whole suite."""

import gc
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from small import reviews, tiny_recipe, write_csv

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny networks lose more to threads than they win
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over thousands of modules and tests, which stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: LIMBECK_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("LIMBECK_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.skip(f"the real data is not at {folder}; set LIMBECK_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def rows_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``reviews.csv``: 400 made-up reviews with a split column."""
    folder = tmp_path_factory.mktemp("rows")
    write_csv(folder / "reviews.csv", reviews(400))
    return folder


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, rows_folder: Path) -> Callable[[str], Path]:
    """Network name -> a tiny trained bundle of it, made once; tests must not change it."""
    import limbeck

    made: dict[str, Path] = {}
    home = tmp_path_factory.mktemp("bundles")

    def bundle(network: str = "ngram") -> Path:
        if network not in made:
            made[network] = limbeck.train(tiny_recipe(network), data=rows_folder, out=home / network).bundle
        return made[network]

    return bundle


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made-up pictures with boxes; tests must not change it."""
    from detect.scenes import folder_of

    return folder_of(tmp_path_factory.mktemp("scenes"), {"train": 24, "valid": 8, "test": 8})


@pytest.fixture(scope="session")
def detector(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that finds their discs and squares, made once; tests must not change it."""
    import limbeck
    from detect.scenes import tiny

    out = tmp_path_factory.mktemp("detectors") / "shapes"
    limbeck.train(tiny(export={"int8": "never"}), data=scenes, out=out, progress=lambda event: None)
    return out


@pytest.fixture
def own_bundle(tmp_path: Path, bundles: Callable[[str], Path]) -> Path:
    """A copy of the tiny n-gram bundle that a test may damage."""
    return Path(shutil.copytree(bundles("ngram"), tmp_path / "bundle"))
