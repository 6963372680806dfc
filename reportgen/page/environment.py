"""The Jinja environment: our templates, overridden by the user's, and then in a sandbox, because those may be untrusted."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jinja2.loaders import split_template_path
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from .. import formatting
from ..errors import OptionError, OutputError
from ..files import is_folder
from ..report import Absent
from .bars import bar_width, class_colour, gradient, signed_bar
from .compiled import CompiledTemplates
from .stored import json_text

LARGEST_TEMPLATE = 10_000_000  # bytes
OPEN_TO_TEMPLATES = {"builtins", "reportgen", "jinja2", "markupsafe"}  # packages whose objects a template may inspect
INCLUDED = re.compile(r"^ *\/\* include ([a-z_]+\.(?:css|js)) \*\/\n", re.MULTILINE)
BREAKS = re.compile(r"(?<=[_/])|(?<=[^./])(?=\.[A-Za-z0-9]{1,5}$)")  # where a name may be broken first
NO_BREAK = "\N{NO-BREAK SPACE}"
BROKEN = re.compile(r"(?<=[0-9]) (?=%)|(?<=[0-9]) [×±] (?=[0-9])")


def breakable(text: str) -> Markup:
    """Return a name that a browser breaks after an underscore or a slash, or before its extension, and else anywhere."""
    # escaped first, because what a macro returns is escaped already; no break falls into an entity
    return Markup("<wbr>".join(BREAKS.split(str(escape(text)))))


FILTERS = {
    "verbatim": escape,
    "figure": formatting.number,
    "size": formatting.file_size,
    "with_error": formatting.with_error,
    "percent": formatting.percent,
    "listed": formatting.listed,
    "figures": formatting.numbers,
    "score": formatting.score,
    "scores": formatting.scores,
    "share": formatting.relative_change,
    "signed": formatting.signed,
    "probability": formatting.probability,
    "probabilities": formatting.probabilities,
    "shape": formatting.shape,
    "two_values": lambda change: formatting.two_values(change.before, change.after),
    "pieces": formatting.pieces,
    "clauses": formatting.clauses,
    "degree": formatting.degree,
    "breakable": breakable,
    "bar": bar_width,
    "signed_bar": signed_bar,
    "gradient": gradient,
    "class_colour": class_colour,
}
TESTS: dict[str, Callable[[Any], bool]] = {"absent": lambda value: isinstance(value, Absent)}


def check_templates(folder: Path | None) -> None:
    """Raise `OptionError` unless `folder` is a folder or None."""
    if folder is not None and not is_folder(folder):
        raise OptionError(f"--templates {folder}: expected a folder of templates.")


class Sandbox(ImmutableSandboxedEnvironment):
    """Restricts templates to the data they are given: they can neither modify it nor reach anything else through it.

    Jinja's own sandbox blocks the dangerous attributes of Python's builtin objects. Other objects have more of them: a NumPy
    array can write itself to a file.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: set[tuple[type, str]] = set()

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return the attribute, or an undefined object if it does not exist or is not allowed."""
        # called ten thousand times per page, and the answer depends only on the type: caching it halves the time
        if (type(obj), attribute) in self._open and hasattr(obj, attribute):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may read the attribute."""
        if isinstance(obj, np.ndarray):
            safe = attr == "shape"
        else:
            known = type(obj).__module__.partition(".")[0] in OPEN_TO_TEMPLATES
            safe = known and super().is_safe_attribute(obj, attr, value)
        if safe:
            self._open.add((type(obj), attr))
        return safe


class FolderOfTemplates(jinja2.FileSystemLoader):
    """Loads a user's own templates, from inside their folder only."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return a template's text; raises `TemplateNotFound`, or `OptionError` for a file that is not a valid template."""
        path = self.folder.joinpath(*split_template_path(template))
        try:
            if path.is_file() and not path.resolve().is_relative_to(self.folder.resolve()):
                raise OptionError(
                    f"--templates {path}: expected a file inside the folder, not a link out of it; copy the file there."
                )
            if path.is_file() and path.stat().st_size > LARGEST_TEMPLATE:
                raise OptionError(f"--templates {path}: expected a template of at most {LARGEST_TEMPLATE // 1_000_000} MB.")
            return super().get_source(environment, template)
        except jinja2.TemplateNotFound:
            raise
        except (OSError, ValueError) as error:
            raise OptionError(f"--templates {path}: cannot be read ({error}); expected UTF-8 text.") from error


def unbroken(value: Any) -> Any:
    """Replace spaces by no-break spaces between a number and its percent sign, and within "64 × 64".

    Markup is returned unchanged, because its parts have already passed through here.
    """
    if type(value) is not str or not (" %" in value or " ×" in value or " ±" in value):  # nearly all: faster than the pattern
        return value
    return BROKEN.sub(lambda found: found[0].replace(" ", NO_BREAK), value)


@cache
def environment_with(templates: Path | None) -> jinja2.Environment:
    """Return an environment that looks for templates in the folder `templates` first, then in ours, and escapes everything.

    It is created once per folder, because reading and compiling the templates takes longer than rendering them.
    """
    check_templates(templates)
    theirs = [FolderOfTemplates(templates)] if templates else []
    kind: type[jinja2.Environment] = Sandbox if templates else jinja2.Environment
    environment = kind(
        loader=jinja2.ChoiceLoader([*theirs, jinja2.FileSystemLoader(our_templates())]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=unbroken,
        bytecode_cache=CompiledTemplates(our_templates(), sandboxed=kind.sandboxed),
        auto_reload=templates is not None,  # ours do not change, and looking at each file for every page takes a while
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_function"] = json_text
    environment.policies["json.dumps_kwargs"] = {
        "sort_keys": False,
        "allow_nan": False,
        "separators": (",", ":"),
        "ensure_ascii": False,
    }
    environment.filters.update(FILTERS)
    environment.tests.update(TESTS)
    return environment


@cache
def our_templates() -> Path:
    """Return the folder of our templates: inside the package if it was installed from a wheel, beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def copy_templates(folder: Path) -> list[Path]:
    """Copy every template and asset into `folder` and return their paths; raises `OutputError` if one of them exists there."""
    names = [path.relative_to(our_templates()) for path in sorted(our_templates().rglob("*")) if path.is_file()]
    try:
        for name in names:
            if (folder / name).exists() or (folder / name).is_symlink():
                raise OutputError(f"{folder / name}: already exists and was not overwritten; choose another folder.")
            if (folder / name).parent.resolve() != folder.resolve() / name.parent:
                raise OutputError(f"{(folder / name).parent}: is a link to another place; choose another folder.")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("xb") as file:  # "x": never overwrite a file or follow a link that appeared meanwhile
                file.write((our_templates() / name).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: cannot be written to ({getattr(error, 'strerror', None) or error}).") from error
    return [folder / name for name in names]


def has_template(environment: jinja2.Environment, name: str) -> bool:
    """Return whether there is a template of this name, ours or the user's."""
    try:
        source_of(environment, name)
    except jinja2.TemplateNotFound:
        return False
    return True


def asset_of(environment: jinja2.Environment, name: str) -> str:
    """Return the page's style sheet or script, with the files that it includes by lines such as `/* include maps.js */`."""
    return INCLUDED.sub(lambda found: source_of(environment, f"assets/{found[1]}"), source_of(environment, f"assets/{name}"))


def inlined(environment: jinja2.Environment, name: str, kind: str) -> dict[str, str]:
    """Return the style sheet or the script as variables of a template, with its hash for the page's content security policy.

    kind: "style" or "script". Ours do not change, so they are read only once.
    """
    return (_inlined if environment.auto_reload else _ours_inlined)(environment, name, kind)


def _inlined(environment: jinja2.Environment, name: str, kind: str) -> dict[str, str]:
    text = asset_of(environment, name)
    return {kind: Markup(text), f"{kind}_hash": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}


_ours_inlined = cache(_inlined)


def source_of(environment: jinja2.Environment, name: str) -> str:
    """Return the source text of a template or asset."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
