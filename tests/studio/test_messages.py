"""Every text of the site exists in English and Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from django.template import engines
from django.test import Client
from django.urls import reverse
from django.utils.translation.template import templatize

import limbeck.studio

ROOT = Path(limbeck.studio.__path__[0])
TEMPLATES = sorted(ROOT.rglob("*.html"))
KEYWORDS = {"gettext": None, "gettext_lazy": None, "_": None, "ngettext": (1, 2)}
# Names, formats and keys that are the same in all languages.
SAME = {"Limbeck", "· Limbeck", "CSV", "Excel", "Parquet", "Ctrl + Enter", "English", "中文", "·", "–", "/", "#", "%"}


def used() -> set[str]:
    """Return the English texts of all modules and templates."""
    found: set[str] = set()
    for file in sorted(ROOT.rglob("*.py")):
        with file.open("rb") as source:
            for _line, _name, texts, _notes in extract_python(source, list(KEYWORDS), [], {}):
                found.add(texts[0] if isinstance(texts, tuple) else texts)
    for file in TEMPLATES:
        told = templatize(file.read_text("utf-8"), origin=str(file))
        for _quote, text in re.findall(r"gettext\(u?(['\"])(.*?)\1[,)]", told, re.DOTALL):
            found.add(text)
        for _quote, text in re.findall(r" _\((u?['\"])(.*?)['\"]\)", told, re.DOTALL):
            found.add(text)
    return {text.replace('\\"', '"').replace("\\'", "'") for text in found if text}


def test_no_text_is_missing_fuzzy_or_left_over() -> None:
    with (ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalogue = read_po(file, locale="zh_Hans")
    known = {}
    for message in catalogue:
        if message.id:
            key = message.id[0] if isinstance(message.id, tuple) else message.id
            known[key] = message.string[0] if isinstance(message.string, tuple) else message.string
            assert "fuzzy" not in message.flags, key
    assert {key for key, text in known.items() if not text} == set()
    assert used() ^ set(known) == set()


def test_places_are_the_same_in_both_languages() -> None:
    with (ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po").open("rb") as file:
        for message in read_po(file, locale="zh_Hans"):
            one = message.id[-1] if isinstance(message.id, tuple) else message.id
            other = message.string[0] if isinstance(message.string, tuple) else message.string
            assert sorted(re.findall(r"%\(\w+\)\w", one or "")) == sorted(re.findall(r"%\(\w+\)\w", other or "")), one


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.relative_to(ROOT / "templates")))
def test_no_template_has_a_text_of_its_own(file: Path) -> None:
    text = file.read_text("utf-8")
    text = re.sub(r"\{%\s*(?:blocktranslate|comment).*?end(?:blocktranslate|comment)\s*%\}", "", text, flags=re.DOTALL)
    text = re.sub(
        r"<(?:script|style|svg)\b.*?</(?:script|style|svg)>|<!--.*?-->|<meta[^>]*>", "", text, flags=re.DOTALL
    )
    shown = re.sub(r"\{[{%#].*?[#%}]\}", "\n", text, flags=re.DOTALL)
    for attribute in re.findall(r'(?:placeholder|title|aria-label|alt|data-confirm)="([^"]*)"', shown):
        assert not re.search(r"[A-Za-z]{2}", attribute), attribute
    for piece in re.sub(r"<[^>]*>", "\n", shown, flags=re.DOTALL).splitlines():
        word = piece.strip()
        assert word in SAME or not re.search(r"[A-Za-z\u4e00-\u9fff]{2}", word), word
    engines["django"].from_string(file.read_text("utf-8"))


@pytest.mark.django_db
def test_the_switch_is_kept() -> None:
    client = Client()
    client.post(reverse("preferences"), {"language": "zh-hans", "theme": "dark", "next": "/account/sign-in/"})
    page = client.get(reverse("account_login")).content.decode()
    assert 'lang="zh-Hans"' in page and "登录" in page and 'data-bs-theme="dark"' in page
    away = client.post(reverse("preferences"), {"language": "en", "next": "https://evil.example/"})
    assert away["Location"] == "/"


@pytest.mark.django_db
def test_the_browser_s_language_is_taken() -> None:
    page = Client(headers={"Accept-Language": "zh-CN,zh;q=0.9"}).get(reverse("account_login")).content.decode()
    assert "登录" in page
