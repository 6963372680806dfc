"""`reportgen diff`: what changed between two reports, or through more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..errors import OptionError
from .app import app, say, showing_progress, tell
from .output import check_output, default_output, open_in_browser, write_page
from .report import size_from

if TYPE_CHECKING:
    from ..comparison.result import Diff, Series
    from ..report import Report

HELP = """Show what changed between two reports, or through three and more. Needs neither the models nor TensorFlow.

Exit code 0: the same; 1: different; 2: something is wrong.

[bold]Examples[/bold]

    reportgen diff v1.html v2.html -o diff.html
    reportgen diff v1.html v2.html v3.html
    reportgen diff main.html branch.html --markdown --tolerance 0.001
    reportgen diff --models old.keras new.keras --image cat.png
"""


@app.command(help=HELP)
def diff(
    reports: Annotated[
        Optional[list[Path]], typer.Argument(readable=False, help="Reports, oldest first: HTML files, .gz of them, or folders.")
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", help="The page to write, or the folder. (default: diff-<old>-<new>.html)", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, and write no page unless -o is given.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a summary for a pull request, and write no page unless -o is given.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="Relative changes of weights and changes of scores up to this count as the same.")
    ] = 0.0,
    ignore_names: Annotated[
        bool, typer.Option("--ignore-names", help="A layer under another name is the same: for models built anew.")
    ] = False,
    maps: Annotated[str, typer.Option(help="How many maps of a layer to show, those that changed most, or all.")] = "16",
    models: Annotated[
        Optional[tuple[str, str]],
        typer.Option(help="Make the two reports first, of these models on --image.", show_default=False),
    ] = None,
    image: Annotated[Optional[Path], typer.Option(readable=False, help="The image for --models.")] = None,
    preprocess: Annotated[Optional[str], typer.Option(help="For --models: how pixels are scaled, as for report.")] = None,
    labels: Annotated[Optional[Path], typer.Option(readable=False, help="For --models: class labels, as for report.")] = None,
    target: Annotated[Optional[str], typer.Option("--class", help="For --models: the class to explain, as for report.")] = None,
    head: Annotated[Optional[str], typer.Option(help="For --models: the output to report on, as for report.")] = None,
    size: Annotated[Optional[str], typer.Option(help="For --models: HEIGHTxWIDTH, as for report.")] = None,
    fit: Annotated[Optional[str], typer.Option(help="For --models: stretch, crop or pad, as for report.")] = None,
    weights: Annotated[Optional[str], typer.Option(help="For --models: imagenet or random, as for report.")] = None,
    folder: Annotated[
        bool, typer.Option("--folder", help="Write a folder (page, style, pictures), for servers that forbid inline content.")
    ] = False,
    templates: Annotated[Optional[Path], typer.Option(readable=False, help="A folder of templates to use before ours.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, and no verdict on standard error.")] = False,
    allow_unsafe: Annotated[
        bool, typer.Option("--allow-unsafe", help="For --models: let code inside the model files run.")
    ] = False,
) -> None:
    from ..page.environment import check_templates

    given = reports or []
    options = {
        "preprocess": preprocess,
        "labels": labels,
        "target": target,
        "head": head,
        "size": size_from(size),
        "fit": fit,
        "weights": weights,
        "allow_unsafe": allow_unsafe or None,
    }
    options = {name: value for name, value in options.items() if value is not None}
    limits = {"tolerance": tolerance, "maps": _count(maps), "ignore_names": ignore_names}
    _check(given, models, image, as_json and as_markdown, tolerance, options)
    page = output or (None if as_json or as_markdown else _page_of(given, models, folder))
    if page is not None:
        check_output(page, folder, *given, image, labels)
    check_templates(templates)
    made = _made(models, image, quiet, options) if models and image else _read(given)
    found = _compared(made, [Path(each).name for each in models or given], limits)
    if as_json or as_markdown:
        say(_as_text(found, as_json))
    if page is not None:
        _write(found, page, templates, folder)
    if page is not None and not as_json and not as_markdown:
        _say(found, page, quiet)
    if page is not None and open_page:
        open_in_browser(page)
    if not found.same:
        raise typer.Exit(1)


def _check(
    reports: list[Path],
    models: tuple[str, str] | None,
    image: Path | None,
    two_forms: bool,
    tolerance: float,
    options: dict[str, Any],
) -> None:
    if two_forms:
        raise OptionError("diff: --json and --markdown are two ways to print it; choose one.")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise OptionError(f"--tolerance {tolerance}: expected a share, 0 or more, such as 0.001.")
    if (models is None) != (image is None):
        raise OptionError("diff: --models OLD NEW and --image IMAGE go together: the two models are shown the image.")
    if options and not models:
        named = ", ".join("--class" if name == "target" else f"--{name.replace('_', '-')}" for name in options)
        raise OptionError(f"diff: {named} is for --models; reports are compared as they were made.")
    if models and reports:
        raise OptionError("diff: either reports or --models, not both.")
    if not models and len(reports) < 2:
        raise OptionError("diff: expected two reports or more, oldest first, or --models OLD NEW --image IMAGE.")


def _count(maps: str) -> int:
    if maps == "all":
        return 1_000_000
    if not maps.isdecimal() or int(maps) < 1:
        raise OptionError(f"--maps {maps}: expected a number of maps a layer, 1 or more, or all.")
    return int(maps)


def _page_of(reports: list[Path], models: tuple[str, str] | None, folder: bool) -> Path:
    names = [Path(each).name for each in models] if models else [path.resolve().name for path in reports]
    stems = [name.removesuffix(".gz").rpartition(".")[0] or name for name in names]
    return default_output(f"diff-{stems[0][:60]}-{stems[-1][:60]}", folder)


def _read(reports: list[Path]) -> list[Report]:
    from ..page.read import read

    return [read(path) for path in reports]


def _made(models: tuple[str, str], image: Path, quiet: bool, options: dict[str, Any]) -> list[Report]:
    from ..image import check_image
    from ..loading.labels import given_labels
    from ..loading.references import check_weights, find_reference
    from ..reporter import generate
    from ..request import check_options

    check_image(image)
    for model in models:
        check_weights(find_reference(model), options.get("weights"))
    given_labels(check_options(**options).labels)
    with showing_progress(quiet) as (step, announce):
        return [generate(model, image, announce=announce, progress=step, **options) for model in models]


def _compared(reports: list[Report], files: list[str], limits: dict[str, Any]) -> Diff | Series:
    if len(reports) == 2:
        from ..comparison.diff import diff as compare

        return compare(*reports, files=(files[0], files[1]), **limits)
    from ..comparison.series import series

    return series(reports, files=files, **limits)


def _as_text(found: Diff | Series, as_json: bool) -> str:
    if not as_json:
        from ..page.markdown import markdown

        return markdown(found).rstrip("\n")
    from ..codec import Encoder
    from ..formatting import json_text

    data = Encoder().encode(found)
    for step in data.get("steps", [data]):
        # those of sections without a `compare` are the changes that stand in "sections", too
        step.update({name: part for name, part in step.pop("parts").items() if isinstance(part, dict)})
        step["weights"].setdefault("rows", [])  # also where there are none to compare, for those who read it
    return json_text(data)


def _write(found: Diff | Series, page: Path, templates: Path | None, folder: bool) -> None:
    from ..comparison.result import Series
    from ..page.diff import render_comparison_folder, render_diff, render_series

    if folder:
        write_page(page, render_comparison_folder(found, templates))
    else:
        write_page(page, render_series(found, templates) if isinstance(found, Series) else render_diff(found, templates))


def _say(found: Diff | Series, page: Path, quiet: bool) -> None:
    for line in () if quiet else _verdicts(found):
        tell(line)
    say(page)


def _verdicts(found: Diff | Series) -> Iterator[str]:
    from ..comparison.result import Series

    steps = found.steps if isinstance(found, Series) else (found,)
    for step in steps:
        yield f"{step.old.label} → {step.new.label}: {step.verdict}" if len(steps) > 1 else step.verdict
        yield from (f"Warning: {caveat}" for caveat in step.caveats)
