"""`reportgen diff OLD-SITE NEW-SITE`: shows what changed between two sites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import typer

from ..errors import OptionError, OutputError
from ..formatting import one_of, plain
from ..records import record
from .app import say, showing_progress, tell
from .output import STANDARD_OUTPUT, check_output, default_output, open_in_browser, tell_result, write_page

if TYPE_CHECKING:
    from ..options import ComparisonOptions
    from ..site_diff.output import FailOn
    from ..site_diff.result import SiteDiff

FORMS = {".md": "--markdown", ".json": "--json"}  # flags that print, by the end of a file's name


@record(kw_only=True)
class Wanted:
    """What is to be written, and where; `page` is None for the default, which is no page beside --json or --markdown."""

    page: Path | None
    folder: bool
    as_json: bool
    as_markdown: bool
    junit: Path | None
    fail_on: str | None
    templates: Path | None
    force: bool
    open_page: bool
    quiet: bool


def are_sites(given: Sequence[Path]) -> bool:
    """Return whether two sites were given; raises `OptionError` for a site beside something else, or several."""
    from ..site.layout import is_site

    sites = [path for path in given if is_site(path)]
    if not sites:
        return False
    other = next((path for path in given if path not in sites), None)
    if other is not None:
        form = FORMS.get(other.suffix.lower())
        if form and len(given) > 2 and not other.exists():
            told = f"{form} takes no file, it prints to standard output: {form} > {other}"
            raise OptionError(f"diff: there is no site {other}; {told}")
        raise OptionError(f"diff: {sites[0]} is a site, and {other} is not; give two sites, or reports.")
    if len(given) != 2:
        raise OptionError(f"diff: expected two sites, the older one first; got {len(given)}.")
    return True


def diff_sites(old: Path, new: Path, asked: ComparisonOptions, wanted: Wanted) -> None:
    """Compare two sites, write what is wanted, and exit with 1 if they differ, or if what `--fail-on` names happened."""
    from ..files import check_writable, write_atomically
    from ..page.environment import check_templates
    from ..site_diff.compare import compare_sites
    from ..site_diff.output import junit_of

    fail_on = _fail_on(wanted.fail_on)
    page = wanted.page
    if page is None and not wanted.as_json and not wanted.as_markdown:
        page = default_output(f"diff-{old.resolve().name[:60]}-{new.resolve().name[:60]}", wanted.folder)
    if page is not None:
        if page != STANDARD_OUTPUT:
            _check_outside(page, old, new)
        check_output(page, wanted.folder, force=wanted.force, open_page=wanted.open_page)
    if wanted.junit is not None:
        _check_outside(wanted.junit, old, new)
        check_writable(wanted.junit)
        if page is not None and page.resolve() == wanted.junit.resolve():
            raise OutputError(f"{page}: both --output and --junit name this file; choose another for one of them.")
    check_templates(wanted.templates)
    with showing_progress(wanted.quiet) as (step, _):
        found = compare_sites(old, new, asked, step)
    failed = _failed(found, fail_on)
    made = None if page is None else _page(found, (old, new), page, wanted)
    if wanted.junit is not None:
        write_atomically(wanted.junit, junit_of(found, fail_on))
    _print(found, wanted)
    if page is not None and made is not None:
        size = write_page(page, made)
        if not wanted.as_json and not wanted.as_markdown:
            _tell(found, wanted.quiet)
            tell_result("", page, size, wanted.quiet)
        if wanted.open_page:
            open_in_browser(page)
    if failed:
        raise typer.Exit(1)


def _fail_on(given: str | None) -> FailOn:
    from ..site_diff.output import FailOn

    words = [word for word in get_args(FailOn) if word]
    found: FailOn | None = next((word for word in get_args(FailOn) if word == (given or "").lower()), None)
    if found is None or given == "":
        raise OptionError(f"--fail-on {plain(given)}: expected {one_of(words)}.")
    return found


def _check_outside(path: Path, *sites: Path) -> None:
    """Raise `OutputError` for a path in one of the sites, whose files are not to be overwritten."""
    for site in sites:
        try:
            inside = path.resolve().is_relative_to(site.resolve())
        except (OSError, ValueError, RuntimeError) as error:
            raise OutputError(f"{path}: cannot be written ({error}).") from error
        if inside:
            raise OutputError(f"{path}: this lies in the site {site}, which is not changed; choose another place.")


def _failed(found: SiteDiff, fail_on: FailOn) -> bool:
    """Return whether the command fails; raises `OptionError` if nothing can be told of the answers."""
    if not fail_on:
        return not found.same
    unmatched = next((model for model in found.models if model.unmatched), None)
    if unmatched is not None:
        raise OptionError(
            f"--fail-on {fail_on}: the classes of {plain(unmatched.name)} cannot be matched, as its labels in the two sites "
            "have none in common; make both with the same labels (--labels)."
        )
    if fail_on == "flips":
        return bool(found.flips())
    unknown = next((model for model in found.models if model.accuracy is None), None)
    if unknown is not None:
        raise OptionError(
            f"--fail-on {fail_on}: no true class of {plain(unknown.name)} is known in both sites; "
            "make the sites with --truth, or use --fail-on flips."
        )
    known = [model.accuracy for model in found.models if model.accuracy is not None]
    if fail_on == "broken":
        return any(each.test.broken for each in known)
    return any(each.new < each.old for each in known)


def _page(found: SiteDiff, sites: tuple[Path, Path], page: Path, wanted: Wanted) -> str | dict[str, bytes]:
    from ..site_diff.render import SitePage

    place = None if page == STANDARD_OUTPUT else page if wanted.folder else page.absolute().parent
    composed = SitePage(sites, place, wanted.templates)
    return composed.folder(found) if wanted.folder else composed.html(found)


def _print(found: SiteDiff, wanted: Wanted) -> None:
    if wanted.as_json:
        from ..formatting import json_text
        from ..site_diff.output import data_of

        say(json_text(data_of(found)))
    elif wanted.as_markdown:
        from ..site_diff.output import markdown_of

        say(markdown_of(found).rstrip("\n"))


def _tell(found: SiteDiff, quiet: bool) -> None:
    if not quiet:
        tell(found.verdict)
        for caveat in found.caveats:
            tell(f"Warning: {caveat}")
