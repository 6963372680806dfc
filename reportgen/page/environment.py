"""The one Jinja environment: our templates, with a user's own laid over them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from .. import formatting
from ..errors import OptionError, OutputError
from ..files import is_folder
from ..report import Absent
from .bars import bar_width, colour_stops, signed_bar

FILTERS = {
    "figure": formatting.number,
    "size": formatting.file_size,
    "with_error": formatting.with_error,
    "percent": formatting.percent,
    "figures": formatting.numbers,
    "score": formatting.score,
    "scores": formatting.scores,
    "share": formatting.relative_change,
    "signed": formatting.signed,
    "shape": formatting.shape,
    "two_values": lambda change: formatting.two_values(change.before, change.after),
    "pieces": formatting.pieces,
    "bar": bar_width,
    "signed_bar": signed_bar,
    "stops": colour_stops,
}


def check_templates(folder: Path | None) -> None:
    """Raise `OptionError` unless `folder` is one."""
    if folder is not None and not is_folder(folder):
        raise OptionError(f"--templates {folder}: expected a folder of templates.")


@cache
def environment_with(templates: Path | None) -> jinja2.Environment:
    """An environment whose templates are ours, and before them those in the folder `templates`; escapes everything.

    Made once for a folder: reading and compiling the templates takes longer than filling them.
    """
    check_templates(templates)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*([templates] if templates else []), our_templates()]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "sort_keys": False,
        "allow_nan": False,
        "separators": (",", ":"),
        "ensure_ascii": False,
    }
    environment.filters.update(FILTERS)
    environment.tests["absent"] = lambda value: isinstance(value, Absent)
    return environment


@cache
def our_templates() -> Path:
    """Inside the package where it was installed from a wheel; beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def copy_templates(folder: Path) -> list[Path]:
    """Copy every template and asset into `folder`, and return their paths; raises `OutputError` where one is there already."""
    names = [path.relative_to(our_templates()) for path in sorted(our_templates().rglob("*")) if path.is_file()]
    try:
        for name in names:
            if (folder / name).exists() or (folder / name).is_symlink():
                raise OutputError(f"{folder / name}: is there already and is left as it is; choose another folder.")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((our_templates() / name).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: cannot be written to ({getattr(error, 'strerror', None) or error}).") from error
    return [folder / name for name in names]


def has_template(environment: jinja2.Environment, name: str) -> bool:
    """Whether there is a template of this name, ours or a user's."""
    try:
        source_of(environment, name)
    except jinja2.TemplateNotFound:
        return False
    return True


def source_of(environment: jinja2.Environment, name: str) -> str:
    """The text of a template or asset as it stands."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
