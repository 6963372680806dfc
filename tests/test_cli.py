"""The command as a user meets it, in a folder that is not the project's.

The default report, its command, and some of each kind of bad input are tried in fresh processes too.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from pathlib import Path

import jsonschema
import pytest

from reportgen.cli.usage import IN_ORDER
from reportgen.formatting import file_size
from reportgen.page.folder import MARKS

from .command import COMMAND, Result, fresh, here
from .models import built

EVERY_OPTION = (
    "--model minivgg@early --preprocess none --labels ten.txt --class j --fit crop --maps 5 --layers 'block2_*' --scale layer "
    "--sort activity --max-size 500000 --colormap magma --skip weights --skip feature_visualization --title T"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cat: Path) -> Path:
    """A folder with a picture, some bad files, and a model."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "cat.png").write_bytes(cat.read_bytes())
    (folder / "cut.png").write_bytes(cat.read_bytes()[:20_000])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image")
    (folder / "text.keras").write_text("no model")
    (folder / "three.txt").write_text("a\nb\nc\n")
    (folder / "eleven.txt").write_text("\n".join("abcdefghijk"))
    (folder / "folder").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "notes.txt").write_text("mine")
    os.mkfifo(folder / "pipe.keras")
    built("no_convolution").save(folder / "no_convolution.keras")
    built("grey").save(folder / "grey.keras")
    return folder


@pytest.fixture(scope="module")
def default(folder: Path) -> Result:
    return fresh("report", "cat.png", cwd=folder)


def test_the_default_report(default: Result, folder: Path) -> None:
    size = file_size((folder / "cat-minivgg.html").stat().st_size)
    assert (default.returncode, default.stdout) == (0, "cat-minivgg.html\n")
    assert re.fullmatch(r"cat 98\.\d %  ->  cat-minivgg\.html \(" + re.escape(size) + r"\)\n", default.stderr)
    data = here("data", "cat-minivgg.html", cwd=folder)
    assert data.returncode == 0
    values = json.loads(data.stdout)
    assert "cat" in [row["label"] for row in values["predictions"]["rows"]]
    schema = json.loads(here("data", "--schema", cwd=folder).stdout)
    jsonschema.validate(values, schema)


@pytest.mark.usefixtures("default")
def test_the_command_on_the_page_makes_the_page_again(folder: Path) -> None:
    first = (folder / "cat-minivgg.html").read_bytes()
    command = json.loads(here("data", "cat-minivgg.html", cwd=folder).stdout)["provenance"]["command"]
    assert command == "reportgen report cat.png --model minivgg"
    again = here(*shlex.split(command)[1:], "-o", "again.html", cwd=folder)  # in another process than the first
    assert again.returncode == 0
    assert (folder / "again.html").read_bytes() == first


def test_every_option_goes_through_and_into_the_command(folder: Path) -> None:
    (folder / "ten.txt").write_text("\n".join("abcdefghij"))
    made = here("report", "cat.png", *shlex.split(EVERY_OPTION), "-o", "options.html", "--quiet", cwd=folder)
    assert (made.returncode, made.stdout, made.stderr) == (0, "options.html\n", "")
    values = json.loads(here("data", "options.html", cwd=folder).stdout)
    assert values["provenance"]["options"] == {
        "weights": None, "seed": 0, "preprocess": "none", "labels": "ten.txt", "metric": [],
        "target": "j", "against": None, "head": None, "task": None, "size": None,
        "fit": "crop", "resample": "bicubic", "visualize": None, "inputs": [], "imports": [],
        "maps": 5, "layers": "block2_*", "scale": "layer", "sort": "activity", "colormap": "magma", "only": [],
        "skip": ["weights", "feature_visualization"], "max_size": 500000,
        "title": "T", "explain": ["grad-cam"], "explain_layer": None, "baseline": "black", "score_channels": 64,
        "quality": False, "sanity": False,
        "templates": None, "max_memory": 2_000_000_000,
        "allow_unsafe": False,
    }  # fmt: skip
    assert values["title"] == "T"
    assert [row["path"] for row in values["feature_maps"]["rows"] if row["picture"]] == ["block2_conv1", "block2_conv2"]
    assert values["attributions"]["rows"][0]["class_index"] == 9
    command = values["provenance"]["command"]
    for word in shlex.split(EVERY_OPTION):
        assert word in command
    again = here(*shlex.split(command)[1:], "-o", "options2.html", cwd=folder)
    assert again.returncode == 0
    assert (folder / "options2.html").read_bytes() == (folder / "options.html").read_bytes()


BAD = {
    "missing image": ["report", "missing.png"],
    "a folder": ["report", "folder"],
    "not an image": ["report", "text.jpg"],
    "truncated": ["report", "cut.png"],
    "empty": ["report", "empty.png"],
    "unknown model": ["report", "cat.png", "-m", "vgg61"],
    "missing model": ["report", "cat.png", "-m", "missing.keras"],
    "no model": ["report", "cat.png", "-m", "text.keras"],
    "over a folder of others": ["report", "cat.png", "--folder", "-o", "full"],
    "a folder over a file": ["report", "cat.png", "--folder", "-o", "text.jpg"],
    "fewer labels": ["report", "cat.png", "--labels", "three.txt"],
    "more labels": ["report", "cat.png", "--labels", "eleven.txt"],
    "missing labels": ["report", "cat.png", "--labels", "missing.txt"],
    "missing output folder": ["report", "cat.png", "-o", "missing/out.html"],
    "output is a folder": ["report", "cat.png", "-o", "folder"],
    "preprocess": ["report", "cat.png", "--preprocess", "vanilla"],
    "size of one number": ["report", "cat.png", "--size", "64"],
    "caffe for one channel": ["report", "cat.png", "-m", "grey.keras", "--preprocess", "caffe"],
    "seed": ["report", "cat.png", "-m", "vgg16", "--weights", "random", "--seed", "-1"],
    "seed of no number": ["report", "cat.png", "--seed", "x"],
    "long templates": ["report", "cat.png", "--templates", "x" * 300],
    "over its input": ["report", "cat.png", "-o", "cat.png"],
    "over its model": ["report", "cat.png", "-m", "grey.keras", "-o", "grey.keras"],
    "long name": ["report", "cat.png", "-o", "x" * 300],
    "long model": ["report", "cat.png", "-m", "x" * 300 + ".keras"],
    "long labels": ["report", "cat.png", "--labels", "x" * 300],
    "a pipe": ["report", "cat.png", "-m", "pipe.keras"],
    "missing weights": ["report", "cat.png", "-m", "vgg16", "--weights", "missing.h5"],
    "no such layer": ["report", "cat.png", "--layers", "conv9*"],
    "no such text": ["report", "cat.png", "--class", "\udcff"],
    "size not taken": ["report", "cat.png", "--size", "32x32"],
    "class": ["report", "cat.png", "--class", "10"],
    "label": ["report", "cat.png", "--class", "unicorn"],
    "maps": ["report", "cat.png", "--maps", "some"],
    "no maps": ["report", "cat.png", "--maps", "0"],
    "scale": ["report", "cat.png", "--scale", "none"],
    "max-size": ["report", "cat.png", "--max-size", "small"],
    "max-size of nothing": ["report", "cat.png", "--max-size", "0MB"],
    "max-size too small": ["report", "cat.png", "--max-size", "20 kB"],
    "sort": ["report", "cat.png", "--sort", "size"],
    "fit": ["report", "cat.png", "--fit", "squeeze"],
    "colormap": ["report", "cat.png", "--colormap", "ultraviolet"],
    "section": ["report", "cat.png", "--only", "predictoins"],
    "head": ["report", "cat.png", "--head", "second"],
    "templates": ["report", "cat.png", "--templates", "missing"],
    "weights": ["report", "cat.png", "--weights", "random"],
    "no report": ["data", "text.jpg"],
    "missing report": ["data", "missing.html"],
    "nothing to print": ["data"],
    "templates over others": ["templates", "--copy", "text.jpg"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input_is_a_clear_line_and_nothing_is_written(arguments: list[str], folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    _is_a_clear_line(here(*arguments, cwd=folder))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


# one that ends before TensorFlow is imported, and one after the model's pass
@pytest.mark.parametrize("arguments", [BAD[name] for name in ("truncated", "no such layer")], ids=str)
def test_bad_input_is_a_clear_line_of_a_fresh_process_too(arguments: list[str], folder: Path) -> None:
    _is_a_clear_line(fresh(*arguments, cwd=folder))


def _is_a_clear_line(result: Result) -> None:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert 1 <= len(lines) <= 2, result.stderr
    assert lines[0].startswith("reportgen: ")
    assert "Traceback" not in result.stderr


WRONG_USAGE = {
    "report": "missing argument 'IMAGE'; see reportgen report --help.",
    "report cat.png --clas dog": "--clas: there is no such option; did you mean --class?",
    "report cat.png --zzz": "--zzz: there is no such option; see reportgen report --help for the options.",
    "report cat.png -z": "-z: there is no such option; see reportgen report --help for the options.",
    "report cat.png --model": "option '--model' requires an argument; see reportgen --help.",
    "report cat.png cut.png text.jpg": "report: expected one image, got cat.png and 2 more; ",
    "repot cat.png": "repot: there is no such command; did you mean report?",
    "cat.png": "cat.png: there is no such command; did you mean: reportgen report cat.png",
    "unknown": "unknown: there is no such command; expected one of report, ",
    "report cat.png --folder -o page.html": "page.html: --folder writes a folder; name one without .html",
    "report cat.png --folder -o -": "--output -: --folder needs a path instead of standard output",
    "report cat.png --open -o -": "--output -: --open needs a path instead of standard output",
    "report cat.png -o text.keras": "text.keras: reportgen did not write this file; choose another --output, ",
}


@pytest.mark.parametrize(("line", "told"), WRONG_USAGE.items(), ids=WRONG_USAGE)
def test_wrong_usage_is_one_line(line: str, told: str, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    result = here(*line.split(), cwd=folder)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert result.stderr.startswith(f"reportgen: {told}")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_wrong_usage_is_one_line_of_a_fresh_process_too(folder: Path) -> None:
    result = fresh("report", "cat.png", "--clas", "dog", cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "reportgen: --clas: there is no such option; did you mean --class?\n"


def test_no_command_is_the_help_text(folder: Path) -> None:
    result = here(cwd=folder)
    assert (result.returncode, result.stderr) == (2, "")
    commands = [name for name in re.findall(r"^│ (\w+) ", result.stdout, re.MULTILINE) if name in IN_ORDER]
    assert commands == [name for name in IN_ORDER if name in commands]
    assert commands[0] == "report"
    assert "<bool>" not in result.stdout


def test_only_files_of_ours_are_overwritten_unless_forced(default: Result, folder: Path) -> None:
    ours = (folder / "cat-minivgg.html").read_bytes()
    (folder / "empty.html").write_bytes(b"")
    (folder / "foreign.html").write_text("<!doctype html><title>mine</title>")
    (folder / "report.md").write_text(f"a page of reportgen's holds {MARKS[0].decode()}")
    for name in ("foreign.html", "report.md"):
        before = (folder / name).read_bytes()
        assert here("report", "cat.png", "-o", name, cwd=folder).returncode == 2
        assert (folder / name).read_bytes() == before
    for arguments in (["-o", "empty.html"], ["-o", "foreign.html", "--force"], ["-o", "foreign.html"]):
        assert here("report", "cat.png", *arguments, cwd=folder).returncode == 0
        assert (folder / arguments[1]).read_bytes() == ours
    assert default.returncode == 0


def test_standard_output_takes_the_page_and_nothing_else(default: Result, folder: Path) -> None:
    result = here("report", "cat.png", "-o", "-", cwd=folder)
    assert result.returncode == default.returncode == 0
    assert result.stdout.encode() == (folder / "cat-minivgg.html").read_bytes()
    assert result.stderr == default.stderr.replace("cat-minivgg.html", "standard output")
    assert not (folder / "-").exists()


def test_a_folder_is_written_over_an_older_one_and_read(default: Result, folder: Path) -> None:
    for _ in range(2):
        made = here("report", "cat.png", "--folder", cwd=folder)
        assert (made.returncode, made.stdout) == (0, "cat-minivgg\n")
    files = [path for path in (folder / "cat-minivgg").rglob("*") if path.is_file()]
    assert f"  ->  cat-minivgg ({file_size(sum(path.stat().st_size for path in files))})\n" in made.stderr
    assert (folder / "cat-minivgg" / "index.html").is_file()
    assert default.returncode == 0
    as_file, as_folder = (here("data", name, cwd=folder).stdout for name in ("cat-minivgg.html", "cat-minivgg"))
    assert as_file == as_folder != ""


def test_a_link_is_written_through(folder: Path) -> None:
    (folder / "real.html").write_text("older")
    (folder / "link.html").symlink_to("real.html")
    assert here("report", "cat.png", "-o", "link.html", "--force", cwd=folder).returncode == 0
    assert (folder / "link.html").is_symlink()
    assert (folder / "real.html").read_text("utf-8").startswith("<!doctype html>")


def test_names_with_spaces_quotes_and_dashes_come_back_in_the_command(folder: Path) -> None:
    name = '-it\'s a "cat" \u732b.png'
    (folder / name).write_bytes((folder / "cat.png").read_bytes())
    assert here("report", f"./{name}", "-o", "odd.html", cwd=folder).returncode == 0
    command = json.loads(here("data", "odd.html", cwd=folder).stdout)["provenance"]["command"]
    assert shlex.split(command) == ["reportgen", "report", f"./{name}", "--model", "minivgg"]
    again = here(*shlex.split(command)[1:], "-o", "odd2.html", cwd=folder)
    assert again.returncode == 0
    assert (folder / "odd.html").read_bytes() == (folder / "odd2.html").read_bytes()


def test_an_older_report_stays_where_the_new_one_fails(folder: Path) -> None:
    (folder / "old.html").write_text("older")
    assert here("report", "cut.png", "-o", "old.html", cwd=folder).returncode == 2
    assert (folder / "old.html").read_text() == "older"


def test_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    result = here("report", "cat.png", "-o", "/proc/report.html", cwd=folder)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "/proc" in result.stderr


def test_a_model_without_a_convolution_makes_a_report(folder: Path) -> None:
    result = here("report", "cat.png", "-m", "no_convolution.keras", "--preprocess", "unit", cwd=folder)
    assert result.returncode == 0, result.stderr
    values = json.loads(here("data", "cat-no_convolution.html", cwd=folder).stdout)
    for section in ("attributions", "filters", "first_filters", "feature_maps"):
        assert "no two-dimensional convolution" in values[section]["reason"].lower()


def test_warnings_go_to_standard_error_and_not_with_quiet(folder: Path) -> None:
    loud = here("report", "cat.png", "-m", "no_convolution.keras", cwd=folder)
    assert loud.stdout == "cat-no_convolution.html\n"
    assert loud.returncode == 0
    *warnings, result = loud.stderr.splitlines()
    assert all(line.startswith("Warning: ") for line in warnings)
    assert "  ->  cat-no_convolution.html (" in result
    assert "Warning: The model does not say how its pixels should be scaled" in loud.stderr
    assert here("report", "cat.png", "-m", "no_convolution.keras", "-q", cwd=folder).stderr == ""


def test_a_users_template_goes_before_ours(folder: Path) -> None:
    template = folder / "mine" / "sections" / "layers" / "report.html.j2"
    template.parent.mkdir(parents=True)
    template.write_text("<p>{{ section.rows|length }} layers, says my template</p>")
    assert here("report", "cat.png", "--templates", "mine", "-o", "mine.html", cwd=folder).returncode == 0
    assert "19 layers, says my template" in (folder / "mine.html").read_text("utf-8")
    template.write_text("{{ nothing.of.the.kind }}")
    broken = here("report", "cat.png", "--templates", "mine", "-o", "mine.html", cwd=folder)
    assert (broken.returncode, len(broken.stderr.splitlines())) == (2, 1)


def test_templates_are_handed_out_once(folder: Path) -> None:
    copied = here("templates", "--copy", "handed", cwd=folder)
    assert (copied.returncode, copied.stderr) == (0, "")
    assert all((folder / line).is_file() for line in copied.stdout.splitlines())
    assert "handed/captions.html.j2" in copied.stdout
    again = here("templates", "--copy", "handed", cwd=folder)
    assert (again.returncode, again.stdout, len(again.stderr.splitlines())) == (2, "", 1)


def test_progress_where_somebody_watches(folder: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "report", "cat.png", "--only", "predictions", "-o", "watched.html"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # on Linux the end of a terminal is an error
            break
        if not part:
            break
        shown += part
    os.close(ours)
    output, _ = process.communicate()
    assert (process.returncode, output) == (0, "watched.html\n")
    assert b"Loading TensorFlow and the model" in shown
    assert b"oneDNN" not in shown


def test_models_lists_every_name(folder: Path) -> None:
    from reportgen.loading.applications import APPLICATIONS

    result = here("models", cwd=folder)
    names = [line.split()[0] for line in result.stdout.splitlines()[1:]]
    assert names == ["minivgg", "minivgg@early", *sorted(APPLICATIONS)]
    assert "138,357,544" in result.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["report", "--help"], ["data", "--help"], ["models", "--help"], ["templates", "--help"]]
)
def test_help_has_an_example(arguments: list[str], folder: Path) -> None:
    result = here(*arguments, cwd=folder)
    assert result.returncode == 0
    _, _, example = result.stdout.partition("Example" if len(arguments) > 1 else "Start with")
    assert "reportgen " + (arguments[0] if len(arguments) > 1 else "report") in example


def test_version_and_completion(folder: Path) -> None:
    from reportgen import __version__ as version

    assert here("--version", cwd=folder).stdout == f"reportgen {version}\n"
    shown = here("--show-completion", "bash", cwd=folder, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "complete" in shown.stdout
