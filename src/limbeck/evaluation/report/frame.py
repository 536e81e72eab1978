"""What the reports of all tasks share: the frame of the page, its policy, its two languages, how figures are written.

The language switch is two radio buttons and CSS. A strict content policy (only the page's own style sheet, by
its hash) and escaping everywhere keep text from data inert; see `inert` for what escaping alone would leave.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import LimbeckError
from limbeck.evaluation.report import charts
from limbeck.messages.baseline_names import named
from limbeck.messages.escape import inert
from limbeck.messages.labels import pair
from limbeck.messages.message import LANGUAGES, both

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LIVENESS = ("apcer", "bpcer", "acer", "bpcer_at_apcer_1")
_PERCENT = frozenset(
    (
        "accuracy",
        "precision",
        "recall",
        "f1",
        "macro_f1",
        "micro_f1",
        "subset_accuracy",
        "hamming_loss",
        "fpr",
        "eer",
        "ece",
        "balanced_accuracy",
        "probability",
        *LIVENESS,
    )
)


def rendered(template: Path, values: Mapping[str, Any], *, lang: str, images: bool) -> str:
    """Return a page as text.

    Parameters
    ----------
    template
        The file of a template that extends ``frame.html``.
    values
        What it shows: ``title``, ``verdict``, ``facts`` and ``warning`` of the frame, and its own.
    lang
        "en" or "zh": the language that the page opens in.
    images
        Whether there are pictures of data in it.

    Raises
    ------
    LimbeckError
        For another language.
    """
    if lang not in LANGUAGES:
        raise LimbeckError(f"no report in the language {lang!r}", fix="known: 'en', 'zh'")
    from markupsafe import Markup

    here = Path(__file__).parent
    # A lone "</style" cannot occur in our own file; the hash covers exactly what stands between the tags.
    css = (here / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    shown_images = "img-src data:; " if images else ""
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; {shown_images}base-uri 'none'; form-action 'none'"
    frame = {"css": Markup(css), "policy": policy, "lang": lang}  # noqa: S704 - our own file
    return environment(template.parent).get_template(template.name).render(**frame, **values)


@cache
def environment(folder: Path) -> Environment:
    """Return the environment of a folder of templates, kept with them: compiling takes longer than rendering."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {"t": bilingual, "both": both_languages, "named": named, "interval": interval, "span": span}
    made.filters |= {"data": inert, "value": figure, "shown": shown, "points": points}
    return made


def drawings(named_drawings: Sequence[tuple[str, str]]) -> list[tuple[str, Markup]]:
    """Return pictures of `limbeck.messages.svg`, which escapes what it is given, as the templates take them."""
    from markupsafe import Markup

    return [(name, Markup(drawing)) for name, drawing in named_drawings]  # noqa: S704 - svg.py escapes


def history_figures(history: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return names and pictures of the losses and scores of a training, where there are any."""
    named_charts = (("history_loss", True), ("history_score", False))
    drawn = ((name, charts.history(history, losses)) for name, losses in named_charts)
    return [(name, picture) for name, picture in drawn if picture]


def bilingual(key: str) -> Markup:
    """Return a word of the page in both languages, of which the style sheet shows one."""
    return both_languages(pair(key))


def both_languages(words: str | Sequence[str]) -> Markup:
    """Return a sentence in both languages, of which the style sheet shows one."""
    from markupsafe import Markup, escape

    english, chinese = both(words) if isinstance(words, str) else words
    # Sentences may quote data (a model's name, say), so they are made inert like data.
    english, chinese = inert(english, 2000), inert(chinese, 2000)
    if english == chinese:
        return Markup(escape(english))  # noqa: S704
    marked = '<span class="en" lang="en">{}</span><span class="zh" lang="zh-Hans">{}</span>'
    return Markup(marked).format(english, chinese)  # noqa: S704 - Markup.format escapes what it fills in


def figure(value: Any, name: str = "") -> Any:
    """Return a number as its metric is read: shares as percentages, the rest with three decimals."""
    if value is None:
        return both_languages(("–", "–"))
    if isinstance(value, bool | str):
        return shown(value)
    if name == "seconds":
        return f"{float(value):.1f}"
    if name in _PERCENT:
        return f"{100 * float(value):.1f}%"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{int(value):,}"
    return f"{float(value):.3f}" if abs(value) < 100 else f"{float(value):,.1f}"


def interval(metrics: Mapping[str, Any], name: str) -> str:
    """Return the confidence interval of a metric, "" without one."""
    return span(metrics.get("confidence_intervals", {}).get(name), name)


def span(ends: Sequence[float] | None, name: str) -> str:
    """Return both ends of an interval of a metric, "" without one."""
    if not ends:
        return ""
    low, high = (str(figure(end, name)) for end in ends)
    return f"{low.removesuffix('%')}–{high}"


def points(value: float | None) -> str:
    """Return a difference of two shares in percentage points, with its sign."""
    # A true minus sign: a hyphen is half as wide, and columns of differences would not line up.
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def shown(value: Any) -> Any:
    """Return a fact of any plain kind as inert text."""
    if isinstance(value, bool):
        return bilingual("yes" if value else "no")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return inert(", ".join(f"{k}: {shown(v)}" for k, v in value.items() if not isinstance(v, bool)))
    if isinstance(value, list | tuple):
        return inert(", ".join(str(item) for item in value))
    return inert("–" if value is None else value)
