"""A file that is no recipe is told in one line that says how to fix it."""

import pytest

from limbeck.errors import LimbeckError
from limbeck.recipe import load_recipe

HEAD = '[task]\nkind = "text"\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + 'classes = { 负面 = "negative" }\n', 'at line 3, column 13.*put the key in quotes: "负面"'),
        (HEAD + '[data]\ncolumns = { a负面 = "text" }\n', 'put the key in quotes: "a负面"'),
        (HEAD + "标签 = 3\n", 'put the key in quotes: "标签"'),
        (HEAD + "[student]\nnetwork = gru\n", 'put a text in quotes: "gru"'),
        (HEAD + "input = 评论内容\n", 'put a text in quotes: "评论内容"'),
        (HEAD + "input ＝ 3\n", "write = in place of ＝"),
        (HEAD + "input = “text”\n", 'write " in place of “'),
        (HEAD + "x = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        (HEAD + "x = " + "9" * 5000, "not valid TOML"),
        (".".join("a" * 5000) + " = 1", "nested too deeply|unknown key"),
        ("\0", "not valid TOML"),
        ("[", "not valid TOML"),
        ("x", "not valid TOML"),
        ("", "is missing"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_one_line_with_the_fix(tmp_path, text, line):
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LimbeckError, match=line) as caught:
        load_recipe(tmp_path / "r.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["评论数据.xlsx", "rows.csv", "rows.jsonl.gz", "rows.parquet"])
def test_a_table_in_the_place_of_a_recipe_is_called_a_table(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe")
    with pytest.raises(LimbeckError, match=f'this is a table; a recipe .* data.train = "{name}"'):
        load_recipe(tmp_path / name)


@pytest.mark.parametrize("place", ["", "/dev/zero", "gone.toml", "a\0b"])
def test_what_cannot_be_read_is_one_line(tmp_path, place):
    with pytest.raises(LimbeckError, match=r"cannot be read|has more than"):
        load_recipe(tmp_path / place)


def test_a_setting_nested_beyond_reason_is_one_line(tmp_path):
    (tmp_path / "r.toml").write_text(HEAD, encoding="utf-8")
    with pytest.raises(LimbeckError, match=r"'task.kind' is nested too deeply"):
        load_recipe(tmp_path / "r.toml", ["task.kind=" + "[" * 100_000])
