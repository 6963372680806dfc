"""The command as a user meets it, in a folder that is not the project's; the default report is made in a fresh process."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest

from reportgen.cli.usage import IN_ORDER
from reportgen.formatting import file_size
from reportgen.page.folder import MARKS

from .command import Result, fresh, here
from .models import built

EVERY_OPTION = (
    "--model minivgg@early --preprocess none --labels ten.txt --class j --fit crop --maps 5 --layers 'block2_*' --scale layer "
    "--sort activity --max-size 500000 --colormap magma --skip weights --skip feature_visualization --title T"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cat: Path) -> Path:
    """A folder with a picture and a model."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "cat.png").write_bytes(cat.read_bytes())
    built("no_convolution").save(folder / "no_convolution.keras")
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


def test_no_command_is_the_help_text(folder: Path) -> None:
    result = here(cwd=folder)
    assert (result.returncode, result.stderr) == (2, "")
    commands = [name for name in re.findall(r"^│ (\w+) ", result.stdout, re.MULTILINE) if name in IN_ORDER]
    assert commands == [name for name in IN_ORDER if name in commands]
    assert commands[0] == "report"
    assert "<bool>" not in result.stdout


def test_only_files_of_ours_are_overwritten_unless_forced(folder: Path) -> None:
    few = ("--only", "predictions")
    assert here("report", "cat.png", *few, "-o", "ours.html", cwd=folder).returncode == 0
    ours = (folder / "ours.html").read_bytes()
    (folder / "empty.html").write_bytes(b"")
    (folder / "foreign.html").write_text("<!doctype html><title>mine</title>")
    (folder / "report.md").write_text(f"a page of reportgen's holds {MARKS[0].decode()}")
    for name in ("foreign.html", "report.md"):
        before = (folder / name).read_bytes()
        assert here("report", "cat.png", *few, "-o", name, cwd=folder).returncode == 2
        assert (folder / name).read_bytes() == before
    for arguments in (["-o", "empty.html"], ["-o", "foreign.html", "--force"], ["-o", "foreign.html"]):
        assert here("report", "cat.png", *few, *arguments, cwd=folder).returncode == 0
        assert (folder / arguments[1]).read_bytes() == ours


def test_standard_output_takes_the_page_and_nothing_else(default: Result, folder: Path) -> None:
    result = here("report", "cat.png", "-o", "-", cwd=folder)
    assert result.returncode == default.returncode == 0
    assert result.stdout.encode() == (folder / "cat-minivgg.html").read_bytes()
    assert result.stderr == default.stderr.replace("cat-minivgg.html", "standard output")
    assert not (folder / "-").exists()


def test_a_folder_is_written_over_an_older_one_and_read(folder: Path) -> None:
    report = ("report", "cat.png", "--only", "predictions,feature_maps")
    for _ in range(2):
        made = here(*report, "--folder", cwd=folder)
        assert (made.returncode, made.stdout) == (0, "cat-minivgg\n")
    files = [path for path in (folder / "cat-minivgg").rglob("*") if path.is_file()]
    assert f"  ->  cat-minivgg ({file_size(sum(path.stat().st_size for path in files))})\n" in made.stderr
    assert (folder / "cat-minivgg" / "index.html").is_file()
    assert here(*report, "-o", "as_file.html", cwd=folder).returncode == 0
    as_file, as_folder = (here("data", name, cwd=folder).stdout for name in ("as_file.html", "cat-minivgg"))
    assert as_file == as_folder != ""


def test_a_link_is_written_through(folder: Path) -> None:
    (folder / "real.html").write_text("older")
    (folder / "link.html").symlink_to("real.html")
    assert here("report", "cat.png", "--only", "layers", "-o", "link.html", "--force", cwd=folder).returncode == 0
    assert (folder / "link.html").is_symlink()
    assert (folder / "real.html").read_text("utf-8").startswith("<!doctype html>")


def test_names_with_spaces_quotes_and_dashes_come_back_in_the_command(folder: Path) -> None:
    name = '-it\'s a "cat" \u732b.png'
    (folder / name).write_bytes((folder / "cat.png").read_bytes())
    assert here("report", f"./{name}", "--only", "layers", "-o", "odd.html", cwd=folder).returncode == 0
    command = json.loads(here("data", "odd.html", cwd=folder).stdout)["provenance"]["command"]
    assert shlex.split(command) == ["reportgen", "report", f"./{name}", "--model", "minivgg", "--only", "layers"]
    again = here(*shlex.split(command)[1:], "-o", "odd2.html", cwd=folder)
    assert again.returncode == 0
    assert (folder / "odd.html").read_bytes() == (folder / "odd2.html").read_bytes()


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


def test_tensorflow_says_nothing_of_compiling_a_grouped_convolution(folder: Path) -> None:
    built("all_convolutions").save(folder / "grouped.keras")
    explained = ("--preprocess", "unit", "--only", "attributions", "--explain", "occlusion")
    result = fresh("report", "cat.png", "-m", "grouped.keras", *explained, cwd=folder)
    said = [line for line in result.stderr.splitlines()[:-1] if not line.startswith("Warning: ")]
    assert (result.returncode, said) == (0, [])


def test_a_users_template_goes_before_ours(folder: Path) -> None:
    template = folder / "mine" / "sections" / "layers" / "report.html.j2"
    template.parent.mkdir(parents=True)
    report = ("report", "cat.png", "--only", "layers", "--templates", "mine", "-o", "mine.html")
    template.write_text("<p>{{ section.rows|length }} layers, says my template</p>")
    assert here(*report, cwd=folder).returncode == 0
    assert "19 layers, says my template" in (folder / "mine.html").read_text("utf-8")
    template.write_text("{{ nothing.of.the.kind }}")
    broken = here(*report, cwd=folder)
    assert (broken.returncode, len(broken.stderr.splitlines())) == (2, 1)


def test_templates_are_handed_out_once(folder: Path) -> None:
    copied = here("templates", "--copy", "handed", cwd=folder)
    assert (copied.returncode, copied.stderr) == (0, "")
    assert all((folder / line).is_file() for line in copied.stdout.splitlines())
    assert "handed/captions.html.j2" in copied.stdout
    again = here("templates", "--copy", "handed", cwd=folder)
    assert (again.returncode, again.stdout, len(again.stderr.splitlines())) == (2, "", 1)


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
