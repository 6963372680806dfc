"""The section on layers: the layer table, and the changes of the architecture between two versions."""

from ...matching.align import Alignment
from ..section import Section
from .compare import compare_layers, kept_layers, layer_caveats, layer_changes, layer_table, tell_layers
from .find import Layers, find_layers

__all__ = ["SECTION", "Layers"]

SECTION: Section[Layers, Alignment] = Section(
    title="Layers",
    title_of_two="Architecture",
    noun="architecture",
    kept=kept_layers,
    about="model",
    find=find_layers,
    compare=compare_layers,
    changes=layer_changes,
    tell=tell_layers,
    told_by="weights",  # its sentences start with the kind of change
    table=layer_table,
    caveats=layer_caveats,
    topic="architecture",
    cause=True,
)
