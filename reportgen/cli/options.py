"""Turns declared options into parameters of a command, with their flags, help texts and completion."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any, Optional

import typer
from typer.models import OptionInfo

from ..options import Concern, Option, options_of
from . import usage

# the panels of a help text in order, after Typer's own (None), and the panel of an option by what it concerns
MODEL, IMAGE, EXPLAINED, SHOWN = "Model", "Image", "What to explain", "What to show"
OUTPUT, MODELS = "Output", "With --models"
PANELS = (None, MODEL, IMAGE, EXPLAINED, SHOWN, OUTPUT, MODELS)
# found anew for each image, but nothing about the image itself
EXPLAINING = {
    "target", "against", "explain", "explain_layer", "baseline", "score_channels", "quality", "sanity", "visualize",
}  # fmt: skip
PANEL_OF = {"model": MODEL, "known": MODEL, "image": IMAGE, "looks": SHOWN, "comparison": SHOWN, "page": OUTPUT}

Command = Callable[..., None]


class CommandWithOptions(usage.Command):
    """A command whose help texts name the words that options accept.

    They are looked up only when the command's own parameters are requested: the app's help text must not import the modules
    that define them.
    """

    def get_params(self, ctx: Any) -> Any:
        from ..request import WORDS

        params: list[Any] = super().get_params(ctx)
        for param in params:
            if param.name in WORDS:
                param.help = param.help.replace("{words}", WORDS[param.name].summary)
        return params


def with_options(
    record: type, *concerns: Concern, given_as: str, panel: str | None = None, without: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    """Give a command the options that a record declares for any of `concerns`, except those named in `without`.

    The command receives the options that the user gave, by name, in its keyword argument `given_as`. The help text lists them in
    `panel`, or by default in the panel of what they concern.
    """
    declared = [each for each in options_of(record).values() if each.concerns in concerns and each.name not in without]

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(**values: Any) -> None:
            given = {each.name: values.pop(each.name) for each in declared}
            command(**values, **{given_as: {name: value for name, value in given.items() if value is not None}})

        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.name != given_as]
        added = [_parameter(each, panel or _panel_of(each)) for each in declared]
        run.__signature__ = signature.replace(parameters=sorted([*own, *added], key=_place))  # type: ignore[attr-defined]
        return run

    return decorated


def _panel_of(option: Option) -> str:
    return EXPLAINED if option.name in EXPLAINING else PANEL_OF[option.concerns]


def _parameter(option: Option, panel: str) -> inspect.Parameter:
    """Return the option as a parameter for Typer. Its value is text, which the option parses itself, or None."""
    kind = {"nothing": bool, "one": str, "many": list[str], "each": list[str]}[option.kind.takes]
    text = f"{option.help.removesuffix('.')} (default: {option.default_text})" if option.default_text else option.help
    declared = typer.Option(
        option.flag,
        help=text,
        metavar=option.kind.metavar or None,
        show_default=False,
        autocompletion=_completing(option),
        rich_help_panel=panel,
    )
    hint = Annotated[Optional[kind], declared]  # type: ignore[valid-type]
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)


def _place(parameter: inspect.Parameter) -> tuple[bool, int]:
    """Return the sort key: arguments, then options panel by panel, and last the placeholder of another `with_options`."""
    declared = getattr(parameter.annotation, "__metadata__", [None])[0]
    if declared is None:
        return True, len(PANELS)
    return isinstance(declared, OptionInfo), PANELS.index(declared.rich_help_panel)


def _completing(option: Option) -> Callable[[typer.Context, str], list[str]]:
    """Return the function that Typer calls to complete the option's value; Typer keeps the words that match."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        before = "".join(incomplete.rpartition(",")[:2]) if option.kind.takes == "many" else ""
        return [before + word for word in _words(option, ctx)]

    return complete


def _words(option: Option, ctx: typer.Context) -> Iterable[str]:
    from ..loading.labels import labels_by_name
    from ..request import WORDS

    if option.name in ("target", "against"):
        return labels_by_name(_model_of(ctx))
    return WORDS[option.name].names() if option.name in WORDS else option.kind.words


def _model_of(ctx: typer.Context) -> str:
    """Return the model that an unfinished command line names, or its default; of several models the first."""
    given = ctx.params.get("model") or ctx.params.get("models")
    if given:
        return str(given if isinstance(given, str) else given[0])
    declared = next((each for each in ctx.command.params if each.name == "model"), None)
    if declared is None:
        return ""
    # arguments are not assigned yet while an option lacks its value
    return "minivgg" if declared.param_type_name == "option" else next(iter(ctx.args), "")


def complete_model(incomplete: str) -> list[str]:
    """Return the names of models that start with `incomplete`, for completion."""
    from ..loading.applications import APPLICATIONS
    from ..loading.references import BUNDLED

    return [name for name in (*BUNDLED, *sorted(APPLICATIONS)) if name.startswith(incomplete)]
