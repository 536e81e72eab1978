"""Fixtures of the whole suite."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: LIMBECK_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("LIMBECK_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.skip(f"the real data is not at {folder}; set LIMBECK_DATA to its folder")
    return folder
