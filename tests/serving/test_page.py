"""The page at ``/``, in a real browser, and the OpenAPI document."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import validate

from limbeck.serving.page.openapi import document
from limbeck.serving.page.page import language
from old_bundles import rows_of
from serving.conftest import ask

TEXTS = rows_of("text-ngram")


def test_the_document_is_valid_and_answers_are_what_it_says(server):
    told = ask(server.address, "/openapi.json").json
    validate(told)
    assert told == document()

    def check(name, value):
        jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", **told})

    check("Server", ask(server.address, "/v2").json)
    check("Index", ask(server.address, "/v2/repository/index", b"").json)
    check("Model", ask(server.address, "/v2/models/table").json)
    body = {"model": "text-ngram", "texts": [*TEXTS[:2], ""], "explain": True}
    check("Asked", body)
    check("Answered", ask(server.address, "/predict", body).json)
    check("Error", ask(server.address, "/predict", {}).json)
    request = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}
    check("Inference", request)
    check("Inferred", ask(server.address, "/v2/models/text-ngram/infer", request).json)


def test_the_language_is_what_is_asked_for_else_the_browsers():
    assert language("lang=zh", "en") == language("", "zh-CN,zh;q=0.9") == language("", "fr,zh;q=0.9") == "zh"
    assert language("lang=xx", "") == language("", "fr") == "en"


def test_the_page_is_safe_and_there_in_both_languages(server):
    for lang, word in (("en", b"Try a model"), ("zh", "试用模型".encode())):
        found = ask(server.address, f"/?lang={lang}")
        assert word in found.body and "script-src 'self'" in found.headers["content-security-policy"]
    assert ask(server.address, "/page.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.browser
def test_a_model_is_tried_by_hand(server):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    text = f"{TEXTS[0]}<b>粗</b>"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        faults = []
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{server.address}/?lang=zh")
        page.locator("#model option").nth(3).wait_for(state="attached")
        page.select_option("#model", "text-ngram")
        page.fill("#texts", f"{text}\n{TEXTS[1]}")
        page.click("button")
        page.wait_for_selector("#answers:not([hidden]) tbody tr")
        rows = page.locator("#answers tbody tr")
        assert rows.count() == 2
        assert rows.nth(0).locator("td").nth(0).inner_text() == text  # shown, not run
        assert page.locator("#answers mark").count() > 0
        page.select_option("#model", "image")
        page.set_input_files("#pictures", [str(path) for path in rows_of("image")[:2]])
        page.click("button")
        page.locator("#answers td", has_text=Path(rows_of("image")[0]).name).wait_for()
        assert page.locator("#answers tbody tr").count() == 2
        assert faults == []
        browser.close()
