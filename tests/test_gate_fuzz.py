"""A short run of the gate's fuzzer, the same configurations every time; `tests/fuzz/fuzz_gate.py` runs as long as one likes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import ROOT


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fuzzer reads what Linux tells of a process")
def test_mutated_configurations_leave_the_list_nowhere() -> None:
    command = [sys.executable, "-m", "tests.fuzz.fuzz_gate", "--count", "80"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.startswith("80 configurations: ")
    assert all(f"'{answer}'" in result.stdout for answer in ("loaded", "ModelError", "UnsafeModelError"))
