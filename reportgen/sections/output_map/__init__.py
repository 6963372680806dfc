"""The section on an output that is a map: a mask of classes, an image, or feature maps."""

from ..section import Section
from .compare import (
    OutputMapChange,
    compare_output_map,
    follow_output_map,
    output_map_changes,
    output_map_table,
    tell_output_map,
)
from .find import OutputMap, find_output_map

__all__ = ["SECTION", "OutputMap"]

SECTION: Section[OutputMap, OutputMapChange] = Section(
    title="Output map",
    noun="output maps",
    about="image",
    optional=True,
    find=find_output_map,
    compare=compare_output_map,
    changes=output_map_changes,
    tell=tell_output_map,
    table=output_map_table,
    topic="answer",
    cause=True,
    follow=follow_output_map,
)
