"""Which images a batch finds in a folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from reportgen.batching.gathering import gather
from reportgen.errors import ImageError


def test_a_folder_that_cannot_be_listed_is_not_left_out_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cat.png").write_bytes(b"")
    assert [each.name for each in gather([str(tmp_path)])] == ["a/cat.png", "b/cat.png"]
    listed = os.scandir

    def refusing(path: Any) -> Any:  # root may list any folder, so permissions would not do
        if Path(path).name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ImageError, match=r"b: the folder cannot be read \(Permission denied\); check its permissions"):
        gather([str(tmp_path)])
