"""Which layers were added, removed, renamed, moved or changed."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import counted, name
from ...matching.align import Alignment, Kind, LayerPair
from ...matching.changes import Change
from ...probe import LayerCall
from ..section import Comparison, Table
from .find import Layers

NAMED = 3  # layers of one kind that a sentence names
KINDS: tuple[Kind, ...] = ("added", "removed", "renamed", "moved", "changed")


def compare_layers(old: Layers, new: Layers, comparison: Comparison) -> Alignment:
    """The layers as pairs."""
    return comparison.layers


def layer_changes(old: Layers, new: Layers, pairs: Alignment | None, comparison: Comparison) -> Iterator[Change]:
    """A change for each layer that differs."""
    for row in comparison.layers.changed():
        if comparison.ignore_names and row.kinds == ("renamed",):
            continue
        yield Change(f"rows[{row.path}]", *_in_words(row), None)


def _in_words(row: LayerPair) -> tuple[str | None, str | None]:
    if row.old and row.new:
        renamed = f"{row.old.path}, " if row.old.path != row.new.path else ""
        rest = "; ".join(("moved", *row.details) if "moved" in row.kinds else row.details)
        return f"{renamed}{_brief(row.old)}", f"{_brief(row.new)}{': ' if rest else ''}{rest}"
    return (_brief(row.old) if row.old else None), (_brief(row.new) if row.new else None)


def _brief(layer: LayerCall) -> str:
    return f"{layer.type} {layer.output_shape}, {layer.parameters:,} parameters"


def tell_layers(pairs: Alignment, comparison: Comparison) -> Iterator[str]:
    """That the architecture is the same, as far as the reports tell, or what happened to how many layers."""
    if not pairs.changed():
        yield "same architecture" if comparison.same_model or not pairs.without_settings() else "same layers"
    for kind in KINDS:
        rows = pairs.of_kind(kind)
        if rows:
            more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
            named = ", ".join(_described(kind, row) for row in rows[:NAMED])
            yield f"{counted(len(rows), 'layer')} {kind} ({named}{more})"


def _described(kind: Kind, row: LayerPair) -> str:
    if kind == "renamed" and row.old and row.new:
        return f"{name(row.old.path)}, now {name(row.new.path)}"
    if kind == "changed":
        return f"{name(row.path)}: {', '.join(row.details)}"
    return name(row.path)


def layer_caveats(pairs: Alignment, comparison: Comparison) -> Iterator[str]:
    """Of which layers it is not known whether their settings changed."""
    unknown = () if comparison.same_model else pairs.without_settings()
    if not unknown:
        return
    if len(unknown) == len(pairs.new_paths()):
        which, why = "the layers", "A report of reportgen 0.1 does not hold them."
    else:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        which, why = ", ".join(name(row.path) for row in unknown[:NAMED]) + more, "Their classes do not tell them."
    yield f"Whether the settings of {which} (activation, dilation, rate, ...) are the same is not known. {why}"


def layer_table(pairs: Alignment) -> Table | None:
    """The layers that differ, and how."""
    rows = tuple((name(row.path), ", ".join(row.kinds), "; ".join(row.details)) for row in pairs.changed())
    return Table(("Layer", "What happened", "How"), rows) if rows else None
