"""An export goes between each two databases: where MYSQL_URL and POSTGRES_URL name servers (`scripts/databases`)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks.studio_backup import FEW, pairs

SERVERS = {"mariadb": os.environ.get("MYSQL_URL", ""), "postgresql": os.environ.get("POSTGRES_URL", "")}


@pytest.mark.skipif(not all(SERVERS.values()), reason="MYSQL_URL and POSTGRES_URL name no servers")
def test_a_site_goes_between_each_two_databases_unchanged(tmp_path: Path) -> None:
    told = pairs(tmp_path, {"sqlite": "", **SERVERS}, FEW)
    assert len(told) == 6
    assert [one["pair"] for one in told if not one["equal"]] == []
