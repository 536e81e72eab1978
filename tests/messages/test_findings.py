"""Findings read well in both languages, and what they mean is decided by their codes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.evaluation.test_report import report

import limbeck
from limbeck.data.leakage import leakage
from limbeck.dataset.drop_duplicates import drop_conflicts
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.evaluation.report.page import render_report
from limbeck.kinds import KINDS
from limbeck.kinds.image.data_check import Lost
from limbeck.kinds.image.reading.files import examine
from limbeck.messages import baseline_names, findings
from limbeck.messages.baseline_names import elsewhere, named
from limbeck.messages.findings import doubtful
from limbeck.messages.message import code_of, message, render, shown_as_codes, template
from limbeck.messages.words import part
from limbeck.recipe import parse_recipe
from limbeck.training.adversarial_accuracy import under_attack

HOME = Path(limbeck.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
LOST = Lost(0.711, 0.934, 224, 64)
FLAT = message("record.beat", beat=7, reason=message("record.flat"))


def zh(finding):
    return render(finding, "zh")


@pytest.mark.parametrize(
    ("finding", "english", "chinese"),
    [
        (
            message("data.exact_dropped", count=30, part=part("train")),
            "30 exact duplicates dropped from train",
            "已从训练集中去掉 30 个完全重复的样本",
        ),
        (
            message("data.record_left_out", reason=LimbeckError(
                message("record.no_usable_beat", reason=FLAT), where="/d/x.hea", fix=message("fix.lead")
            ).message()),
            "unreadable record left out: /d/x.hea: none of its beats can be used (beat 7: a lead is flat); "
            "look at the lead",
            "已略去无法读取的记录：/d/x.hea：其中没有可用的心搏（第 7 个心搏：某导联信号为直线（疑似脱落））；"
            "请查看导联",
        ),
        (
            message("evaluation.no_species_column", column="kind", hint=did_you_mean("kind", ["a", "b"])),
            "There is no column 'kind' (known: 'a', 'b'): all attacks count as one species.",
            "没有列 'kind'（已有：'a'、'b'）：所有攻击算作同一种类。",
        ),
        (
            message("data.resize", what=LOST.what, fix=LOST.fix),
            "input.size = 64 removes frequencies that tell the classes: AUC of the log-spectrum 0.93 at the pictures' "
            "own size, 0.71 with what the resize leaves; input.size = 224 would keep them",
            "input.size = 64 会去掉能区分类别的频率：对数频谱的 AUC 在图片原尺寸下为 0.93，缩放后为 0.71；"
            "input.size = 224 可以保留这些频率",
        ),
    ],
)  # fmt: skip
def test_findings_read_well_in_both_languages(finding, english, chinese):
    assert finding == english
    assert zh(finding) == chinese


def test_an_error_is_the_same_line_as_a_message():
    for where in (None, "a  b.csv", "\x1b[31m.csv", "\udcff.png"):
        for fix in (None, "do this"):
            error = LimbeckError("wrong  at\nall", where=where, fix=fix)
            assert str(error) == error.message()
    assert LimbeckError("wrong", where="a.csv", fix="do").message(with_fix=False) == "a.csv: wrong"


def test_an_error_is_plain_data_for_programs(tmp_path):
    (tmp_path / "rows.csv").write_text("text,label\ngood,1\nbad,0\nodd,2\n", "utf-8")
    raw = {"task": {"kind": "text", "classes": {"0": "bad", "1": "good"}}, "data": {"train": "rows.csv"}}
    with pytest.raises(LimbeckError) as caught:
        prepare(parse_recipe(raw | {"student": {"network": "gru"}}), tmp_path)
    told = caught.value.as_dict()
    assert told["message"] == {"code": "label.unknown", "values": {"label": "2"}}
    assert (told["file"], told["row"], told["column"]) == (str(tmp_path / "rows.csv"), 3, "label")
    assert f"{told['where']}: {told['what']}; {told['fix']}" == str(caught.value)
    assert zh(caught.value.message()).startswith(f"{tmp_path / 'rows.csv'} 第 3 行，列 'label'：未知标签 '2'")
    assert LimbeckError("wrong").as_dict() == {
        "code": "bad-input", "message": None, "what": "wrong", "where": None, "file": None, "row": None,
        "column": None, "fix": None,
    }  # fmt: skip


def test_what_calls_for_a_look_is_told_by_its_code_alone():
    assert not doubtful("30 unreadable rows left out")
    assert all(template(code, "en", 2) != code for code in findings._DOUBTFUL)
    with shown_as_codes():
        assert doubtful(message("data.split_by_beats"))
        assert not doubtful(message("data.exact_dropped", count=1, part=part("train")))


def test_row_numbers_are_called_rows_and_names_are_not():
    found = leakage(["一", "一", "二", "二"], ["train", "test", "train", "valid"])
    assert zh(found.lines([3, 17, 5, 19])[0]) == (
        "验证集和测试集的 2 个样本中，有 2 个（100.0%）与其他部分的样本完全重复，"
        "例如：第 17 行与第 3 行、第 19 行与第 5 行"
    )
    assert zh(found.lines(["a.png", "b.png", "c", "d"])[0]).endswith("例如：b.png 与 a.png、d 与 c")
    assert zh(found.lines(["a b", "c and d", "e", "f"])[0]).endswith("例如：c and d 与 a b、f 与 e")


def test_what_real_rows_give_is_chinese_but_for_their_names(tmp_path):
    texts = [f"第{k}条完全不同的评论{k * 7919}" for k in range(60)]
    rows = [(text, k % 2) for k, text in enumerate(texts)]
    rows += [(texts[0], 1), (texts[3], 1), ("", 1), (texts[5] + "！", 1)]
    lines = ["text,label,kind", *(f"{text},{label},x" for text, label in rows), "too,many,cells,here", "b,0,y"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "more.csv").write_text("text\n没有标签的一行\n", "utf-8")
    data = {"train": "a.csv", "unlabelled": ["more.csv"], "where": {"kind": "x"}, "conflicts": "drop"}
    raw = {"task": {"kind": "text"}, "data": {**data, "duplicates": "near"}, "student": {"network": "gru"}}
    lines = prepare(parse_recipe(raw), tmp_path).findings
    told = [zh(line) for line in lines]
    assert len(told) > 9
    assert [line for line in told if not CHINESE.search(line)] == []
    left = set(re.findall(r"[A-Za-z]+", " ".join(told)))
    assert left == {"a", "csv", "more", "kind", "x"}, told
    raw["task"]["kind"] = "image"
    for name, content in (("a.png", b""), ("b.png", b"no picture"), ("c.png", None)):
        (tmp_path / name).write_bytes(content) if content is not None else None
    frame = frame_of(["a.png", "b.png", "c.png", ""], tmp_path)
    told = [zh(line) for line in examine(frame, parse_recipe(raw).task)[2]]
    assert told == [
        "已略去无法读取的图片：a.png：文件为空",
        "已略去无法读取的图片：b.png：这不是图片，或者文件开头已损坏；请改用 JPEG、PNG、WEBP、BMP、GIF、TIFF 之一",
        "已略去无法读取的图片：c.png：没有这个文件；请检查路径",
        "已略去无法读取的图片：第 4 行：路径为空；请填写",
    ]


def frame_of(names, folder):
    files = [str(folder / name) if name else "" for name in names]
    return pl.DataFrame({"path": names, "picture.file": files})


def test_beats_that_contradict_each_other_are_a_finding_and_no_crash():
    said: list[str] = []
    split, keep = np.array(["train", "train"]), np.ones(2, dtype=bool)
    drop_conflicts("drop", np.zeros(2, dtype=np.int64), np.array([0, 1]), [4, 9], split, keep, said, KINDS["signal"])
    assert [zh(line) for line in said] == [
        "有 2 个样本与别的样本采样值相同，标签却不同，例如：第 4 行、第 9 行", "其中 2 个已从训练集中去掉",
    ]  # fmt: skip


def test_the_chinese_page_holds_findings_and_the_export_s_reason_in_chinese():
    robust = {"epsilon": 4.0, "steps": 10, "n": 1500, "accuracy": 0.412, "clean": 0.953}
    lines = [
        message("data.exact_dropped", count=5, part=part("train")), "a sentence of 0.1.0",
        message("data.part_classes", part=part("test"), count=90, classes=["<b>bad</b> 40", "good 50"]),
        ("given in both", "两种语言都给出"), *under_attack({"robust": robust}),
    ]  # fmt: skip
    export = {"kept": False, "reason": message("export.not_faster", speed=0.98), "serve": "model.onnx"}
    page = render_report(report(findings=lines, export=export), lang="zh")
    chinese = re.findall(r'<span class="zh" lang="zh-Hans">([^<]*)</span>', page)
    for words in (
        "已从训练集中去掉 5 个完全重复的样本",
        "测试集：90 个样本（&lt;b&gt;bad&lt;/b&gt; 40、good 50）",
        "两种语言都给出",
        "对抗攻击下（PGD 10 步，每个像素最多改变 255 级中的 4 级）准确率为 41.2%；"
        "不受攻击时，在同样的 1,500 张图片上为 95.3%。",
        "速度没有提升（0.98 倍）",
    ):
        assert words in chinese, words
    assert "<li>a sentence of 0.1.0</li>" in page
    assert '<span class="en" lang="en">not faster (0.98x)</span>' in page
    odd = render_report(report(export={"reason": 3, "kept": None}), lang="zh")
    assert "<bdi>3</bdi>" in odd


def test_every_baseline_has_a_chinese_name_and_the_page_uses_it():
    modules = [*HOME.glob("**/*baseline*.py")]
    known = {
        match
        for file in modules
        for match in re.findall(r'^(?:NAME|EACH) = "(.+)"$', file.read_text("utf-8"), re.MULTILINE)
    }
    assert known == set(baseline_names._CODES)
    for name in known:
        assert named(name) == name and CHINESE.search(zh(named(name)))
        assert zh(elsewhere(name)) == zh(named(name)) + "（在模型包自己的测试样本上）"
    assert code_of(named("somebody's")) == ""
    row = {"name": "isolation forest", "accuracy": 0.5, "macro_f1": 0.5, "roc_auc": 0.5, "n_train": 3, "seconds": 1.0}
    html = render_report(report(baselines=[row], facts={"judged_on": "test"}))
    assert html.count("孤立森林") >= 2  # in the headline and in the table
    assert ">测试集<" in html
