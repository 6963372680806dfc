"""The wheel: built, installed elsewhere, and used from a folder that is not the project's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(build, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (found,) = folder.glob("cnn_reportgen-*.whl")
    return found


def test_the_wheel_holds_templates_models_and_labels(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"reportgen/templates/{path.relative_to(ROOT / 'templates')}"
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }
    expected |= {
        f"reportgen/loading/minivgg/{name}" for name in ("minivgg.keras", "minivgg-early.keras", "minivgg.json", "labels.txt")
    }
    expected |= {"reportgen/loading/imagenet_labels.txt", "reportgen/py.typed"}
    assert expected <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_installed_wheel_makes_a_report(wheel: Path, cat: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import reportgen; print(reportgen.__file__)"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site))
    made = subprocess.run(
        [sys.executable, str(site / "bin" / "reportgen"), "report", str(cat), "--skip", "feature_visualization"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (made.returncode, made.stdout) == (0, "cat-minivgg.html\n")
    assert re.fullmatch(r"cat 98\.7 %  ->  cat-minivgg\.html \(\d+ kB\)\n", made.stderr)
    assert (elsewhere / "cat-minivgg.html").stat().st_size > 100_000
