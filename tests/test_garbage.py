"""Python's garbage collector is off while TensorFlow is imported, and as it was afterwards."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from reportgen import garbage
from reportgen.garbage import without_collection

IMPORTED = """
import gc, json
{before}
looked = []
gc.callbacks.append(lambda phase, about: looked.append(about["generation"]))
import reportgen.garbage, reportgen.errors, reportgen.quiet
{ours}
looked.clear()
import reportgen.backend
gc.callbacks.clear()
print(json.dumps([looked.count(2), gc.isenabled(), gc.get_freeze_count() > 100_000]))
"""


@pytest.mark.parametrize(
    ("before", "ours", "expected"),
    [
        ("", "", [0, True, False]),
        ("gc.disable()", "", [0, False, False]),
        ("", "reportgen.garbage.process_is_ours()", [0, True, True]),
    ],
    ids=["a library", "switched off by the program", "the command line"],
)
def test_nothing_is_collected_while_tensorflow_is_imported(before: str, ours: str, expected: list[object]) -> None:
    code = IMPORTED.format(before=before, ours=ours)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == expected


def test_the_collector_is_as_it_was_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "_ours", True)
    before = gc.get_freeze_count()
    states = []

    def importing() -> None:
        with without_collection():
            states.append(gc.isenabled())
            raise ImportError

    with pytest.raises(ImportError):
        importing()
    assert [*states, gc.isenabled()] == [False, True]
    assert gc.get_freeze_count() == before
