"""Importing the package costs next to nothing and never loads torch."""

import pytest

import limbeck
from small import python

COST = """
import resource, sys
sys.argv = ["limbeck", *sys.argv[1:]]
try:
    {statement}
except SystemExit:
    pass
used = resource.getrusage(resource.RUSAGE_SELF)
heavy = {{"torch", "transformers", "sklearn", "scipy", "onnx", "optuna", "accelerate"}} & set(sys.modules)
print("COST", used.ru_utime + used.ru_stime, sorted(heavy))
"""


def cost(statement, *arguments):
    """CPU seconds of the best of three processes, and the heavy packages that they loaded."""
    found = [python(COST.format(statement=statement), *arguments).stdout.rpartition("COST ")[2] for _ in range(3)]
    assert all(line.endswith("[]\n") for line in found), found
    return min(float(line.split()[0]) for line in found)


def test_the_package_is_imported_within_0_3_cpu_seconds_without_torch():
    assert cost("import limbeck") <= 0.3


def test_help_is_shown_within_0_5_cpu_seconds_without_torch():
    assert cost("from limbeck.cli.main import run; run()", "--help") <= 0.5


LIGHT = ("bundle.classifier", "bundle.prediction.predict", "evaluation.evaluate", "recipe", "dataset.prepare")


@pytest.mark.parametrize("module", LIGHT)
def test_serving_modules_load_nothing_heavy(module):
    done = python(COST.format(statement=f"import limbeck.{module}"))
    assert done.stdout.endswith("[]\n"), done.stdout


def test_the_public_names_are_there_and_no_others():
    assert dir(limbeck) == sorted(limbeck.__all__)
    for name in limbeck.__all__:
        assert getattr(limbeck, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        limbeck.trian  # noqa: B018
