"""Tables and recipes as nobody would write them: valid ones, and what random damage makes of them.

Every function draws from the generator it is given, so a seed names a file.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

CODECS = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "gb18030", "big5", "shift_jis", "euc_kr", "latin-1",
          "utf-32")  # fmt: skip
WORDS = (
    "物流很快",
    "质量太差",
    "还不错",
    "一一一一",
    "good",
    "bad café",
    "😀🏳️‍🌈",
    "今天天气",
    "繁體字",
    "ありがとう",
    "감사합니다",
    "Ω≈ç",
)
CELLS: tuple[Any, ...] = (
    None, "", " ", "NULL", "nan", "-inf", "1e999", "1.7e308", "0x10", "007", "1,5", "TRUE", "=1+1", "@SUM(A1)", "\0", "\ufeff",
    "\u2028", "\u202e", "\x1b[31m", "a\nb", "a\r\nb", "a\rb", '"', '""', "'", '"x', ";", "\t", "|", ",", "\\", "\\N",
    "<script>", "{}", "[]", "[1", "9" * 400, "x" * 40_000, "好" * 9_000, "%s%n", "../../etc/passwd", "2026-02-30", "\ud7ff",
)  # fmt: skip
TYPED: tuple[Any, ...] = (0, -1, 2**63 - 1, 1.5, float("nan"), float("inf"), 1.7e308, True, False)


def rows(rng: random.Random) -> list[list[Any]]:
    """Return a header and some rows of texts, labels, numbers and odd cells."""
    head = [
        "text",
        "label",
        *rng.sample(["id", "price", "when", "备注", "text ", "", "text", "label.1", "a,b"], rng.randrange(5)),
    ]
    body: list[list[Any]] = []
    for at in range(rng.choice((0, 1, 2, 7, 40))):
        row: list[Any] = ["".join(rng.choices(WORDS, k=rng.randrange(1, 6))), rng.choice("01")]
        row += [rng.choice((at, at / 7, f"r{at}")) for _ in head[2:]]
        body.append(row)
    for _ in range(rng.choice((0, 0, 1, 4))):
        if body:
            row = rng.choice(body)
            row[rng.randrange(len(row))] = rng.choice(CELLS)
    return [head, *body]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with one to four accidents: flips, cuts, doubled and swapped stretches, insertions."""
    for _ in range(rng.randrange(1, 5)):
        if not data:
            return data
        at = rng.randrange(len(data))
        to = min(len(data), at + rng.choice((1, 2, 8, 64, 1024)))
        kind = rng.randrange(7)
        if kind == 0:
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at]
        elif kind == 2:
            data = data[:at] + data[to:]
        elif kind == 3:
            data = data[:to] + data[at:]
        elif kind == 4:
            data = (
                data[:at]
                + rng.choice((b"\0", b"\xff\xfe", b'"', b"\n", b"\r", b"\xef\xbb\xbf", b"\x1a", b"[" * 3000))
                + data[at:]
            )
        elif kind == 5:
            data = data[:at] + rng.randbytes(to - at) + data[to:]
        else:
            data = data[:at] + data[at:to][::-1] + data[to:]
    return data


def csv_file(rng: random.Random, folder: Path) -> tuple[Path, int | None]:
    """Write a CSV, TSV or text file; its number of rows comes back where the damage leaves that clear."""
    table = rows(rng)
    ending, delimiter = rng.choice(((".csv", ","), (".csv", ";"), (".tsv", "\t"), (".txt", "\t"), (".csv", "|")))
    end = rng.choice(("\n", "\n", "\r\n", "\r"))
    plain = rng.random() < 0.3
    if plain:
        table = [[str(cell) if cell is not None else "x" for cell in row] for row in table]
        table = [["".join(char for char in cell if char.isalnum()) or "x" for cell in row] for row in table]
    lines = [_csv_line(rng, row, delimiter, plain) for row in table]
    if not plain:
        lines = _lines_damaged(rng, lines)
        end = rng.choice((end, end, "\n\r", "\x0b"))
    codec = "utf-8" if plain else rng.choice(CODECS)
    data = (end.join(lines) + (end if rng.random() < 0.7 else "")).encode(codec, "replace")
    known = len(table) - 1 if plain and len(set(table[0])) == len(table[0]) else None
    if not plain and rng.random() < 0.6:
        data = damaged(rng, data)
    return _written(rng, folder, ending, data), known


def jsonl_file(rng: random.Random, folder: Path) -> tuple[Path, int | None]:
    """Write JSON Lines, or an array of objects as .json."""
    head, *body = rows(rng)
    objects: list[Any] = [dict(zip(head, row, strict=False)) for row in body]
    for _ in range(rng.choice((0, 1, 3))):
        if objects:
            odd = rng.choice((None, 3, [], {}, "x", [[[]]], {"text": {"a": [1, {"b": None}]}}, {"": 1}, _nested(rng)))
            objects[rng.randrange(len(objects))] = odd
    texts = [json.dumps(one, ensure_ascii=rng.random() < 0.5, allow_nan=True) for one in objects]
    array = rng.random() < 0.25
    whole = rng.random() < 0.3
    if not whole:
        texts = _lines_damaged(rng, texts)
    data = ("[" + ",".join(texts) + "]" if array else "\n".join(texts) + "\n").encode(
        "utf-8" if whole else rng.choice(CODECS), "replace"
    )
    if not whole and rng.random() < 0.6:
        data = damaged(rng, data)
    return _written(rng, folder, ".json" if array else rng.choice((".jsonl", ".ndjson")), data), len(
        texts
    ) if whole else None


def parquet_file(rng: random.Random, folder: Path) -> tuple[Path, int | None]:
    """Write Parquet with columns of any type, damaged as bytes as often as not."""
    count = rng.choice((0, 1, 5, 40))
    columns: dict[str, pl.Series] = {}
    for name in ("text", "label", *rng.sample(["id", "more", "when"], rng.randrange(3))):
        if rng.random() < 0.08:
            continue
        columns[name] = _typed_column(rng, count, plain=name in ("text", "label") and rng.random() < 0.75)
    held = io.BytesIO()
    frame = pl.DataFrame(columns) if columns else pl.DataFrame({"x": [1]})
    compression = rng.choice(("zstd", "uncompressed", "snappy", "gzip"))
    frame.write_parquet(
        held, compression=compression, row_group_size=rng.choice((None, 3)), statistics=rng.random() < 0.5
    )
    data = held.getvalue()
    whole = rng.random() < 0.4
    if not whole:
        data = damaged(rng, data)
    path = folder / "t.parquet"
    path.write_bytes(data)
    return path, frame.height if whole else None


def excel_file(rng: random.Random, folder: Path) -> tuple[Path, int | None]:
    """Write a workbook; damage its cells, the XML of its parts, or the bytes of its archive."""
    from openpyxl import Workbook  # type: ignore[import-untyped]

    book = Workbook()
    sheet = book.active
    for row in rows(rng):
        sheet.append([_for_excel(rng.choice((cell, cell, cell, rng.choice(TYPED)))) for cell in row])
    for _ in range(rng.choice((0, 0, 1, 3))):
        sheet.cell(row=rng.choice((1, 2, 3, 50, 300)), column=rng.choice((1, 2, 5, 40)), value="far")
    held = io.BytesIO()
    book.save(held)
    data = held.getvalue()
    kind = rng.randrange(4)
    if kind == 1:
        data = damaged(rng, data)
    elif kind == 2:
        data = _parts_damaged(rng, data)
    path = folder / rng.choice(("t.xlsx", "t.xlsx", "t.xls"))
    path.write_bytes(data)
    return path, None


RECIPE = """[task]
kind = "text"
classes = { 0 = "bad", 1 = "good" }

[data]
train = "rows.csv"
split = { valid = 0.2, test = 0.2 }
where = { domain = ["fruit", "books"] }

[input]
encoder = "ngrams"
ngrams = [1, 2]
buckets = 4096

[student]
network = "ngram"

[objective]
losses = { hard = 1.0, distil = 0.5 }

[training]
epochs = 3
learning_rate = 0.02

[[teachers]]
name = "score"
source = "column:score"
"""
VALUES = (
    "1", "-1", "0", "1e400", "nan", "inf", "true", '""', '"x"', "[]", "[[[]]]", "{}", "{ a = 1 }", "2026-01-01", "9" * 30, "'''\n'''",
    '"' + "x" * 9000 + '"', "[1, 'a', {}]", "0x7fffffffffffffff", '"\\u0000"', '"../../x"', '"图"', "9" * 5000, "[" * 4000, "{a=" * 3000,
)  # fmt: skip


def recipe_file(rng: random.Random, folder: Path) -> Path:
    """Write a recipe with other values, doubled, lost and new lines, or damaged bytes."""
    lines = RECIPE.splitlines()
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(lines))
        kind = rng.randrange(5)
        if kind == 0 and "=" in lines[at]:
            lines[at] = lines[at].partition("=")[0] + "= " + rng.choice(VALUES)
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            lines.insert(at, lines[at])
        elif kind == 3:
            lines.insert(
                at,
                f"{rng.choice(('标签', 'x', 'a.b.c', chr(34) * 2, 'kind', '.'.join('a' * 300)))} = {rng.choice(VALUES)}",
            )
        else:
            lines[at] = rng.choice(("[task]", "[[data]]", "[when.ngram.data]", "[a.b]", "[", "# \0", "[input.signal]"))
    data = "\n".join(lines).encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "gb18030")))
    path = folder / "r.toml"
    path.write_bytes(damaged(rng, data) if rng.random() < 0.3 else data)
    return path


def _csv_line(rng: random.Random, row: Sequence[Any], delimiter: str, plain: bool) -> str:
    cells = ["" if cell is None else str(cell) for cell in row]
    if plain:
        return delimiter.join(cells)
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"'
        if rng.random() < 0.1 or (any(sign in cell for sign in '\r\n"' + delimiter) and rng.random() < 0.9)
        else cell
        for cell in cells
    )


def _lines_damaged(rng: random.Random, lines: list[str]) -> list[str]:
    lines = list(lines)
    for _ in range(rng.choice((0, 1, 1, 3))):
        if not lines:
            return lines
        at = rng.randrange(len(lines))
        change: Callable[[], None] = rng.choice(
            (
                lambda at=at: lines.insert(at, lines[0]),
                lambda at=at: lines.pop(at),
                lambda at=at: lines.insert(at, ""),
                lambda at=at: lines.insert(at, rng.choice(("sep=;", "#", ",,,,", "{", "\0", '"', "]", _deep(rng)))),
                lambda at=at: lines.__setitem__(at, lines[at][: len(lines[at]) // 2]),
                lambda at=at: lines.__setitem__(at, lines[at] * 2),
            )
        )
        change()
    return lines


def _nested(rng: random.Random) -> Any:
    made: Any = 1
    for _ in range(rng.choice((3, 400))):
        made = {"text": made} if rng.random() < 0.5 else [made]
    return {"text": made}


def _deep(rng: random.Random) -> str:
    return rng.choice(("[", '{"text":')) * rng.choice((30, 3000))


def _typed_column(rng: random.Random, count: int, *, plain: bool) -> pl.Series:
    texts = ["".join(rng.choices(WORDS, k=2)) for _ in range(count)]
    if plain:
        return (
            pl.Series(texts, dtype=pl.String)
            if rng.random() < 0.5
            else pl.Series([str(k % 2) for k in range(count)], dtype=pl.String)
        )
    kinds: tuple[Callable[[], pl.Series], ...] = (
        lambda: pl.Series([rng.choice((text, None)) for text in texts], dtype=pl.String),
        lambda: pl.Series([[text] for text in texts], dtype=pl.List(pl.String)),
        lambda: pl.Series([{"a": text, "b": None} for text in texts], dtype=pl.Struct({"a": pl.String, "b": pl.Int8})),
        lambda: pl.Series([rng.randbytes(5) for _ in texts], dtype=pl.Binary),
        lambda: pl.Series(
            [rng.choice((1.5, float("nan"), float("inf"), 1.7e308, None)) for _ in texts], dtype=pl.Float64
        ),
        lambda: pl.Series([rng.choice((1, None, -(2**63))) for _ in texts], dtype=pl.Int64),
        lambda: pl.Series([None] * count, dtype=pl.Null),
        lambda: pl.Series([k * 86_400_000 for k in range(count)], dtype=pl.Int64).cast(pl.Datetime("ms")),
        lambda: pl.Series(list(range(count)), dtype=pl.Int64).cast(pl.Duration("us")),
        lambda: pl.Series(texts, dtype=pl.Categorical),
        lambda: pl.Series([k % 2 == 0 for k in range(count)], dtype=pl.Boolean),
        lambda: pl.Series([[[k]] for k in range(count)], dtype=pl.List(pl.List(pl.Int64))),
    )
    return rng.choice(kinds)()


def _for_excel(cell: Any) -> Any:
    if isinstance(cell, str):
        return "".join(char for char in cell if char >= " " or char in "\t\n\r")[:32_000]
    return None if isinstance(cell, float) and (cell != cell or abs(cell) == float("inf")) else cell


def _parts_damaged(rng: random.Random, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as out:
        names = given.namelist()
        chosen = rng.choice(names)
        for name in names:
            content = given.read(name)
            if name == chosen:
                kind = rng.randrange(4)
                if kind == 0:
                    continue
                content = damaged(rng, content) if kind == 1 else content.replace(*rng.choice(_XML))
            out.writestr(name, content)
    return held.getvalue()


_XML = (
    (b'r="A2"', b'r="XFD1048576"'), (b'r="A1"', b'r="ZZZZ99999999"'), (b't="s"', b't="n"'), (b't="n"', b't="s"'), (b"<v>0</v>", b"<v>99999999</v>"),
    (b"<v>1</v>", b"<v>1e999</v>"), (b"sheet1.xml", b"../../sheet9.xml"), (b"</row>", b""), (b"<sheetData>", b"<sheetData><sheetData>"),
    (b'<?xml version="1.0"?>', b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'), (b"UTF-8", b"UTF-16"),
)  # fmt: skip


def _written(rng: random.Random, folder: Path, ending: str, data: bytes) -> Path:
    if rng.random() < 0.1:
        ending, data = ending + ".gz", gzip.compress(data)
        data = damaged(rng, data) if rng.random() < 0.3 else data
    path = folder / f"t{ending}"
    path.write_bytes(data)
    return path
