"""The sentences of the trust report in both languages: each note of `limbeck.relevance` and of distillation, once.

A test walks the sources for sentences that no template fits, so a new note cannot be forgotten. A template's ``means``
says what its note makes of the whole panel: "doubt" (do not trust them), "uniform" (trust cannot be told apart),
"weighed" (they agree and differ), "alone" (one teacher), "beside" (one, and labels), "reviewed" (labels of people were
used), or "" for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from limbeck.messages.templates import Template, converted, filled, fitting

_LONGEST = 2000  # characters of a note that are looked at

_DOUBT = (
    "Do not trust any of these teachers before some rows are reviewed",
    "在人工复核部分样本之前，请勿采信其中任何教师模型",
)

TEMPLATES = (
    Template(
        "One teacher: its answers are used as they are, and nothing here can tell how good they are.",
        "只有一个教师模型：直接采用其回答，此处无从判断其好坏。",
        "alone",
    ),
    Template(
        "One teacher beside the labels: its answers are used as they are, and only labels can tell how good they are.",
        "标签之外另有一个教师模型：直接采用其回答，其好坏只有标签能说明。",
        "beside",
    ),
    Template(
        f"{_DOUBT[0]}: each gives the same answer to every row.",
        f"{_DOUBT[1]}：每个教师模型对所有样本都给出同一回答。",
        "doubt",
    ),
    Template(
        f"{_DOUBT[0]}: they agree no more than chance would; their plain average is used.",
        f"{_DOUBT[1]}：它们的一致程度不超过偶然水平；已改用简单平均。",
        "doubt",
    ),
    Template(
        f"{_DOUBT[0]}: {{count_for}} speak against {{count_against}}, and nothing says which side is right; averaged.",
        f"{_DOUBT[1]}：{{count_for}} 个与 {{count_against}} 个意见相反，无从判断哪一方正确；已取平均。",
        "doubt",
    ),
    Template(
        "Use uniform: {count_here} different teachers are too few to tell their trust apart "
        "({count_enough} are enough).",
        "请用等权平均：{count_here} 个不同的教师模型太少，分不出可信程度（至少需要 {count_enough} 个）。",
        "uniform",
    ),
    Template(
        "Use uniform: the teachers follow the common answer equally well, so there is nothing to weigh.",
        "请用等权平均：各教师模型与共同答案的吻合程度相同，无需加权。",
        "uniform",
    ),
    Template(
        "No teacher follows a common answer; their plain average is used.",
        "没有教师模型与共同答案相符；已改用简单平均。",
        "doubt",
    ),
    Template(
        "No teacher adds to a consensus; their plain average is used.",
        "没有教师模型对共识有贡献；已改用简单平均。",
        "doubt",
    ),
    Template(
        "On the scenarios with labels `domain` ({word_form}) beat agreement and the average: it was used.",
        "在有标签的场景上，`domain`（{word_form}）优于一致性方法与平均：已采用。",
        "weighed",
    ),
    Template(
        "Use uniform: Dawid-Skene did not settle on these answers, so their plain average is used.",
        "请用等权平均：Dawid-Skene 模型在这些回答上没有收敛到可信的结果，因此采用简单平均。",
        "uniform",
    ),
    Template(
        "{count_voters} different teachers agree beyond chance: Dawid-Skene was used.",
        "{count_voters} 个不同的教师模型的一致程度超出偶然：已采用 Dawid-Skene 模型。",
        "weighed",
    ),
    Template(
        "{count_voters} different teachers agree beyond chance: the one-factor model was used.",
        "{count_voters} 个不同的教师模型的一致程度超出偶然：已采用单因子模型。",
        "weighed",
    ),
    Template(
        "Teachers {teachers} answer alike and count as one.",
        "教师模型 {teachers} 的回答几乎相同，合并计为一个。",
    ),
    Template(
        "Teachers {teachers} speak against the common answer or say nothing: left out.",
        "教师模型 {teachers} 与共同答案相悖或没有信息：已排除。",
    ),
    Template(
        "Its class rates were estimated from answers and features: {rates}.",
        "其类别比例由回答与特征估计：{rates}。",
    ),
    Template(
        "Its class rates were estimated from the answers alone: {rates}.",
        "其类别比例仅由回答估计：{rates}。",
    ),
    Template(
        "{count_silent} of {count_all} rows: no teacher answers; they count for nothing.",
        "{count_all} 个样本中有 {count_silent} 个没有任何教师模型给出回答；这些样本不计入任何结果。",
    ),
    Template(
        "Teachers {teachers} answer none of the rows.",
        "教师模型 {teachers} 对所有样本均未给出回答。",
    ),
    Template(
        "Learning who is right needs three different teachers or more; resemblance was used.",
        "学习“谁判得对”至少需要三个不同的教师模型；已改用场景相似度。",
    ),
    Template(
        "Shapley values from {count_orders} permutations; the largest standard error is {number_error}.",
        "Shapley 值由 {count_orders} 次排列算得；最大标准误为 {number_error}。",
    ),
    Template("{count_labels} reviewed labels were used.", "已使用 {count_labels} 个人工复核标签。", "reviewed"),
    Template(
        "Their answer was cut at class rates estimated from answers and features: {rates}.",
        "按由回答与特征估计的类别比例切分其回答：{rates}。",
    ),
    Template(
        "The student was one more voter in {count_rounds} rounds.",
        "在 {count_rounds} 轮中，学生模型也作为一名投票者参与。",
    ),
    Template(
        "The student learned from the {count_kept} of {count_all} rows whose neighbours agree best.",
        "学生模型只学习了 {count_all} 个样本中邻近样本回答最一致的 {count_kept} 个。",
    ),
)

_CONVERTERS = {"rates": lambda said: said.replace(", ", "、")}


class Note(NamedTuple):
    """A note for the page: both languages (the same English twice for an unknown one), and what it means."""

    english: str
    chinese: str
    means: str = ""
    known: bool = True


def translated(note: str, names: Sequence[str] = ()) -> Note:
    """Return a note in both languages; numbers of teachers become their ``names`` where these are given."""
    note = note[:_LONGEST]
    found = fitting(note, TEMPLATES)
    if found is None:
        return Note(note, note, known=False)
    template, english = found
    chinese = converted(english, _CONVERTERS)
    if "teachers" in english:
        english["teachers"], chinese["teachers"] = _teachers(english["teachers"], names)
    return Note(filled(template.english, english), filled(template.chinese, chinese), template.means)


def _teachers(said: str, names: Sequence[str]) -> tuple[str, str]:
    """Return a list of teachers like "0 and 3" or "2, 5" by name in both languages; any other text as it is."""
    if not re.fullmatch(r"\d{1,6}(?:(?:, | and )\d{1,6})*", said):
        mark = " and " if " and " in said else ", "
        listed = set(said.split(mark)) <= set(names)  # else an "and" may be part of a name
        return said, said.replace(mark, "、") if listed else said
    called = [names[int(k)] if int(k) < len(names) else k for k in re.findall(r"\d+", said)]
    return (" and " if " and " in said else ", ").join(called), "、".join(called)
