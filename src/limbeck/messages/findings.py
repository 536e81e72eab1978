"""What was found of the rows, and why int8 was kept or not, in Chinese for the page.

Findings are English data: of reading, cleaning and splitting (`limbeck.data`), of judging, and of the export. Each
sentence stands here once as a template; a test walks the sources, so a new one cannot be forgotten. Names of columns,
files and classes stay as the data writes them.
"""

from __future__ import annotations

import re

from limbeck.messages.reasons import CONVERTERS
from limbeck.messages.templates import Template, converted, filled, fitting

_LONGEST = 10_000  # characters; of a longer one the page shows the beginning only, in English

_READING = (
    Template(
        "{count_out} unreadable rows left out of {name}, the first is {term} {count}: {reason}",
        "{name} 中有 {count_out} 行无法读取，已略去，第一处是第 {count} {term}：{reason}",
    ),
    Template("left out of the folder {name}: {list}", "文件夹 {name} 中未读取：{list}"),
    Template(
        "{count} of them say {quoted}; if that is a class, list all in task.classes",
        "其中 {count} 行写的是 {quoted}；若这是一个类别，请在 task.classes 中列出全部类别",
    ),
    Template("{count} rows of {name} without a label left out", "{name} 中有 {count} 行没有标签，已略去"),
    Template(
        "{count} rows of {name} without a label count as unlabelled", "{name} 中有 {count} 行没有标签，作为无标签数据"
    ),
    Template(
        "{count} rows have the label {quoted}, {count_other} have {quoted_other}: if that is a misspelling, "
        "list all labels in task.classes with {quoted_same} = {quoted_right}",
        "标签 {quoted} 有 {count} 行，{quoted_other} 有 {count_other} 行：若为笔误，请在 task.classes 中列出全部标签，"
        "并写明 {quoted_same} = {quoted_right}",
    ),
    Template("{name} is taken for {word_encoding}", "{name} 按 {word_encoding} 编码读取"),
    Template("unreadable record left out: {reason}", "已略去无法读取的记录：{reason}"),
    Template("unreadable picture left out: {reason}", "已略去无法读取的图片：{reason}"),
    Template("{count} more unreadable pictures left out", "另有 {count} 张无法读取的图片已略去"),
    Template("{count} more such pictures", "另有 {count} 张这样的图片"),
    Template("{name} {oddity}", "{name} {oddity}"),
    Template(
        "{name}: no column {name_column} to filter by, all rows kept",
        "{name}：没有可用来筛选的列 {name_column}，保留全部行",
    ),
    Template("{count} of {count_all} rows of {name} have {text}", "{name} 的 {count_all} 行中有 {count} 行满足 {text}"),
    Template(
        "{name}: no column {name_column}, so all {count} rows count as normal",
        "{name}：没有列 {name_column}，因此全部 {count} 行都算作正常样本",
    ),
    Template(
        "record {name} has no lead {quoted}: {quoted_read} is read", "记录 {name} 没有导联 {quoted}：改读 {quoted_read}"
    ),
    Template(
        "record {name}: the unit of {name_lead} is not known, taken for mV",
        "记录 {name}：导联 {name_lead} 的单位不明，按 mV 处理",
    ),
    Template(
        "record {name}: {name_lead} has {number} and not {number_read} Hz, its samples are interpolated",
        "记录 {name}：导联 {name_lead} 的采样率为 {number} Hz 而非 {number_read} Hz，其采样点经过插值",
    ),
    Template(
        "{name} states no rate: its {count} samples are stretched to {count_wanted}",
        "{name} 没有注明采样率：其 {count} 个采样点已缩放为 {count_wanted} 个",
    ),
    Template(
        "{count} beats of paced records left out of {name} ({list})",
        "已从 {name} 中略去起搏记录（{list}）的 {count} 个心搏",
    ),
    Template("{count} beats of paced records left out", "已略去起搏记录的 {count} 个心搏"),
    Template("rows given in Python", "样本在 Python 中给出"),
    Template(
        "rows given in Python, too few to hold some back: the same ones trained and chose the student; "
        "no figure is of new rows",
        "样本在 Python 中给出，数量太少，没有留出验证集：训练与选择学生模型用的是同一批样本，"
        "各项数字都不是在新样本上测得的",
    ),
)

_CLEANING = (
    Template(
        "{count} rows have the same {term} as another row, as short texts are by nature: not taken for copies",
        "有 {count} 个样本与别的样本{term}相同，短文本本来如此：不视为重复样本",
    ),
    Template(
        "{count} rows have the same {term} as another row, as rows of few values are by nature: not taken for copies",
        "有 {count} 个样本与别的样本{term}相同，取值很少的表格本来如此：不视为重复样本",
    ),
    Template("{count} empty {term} dropped from {term_part}", "已从{term_part}中去掉 {count} 个空{term}"),
    Template("{count} empty {term} in valid and test, kept", "验证集和测试集中有 {count} 个空{term}，予以保留"),
    Template(
        "{count} rows have the same {term} as another row but another label, such as rows {rows}",
        "有 {count} 个样本与别的样本{term}相同，标签却不同，例如：{rows}",
    ),
    Template("{count} of them dropped from train", "其中 {count} 个已从训练集中去掉"),
    Template("{count} {term} duplicates dropped from {term_part}", "已从{term_part}中去掉 {count} 个{term}的样本"),
    Template(
        "{count} {term} duplicates within valid and within test, kept",
        "验证集和测试集各自内部有 {count} 个{term}的样本，予以保留",
    ),
)


def _leak(english: str, chinese: str) -> Template:
    return Template(
        f"{{count}} of {{count_all}} valid and test rows ({{number}}) {english} of another part, such as rows {{rows}}",
        f"验证集和测试集的 {{count_all}} 个样本中，有 {{count}} 个（{{number}}）{chinese}，例如：{{rows}}",
    )


_SPLITTING = (
    Template("{term}: {count} rows ({text})", "{term}：{count} 个样本（{text}）"),
    Template("unlabelled: {count} rows", "无标签数据：{count} 个样本"),
    Template(
        "{count} rows drawn from train for {term}, copies kept together",
        "已从训练集中抽取 {count} 个样本作为{term}，重复的样本保持在一起",
    ),
    Template(
        "{count} anomalies drawn for train judge in test instead", "抽到训练集的 {count} 个异常样本改在测试集中用于评估"
    ),
    Template(
        "{count} anomalies in train left out: a detector learns normal rows only",
        "已略去训练集中的 {count} 个异常样本：异常检测只学习正常样本",
    ),
    Template(
        "{count} rows left out of train or valid: their patients ({list}) stand in a later part too",
        "已从训练集或验证集中略去 {count} 个样本：其患者（{list}）也在后面的验证集或测试集中",
    ),
    Template(
        "the split is by beats, not by patients: beats of one heart stand in train and test, so the figures leak and "
        "are too good",
        "数据按心搏而非按患者划分：同一颗心脏的心搏同时出现在训练集与测试集中，指标存在泄漏，偏于乐观",
    ),
    _leak("are exact copies of rows", "与其他部分的样本完全重复"),
    _leak("are near copies of rows", "与其他部分的样本近似重复"),
    _leak("share a group with rows", "与其他部分的样本同属一组"),
    Template(
        "input.size = {count} removes frequencies that tell the classes: AUC of the log-spectrum {number_whole} at "
        "the pictures' own size, {number_kept} with what the resize leaves; "
        "input.size = {count_wanted} would keep them",
        "input.size = {count} 会去掉能区分类别的频率：对数频谱的 AUC 在图片原尺寸下为 {number_whole}，"
        "缩放后为 {number_kept}；input.size = {count_wanted} 可以保留这些频率",
    ),
)

_JUDGING = (
    Template(
        "The table has a split column: rows that the bundle was trained on may be among these.",
        "表中有 split 列：其中可能含有训练该模型包时用过的样本。",
    ),
    Template(
        "No row of these is told by its content, so nothing shows whether the bundle learned from them. "
        "Make sure that it did not.",
        "这些样本都无法凭内容辨认，因此看不出该模型包是否学习过它们。请自行确认。",
    ),
    Template("The baseline {name} is left out: {reason}.", "基线 {name} 未列出：{reason}。"),
    Template("The trust report is left out. {reason}.", "未显示教师模型的可信度。{reason}。"),
    Template(
        "There is no column {quoted} ({reason}): all attacks count as one species.",
        "没有列 {quoted}（{reason}）：所有攻击算作同一种类。",
    ),
    Template(
        "{count} of {count_all} anomalies have no mask; {name} holds {count_files} files that belong to no picture, "
        "the first is {name_file}; pixel figures leave them out",
        "{count_all} 个异常样本中有 {count} 个没有掩膜；{name} 中有 {count_files} 个文件不属于任何图片，"
        "第一个是 {name_file}；像素级指标不计这些样本",
    ),
    Template(
        "{count} of {count_all} anomalies have no mask in {name}; pixel figures leave them out",
        "{count_all} 个异常样本中有 {count} 个在 {name} 中没有掩膜；像素级指标不计这些样本",
    ),
    Template("mask left out: {name}: {name_file}: {reason}", "已略去掩膜：{name}：{name_file}：{reason}"),
    Template("{count} more masks left out", "另有 {count} 个掩膜已略去"),
    Template(
        "Under attack (PGD of {count_steps} steps that moves each pixel by at most {number_levels} of 255 levels) "
        "accuracy is {number_under}; without it, on the same {count} pictures, {number_clean}.",
        "对抗攻击下（PGD {count_steps} 步，每个像素最多改变 255 级中的 {number_levels} 级）准确率为 {number_under}；"
        "不受攻击时，在同样的 {count} 张图片上为 {number_clean}。",
    ),
)

_EXPORT = (
    Template("switched off in the recipe", "已在配方中关闭"),
    Template("nearly the same labels, and faster", "标签几乎不变，而且更快"),
    Template("{number} of labels flip", "{number} 的标签发生翻转"),
    Template("probabilities differ by {number} with the rows beside them", "同批样本不同时概率相差 {number}"),
    Template("not faster ({number}x)", "速度没有提升（{number} 倍）"),
    Template("cannot be quantised: {text}", "无法量化：{text}"),
)

TEMPLATES = (*_READING, *_CLEANING, *_SPLITTING, *_JUDGING, *_EXPORT)


# What calls for a look; the other findings say what was done about what is common.
_DOUBTFUL = (
    "unreadable",
    "without a label",
    "left out of the folder",
    "have no mask",
    "is taken for",
    "figures leak",
    "but another label",
    "of another part",
    "may be among these",
    "nothing shows whether",
    "no figure is of new rows",
    "out of train or valid: their patients",
    "have no row in",
    "if that is a class",
    "if that is a misspelling",
)


def doubtful(finding: str) -> bool:
    """Return whether a finding calls for a look before figures are relied on."""
    return any(words in finding for words in _DOUBTFUL)


def in_chinese(finding: str) -> str:
    """Return a finding or a reason of the export in Chinese, or as it is where it is none of ours."""
    found = fitting(finding, TEMPLATES) if len(finding) <= _LONGEST else None
    if found is None:
        return finding
    template, values = found
    return filled(template.chinese, converted(values, _CONVERTERS))


def _rows(said: str) -> str:
    """Return rows or pairs of them, by number or path, as Chinese lists them."""
    if re.fullmatch(r"\d+(?: and \d+)?(?:, \d+(?: and \d+)?)*", said):
        if " and " not in said:
            return f"第 {said.replace(', ', '、')} 行"
        return re.sub(r"\d+", r"第 \g<0> 行", said).replace(" and ", "与").replace(", ", "、")
    return _list(said)


def _list(said: str) -> str:
    """Return names or pairs of them as Chinese lists them; names that hold blanks stay as they are."""
    alone = re.fullmatch(r"[^ ,]+(?: and [^ ,]+)?(?:, [^ ,]+(?: and [^ ,]+)?)*", said)
    return said.replace(" and ", " 与 ").replace(", ", "、") if alone else said


_CONVERTERS = {**CONVERTERS, "rows": _rows, "list": _list}
