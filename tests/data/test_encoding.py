"""Tables in the older encodings of East Asia are read as they were meant, or it is said that nothing can be read."""

import pytest

import limbeck
from limbeck.data.tables import read
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import parse_recipe

TEXTS = {
    "cp949": "이 상품은 {} 번째 구매인데 정말 좋아요",
    "cp932": "この商品は{}回目の購入ですがとても良かったです",
    "euc_jp": "この商品は{}回目の購入ですがとても良かったです",
    "cp950": "這個東西我買了{}次，真的很好，沒有什麼不對",
    "gb18030": "这个东西我买了{}次，真的很好，没有什么不对",
    "utf-16-le": "一一一一一一一一第{}次一一一一一一一一一一一一一一",
    "utf-16-be": "一一一一一一一一第{}次一一一一一一一一一一一一一一",
}


def table(folder, codec, text, count=60):
    rows = "".join(f"{text.format(k)},{k % 2}\n" for k in range(count))
    (folder / "a.csv").write_bytes(("text,label\n" + rows).encode(codec))
    return folder / "a.csv"


def recipe(**data):
    return parse_recipe({"task": {"kind": "text"}, "data": {"train": "a.csv", **data}, "student": {"network": "gru"}})


@pytest.mark.parametrize("codec", TEXTS)
def test_an_older_encoding_is_told_by_what_it_holds(tmp_path, codec):
    found = read.read(table(tmp_path, codec, TEXTS[codec]))
    assert (found.format.encoding, found.rejects) == (codec, ())
    assert found.frame["text"][7] == TEXTS[codec].format(7)


@pytest.mark.parametrize(("codec", "name"), [("cp949", "EUC-KR"), ("cp950", "Big5"), ("cp932", "Shift-JIS")])
def test_a_guess_is_said_by_training_doctor_and_prediction(bundles, tmp_path, codec, name):
    path = table(tmp_path, codec, TEXTS[codec])
    line = f"a.csv is taken for {name}"
    assert line in prepare(recipe(), tmp_path).findings
    assert [one.level for one in limbeck.doctor(recipe(), data=tmp_path) if one.what == line] == ["warn"]
    assert limbeck.predict(bundles("ngram"), path, tmp_path / "out.csv", quiet=True).notes == (line,)


def test_an_encoding_that_is_named_is_not_guessed(bundles, tmp_path):
    path = table(tmp_path, "latin-1", "la {}e fois à Orléans : café très cher")
    with pytest.raises(
        LimbeckError, match=r"no row can be read; 60 unreadable rows .*name its encoding \(data.encoding"
    ):
        prepare(recipe(), tmp_path)
    data = prepare(recipe(encoding="latin-1"), tmp_path)
    assert data.texts[3] == "la 3e fois à Orléans : café très cher"
    done = limbeck.predict(bundles("ngram"), path, tmp_path / "o.csv", columns=["text"], encoding="latin-1", quiet=True)
    assert (done.rows, done.rejected, done.notes) == (60, 0, ())
    assert limbeck.evaluate(bundles("ngram"), path, encoding="cp1252", bootstrap=2)["n"] == 60


@pytest.mark.parametrize("name", ["klingon", "zlib", "rot13", "unicode_escape", "idna", "utf-7", "\0"])
def test_what_is_no_encoding_of_texts_is_refused(tmp_path, name):
    with pytest.raises(LimbeckError, match=r"unknown encoding .*; known: utf-8"):
        read.read(table(tmp_path, "utf-8", "好{}"), encoding=name)


def test_few_korean_bytes_are_no_evidence(tmp_path):
    (tmp_path / "a.csv").write_bytes("text,label\n好,1\n差,0\n".encode("gb18030"))
    assert read.read(tmp_path / "a.csv").format.encoding == "gb18030"


def test_bytes_that_alternate_with_nuls_but_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(
        bytes(byte for k in range(2000) for byte in (k % 251, 0 if k % 2 else 7, 0, k % 13))
    )
    with pytest.raises(LimbeckError):
        read.read(tmp_path / "a.csv")
