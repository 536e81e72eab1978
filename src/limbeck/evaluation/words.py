"""Every label and sentence of the report, in English and Chinese: key -> (English, Chinese)."""

from __future__ import annotations

LANGUAGES = ("en", "zh")

WORDS: dict[str, tuple[str, str]] = {
    # Page
    "language": ("Language", "语言"),
    "contents": ("Evaluation report", "评估报告"),
    "footer": (
        "Made by Limbeck. This page is one file: it loads nothing and sends nothing.",
        "由 Limbeck 生成。本页是单个文件，不加载也不发送任何内容。",
    ),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "interval": ("95% interval", "95% 区间"),
    "scroll": ("Table, scrolls sideways", "表格，可左右滚动"),
    "undefined": ("undefined here", "此处无定义"),
    # Detectors
    "image_auroc": ("AUROC over pictures", "图像级 AUROC"),
    "pixel_auroc": ("AUROC over pixels", "像素级 AUROC"),
    "masks": ("pictures with a mask", "带掩膜的图像数"),
    # Sections
    "at_a_glance": ("At a glance", "概览"),
    "against_baseline": ("Against the baseline", "与基线对比"),
    "every_metric": ("Every metric", "全部指标"),
    "by_class": ("By class", "各类别"),
    "pictures": ("Pictures", "图示"),
    "slices": ("Worst slices", "最差切片"),
    "worst_rows": ("Most confidently wrong", "最自信的错误"),
    "gallery": ("Worst errors in pictures", "错得最离谱的图片"),
    "findings": ("Findings", "发现"),
    "comparison": ("Paired comparison", "配对比较"),
    "export": ("How it was exported", "导出过程"),
    "history": ("Training", "训练过程"),
    "liveness": ("Presentation attacks", "呈现攻击检测"),
    # Explanations
    "intervals_note": (
        "Intervals are 95% bootstrap percentile intervals over the rows (or over whole groups, where given).",
        "区间为对样本（若给出分组，则对整组）自助重采样得到的 95% 百分位区间。",
    ),
    "averages_note": (
        "With more than two classes, precision, recall and F1 are averages over the classes; so are FPR, "
        "ROC AUC, EER, PR AUC and AP unless a positive class is named.",
        "多于两类时，精确率、召回率与 F1 为各类别平均；未指定正类时，FPR、ROC AUC、EER、PR AUC 与 AP 亦然。",
    ),
    "baseline_note": (
        "The baseline was trained on the same rows. A student that does not beat it is not worth its size.",
        "基线使用相同的训练数据。若学生模型胜不过它，就不值得这样的体量。",
    ),
    "slices_note": (
        "Groups of rows with the lowest accuracy. “Below” means significantly below the other rows, "
        "corrected for the number of groups looked at (Fisher, Holm).",
        "准确率最低的样本分组。“偏低”表示显著低于其余样本，已按所查分组数校正（Fisher 检验，Holm 校正）。",
    ),
    "rows_note": (
        "Read these first: most are hard, and some are wrongly labelled.",
        "请先看这些：多数较难，也有一些是标注有误。",
    ),
    "comparison_note": (
        "Same rows, second minus first; p values are corrected for the number of pairs (Holm).",
        "在相同样本上比较，差值为后者减前者；p 值已按比较对数校正（Holm）。",
    ),
    "liveness_note": (
        "ISO/IEC 30107-3, at the threshold in use, which was chosen on validation rows. APCER: attacks taken for "
        "{bona_fide}, of each species by itself. BPCER: {bona_fide} taken for an attack.",
        "依据 ISO/IEC 30107-3，采用当前阈值（在验证集上选定）。APCER：各种类攻击被判为 {bona_fide} 的比例；"
        "BPCER：{bona_fide} 被判为攻击的比例。",
    ),
    "liveness_point": (
        "BPCER at APCER 1% is a point of the curve on these very rows: with the threshold at {threshold}, no species "
        "passes more often than 1%. It is not what the threshold in use does.",
        "“APCER 1% 时的 BPCER”是本次样本曲线上的一点：阈值取 {threshold} 时，任何种类的攻击通过率都不超过 1%。"
        "它并非当前阈值下的结果。",
    ),
    "gallery_note": (
        "Most wrong first, at the threshold in use. These small pictures are part of this file: mind who gets it.",
        "按错误程度由高到低排列（采用当前阈值）。这些缩略图已包含在本文件中，转发时请留意。",
    ),
    "strangest": ("Strangest pictures", "最异常的图片"),
    "strangest_note": (
        "Highest score first, right or wrong. These small pictures are part of this file: mind who gets it.",
        "按异常分数由高到低排列，判对判错均在其中。这些缩略图已包含在本文件中，转发时请留意。",
    ),
    "heat_note": (
        "Warm places are where the detector finds the picture strange; below half of what few normal pictures reach "
        "anywhere nothing is drawn.",
        "暖色处是检测器认为异常的位置；低于极少数正常图片所达数值一半的位置不着色。",
    ),
    "no_slices": ("No group was large enough to judge.", "没有足够大的分组可供判断。"),
    "no_wrong": ("No wrong rows to show.", "没有判错的样本。"),
    # Columns
    "model": ("Model", "模型"),
    "this_model": ("this model", "本模型"),
    "metric": ("Metric", "指标"),
    "value": ("Value", "数值"),
    "meaning": ("What it says", "含义"),
    "class": ("Class", "类别"),
    "support": ("Rows", "样本数"),
    "column": ("Column", "列"),
    "slice": ("Value", "取值"),
    "rows": ("Rows", "样本数"),
    "difference": ("Difference", "差值"),
    "points": ("in percentage points", "单位为百分点"),
    "below": ("Below", "偏低"),
    "row": ("Row", "行号"),
    "text": ("Text or file", "文本或文件"),
    "truly": ("true:", "真实："),
    "true": ("True", "真实"),
    "predicted": ("Predicted", "预测"),
    "probability": ("Probability", "概率"),
    "pair": ("Pair", "比较对"),
    "verdict": ("Verdict", "结论"),
    "n_train": ("Training rows", "训练样本数"),
    "seconds": ("Seconds", "耗时（秒）"),
    "fact": ("What", "项目"),
    "species": ("Species of attack", "攻击种类"),
    "presentations": ("Presentations", "呈现次数"),
    "error": ("Error", "错误类型"),
    "rate": ("Rate", "错误率"),
    "bona_fide": ("bona fide", "真实呈现"),
    # Metrics
    "n": ("Rows judged", "评估样本数"),
    "accuracy": ("Accuracy", "准确率"),
    "precision": ("Precision", "精确率"),
    "recall": ("Recall", "召回率"),
    "f1": ("F1", "F1"),
    "macro_f1": ("Macro F1", "宏平均 F1"),
    "fpr": ("False-positive rate", "误报率"),
    "roc_auc": ("ROC AUC", "ROC 曲线下面积"),
    "eer": ("Equal error rate", "等错误率"),
    "pr_auc": ("PR AUC", "PR 曲线下面积"),
    "ap": ("Average precision", "平均精确率"),
    "ece": ("Calibration error (ECE)", "期望校准误差"),
    "brier": ("Brier score", "Brier 分数"),
    "log_loss": ("Log loss", "对数损失"),
    "balanced_accuracy": ("Balanced accuracy", "平衡准确率"),
    "mcc": ("Matthews correlation", "马修斯相关系数"),
    "threshold": ("Threshold", "判定阈值"),
    "positive": ("Positive class", "正类"),
    "apcer": ("APCER, worst species", "APCER（最差种类）"),
    "bpcer": ("BPCER", "BPCER（真实呈现）"),
    "acer": ("ACER, the mean of both", "ACER（两者平均）"),
    "bpcer_at_apcer_1": ("BPCER at APCER 1%", "APCER 1% 时的 BPCER"),
    "about_accuracy": ("share of rows judged right", "判对的样本所占比例"),
    "about_precision": ("of what it calls positive, how much is", "判为正类的样本中，真为正类的比例"),
    "about_recall": ("of what is positive, how much it finds", "真为正类的样本中，被找出的比例"),
    "about_f1": ("harmonic mean of precision and recall", "精确率与召回率的调和平均"),
    "about_macro_f1": ("F1 averaged over classes, each counting the same", "各类别 F1 的平均，每类权重相同"),
    "about_fpr": ("of what is not positive, how much it flags", "非正类样本中，被误判为正类的比例"),
    "about_roc_auc": ("chance that a positive row outranks a negative one", "正类样本得分高于负类样本的概率"),
    "about_eer": ("error rate where false alarms equal misses", "误报率与漏报率相等时的错误率"),
    "about_pr_auc": ("area under precision–recall, straight lines", "精确率–召回率曲线下面积（直线插值）"),
    "about_ap": ("precision averaged over steps of recall", "沿召回率逐步平均的精确率"),
    "about_ece": (
        "how far confidence is from accuracy, 15 bins of equal size; lower is better",
        "置信度与准确率的平均偏差，15 个等量分箱；越低越好",
    ),
    "about_brier": ("squared error of the probabilities; lower is better", "概率的平方误差；越低越好"),
    "about_log_loss": (
        "surprise at the truth, in nats; lower is better",
        "对真实类别的意外程度（奈特）；越低越好",
    ),
    "about_balanced_accuracy": ("recall averaged over classes", "各类别召回率的平均"),
    "about_mcc": ("correlation of truth and decision, −1 to 1", "真实与判定的相关系数，−1 至 1"),
    # Pictures
    "roc": ("ROC curve", "ROC 曲线"),
    "pr": ("Precision–recall curve", "精确率–召回率曲线"),
    "det": ("Detection error trade-off", "检出错误权衡曲线"),
    "calibration": ("Calibration", "校准曲线"),
    "confusion": ("Confusion matrix", "混淆矩阵"),
    "history_loss": ("Loss by epoch", "各轮损失"),
    "history_score": ("Validation by epoch", "各轮验证指标"),
    "roc_note": (
        "Up and to the left is better; the dashed line is chance, the dot the threshold in use.",
        "越靠左上越好；虚线为随机水平，圆点为当前阈值。",
    ),
    "pr_note": (
        "Up and to the right is better; the dashed line is the share of positives.",
        "越靠右上越好；虚线为正类占比。",
    ),
    "det_note": (
        "Both errors on normal-deviate axes; down and left is better, the ring is the equal error rate.",
        "两种错误率均用正态偏差坐标；越靠左下越好，圆环为等错误率处。",
    ),
    "calibration_note": (
        "On the dashed line, confidence is as good as its word. Bars: how many rows have that confidence.",
        "点落在虚线上，说明置信度名副其实。柱形为各置信度的样本多少。",
    ),
    "confusion_note": (
        "Rows are the truth, columns the prediction; shade is the share of the true class.",
        "行为真实类别，列为预测类别；深浅为占真实类别的比例。",
    ),
    "history_note": (
        "One point an epoch.",
        "每轮一个点。",
    ),
    "many_note": (
        "One line for each class against the rest.",
        "每条线为一个类别对其余类别。",
    ),
    "ranges": ("The range under a figure is its 95% interval.", "数字下方为其 95% 区间。"),
    "tpr": ("True-positive rate", "真正率"),
    "fnr": ("Miss rate", "漏报率"),
    "confidence": ("Confidence", "置信度"),
    "epoch": ("Epoch", "轮次"),
    "loss": ("Loss", "损失"),
    "score": ("Score", "指标值"),
    "weakest": ("coloured: the weakest classes", "彩色：最弱的类别"),
    # Signals
    "operating": ("Operating points", "工作点"),
    "operating_note": (
        "What each threshold finds and flags. PPV and NPV hold for the share of positives among these rows only.",
        "各阈值下的检出与误报。阳性与阴性预测值仅适用于此处的阳性占比。",
    ),
    "sensitivity": ("Sensitivity", "灵敏度"),
    "specificity": ("Specificity", "特异度"),
    "ppv": ("PPV", "阳性预测值"),
    "npv": ("NPV", "阴性预测值"),
    "flagged": ("Flagged", "判为阳性比例"),
    "in_use": ("in use", "当前"),
    "beats": ("The worst errors, beat by beat", "最严重的错误，逐个心搏"),
    "beats_note": (
        "25 mm/s, 10 mm/mV. Solid: the beat; dashed: the usual beat of its record. Red stretches drove the decision, "
        "green ones spoke against it.",
        "25 mm/s，10 mm/mV。实线为该心搏，虚线为该记录的典型心搏。红色区段促成判定，绿色区段与之相反。",
    ),
    "drove_by": ("What drove it", "判定依据"),
    "drove_rhythm": ("rhythm (RR intervals)", "节律（RR 间期）"),
    "drove_nothing": ("no single part", "没有单独起作用的部分"),
    # Trust
    "trust": ("How far the teachers can be trusted here", "教师模型在此可信到什么程度"),
    "trust_note": (
        "Estimated from the teachers' answers to {n} rows.",
        "由教师模型对 {n} 行样本的回答估计。",
    ),
    "trust_doubt": (
        "Do not trust: nothing shows that these teachers know this task. Review some rows before the student is used.",
        "不可采信：没有迹象表明这些教师模型懂得此任务。请先人工复核部分样本，再使用学生模型。",
    ),
    "trust_corrected": (
        "On measured figures only: the teachers' answers gave no ground for trust, and reviewed labels corrected them.",
        "只看实测：教师模型的回答本身不足以采信，已用人工复核的标签校正。",
    ),
    "trust_uniform": (
        "Use uniform: the answers do not tell which teacher to trust more, so each counts the same.",
        "等权平均：从回答看不出哪个教师模型更可信，因此一视同仁。",
    ),
    "trust_alone": (
        "One teacher: the student can only be as good as it, and without labels nobody knows how good that is.",
        "仅一个教师模型：学生模型至多与它相当，而没有标签就无从得知它有多好。",
    ),
    "trust_weighed": (
        "Fine: the teachers agree beyond chance, and each counts as far as it can be trusted.",
        "可以采信：教师模型之间的一致超出偶然，各按可信程度计入。",
    ),
    "trust_unjudged": (
        "Not judged: the answers were joined as the recipe says; nothing checked whether the teachers deserve it.",
        "未作判断：已按配方合并回答，并未检验教师模型是否值得采信。",
    ),
    "trust_picture": ("Teachers, the most trusted first", "各教师模型（最可信者在前）"),
    "trust_picture_note": (
        "Dot: expected accuracy; bar: its 95% interval; dashed line: their joined answer.",
        "圆点为预期准确率，横线为其 95% 区间；虚线为联合回答。",
    ),
    "trust_ring_note": (
        "Dot: expected accuracy; bar: its 95% interval; dashed line: their joined answer; ring: measured with labels.",
        "圆点为预期准确率，横线为其 95% 区间；虚线为联合回答；圆环为对照标签的实测值。",
    ),
    "trust_table": ("Teacher by teacher", "逐个教师模型"),
    "trust_table_note": (
        "Calibration error: how far its confidence is from how often the joined answer has it right. Rows decided: "
        "where this teacher gave the strongest push. Flips: answers that change when it is left out.",
        "校准误差：其置信度与联合回答认定的正确率之差。主导样本数：该教师模型影响最大的样本数。翻转：去掉它后改变的回答"
        "所占比例。",
    ),
    "trust_notes": ("What was chosen, and why", "选择了什么，为什么"),
    "trust_rates": ("Expected class rates", "预期类别比例"),
    "teacher": ("Teacher", "教师模型"),
    "relevance": ("Relevance", "可信度"),
    "expected_accuracy": ("Expected accuracy", "预期准确率"),
    "measured_accuracy": ("Measured accuracy", "实测准确率"),
    "calibration_error": ("Calibration error", "校准误差"),
    "weakest_recall": ("Lowest recall", "召回率最低的类别"),
    "decided": ("Rows decided", "主导样本数"),
    "flips_without": ("Flips without it", "去掉后翻转"),
    # Facts
    "bundle": ("Bundle", "模型包"),
    "task": ("Task", "任务"),
    "kind": ("Kind", "类型"),
    "data": ("Data", "数据"),
    "network": ("Network", "网络"),
    "student": ("Student", "学生模型"),
    "teachers": ("Teachers", "教师模型"),
    "parameters": ("Parameters", "参数量"),
    "classes": ("Classes", "类别数"),
    "recipe": ("Recipe", "配方"),
    "seed": ("Seed", "随机种子"),
    "split": ("Split", "数据划分"),
    "date": ("Date", "日期"),
    "created": ("Made", "创建时间"),
    "limbeck": ("Limbeck version", "Limbeck 版本"),
    "version": ("Version", "版本"),
    "temperature": ("Temperature", "温度"),
    "size": ("Size", "大小"),
    "size_mb": ("Size (MB)", "大小（MB）"),
    "speed": ("Speed", "速度"),
    "format": ("Format", "格式"),
    "opset": ("ONNX opset", "ONNX 算子集"),
    "largest_difference": ("Largest difference", "最大差异"),
    "flipped": ("Labels flipped", "标签翻转数"),
    "flipped_labels": ("Labels flipped", "标签翻转数"),
    "gate": ("Gate", "导出检验"),
    "int8": ("int8 model", "int8 模型"),
    "train_loss": ("training", "训练"),
    "valid_loss": ("validation", "验证"),
    "valid_accuracy": ("accuracy", "准确率"),
    "valid_macro_f1": ("macro F1", "宏平均 F1"),
    "valid_roc_auc": ("ROC AUC", "ROC 曲线下面积"),
    "length": ("length", "长度"),
    "(missing)": ("(missing)", "（缺失）"),
}


def pair(key: str) -> tuple[str, str]:
    """Return (English, Chinese) of a key; a key without words stands for itself, underscores as blanks."""
    return WORDS.get(key) or (key.replace("_", " "), key.replace("_", " "))
