"""What a batch tells on the terminal and in a mail about models that fail or are warned of: each thing once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from reportgen.cli import main
from reportgen.site.entries import Entry, append_entry
from reportgen.site.layout import check_site_writable, writing
from reportgen.summaries.of_site import summary_of_site

from .test_batch import colour_model


def test_why_a_model_fails_is_told_once_not_for_each_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    colour_model().save(tmp_path / "good.keras")
    photos = tmp_path / "photos"
    photos.mkdir()
    for place in range(12):
        Image.new("RGB", (8, 8), (place, 0, 0)).save(photos / f"{place:02}.png")
    (photos / "cut.png").write_bytes((photos / "00.png").read_bytes()[:30])
    words = ["batch", str(photos), "-m", "minivg", "-m", str(tmp_path / "good.keras"), "--only", "predictions", "-o"]
    monkeypatch.setattr(sys, "argv", ["reportgen", *words, str(tmp_path / "site"), "--preprocess", "none"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Failed: minivg on 13 images: minivg: no model of this name and no such file. Did you mean minivgg")
    assert second.startswith("Failed: good on cut.png: ")
    assert last == "12 reports made, 0 kept, 14 failed"


def test_a_mail_tells_what_is_wrong_with_a_model_once(tmp_path: Path) -> None:
    check_site_writable(tmp_path)
    with writing(tmp_path):
        for stem in ("a", "b", "c"):
            found = ("note dead-in-training", "warning untrained", *(("warning flat-scores",) if stem == "b" else ()))
            entry = Entry(model="m", stem=stem, model_name="m", image=f"{stem}.png", answer="cat", checks=found)
            append_entry(tmp_path, entry)
    summary = summary_of_site(tmp_path)
    assert summary.warnings == ("`m`, on every image: warning untrained.",)
    needs = next(table for table in summary.tables if table.title == "Needs attention")
    assert [row[:2] for row in needs.rows] == [("`b.png`", "checks")]
