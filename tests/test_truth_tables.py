"""Tables of true classes as spreadsheets and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.batching.gathering import gather
from reportgen.batching.truths import truths_of
from reportgen.errors import LabelsError


def truths(folder: Path, table: bytes) -> dict[str, str]:
    (folder / "a.png").write_bytes(b"")
    (folder / "b.png").write_bytes(b"")
    (folder / "labels.csv").write_bytes(table)
    found = truths_of(str(folder / "labels.csv"), gather([folder / "a.png", folder / "b.png"], None))
    return {path.name: label for path, label in found.items()}


@pytest.mark.parametrize("end", [",", ";", "\t"])
def test_columns_are_separated_as_spreadsheets_do(tmp_path: Path, end: str) -> None:
    rows = [("image", "label"), ("a.png", '"hen; cock, or chick"'), ("b.png", "tench")]
    table = "\ufeff" + "".join(f"{end.join(row)}\r\n" for row in rows)
    assert truths(tmp_path, table.encode()) == {"a.png": "hen; cock, or chick", "b.png": "tench"}


def test_other_columns_empty_lines_and_missing_images_are_no_fault(tmp_path: Path) -> None:
    table = b"note,Label , IMAGE\n\nx,tench,a.png,more\n\n"
    assert truths(tmp_path, table) == {"a.png": "tench"}


@pytest.mark.parametrize("table", ["image,label\na.png,caf\u00e9\n".encode("latin-1"), "image,label\na.png,x\n".encode("utf-16")])
def test_a_table_that_is_not_in_utf_8_says_what_to_do(tmp_path: Path, table: bytes) -> None:
    with pytest.raises(LabelsError, match=r"labels\.csv: not in UTF-8; .*\nSave it again as UTF-8") as refused:
        truths(tmp_path, table)
    assert "codec" not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (b"image,label,image\na.png,x,b.png\n", "there are 2 columns image; expected one"),
        (b"image,labels\na.png,x\n", "there is no column label"),
        (b"image,label\na.png\n", "line 2: expected an image and its label"),
        (b"image,label\na.png,hen, cock\n", "line 2: 3 fields, but the header has 2; put a label"),
        (b"image,label\na.png,x\na.png,y\n", "line 3: a.png has two labels, x and y"),
        (b'image,label\na.png,"x\n', "expected a CSV file"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path: Path, table: bytes, told: str) -> None:
    with pytest.raises(LabelsError, match=told):
        truths(tmp_path, table)


def test_empty_fields_at_the_end_of_a_row_are_no_fault(tmp_path: Path) -> None:
    assert truths(tmp_path, b"image,label\na.png,hen,,\n") == {"a.png": "hen"}
