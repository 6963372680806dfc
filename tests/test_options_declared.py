"""What is declared of options once: their help, the words they take, what a shell completes, and the commands that have them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from reportgen.cli.app import app
from reportgen.methods.attribution import METHODS
from reportgen.options import ComparisonOptions, Concern, Options, concerning, options_of
from reportgen.report import SECTIONS
from reportgen.request import WORDS, check_options

from .option_errors import DECLARED


@pytest.mark.parametrize("record", [Options, ComparisonOptions])
def test_every_option_is_declared_whole(record: type) -> None:
    declared = options_of(record)
    assert list(declared) == [each.name for each in fields(record)]
    assert len({option.flag for option in declared.values()}) == len(declared)
    for name, option in declared.items():
        assert option.name == name
        assert option.help[0].isupper()
        assert option.help.endswith(".")
        assert ("{words}" in option.help) == (name in WORDS and record is Options)
        assert option.default is None or option.read(option.default) == option.default
        assert option.command_words(option.default) == []
        for word in option.kind.words:
            assert option.read(word) == word
    assert DECLARED["target"].flag == "--class"
    assert check_options() == Options()


def test_every_word_of_a_table_is_read_as_itself() -> None:
    for name, words in WORDS.items():
        for word in words.names():
            assert getattr(check_options(**{name: word}), name) in (word, (word,))


def test_commands_have_the_options_that_concern_them() -> None:
    commands: Any = get_command(app)
    flags = {name: {flag for param in command.params for flag in param.opts} for name, command in commands.commands.items()}
    concerns: tuple[Concern, ...] = ("model", "image", "looks", "page")
    ours = {concern: {DECLARED[name].flag for name in concerning(Options(), concern)} for concern in concerns}
    assert set().union(*ours.values()) <= flags["report"]
    assert ours["model"] | ours["image"] <= flags["diff"]
    assert flags["diff"] & (ours["looks"] | ours["page"]) == {"--maps", "--templates"}  # both its own
    assert {option.flag for option in options_of(ComparisonOptions).values()} <= flags["diff"]
    assert not flags["data"] & set().union(*ours.values())


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'reportgen'; from reportgen.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_groups_the_options_and_names_sections_and_methods(tmp_path: Path) -> None:
    shown = run("report", "--help", cwd=tmp_path, COLUMNS="400").stdout
    panels = re.findall(r"╭─ ([A-Z][\w ]+?) ─", shown)
    assert panels == ["Arguments", "Options", "Model", "Image", "What to explain", "What to show", "Output"]
    lines = {line.split()[1]: line for line in shown.splitlines() if "--" in line}
    for option in DECLARED.values():
        assert option.flag in lines
    for section in SECTIONS:
        assert section in lines["--only"]
        assert section in lines["--skip"]
    for method in METHODS:
        assert method in lines["--explain"]
    assert "{words}" not in shown
    assert "(default: 64)" in lines["--maps"]
    assert "(default: the three best predictions)" in lines["--class"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("report --model mini", {"minivgg", "minivgg@early"}),
        ("report --preprocess sy", {"symmetric"}),
        ("report --scale ''", {"map", "layer"}),
        ("report --sort a", {"activity"}),
        ("report --fit ''", {"stretch", "crop", "pad"}),
        ("report --maps a", {"all"}),
        ("report --weights ''", {"imagenet", "random"}),
        ("report --explain grad", {"grad-cam", "grad-cam++", "gradient-x-input"}),
        ("report --only w", {"weights"}),
        ("report --skip weights,la", {"weights,layers"}),
        ("report --colormap magma", {"magma", "magma_r"}),
        ("report --class d", {"deer", "dog"}),
        ("report --model vgg16 --class dalm", {"dalmatian"}),
        ("report --model mine.keras --class d", set()),
        ("diff --models vgg16 vgg1", {"vgg16", "vgg19"}),
        ("diff --models vgg16 vgg16 --class dalm", {"dalmatian"}),
        ("diff --models minivgg minivgg@early --class d", {"deer", "dog"}),
        ("diff --fit c", {"crop"}),
        ("diff old new --fail-on b", {"broken"}),
        ("check mini", {"minivgg", "minivgg@early"}),
        ("check minivgg --class d", {"deer", "dog"}),
        ("check mine.keras cat.png --class d", set()),
        ("check minivgg --preprocess sy", {"symmetric"}),
        ("check minivgg --fail-on w", {"warning"}),
        ("batch photos --class d", {"deer", "dog"}),
        ("batch photos -m vgg16 -m minivgg --class dalm", {"dalmatian"}),
        ("batch photos --model mini", {"minivgg", "minivgg@early"}),
        ("batch photos --truth f", {"folders"}),
        ("email report.html --se", {"--send"}),
    ],
)
def test_values_are_completed(line: str, offered: set[str]) -> None:
    words = ["reportgen", *shlex.split(line)]
    asked = {"_REPORTGEN_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    answer = CliRunner().invoke(app, prog_name="reportgen", env=asked)
    assert set(answer.output.split()) == offered


def test_declarations_need_no_numpy() -> None:
    code = "import sys; import reportgen.options; print(sorted({'numpy', 'PIL', 'jinja2', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
