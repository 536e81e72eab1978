"""What the tests of the command line share."""

import pytest

from limbeck.cli.main import run


@pytest.fixture
def command(home, monkeypatch, capfd):
    """Run a command in this process, which has torch loaded already; returns its code and what it printed."""

    def call(*words):
        monkeypatch.chdir(home)
        with pytest.raises(SystemExit) as ended:
            run([str(word) for word in words])
        return ended.value.code, *capfd.readouterr()

    return call
