"""Why a row, picture, record or file could not be used, in Chinese: what stands behind the colon of a finding.

A reason comes alone ("a lead is flat") or as a `LimbeckError` prints itself: where it is, what it is, how to mend it.
What other libraries say stays as they say it. Each sentence stands here once; a test walks the sources for others.
"""

from __future__ import annotations

import re

from limbeck.messages.templates import Converters, Template, converted, filled, fitting

# Words of ours that stand inside sentences.
TERMS = {
    "train": "训练集",
    "valid": "验证集",
    "test": "测试集",
    "unlabelled": "无标签数据",
    "exact": "完全重复",
    "near": "近似重复",
    "text": "文本",
    "texts": "文本",
    "values": "取值",
    "picture": "图片",
    "samples": "采样值",
    "row": "行",
    "rows": "行",
    "beat": "个心搏",
    "empty": "为空",
    "inverted": "宽或高为负",
}

_TABLES = (
    Template("a quoted field is opened here and never properly closed", "此处的引号字段没有正确闭合"),
    Template("is longer than {count} characters", "超过 {count} 个字符"),
    Template("holds a NUL byte", "含有 NUL 字节"),
    Template("has {count} fields where the header has {count_header}", "有 {count} 个字段，而表头有 {count_header} 个"),
    Template("holds bytes that are not valid {word}", "含有不符合 {word} 编码的字节"),
    Template("is no JSON object with values", "不是含有值的 JSON 对象"),
    Template("is nested too deeply", "嵌套过深"),
    Template("is not valid JSON: {text}", "不是有效的 JSON：{text}"),
    Template("holds a value that is no valid text", "有一个值不是有效的文本"),
)

_PICTURES = (
    Template("the path is empty", "路径为空"),
    Template("fill it in", "请填写"),
    Template("its path is not UTF-8", "路径不是 UTF-8 编码"),
    Template("rename it", "请改名"),
    Template("this is a folder, a picture is wanted", "这是文件夹，此处需要图片"),
    Template("the file has {count} bytes, which no picture should", "文件有 {count} 字节，图片不应这么大"),
    Template("this is no picture, or its beginning is damaged", "这不是图片，或者文件开头已损坏"),
    Template("give one of {text}", "请改用 {text} 之一"),
    Template("too many pixels: {text}", "像素过多：{text}"),
    Template(
        "{count_width} x {count_height} pixels; a picture has 1 to {count_most}",
        "{count_width} × {count_height} 像素，图片应为 1 至 {count_most} 像素",
    ),
    Template(
        "{count_width} x {count_height} pixels; a {word} picture has 1 to {count_most}",
        "{count_width} × {count_height} 像素，{word} 图片应为 1 至 {count_most} 像素",
    ),
    Template("make it smaller", "请缩小"),
    Template("its TIFF tags are damaged", "其 TIFF 标签已损坏"),
    Template("save it as PNG", "请另存为 PNG"),
    Template("a compressed TIFF (compression {text})", "经过压缩的 TIFF（压缩方式 {text}）"),
    Template("save it uncompressed, or as PNG", "请不压缩保存，或另存为 PNG"),
    Template(
        "a TIFF with tiles of {count_width} x {count_height} pixels",
        "TIFF 的分块为 {count_width} × {count_height} 像素",
    ),
    Template("damaged or truncated: {text}", "已损坏或被截断：{text}"),
    Template("a picture of floating-point numbers", "图片的像素为浮点数"),
    Template("give uint8 RGB", "请改用 uint8 RGB"),
    Template("a picture of the mode {quoted}", "图片的模式为 {quoted}"),
    Template("give RGB", "请改用 RGB"),
    Template("the box is empty", "框为空"),
    Template("the box is {term} ({number_width} x {number_height})", "框{term}（{number_width} × {number_height}）"),
    Template("give x, y, w and h", "请给出 x、y、w 和 h"),
    Template(
        "the box ({text}) is outside the picture of {count_width} x {count_height}",
        "框（{text}）在 {count_width} × {count_height} 的图片之外",
    ),
    Template(
        "the mask of {count_width} x {count_height} does not fit its picture of {count_across} x {count_down}",
        "掩膜为 {count_width} × {count_height}，与 {count_across} × {count_down} 的图片不符",
    ),
    Template("give the mask of this picture", "请给出这张图片的掩膜"),
    Template("{name} gives no {count} integers for it", "{name} 没有为它给出 {count} 个整数"),
    Template("is a {word} by its content", "的内容实为 {word} 格式"),
    Template("is an animation of {count} frames, of which the first is read", "是 {count} 帧的动画，只读取第一帧"),
    Template("is an animation of many frames, of which the first is read", "是多帧的动画，只读取第一帧"),
    Template("is a file of several pages, of which the first is read", "是多页的文件，只读取第一页"),
    Template("is a damaged animation, of which the first is read", "是损坏的动画，只读取第一帧"),
    Template("{oddity_content} and {oddity_frames}", "{oddity_content}，且{oddity_frames}"),
)

_RECORDS = (
    Template("samples are missing (NaN)", "有采样值缺失（NaN）"),
    Template("a lead is flat", "有导联为平线"),
    Template("a lead is saturated", "有导联饱和"),
    Template("a lead is beyond {number} mV", "有导联超出 {number} mV"),
    Template("the window reaches beyond the record", "窗口超出记录范围"),
    Template(
        "the annotation at sample {count} is outside the record of {count_all} samples",
        "标注位于第 {count} 个采样点，而记录共有 {count_all} 个采样点",
    ),
    Template("none of its beats can be used ({reason})", "其中没有可用的心搏（{reason}）"),
    Template("it holds none", "其中没有心搏"),
    Template("look at the lead", "请查看导联"),
    Template("no beat is found", "没有找到心搏"),
    Template("check the lead, or give annotations", "请检查导联，或给出标注"),
    Template("its windows have no labels", "其窗口没有标签"),
    Template("give them as the array 'y'", "请以数组 'y' 给出"),
    Template("there are no annotations {name}, and labels are wanted", "没有标注文件 {name}，而此处需要标签"),
    Template(
        "put the file beside it, or set input.signal.annotations", "请把该文件放在旁边，或设置 input.signal.annotations"
    ),
    Template("the annotations cannot be read: {text}", "标注无法读取：{text}"),
    Template("the header cannot be read: {text}", "头文件无法读取：{text}"),
    Template("the header names no lead", "头文件没有列出导联"),
    Template("the header says {count} samples at {number} Hz", "头文件写的是 {count} 个采样点、{number} Hz"),
    Template("the header names a file outside its folder: {name}", "头文件引用了所在文件夹之外的文件：{name}"),
    Template(
        "{count} samples of all leads are more than is read: {count_most}",
        "全部导联共 {count} 个采样点，超出读取上限 {count_most}",
    ),
    Template("cut the record into shorter ones", "请把记录切成较短的几段"),
    Template(
        "the header has {count} bytes; expected {count_most} or fewer", "头文件有 {count} 字节，上限为 {count_most}"
    ),
    Template("a segment has segments of its own", "记录的一段又分为多段"),
    Template("copy the record again", "请重新复制该记录"),
    Template(
        "the header says {count} leads and describes {count_found}",
        "头文件写的是 {count} 个导联，却描述了 {count_found} 个",
    ),
    Template("a lead is shifted by more than the record's {count} samples", "有导联的偏移超过记录的 {count} 个采样点"),
    Template("its data {name} is of the format {text}", "数据文件 {name} 的格式为 {text}"),
    Template("expected one of {text}", "应为 {text} 之一"),
    Template("the header does not say how long the record is", "头文件没有写明记录的长度"),
    Template("write it there", "请在其中写明"),
    Template(
        "the header says {count} segments and names {count_found}", "头文件写的是 {count} 段，却列出了 {count_found} 段"
    ),
    Template("expected as many as it names, and at most {count}", "两者应当一致，且不超过 {count} 段"),
    Template(
        "the header says {count} samples and its segments {count_found}",
        "头文件写的是 {count} 个采样点，各段合计 {count_found} 个",
    ),
    Template(
        "the segment {name} has {count} samples at {number} Hz, and the header says {count_said} at {number_said}",
        "段 {name} 有 {count} 个采样点、{number} Hz，而头文件写的是 {count_said} 个、{number_said} Hz",
    ),
    Template("its segment {name} is missing", "缺少段 {name}"),
    Template("the annotations have a time resolution of {number} Hz", "标注的时间分辨率为 {number} Hz"),
    Template("write it anew", "请重新写出"),
    Template("{count} bytes of annotations; the most is {count_most}", "标注文件有 {count} 字节，上限为 {count_most}"),
    Template("EDF recordings are not read", "不读取 EDF 记录"),
    Template(
        "convert it to WFDB: edf2mit -i FILE -r NAME (WFDB software), or pyedflib and wfdb.wrsamp",
        "请转换为 WFDB：edf2mit -i FILE -r NAME（WFDB 软件），或用 pyedflib 与 wfdb.wrsamp",
    ),
    Template(
        "the data cannot be read, or is shorter than the header says: {text}",
        "数据无法读取，或比头文件所写的短：{text}",
    ),
    Template("truncated: {count} of {count_all} samples", "被截断：应有 {count_all} 个采样点，只有 {count} 个"),
    Template("its data {name} is missing", "缺少数据文件 {name}"),
    Template("put the file beside the header", "请把该文件放在头文件旁边"),
    Template(
        "its data {name} is truncated: {count} of {count_all} bytes",
        "数据文件 {name} 被截断：应有 {count_all} 字节，只有 {count} 字节",
    ),
    Template("there is no array 'x' of windows", "没有存放窗口的数组 'x'"),
    Template("save them as x [N, T]", "请存为 x [N, T]"),
    Template(
        "'x' is {text} where numbers [N, T] or [N, L, T] are wanted",
        "'x' 为 {text}，此处需要 [N, T] 或 [N, L, T] 的数值",
    ),
    Template("{quoted} is no single number", "{quoted} 不是单个数值"),
    Template("{quoted} has {text} rows and 'x' {count}", "{quoted} 有 {text} 行，而 'x' 有 {count} 行"),
    Template("{quoted} is no number", "{quoted} 不是数值"),
    Template("{quoted} is {number}", "{quoted} 为 {number}"),
    Template("give a number above 0", "请给出大于 0 的数"),
    Template("'rr' is no [N, 2] of numbers", "'rr' 不是 [N, 2] 的数值"),
    Template(
        "windows hold {number} s to each side of the R peak, and {number_before} and {number_after} s are asked for",
        "窗口在 R 波峰两侧各有 {number} 秒，而要求的是 {number_before} 秒和 {number_after} 秒",
    ),
    Template("lower input.signal.before and after", "请调小 input.signal.before 和 after"),
    Template("unpacks to {count} bytes, the most is {count_most}", "解压后有 {count} 字节，上限为 {count_most}"),
    Template("cannot be read as .npz: {text}", "无法作为 .npz 读取：{text}"),
    Template("save it by numpy.savez", "请用 numpy.savez 保存"),
    Template("cannot be read as a table of series: {text}", "无法作为序列表读取：{text}"),
    Template("write a label, then numbers, tabs between", "请先写标签，再写数值，以制表符分隔"),
    Template("{count} columns are no label with a series", "只有 {count} 列，不是“标签加序列”"),
)

_FILES = (
    Template(
        "its accuracy of {number} is below the {number_majority} of the majority class",
        "其准确率 {number} 低于多数类的 {number_majority}",
    ),
    Template("there is no such file", "没有这个文件"),
    Template("the file is empty", "文件为空"),
    Template("check the path", "请检查路径"),
    Template("cannot be read ({text})", "无法读取（{text}）"),
    Template("copy it again", "请重新复制"),
    Template("not a regular file", "不是普通文件"),
    Template("put the file itself there", "请把文件本身放在那里"),
    Template("far too large: over {count} bytes", "文件过大：超过 {count} 字节"),
    Template("damaged: not a JSON object", "已损坏：不是 JSON 对象"),
    Template("damaged: not valid JSON", "已损坏：不是有效的 JSON"),
    Template("damaged: {name}: {text}", "已损坏：{name}：{text}"),
    Template("train the bundle again, or delete the file", "请重新训练模型包，或删除该文件"),
    Template("did you mean {quoted}?", "是不是 {quoted}？"),
    Template("there is none", "一个也没有"),
    Template("known: {text}", "已有：{text}"),
)

REASONS = (*_TABLES, *_PICTURES, *_RECORDS, *_FILES)
_WHERE, _MEND = r"(?:(?P<where>.{1,400}?): )??", r"(?:; (?P<mend>[^;]{1,300}))?"
_PLACES = {"row": "第 {} 行", "beat": "第 {} 个心搏"}


def explained(reason: str) -> str:
    """Return a reason in Chinese, or as it is where it is none of ours."""
    found = fitting(reason, REASONS, _WHERE, _MEND)
    if found is None:
        return reason
    template, values = found
    where, mend = values.pop("where", ""), values.pop("mend", "")
    said = filled(template.chinese, converted(values, CONVERTERS))
    return (f"{_place(where)}：" if where else "") + said + (f"；{explained(mend)}" if mend else "")


def _place(where: str) -> str:
    """Return where something is: "row 3" and "beat 3" are ours, all else is a path."""
    found = re.fullmatch(r"(row|beat) ([\d,]{1,15})", where)
    return _PLACES[found[1]].format(found[2]) if found else where


CONVERTERS: Converters = {"term": lambda said: TERMS.get(said, said), "reason": explained, "oddity": explained}
