"""Labels and notes of the report, in English and Chinese; their codes begin with ``report.``."""

from __future__ import annotations

from limbeck.messages.message import LANGUAGES, template


def pair(key: str) -> tuple[str, str]:
    """Return (English, Chinese) of a key; a key without words stands for itself, underscores as blanks."""
    code = f"report.{key}"
    english, chinese = (template(code, language) for language in LANGUAGES)
    return (key.replace("_", " "),) * 2 if english == code else (english, chinese)
