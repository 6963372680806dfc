"""Comparison of layers: which were added, removed, renamed, moved or changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...formatting import counted, name
from ...matching.align import Alignment, Kind, LayerPair
from ...matching.changes import Change
from ...probe import LayerCall
from ..section import Comparison, Table
from .find import Layers

SAME, SAME_LAYERS = "same architecture", "same layers"
NAMED = 3  # layers with the same kind of change that a sentence names
# what happened to several layers of which nothing else changed
IN_WORDS = {("frozen",): "are now frozen", ("no longer frozen",): "are no longer frozen"}
KINDS: tuple[Kind, ...] = ("added", "removed", "renamed", "moved", "changed")


def compare_layers(old: Layers, new: Layers, comparison: Comparison) -> Alignment:
    """Return the alignment of the layers, which the comparison has already made."""
    return comparison.layers


def layer_changes(old: Layers, new: Layers, pairs: Alignment | None, comparison: Comparison) -> Iterator[Change]:
    """Yield a change for each layer that differs."""
    for row in comparison.layers.changed():
        if comparison.ignore_names and row.kinds == ("renamed",):
            continue
        yield Change(f"rows[{row.path}]", *_in_words(row), None)


def kept_layers(pairs: Alignment, _comparison: Comparison) -> str:
    """Return the words for an architecture of which layers were only frozen or unfrozen; "" if anything else changed."""
    return "architecture apart from freezing" if all(row.only_frozen for row in pairs.changed()) else ""


def _in_words(row: LayerPair) -> tuple[str | None, str | None]:
    if row.old and row.new:
        renamed = f"{row.old.path}, " if row.old.path != row.new.path else ""
        rest = "; ".join(("moved", *row.details) if "moved" in row.kinds else row.details)
        return f"{renamed}{_brief(row.old)}", f"{_brief(row.new)}{': ' if rest else ''}{rest}"
    return (_brief(row.old) if row.old else None), (_brief(row.new) if row.new else None)


def _brief(layer: LayerCall) -> str:
    return f"{layer.type} {layer.output_shape}, {layer.parameters:,} parameters"


def tell_layers(pairs: Alignment, comparison: Comparison) -> Iterator[str]:
    """Yield that the architecture is the same, as far as the reports tell, or how many layers changed in which way."""
    changed = pairs.changed()
    if not changed:
        yield same_layers(pairs, comparison)
    yield from tell_kinds(changed)


def same_layers(pairs: Alignment, comparison: Comparison) -> str:
    """Return the words for unchanged layers: "same layers" instead of "same architecture" if some settings are not known."""
    return SAME if comparison.same_model or not pairs.without_settings() else SAME_LAYERS


def tell_kinds(changed: Sequence[LayerPair]) -> Iterator[str]:
    """Yield how many of these layers changed in which way; layers with exactly the same change share a clause."""
    for kind in KINDS:
        rows = [row for row in changed if kind in row.kinds]
        if kind == "renamed":
            inside, rows = _put_inside(rows)
            yield from (f"{counted(len(those), 'layer')} inside {name(model)} now" for model, those in inside.items())
        if kind == "changed":
            alike = _alike(rows)
            for details, those in alike.items():
                how = f" {IN_WORDS[details]}" if details in IN_WORDS else f": {', '.join(details)}"
                yield f"{counted(len(those), 'layer')}{how} ({_named([name(row.path) for row in those])})"
            rows = [row for row in rows if row.details not in alike]
        if rows:
            yield f"{counted(len(rows), 'layer')} {kind} ({_named([_described(kind, row) for row in rows])})"


def _put_inside(rows: Sequence[LayerPair]) -> tuple[dict[str, list[LayerPair]], list[LayerPair]]:
    """Return the layers that kept their names but moved into a nested model, by that model's path, and the other layers."""
    inside: dict[str, list[LayerPair]] = {}
    others: list[LayerPair] = []
    for row in rows:
        model = row.new.path.removesuffix(f"/{row.old.path}") if row.old and row.new else row.path
        if row.new and model != row.new.path:
            inside.setdefault(model, []).append(row)
        else:
            others.append(row)
    return inside, others


def _alike(rows: Sequence[LayerPair]) -> dict[tuple[str, ...], list[LayerPair]]:
    """Return the rows that share their change with others, grouped by the change."""
    groups: dict[tuple[str, ...], list[LayerPair]] = {}
    for row in rows:
        groups.setdefault(row.details, []).append(row)
    return {details: those for details, those in groups.items() if len(those) > 1}


def _named(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - NAMED:,} more" if len(texts) > NAMED else ""
    return f"{', '.join(texts[:NAMED])}{more}"


def _described(kind: Kind, row: LayerPair) -> str:
    if kind == "renamed" and row.old and row.new:
        return f"{name(row.old.path)} → {name(row.new.path)}"
    if kind == "changed":
        return f"{name(row.path)}: {', '.join(row.details)}"
    return name(row.path)


def layer_caveats(pairs: Alignment, comparison: Comparison) -> Iterator[str]:
    """Yield which layers may have changed settings that the reports do not hold."""
    unknown = () if comparison.same_model else pairs.without_settings()
    if not unknown:
        return
    if len(unknown) == len(pairs.new_paths()):
        which, why = "the layers", "A report of reportgen 0.1 does not hold them."
    else:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        which, why = ", ".join(name(row.path) for row in unknown[:NAMED]) + more, "Their classes do not report them."
    yield f"It is not known whether the settings of {which} (activation, dilation, rate, ...) are the same. {why}"


def layer_table(pairs: Alignment) -> Table | None:
    """Return the table of the layers that differ; None if there are none."""
    rows = tuple((name(row.path), ", ".join(row.kinds), "; ".join(row.details)) for row in pairs.changed())
    return Table(("Layer", "What happened", "How"), rows) if rows else None
