"""The files and lines for schedulers in docs/scale.md run what they say, on a folder of this machine."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml

from limbeck.cli.main import run
from scale.conftest import contents, write_shards

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text("utf-8")


def block(language: str, name: str) -> str:
    """Return the block of the page in which a name stands."""
    return next(one for one in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.S | re.M) if name in one)


def kubernetes() -> list[str]:
    return list(yaml.safe_load(block("yaml", "# job.yaml"))["spec"]["template"]["spec"]["containers"][0]["command"])


def argo() -> list[str]:
    return list(yaml.safe_load(block("yaml", "# argo.yaml"))["spec"]["templates"][1]["container"]["command"])


def slurm() -> list[str]:
    words = shlex.split(block("sh", "sbatch"))
    assert "--array=0-15" in words
    return shlex.split(words[words.index("--wrap") + 1])


def airflow() -> list[str]:
    found = [node for node in ast.walk(ast.parse(block("py", "BashOperator"))) if isinstance(node, ast.keyword)]
    line = next(ast.literal_eval(node.value) for node in found if node.arg == "bash_command")
    return shlex.split(line.replace("{{ ds }}", "2026-01-31"))


def run_here(words: list[str], bundle: Path, folder: Path) -> None:
    """Run a command of the page with the bundle, input and output of this machine."""
    assert (words[:2], words[5]) == (["limbeck", "predict"], "--on")
    here = [str(bundle), f"{folder}/in/*", f"{folder}/out"]
    with pytest.raises(SystemExit) as ended:
        run(["predict", *here, *words[5:]])
    assert ended.value.code == 0


@pytest.mark.parametrize(
    ("command", "index"),
    [(kubernetes, "$(JOB_COMPLETION_INDEX)"), (argo, "{{inputs.parameters.part}}"), (slurm, "$SLURM_ARRAY_TASK_ID")],
)
def test_the_parts_of_a_job_answer_every_shard(command, index, bundle, tmp_path):
    write_shards(tmp_path / "in", 3, rows=8)
    words = command()
    assert f"part:{index}/16" in words
    for part in range(16):
        run_here([word.replace(index, str(part)) for word in words], bundle, tmp_path)
    assert list(contents(tmp_path / "out"))[-3:] == [f"part-{at:02}.parquet" for at in range(3)]
    assert "_limbeck/manifest.json" in contents(tmp_path / "out")


def test_the_task_of_airflow_answers_every_shard(bundle, tmp_path):
    write_shards(tmp_path / "in", 1, rows=8)
    words = airflow()
    assert words[3:5] == ["s3://bucket/in/2026-01-31/*", "s3://bucket/out/2026-01-31"]
    run_here(words, bundle, tmp_path)
    assert "_limbeck/manifest.json" in contents(tmp_path / "out")


def test_ray_takes_the_cluster_file():
    util = pytest.importorskip("ray.autoscaler._private.util", reason="ray is not installed (extra scale)")
    config = yaml.safe_load(block("yaml", "# cluster.yaml"))
    util.validate_config(util.prepare_config(config))
