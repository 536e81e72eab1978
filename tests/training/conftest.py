"""Every bundle that these tests train is opened in the process that asks: what the exporter writes is plain."""

import pytest

from limbeck.bundle import session


@pytest.fixture(autouse=True)
def exports_are_plain(monkeypatch):
    """Fail where a bundle's model would run in a child process, which is for models from elsewhere."""
    begin = session.ConfinedSession.__init__

    def watched(self, content, where):
        assert not (where.parent / "bundle.json").exists(), f"the exporter wrote a model that is not plain: {where}"
        begin(self, content, where)

    monkeypatch.setattr(session.ConfinedSession, "__init__", watched)
