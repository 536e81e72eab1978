"""Cleaning takes away what no reader sees, never what is said, and cleaning twice is cleaning once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.kinds.text.clean import LINK, clean, clean_all
from limbeck.recipe import Clean

ALL = Clean()
BITS = st.sampled_from(
    ["<", ">", "&", ";", "amp;", "&lt;", "b", "/b", "<b>",
     "http://", "www.", "t.cn/", "ａ", "＜", "\u200b", "İ", "好", "#38;",
     "<!--", "-->", "<script>", "</script>", " ", "a=1", "&#", "0", "]]>", "K", "ſ"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("3<5 且 a<b>c, x < y and y>z", "3<5 且 a<b>c, x < y and y>z"),
        ("若a<b且c>d", "若a<b且c>d"),
        ("<p class='x'>你好</p>&nbsp;<b>粗</b>", "你好 粗"),
        ("看<Titanic>", "看<titanic>"),
        ("见http://t.cn/RUnzfKG但", f"见{LINK}但"),
        ("ＡＢＣ１２３，！（好）", "abc123，！（好）"),
        ("赌\u200b博\ufeff\x00", "赌博"),
        ("a \t\n b\u3000c", "a b c"),
        ("AT&T", "at&t"),
        ("<script>alert(1)</script>x<!-- y -->", "x"),
    ],
)
def test_examples(text, cleaned):
    assert clean(text, ALL) == cleaned


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(BITS).map("".join)), st.builds(Clean, **dict.fromkeys(
    ("control", "markup", "urls", "full_width", "lowercase"), st.booleans())))  # fmt: skip
def test_cleaning_twice_is_cleaning_once(text, how):
    once = clean(text, how)
    assert clean(once, how) == once


def test_traditional_characters_become_simplified_on_request():
    pytest.importorskip("opencc")
    assert clean("臺灣軟體", Clean(traditional=True)) == "台湾软体"
    assert clean("臺灣軟體", ALL) == "臺灣軟體"


@pytest.mark.parametrize("bit", ["<script>", "<!--", '<a b="', "&amp;", "#38;", "<a ", "http://", "&lt;", "<<b>"])
@pytest.mark.timeout(60)  # a guard against quadratic work, not a measurement
def test_no_hostile_text_takes_long(bit):
    cleaned = clean("&" + bit * 50_000, ALL)
    assert len(cleaned) <= 1 + len(bit) * 50_000


def test_order_is_kept():
    assert clean_all(["B", "", "A"], ALL) == ["b", "", "a"]
