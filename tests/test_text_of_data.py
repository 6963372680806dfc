"""Data are written as text straight from the records: the text of the JSON values that they stand for."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from reportgen.codec import Encoder

from .test_inline_pictures import named


@pytest.mark.parametrize("score", [0.25, math.nan, math.inf, np.float64(0.5)])
def test_the_text_is_that_of_the_values(score: float) -> None:
    """It is made without them, unless a number is not finite."""
    report = named("Zoë's </script> \u2028 \ud800.png")
    values, text = Encoder(), Encoder()
    for value in (report, {"score": score, "none": None, "nested": ({"more": (score, 1, True)},)}, (report.layers,), score, "a"):
        expected = json.dumps(values.encode(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        assert text.text(value) == expected
    assert text.pictures == values.pictures != {}
