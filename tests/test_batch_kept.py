"""What a batch keeps of a site, and what it makes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import reportgen

from .test_batch import COLOURS, ONLY, colour_model


def test_what_is_out_of_date_is_made_again(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), COLOURS["red"]).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8), COLOURS["green"]).save(tmp_path / "b.png")
    model = tmp_path / "m.keras"
    colour_model().save(model)

    def run(**options: Any) -> tuple[int, int]:
        made = reportgen.batch(
            str(model), [str(tmp_path / "a.png"), str(tmp_path / "b.png")], tmp_path / "site", **{**ONLY, **options}
        )
        return made.made, made.kept

    assert run() == (2, 0)
    Image.new("RGB", (8, 8), COLOURS["blue"]).save(tmp_path / "a.png")
    assert run() == (1, 1)
    assert run(fit="crop") == (2, 0)
    (tmp_path / "labels.csv").write_text("image,label\na.png,2\n")
    assert run(fit="crop", truth=str(tmp_path / "labels.csv")) == (1, 1)
    changed = colour_model()
    changed.get_layer("dense").set_weights([np.eye(3, dtype=np.float32) / 50])
    changed.save(model)
    assert run(fit="crop", truth=str(tmp_path / "labels.csv")) == (2, 0)
