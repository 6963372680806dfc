"""The one Jinja environment: our templates, with a user's own laid over them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from ..comparison.words import pieces, share, signed
from ..errors import OptionError, OutputError
from ..report import Absent
from ..sizes import size_in_words
from .formats import (
    bar_width,
    colour_stops,
    format_figure,
    format_percent,
    format_score,
    format_shape,
    format_value,
    signed_bar,
)


def check_templates(folder: Path | None) -> None:
    """Raise `OptionError` unless `folder` is one."""
    if folder is not None and not folder.is_dir():
        raise OptionError(f"--templates {folder}: expected a folder of templates.")


def environment_with(templates: Path | None) -> jinja2.Environment:
    """An environment whose templates are ours, and before them those in the folder `templates`; escapes everything."""
    folders = [our_templates()]
    check_templates(templates)
    if templates is not None:
        folders.insert(0, templates)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
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
    environment.filters.update(
        figure=format_figure,
        size=size_in_words,
        percent=format_percent,
        score=format_score,
        bar=bar_width,
        signed_bar=signed_bar,
        shape=format_shape,
        stops=colour_stops,
    )
    environment.filters.update(share=share, signed=signed, pieces=pieces, value=format_value)
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


def source_of(environment: jinja2.Environment, name: str) -> str:
    """The text of a template or asset as it stands."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
