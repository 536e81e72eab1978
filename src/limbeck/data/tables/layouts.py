"""Published table layouts, brought to the columns that a recipe names.

WeChat news: the header is ``Ofiicial Account Name,Title,News Url,Image Url,Report Content,label`` (the
misspelling is theirs), ``Report Content`` holds readers' reports split by ``##``, label 0 is real and 1 is
fake. One row becomes one text, ``content`` = title, full stop, reports: what readers say of a piece tells as
much as its title.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from limbeck.data.tables.rows import need, text_column
from limbeck.errors import LimbeckError, did_you_mean

STOP = " 。 "
_WECHAT = {
    "ofiicial account name": "account",
    "official account name": "account",
    "title": "title",
    "news url": "url",
    "image url": "image",
    "report content": "reports",
    "label": "label",
    "id": "id",
}


def table(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame as it is."""
    return frame


def wechat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return account, title, url, image, reports, content and, where present, label and other columns.

    Raises
    ------
    LimbeckError
        When Title or Report Content is missing.
    """
    names = {" ".join(name.lower().split()): name for name in frame.columns}
    for wanted in ("title", "report content"):
        if wanted not in names:
            raise LimbeckError(
                f"the WeChat layout wants a column {wanted.title()!r}",
                fix=did_you_mean(wanted.title(), frame.columns),
            )
    frame = frame.with_columns(text_column(frame[names[key]]) for key in ("title", "report content"))
    frame = frame.rename({names[key]: new for key, new in _WECHAT.items() if key in names})
    # Reports are joined by ##; empty ones leave two marks beside each other, or one at an end.
    reports = pl.col("reports").cast(pl.String).fill_null("").str.replace_all(r"(?:\s*##)+\s*", " ").str.strip_chars()
    title = pl.col("title").cast(pl.String).fill_null("").str.strip_chars()
    frame = frame.with_columns(title=title, reports=reports)
    whole = pl.concat_str("title", pl.lit(STOP), "reports")
    return frame.with_columns(content=pl.when(pl.col("reports") == "").then(pl.col("title")).otherwise(whole))


LAYOUTS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {"table": table, "wechat": wechat}


def renamed(columns: Mapping[str, str], more: Mapping[str, str] | None) -> dict[str, str]:
    """Return a bundle's columns (name in the file -> name in the recipe) where some are called otherwise now."""
    more = more or {}
    return {**{old: new for old, new in columns.items() if new not in more.values()}, **more}


def apply(
    frame: pl.DataFrame,
    layout: str = "table",
    columns: Mapping[str, str] | None = None,
    *,
    where: object = None,
    partly: bool = False,
) -> pl.DataFrame:
    """Bring a frame to its layout, then rename columns (name in the file -> name in the recipe).

    A file that lacks the old name and has the new one needs no renaming: one recipe may read files of both kinds.
    ``partly`` takes a file as it is where it lacks the layout's columns, and renames only the columns that it has.

    Raises
    ------
    LimbeckError
        For an unknown layout, a column to rename that is missing, or two columns of one name.
    """
    if layout not in LAYOUTS:
        raise LimbeckError(f"there is no layout {layout!r}", where=where, fix=did_you_mean(layout, LAYOUTS))
    try:
        frame = LAYOUTS[layout](frame)
    except LimbeckError as error:
        if not partly:
            raise LimbeckError(error.what, where=where, fix=error.fix) from error
    if not columns:
        return frame
    columns = {old: new for old, new in columns.items() if old in frame.columns or new not in frame.columns}
    if partly:
        columns = {old: new for old, new in columns.items() if old in frame.columns}
    need(frame.columns, list(columns), where)
    after = [columns.get(name, name) for name in frame.columns]
    twice = next((name for name in after if after.count(name) > 1), None)
    if twice is not None:
        raise LimbeckError(
            f"after renaming, two columns are {twice!r}", where=where, fix="change data.columns, or --rename"
        )
    return frame.rename(dict(columns))
