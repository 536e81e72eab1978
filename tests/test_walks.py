"""How far a row travels: the figures of benchmarks/walks.py stay where they are wanted."""

from __future__ import annotations

from benchmarks.walks import decodes, modules_passed


def test_a_text_passes_16_modules_at_most_from_its_cell_to_its_answer(tmp_path):
    passed = modules_passed(tmp_path / "texts")
    assert {
        "bundle.open_bundle",
        "data.tables.csv_file",
        "kinds.text.encode",
        "bundle.prediction.resume_journal",
    } <= set(passed)
    assert len(passed) <= 16, passed


def test_no_picture_is_decoded_more_than_three_times_in_a_training(tmp_path):
    found = decodes(tmp_path / "pictures", count=32)
    assert len(found) == 32
    assert max(found.values()) <= 3, found
