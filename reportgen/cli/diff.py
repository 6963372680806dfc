"""`reportgen diff`: shows what changed between two or more reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..errors import OptionError
from ..options import ComparisonOptions, Options, files_of, options_of, read_options
from .app import app, say, showing_progress, tell
from .options import MODELS, OUTPUT, CommandWithOptions, complete_model, with_options
from .output import (
    STANDARD_OUTPUT,
    Folder,
    Force,
    Open,
    Quiet,
    ToMlflow,
    check_mlflow_run,
    check_output,
    default_output,
    log_to_mlflow,
    open_in_browser,
    tell_result,
    write_page,
)
from .site_diff import Wanted, are_sites, diff_sites
from .standard_input import PIPED, image_from_standard_input

if TYPE_CHECKING:
    from ..comparison.result import Diff, Series
    from ..report import Report

FAILING = ("flips", "broken", "accuracy")  # as in `site_diff.output.FailOn`, which must not be imported for a help text
HELP = """Show what changed between two or more reports, or between two sites. Needs neither the models nor TensorFlow.

Exit code 0: the same; 1: different, or what --fail-on names happened; 2: an error.

[bold]Examples[/bold]

    reportgen diff v1.html v2.html -o diff.html
    reportgen diff v1.html v2.html v3.html
    reportgen diff main.html branch.html --markdown --tolerance 0.001
    reportgen diff old-site/ new-site/ --fail-on broken --junit flips.xml
    reportgen diff --models old.keras new.keras --image cat.png
    reportgen diff --models epoch1.keras epoch5.keras epoch9.keras --image cat.png
"""


@app.command(help=HELP, cls=CommandWithOptions)
@with_options(Options, "model", "image", given_as="options", panel=MODELS)
@with_options(ComparisonOptions, "comparison", given_as="limits")
def diff(
    *,
    reports: Annotated[
        Optional[list[Path]],
        typer.Argument(
            readable=False,
            metavar="REPORT|SITE",
            help="Reports, oldest first: HTML files, .gz of them, or folders. Or two sites that batch made. "
            "With --models: more models.",
        ),
    ] = None,
    limits: dict[str, Any],
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER|-",
            help="The page or folder to write; - is standard output (default: diff-<old>-<new>.html)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Force = False,
    folder: Folder = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON. Writes no page without -o.", rich_help_panel=OUTPUT)
    ] = False,
    as_markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print a summary for a pull request. Writes no page without -o.", rich_help_panel=OUTPUT),
    ] = False,
    junit: Annotated[
        Optional[Path],
        typer.Option(
            "--junit",
            metavar="FILE",
            help="Of two sites: write a JUnit file with a test case per image. A broken answer is a failure; "
            "so is a changed one if its truth is not known, or with --fail-on flips.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    fail_on: Annotated[
        Optional[str],
        typer.Option(
            "--fail-on",
            metavar="flips|broken|accuracy",
            help="Of two sites: exit with 1 only if an answer changed, if a right answer became wrong, or if the accuracy fell.",
            show_default=False,
            autocompletion=lambda incomplete: [word for word in FAILING if word.startswith(incomplete)],
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    templates: Annotated[
        Optional[Path], typer.Option(metavar="FOLDER", help=options_of(Options)["templates"].help, rich_help_panel=OUTPUT)
    ] = None,
    open_page: Open = False,
    to_mlflow: ToMlflow = None,
    quiet: Quiet = False,
    models: Annotated[
        Optional[tuple[str, str]],
        typer.Option(
            metavar="OLD NEW [MORE...]",
            help="Make the reports first, of these models on --image; all explain the same classes.",
            autocompletion=complete_model,
            rich_help_panel=MODELS,
        ),
    ] = None,
    image: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE", help="The image to run the models on; - reads it from standard input.", rich_help_panel=MODELS
        ),
    ] = None,
    options: dict[str, Any],
) -> None:
    from ..page.environment import check_templates
    from ..page.read import read
    from ..request import check_options, comparison_of_models_line

    if models is None and are_sites(reports or []):
        _check_usage(reports or [], (), image, as_json and as_markdown, options)
        _check_streams(output, as_json, as_markdown)
        if to_mlflow is not None:
            raise OptionError("diff: --to-mlflow can only be used with reports, not with two sites.")
        wanted = Wanted(
            page=output, folder=folder, as_json=as_json, as_markdown=as_markdown, junit=junit, fail_on=fail_on,
            templates=templates, force=force, open_page=open_page, quiet=quiet,
        )  # fmt: skip
        diff_sites((reports or [])[0], (reports or [])[1], read_options(ComparisonOptions, limits), wanted)
        return
    if junit is not None or fail_on is not None:
        raise OptionError(f"diff: {'--junit' if junit is not None else '--fail-on'} needs two sites that reportgen batch made.")
    # the flag takes two models; further ones are parsed as arguments
    given, of_models = (reports or [], ()) if models is None else ([], (*models, *map(str, reports or [])))
    _check_usage(given, of_models, image, as_json and as_markdown, options)
    asked, compared = check_options(**options), read_options(ComparisonOptions, limits)
    page = output or (None if as_json or as_markdown else _page_of(given, of_models, folder))
    if page is not None:
        _check_streams(page, as_json, as_markdown)
        inputs = (*given, None if image == PIPED else image, *map(Path, files_of(asked).values()))
        check_output(page, folder, *inputs, force=force, open_page=open_page)
    check_templates(templates)
    check_mlflow_run(to_mlflow)
    made = _made(of_models, image, asked, quiet) if of_models and image else [read(path) for path in given]
    found = _compared(made, [Path(each).name for each in of_models or given], compared)
    if of_models:
        again = "" if image == PIPED else comparison_of_models_line(of_models, str(image), asked, compared)
        found = replace(found, command=again)
    if as_json or as_markdown:
        say(_as_text(found, as_json))
    if page is not None:
        size = _write(found, page, templates, folder)
    log_to_mlflow(found, to_mlflow, templates, page, quiet)
    if page is not None and not as_json and not as_markdown:
        _say(found, page, size, quiet)
    if page is not None and open_page:
        open_in_browser(page)
    if not found.same:
        raise typer.Exit(1)


def _check_streams(page: Path | None, as_json: bool, as_markdown: bool) -> None:
    if page == STANDARD_OUTPUT and (as_json or as_markdown):
        raise OptionError(f"diff: --output - and {'--json' if as_json else '--markdown'} both use standard output; name a file.")


def _check_usage(
    reports: list[Path], models: tuple[str, ...], image: Path | None, two_forms: bool, options: dict[str, Any]
) -> None:
    if two_forms:
        raise OptionError("diff: --json and --markdown cannot be combined; choose one.")
    if bool(models) != (image is not None):
        raise OptionError("diff: --models OLD NEW and --image IMAGE go together; give both.")
    if options and not models:
        flags = ", ".join(options_of(Options)[name].flag for name in options)
        raise OptionError(f"diff: {flags} can only be used with --models; reports are compared as they were made.")
    page = next((each for each in models if each.removesuffix(".gz").endswith((".html", ".htm"))), None)
    if page is not None:
        raise OptionError(f"diff: {page}: expected a model, got a report; give either reports or --models, not both.")
    if not models and len(reports) < 2:
        raise OptionError("diff: expected two or more reports or two sites, oldest first, or --models OLD NEW --image IMAGE.")


def _page_of(reports: list[Path], models: tuple[str, ...], folder: bool) -> Path:
    names = [Path(each).name for each in models] if models else [path.resolve().name for path in reports]
    stems = [name.removesuffix(".gz").rpartition(".")[0] or name for name in names]
    return default_output(f"diff-{stems[0][:60]}-{stems[-1][:60]}", folder)


def _made(models: tuple[str, ...], image: Path, asked: Options, quiet: bool) -> list[Report]:
    from ..reporter import check_request, generate_alike

    for model in models:
        check_request(model, asked, None if image == PIPED else image)
    example = f"reportgen diff --models {' '.join(models)} --image -"
    shown = image_from_standard_input(example) if image == PIPED else image
    with showing_progress(quiet) as (step, announce):
        return generate_alike(models, shown, announce=announce, progress=step, **vars(asked))


def _compared(reports: list[Report], files: list[str], asked: ComparisonOptions) -> Diff | Series:
    if len(reports) == 2:
        from ..comparison.diff import diff as compare

        return compare(*reports, files=(files[0], files[1]), **vars(asked))
    from ..comparison.series import series

    return series(reports, files=files, **vars(asked))


def _as_text(found: Diff | Series, as_json: bool) -> str:
    if not as_json:
        from ..page.markdown import markdown

        return markdown(found).rstrip("\n")
    from ..codec import Encoder
    from ..formatting import json_text

    data = Encoder().encode(found)
    for step in data.get("steps", [data]):
        # for sections without a `compare`, the part only repeats the changes in "sections"
        step.update({name: part for name, part in step.pop("parts").items() if isinstance(part, dict)})
        step["weights"].setdefault("rows", [])  # present even if there is nothing to compare, for consumers of the JSON
    return json_text(data)


def _write(found: Diff | Series, page: Path, templates: Path | None, folder: bool) -> int:
    from ..comparison.result import Series
    from ..page.diff import render_comparison_folder, render_diff, render_series

    if folder:
        return write_page(page, render_comparison_folder(found, templates))
    return write_page(page, render_series(found, templates) if isinstance(found, Series) else render_diff(found, templates))


def _say(found: Diff | Series, page: Path, size: int, quiet: bool) -> None:
    for line in () if quiet else _verdicts(found):
        tell(line)
    tell_result("", page, size, quiet)


def _verdicts(found: Diff | Series) -> Iterator[str]:
    from ..comparison.result import Series

    steps = found.steps if isinstance(found, Series) else (found,)
    if isinstance(found, Series):
        yield found.verdict
        yield f"Which version is best? {found.best}"
    for step in steps:
        yield f"{step.old.label} → {step.new.label}: {step.verdict}" if len(steps) > 1 else step.verdict
        yield from (f"Warning: {caveat}" for caveat in step.caveats)
