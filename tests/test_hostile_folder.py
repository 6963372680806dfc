"""A current folder of somebody else's: a `matplotlibrc` in it neither changes a report, nor stops or fills the program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import reportgen

from .gold import report_file

RC = "matplotlibrc"
HOSTILE: dict[str, Callable[[Path], object]] = {
    "few colours": lambda path: path.write_text("image.lut: 5\n"),
    "a cycle as large as memory": lambda path: path.write_text("axes.prop_cycle: cycler('lw', [1.0] * 10**11)\n"),
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(reportgen.__file__).parent.parent)}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh process in the folder, of a memory that such a cycle would not fit into."""
    limited = ["import resource, runpy, sys", "resource.setrlimit(resource.RLIMIT_DATA, (4 * 10**9,) * 2)", *arguments]
    return subprocess.run(
        [sys.executable, "-P", "-c", "\n".join(limited)],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, f"sys.argv = {['reportgen', *arguments]!r}", "runpy.run_module('reportgen', run_name='__main__')")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A comparison in the default colours and in red and blue, made in a clean folder."""
    folder = tmp_path_factory.mktemp("clean")
    assert compare(folder).returncode == 0
    return (folder / "out.html").read_bytes()


def compare(folder: Path) -> subprocess.CompletedProcess[str]:
    return command(folder, "diff", str(report_file(1)), str(report_file(1)), "-o", "out.html")


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_settings_in_the_folder_are_read(kind: str, tmp_path: Path, expected: bytes) -> None:
    HOSTILE[kind](tmp_path / RC)
    result = compare(tmp_path)
    assert (result.returncode, result.stdout) == (0, "out.html\n")
    assert (tmp_path / "out.html").read_bytes() == expected


def test_a_program_around_us_keeps_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / RC).write_text("image.lut: 5\n")
    result = run(
        tmp_path,
        "from reportgen.picture import palette",
        "before = palette('RdBu_r'), palette('magma'), palette('tab10_r')",
        "import matplotlib.pyplot",
        "assert matplotlib.rcParams['image.lut'] == 5 and matplotlib.colormaps['RdBu_r'].N == 5",
        "assert all(len(colours) == 768 for colours in before) and len(set(before[0])) > 100",
        "own = matplotlib.colors.LinearSegmentedColormap.from_list('own', ['black', 'white'], 200_000_000)",
        "matplotlib.colormaps.register(own)",
        "assert palette('own')[:6] == b'\\0\\0\\0\\1\\1\\1'",
        "assert palette('own')[-3:] == b'\\xff' * 3 and len(palette('own')) == 768",
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_matplotlib_is_whole_after_our_command_line_imported_it(tmp_path: Path) -> None:
    (tmp_path / RC).write_text("image.lut: 5\n")
    result = run(
        tmp_path,
        "from reportgen.quiet import keep_matplotlib_from_the_folder",
        "keep_matplotlib_from_the_folder()",
        "import os, matplotlib.pyplot",
        "assert matplotlib.rcParams['image.lut'] == 256",
        f"assert os.getcwd() == {str(tmp_path)!r}",
        "assert not [each for each in sys.meta_path if type(each).__module__ == 'reportgen.quiet']",
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_keras_does_not_read_them_either_and_what_comes_later_gets_matplotlib(tmp_path: Path, cat: Path) -> None:
    HOSTILE["a pipe"](tmp_path / RC)  # whoever opens it waits in vain
    sections = "first_filters,feature_maps"
    result = run(
        tmp_path,
        "import contextlib, reportgen.cli.app",
        f"sys.argv = ['reportgen', 'report', {str(cat)!r}, '-o', 'out.html', '--only', {sections!r}, '--quiet']",
        "with contextlib.suppress(SystemExit):",
        "    reportgen.cli.app.main()",
        "assert 'keras' in sys.modules and 'matplotlib' not in sys.modules",
        "import matplotlib.pyplot",
        "assert matplotlib.pyplot.figure()",
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "out.html\n", "")
    made, expected = reportgen.read(tmp_path / "out.html"), reportgen.generate("minivgg", cat, only=sections)
    assert (made.first_filters, made.feature_maps) == (expected.first_filters, expected.feature_maps)


def test_a_program_around_us_keeps_what_keras_draws(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "import reportgen.backend",
        "from keras.src.visualization import plot_image_gallery",
        "assert plot_image_gallery.plt",
    )
    assert (result.returncode, result.stderr) == (0, "")
