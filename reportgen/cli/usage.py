"""Reports wrong usage of the command line in one line, and lists the commands by how often they are used."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import OptionError
from ..formatting import plain

IN_ORDER = ("report", "batch", "check", "diff", "index", "email", "data", "models", "templates", "cache")

# Typer bundles its own copy of Click since 0.20, and does not export these two by name
UsageError: Any = typer.BadParameter.__base__
ClickError: Any = UsageError.__base__


class Command(TyperCommand):
    """A command whose help text shows no type next to a flag, and whose usage line names its arguments as users write them."""

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        shown = [each for each in self.get_params(ctx) if each.param_type_name == "argument" and not each.hidden]
        names = [f"{each.metavar or each.name.upper()}{'...' if each.nargs != 1 else ''}" for each in shown]
        pairs = zip(shown, names, strict=True)
        return [self.options_metavar or "", *(name if each.required else f"[{name}]" for each, name in pairs)]


class CommandsInOrder(TyperGroup):
    """The commands of the app, the most used first; an unknown command is reported in one line."""

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: (IN_ORDER.index(name) if name in IN_ORDER else len(IN_ORDER), name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise OptionError(_no_command(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


def _without_types(params: Any) -> Any:
    """Remove the metavar of Typer's own flags, as `Option` does for ours, and the type of arguments: Typer would show <bool>."""
    for param in params:
        if param.param_type_name == "argument":
            param.display_type_rich = lambda ctx: None
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


def _no_command(word: str, commands: list[str]) -> str:
    close = get_close_matches(word, commands, n=1)
    if close:
        return f"{plain(word)}: there is no such command; did you mean {close[0]}?"
    if Path(word).suffix:  # most likely an image
        return f"{plain(word)}: there is no such command; did you mean: reportgen report {plain(word)}"
    return f"{plain(word)}: there is no such command; expected one of {', '.join(commands)}."


def usage_line(error: Any) -> str:
    """Return a Click error as one line that says what to do."""
    context = getattr(error, "ctx", None)
    # as the user called it, `python -m reportgen` or `reportgen`; the context of an unknown option may be missing
    command = context.command_path if context is not None else "reportgen"
    option = getattr(error, "option_name", "")
    if option and hasattr(error, "possibilities"):
        known = [flag for param in context.command.params for flag in param.opts] if context is not None else []
        close = get_close_matches(option, known, n=1)
        return f"{plain(option)}: there is no such option; " + (
            f"did you mean {close[0]}?" if close else f"see {command} --help for the options."
        )
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see {command} --help."
