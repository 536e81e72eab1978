"""No finding and no reason of the export stays in English on the Chinese page: the sources and real rows are walked."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.evaluation.test_report import report
from tests.sentences import constants, listed, literals, refusals

import limbeck
from limbeck.data.leakage import RANK, leakage
from limbeck.dataset.drop_duplicates import SAME, drop_conflicts
from limbeck.dataset.prepare import prepare
from limbeck.errors import did_you_mean
from limbeck.evaluation.report.page import render_report
from limbeck.kinds.image.files import examine
from limbeck.kinds.image.resize_check import Lost
from limbeck.messages import baseline_names as named_module
from limbeck.messages import findings, reasons
from limbeck.messages.findings import in_chinese
from limbeck.messages.reasons import TERMS, explained
from limbeck.messages.templates import filled, fitting
from limbeck.recipe import parse_recipe
from limbeck.training.adversarial_accuracy import under_attack

HOME = Path(limbeck.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
SENTENCE = re.compile(r"(?=.* )(?=.*[A-Za-z]{2,})[^\n]+")
# Texts of other pages: the model card, and what is written in both languages at once.
PAGES = ("model_card.py", "headline.py", "trust.py", "charts.py")
READING = (
    *("tasks/anomaly/rows", "kinds/text/clean"),
    *(f"kinds/image/{name}" for name in ("decode", "files", "log_spectrum", "resize_check", "rgb", "layouts/*")),
    *(f"kinds/signal/{name}" for name in ("columns", "filters", "patients", "r_peaks", "read", "record_context")),
    "kinds/signal/formats/*",
)
DATA = sorted(file for name in ("data/**/*", "dataset/*", *READING) for file in HOME.glob(f"{name}.py"))
JUDGING = ("evaluation/**/*", "metrics/*", "tasks/*/*", "training/**/*", "kinds/*/baseline", "kinds/*/gallery")
REST = sorted({file for name in JUDGING for file in HOME.glob(f"{name}.py")} - set(DATA))
FINDING = [*DATA, *(file for file in REST if file.name not in PAGES)]
# Whose errors a finding may hold, but for arrays in memory and whole folders; and where rows are rejected.
REFUSING = [f"kinds/image/{name}" for name in ("decode", "rgb", "files")]
REFUSING += [f"kinds/signal/{name}" for name in ("formats/wfdb_file", "formats/wfdb_record", "formats/windows", "read")]
REFUSING += ["tasks/anomaly/pixel_metrics", "evaluation/report/trust"]
REJECTING = [f"data/tables/{name}" for name in ("csv_file", "json_lines", "encoding")]
REJECTING += ["kinds/signal/formats/wfdb_file", "kinds/signal/read", "errors"]
REJECTING += ["evaluation/baselines"]
NOT_SHOWN = {
    "record 3 at 3 s", "window 3", "a file",  # names
    "unexpected end",  # what another library says
    "the header cannot be read", "the annotations cannot be read",  # goes on with what the library says
    "the data cannot be read, or is shorter than the header says",
    "beat 3: 3",  # a place and a reason
    "the folder holds no signals", "3 needs the package '3', which is not installed",  # nothing is read then
    'install it from the checkout: pip install -c constraints.txt -e ".[3]"',
}  # fmt: skip
LOST = Lost(0.711, 0.934, 224, 64)
ODD = "is a GIF by its content and is an animation of 3 frames, of which the first is read"
# What is put together from parts that are not seen in one place.
JOINED = [f"{LOST.what}; {LOST.mend}", f"a.jpg {ODD}"]
SAID = [ODD, "celeba.json gives no 44 integers for it"]
SAID += ["not a regular file", "put the file itself there", "far too large: over 1,000 bytes"]  # of the reader of files
EXAMPLES = {
    "count": "12", "number": "3.5%", "word": "UTF-8", "term": "train", "quoted": "'fs'", "name": "x.csv", "text": "a 1",
    "rows": "1, 2", "list": "201, 202", "reason": "it holds none", "oddity": "is a PNG by its content",
}  # fmt: skip


def tree(file):
    return ast.parse(file.read_text("utf-8"))


def sentences(texts):
    return [text for text in dict.fromkeys(texts) if SENTENCE.fullmatch(text) and text not in NOT_SHOWN]


@cache
def found():
    """What the sources find, with the file."""
    of = {
        f"{file.parent.name}/{file.name}": [*listed(tree(file)), *(constants(tree(file)) if file in DATA else ())]
        for file in FINDING
    }
    return [(name, text) for name, texts in of.items() for text in sentences(texts)] + [("", text) for text in JOINED]


@cache
def why():
    """Why the sources leave something out, with the file."""
    of = {name: [*refusals(tree(HOME / f"{name}.py"), but=("_of_array", "_folder"))] for name in REFUSING}
    for name in REJECTING:
        of[name] = [*of.get(name, ()), *literals(tree(HOME / f"{name}.py"))]
    return [(name, text) for name, texts in of.items() for text in sentences(texts)] + [("", text) for text in SAID]


def test_every_finding_in_the_sources_has_a_translation():
    kinds = (findings.TEMPLATES, reasons.REASONS)
    new = [one for one in found() if not any(fitting(one[1], kind) for kind in kinds)]
    assert new == [], "add a template to findings.py; what is no finding stands in NOT_SHOWN"


def test_every_reason_in_the_sources_has_a_translation():
    kinds = (reasons.REASONS, findings.TEMPLATES)
    new = [one for one in why() if not any(fitting(one[1], kind) for kind in kinds)]
    assert new == [], "add a template to reasons.py; what is no reason stands in NOT_SHOWN"


def test_no_template_is_left_over_from_a_sentence_that_is_gone():
    texts = {text for _, text in [*found(), *why()]}
    for kind in (findings.TEMPLATES, reasons.REASONS):
        held = {fit[0] for fit in (fitting(text, kind) for text in texts) if fit}
        assert [one.english for one in kind if one not in held] == []


def test_the_walk_would_find_a_new_finding():
    source = """
NEW = "a named one"
def f(rows, findings, kind):
    findings.append(f"{len(rows):,} rows are {kind}")
    for words, count in (("were upside down", rows), ("were turned", rows)):
        findings += [f"{count} of them {words}"]
    return {"reason": "not wanted" if rows else f"too many: {rows}"}
f(1, [], "blue")
"""
    assert {*listed(ast.parse(source)), *constants(ast.parse(source))} == {
        "a named one", "3 rows are blue", "3 of them were upside down", "3 of them were turned", "not wanted",
        "too many: 3",
    }  # fmt: skip
    assert in_chinese("3 rows are blue") == "3 rows are blue"


@pytest.mark.parametrize("template", [*findings.TEMPLATES, *reasons.REASONS], ids=lambda one: one.english[:40])
def test_a_template_holds_the_same_in_both_languages_and_none_before_it_takes_its_place(template):
    english, chinese = (re.findall(r"\{(\w+)\}", side) for side in template[:2])
    assert set(english) == set(chinese)
    assert len(english) == len(set(english))
    assert CHINESE.search(template.chinese) or template.english == "{name} {oddity}"
    values = {name: EXAMPLES[name.partition("_")[0]] for name in english}
    kind = findings.TEMPLATES if template in findings.TEMPLATES else reasons.REASONS
    assert fitting(filled(template.english, values), kind) == (template, values)


def test_words_of_ours_inside_sentences_are_known():
    assert set(RANK) | set(SAME.values()) <= set(TERMS)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("train: 1,200 rows (bad, very 700, good 500)", "训练集：1,200 个样本（bad, very 700, good 500）"),
        ("30 exact duplicates dropped from train", "已从训练集中去掉 30 个完全重复的样本"),
        (
            "2 near duplicates within valid and within test, kept",
            "验证集和测试集各自内部有 2 个近似重复的样本，予以保留",
        ),
        ("100 of 400 rows of reviews.csv have domain = 书籍", "reviews.csv 的 400 行中有 100 行满足 domain = 书籍"),
        (
            "2 rows have the same picture as another row but another label, such as rows a/1.png, a/2.png",
            "有 2 个样本与别的样本图片相同，标签却不同，例如：a/1.png、a/2.png",
        ),
        (
            "2 rows have the same picture as another row but another label, such as rows rock, and roll.png",
            "有 2 个样本与别的样本图片相同，标签却不同，例如：rock, and roll.png",
        ),
        (
            "unreadable picture left out: red/cut.jpg: damaged or truncated: 21 bytes; not more; copy it again",
            "已略去无法读取的图片：red/cut.jpg：已损坏或被截断：21 bytes; not more；请重新复制",
        ),
        (
            "unreadable picture left out: row 3: the path is empty; fill it in",
            "已略去无法读取的图片：第 3 行：路径为空；请填写",
        ),
        (
            "unreadable picture left out: a.jpg: the box is inverted (-3 x 1e+06); give x, y, w and h",
            "已略去无法读取的图片：a.jpg：框宽或高为负（-3 × 1e+06）；请给出 x、y、w 和 h",
        ),
        ("a.jpg is a PNG by its content", "a.jpg 的内容实为 PNG 格式"),
        (f"a.jpg {ODD}", "a.jpg 的内容实为 GIF 格式，且是 3 帧的动画，只读取第一帧"),
        (
            "unreadable record left out: /d/x.hea: none of its beats can be used (beat 7: a lead is flat); "
            "look at the lead",
            "已略去无法读取的记录：/d/x.hea：其中没有可用的心搏（第 7 个心搏：有导联为平线）；请查看导联",
        ),
        (
            "128 unreadable rows left out of a.npz, the first is beat 5: a lead is saturated",
            "a.npz 中有 128 行无法读取，已略去，第一处是第 5 个心搏：有导联饱和",
        ),
        ("record 100 has no lead 'MLII|II': 'V5' is read", "记录 100 没有导联 'MLII|II'：改读 'V5'"),
        ("record a has no lead \"it's\": 'V5' is read", "记录 a 没有导联 \"it's\"：改读 'V5'"),
        (
            "8 beats of paced records left out of a.npz (102, 104)",
            "已从 a.npz 中略去起搏记录（102、104）的 8 个心搏",
        ),
        (
            "mask left out: a.png: m.png: the mask of 8 x 8 does not fit its picture of 16 x 16",
            "已略去掩膜：a.png：m.png：掩膜为 8 × 8，与 16 × 16 的图片不符",
        ),
        (
            f"There is no column 'kind' ({did_you_mean('kind', ['a', 'b'])}): all attacks count as one species.",
            "没有列 'kind'（已有：'a', 'b'）：所有攻击算作同一种类。",
        ),
        (
            "The trust report is left out. b/trust.json: damaged: not valid JSON.",
            "未显示教师模型的可信度。b/trust.json：已损坏：不是有效的 JSON。",
        ),
        (
            f"{LOST.what}; {LOST.mend}",
            "input.size = 64 会去掉能区分类别的频率：对数频谱的 AUC 在图片原尺寸下为 0.93，缩放后为 0.71；"
            "input.size = 224 可以保留这些频率",
        ),
        ("not faster (0.98x)", "速度没有提升（0.98 倍）"),
        ("0.81% of labels flip", "0.81% 的标签发生翻转"),
        ("cannot be quantised: [ONNXRuntimeError] : 9", "无法量化：[ONNXRuntimeError] : 9"),
    ],
)  # fmt: skip
def test_findings_read_well_in_chinese(english, chinese):
    assert in_chinese(english) == chinese


def test_row_numbers_are_called_rows_and_names_are_not():
    found = leakage(["一", "一", "二", "二"], ["train", "test", "train", "valid"])
    assert in_chinese(found.lines([3, 17, 5, 19])[0]) == (
        "验证集和测试集的 2 个样本中，有 2 个（100.0%）与其他部分的样本完全重复，"
        "例如：第 17 行与第 3 行、第 19 行与第 5 行"
    )
    assert in_chinese(found.lines(["a.png", "b.png", "c", "d"])[0]).endswith("例如：b.png 与 a.png、d 与 c")
    assert in_chinese(found.lines(["a b", "c and d", "e", "f"])[0]).endswith("例如：c and d and a b, f and e")


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
    told = [in_chinese(line) for line in lines]
    assert len(told) > 9
    assert [line for line in told if not CHINESE.search(line)] == []
    left = set(re.findall(r"[A-Za-z]+", " ".join(told)))
    assert left == {"a", "csv", "more", "kind", "x"}, told
    raw["task"]["kind"] = "image"
    for name, content in (("a.png", b""), ("b.png", b"no picture"), ("c.png", None)):
        (tmp_path / name).write_bytes(content) if content is not None else None
    frame = frame_of(["a.png", "b.png", "c.png", ""], tmp_path)
    told = [in_chinese(line) for line in examine(frame, parse_recipe(raw).task)[2]]
    assert told == [
        "已略去无法读取的图片：a.png：文件为空",
        "已略去无法读取的图片：b.png：这不是图片，或者文件开头已损坏；请改用 JPEG, PNG, WEBP, BMP, GIF, TIFF 之一",
        "已略去无法读取的图片：c.png：没有这个文件；请检查路径",
        "已略去无法读取的图片：第 4 行：路径为空；请填写",
    ]


def frame_of(names, folder):
    files = [str(folder / name) if name else "" for name in names]
    return pl.DataFrame({"path": names, "picture.file": files})


def test_beats_that_contradict_each_other_are_a_finding_and_no_crash():
    said: list[str] = []
    split, keep = np.array(["train", "train"]), np.ones(2, dtype=bool)
    drop_conflicts("drop", np.zeros(2, dtype=np.int64), np.array([0, 1]), [4, 9], split, keep, said, "signal")
    assert [in_chinese(line) for line in said] == [
        "有 2 个样本与别的样本采样值相同，标签却不同，例如：第 4、9 行", "其中 2 个已从训练集中去掉",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "finding", ["A sentence of tomorrow.", "", "two rows dropped", "30 exact duplicates dropped from train\n", "{name}"]
)
def test_an_unknown_finding_stays_as_it_is(finding):
    assert in_chinese(finding) == finding
    assert explained(finding) == finding


@pytest.mark.timeout(60)  # a guard against quadratic work, not a measurement
def test_a_hostile_finding_costs_little_time():
    parts = [
        "record ",
        " has no lead ",
        "'",
        ": ",
        "; ",
        "1 of 1 rows of ",
        " have ",
        "mask left out: ",
        " is a ",
        "1, ",
    ]
    parts += [
        "unreadable picture left out: ",
        " and ",
        " by its content",
        "input.size = 1 ",
        "; a",
        "is an a",
        "(1 x 1) ",
    ]
    said = [one * (9_000 // len(one)) for one in parts]
    said += [
        "record " + " has no lead '': " * 600,
        "mask left out: " + ": " * 4000,
        "unreadable picture left out: " * 300,
    ]
    said += [
        "unreadable picture left out: " + "a: damaged: " * 120,
        "x " + "is a by its content and " * 300,
        "1" * 10**6,
    ]
    for one in said:
        assert in_chinese(one)


def test_the_chinese_page_holds_findings_and_the_export_s_reason_in_chinese():
    robust = {"epsilon": 4.0, "steps": 10, "n": 1500, "accuracy": 0.412, "clean": 0.953}
    lines = [
        "5 exact duplicates dropped from train", "test: 90 rows (<b>bad</b> 40, good 50)", "a sentence of tomorrow",
        ("given in both", "两种语言都给出"), *under_attack({"robust": robust}),
    ]  # fmt: skip
    export = {"kept": False, "reason": "not faster (0.98x)", "serve": "model.onnx"}
    page = render_report(report(findings=lines, export=export), lang="zh")
    chinese = re.findall(r'<span class="zh" lang="zh-Hans">([^<]*)</span>', page)
    for words in (
        "已从训练集中去掉 5 个完全重复的样本",
        "测试集：90 个样本（&lt;b&gt;bad&lt;/b&gt; 40, good 50）",
        "两种语言都给出",
        "对抗攻击下（PGD 10 步，每个像素最多改变 255 级中的 4 级）准确率为 41.2%；"
        "不受攻击时，在同样的 1,500 张图片上为 95.3%。",
        "速度没有提升（0.98 倍）",
    ):
        assert words in chinese, words
    assert "<li>a sentence of tomorrow</li>" in page
    assert '<span class="en" lang="en">not faster (0.98x)</span>' in page
    odd = render_report(report(export={"reason": 3, "kept": None}), lang="zh")
    assert "<bdi>3</bdi>" in odd


def test_every_baseline_has_a_chinese_name_and_the_page_uses_it():
    modules = [*HOME.glob("**/*baseline*.py")]
    known = {
        match for file in modules for match in re.findall(r'^NAME = "(.+)"$', file.read_text("utf-8"), re.MULTILINE)
    }
    assert known == set(named_module.NAMES)
    for name in known:
        english, chinese = named_module.named(name)
        assert (english, chinese) == (name, named_module.NAMES[name]) and chinese != name
        assert named_module.named(name + named_module.THEN[0])[1] == chinese + named_module.THEN[1]
    assert named_module.named("somebody's (on Mars)") == ("somebody's (on Mars)",) * 2
    row = {"name": "isolation forest", "accuracy": 0.5, "macro_f1": 0.5, "roc_auc": 0.5, "n_train": 3, "seconds": 1.0}
    html = render_report(report(baselines=[row], facts={"judged_on": "test"}))
    assert html.count("孤立森林") >= 2  # in the headline and in the table
    assert ">测试集<" in html
