"""The files for Kubernetes and Argo in docs/scale.md run what they say, part by part."""

import re
from pathlib import Path

import pytest
import yaml

from limbeck.cli.main import run
from scale.conftest import contents, write_shards

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def command(name: str) -> list[str]:
    """Return the command of the container in a file of the page."""
    text = next(
        block for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.S | re.M) if name in block
    )
    spec = yaml.safe_load(text)["spec"]
    container = spec["template"]["spec"]["containers"][0] if "template" in spec else spec["templates"][1]["container"]
    return list(container["command"])


@pytest.mark.parametrize(
    ("name", "index"), [("# job.yaml", "$(JOB_COMPLETION_INDEX)"), ("# argo.yaml", "{{inputs.parameters.part}}")]
)
def test_the_parts_of_a_job_answer_every_shard(name, index, bundle, tmp_path):
    write_shards(tmp_path / "in", 3, rows=8)
    known = {
        "/bundles/ngram": str(bundle),
        "s3://bucket/in/*": f"{tmp_path}/in/*",
        "s3://bucket/out": f"{tmp_path}/out",
    }
    words = [known.get(word, word) for word in command(name)]
    assert words[0] == "limbeck"
    for part in range(16):
        with pytest.raises(SystemExit) as ended:
            run([word.replace(index, str(part)) for word in words[1:]])
        assert ended.value.code == 0
    assert list(contents(tmp_path / "out"))[-3:] == [f"part-{at:02}.parquet" for at in range(3)]
    assert "_limbeck/manifest.json" in contents(tmp_path / "out")
