"""The shapes and figures of every convolution's filters."""

from ..section import Section
from .find import FilterShapes, find_filters

__all__ = ["SECTION", "FilterShapes"]

# the weights, of which these are a part, are told by their own section
SECTION: Section[FilterShapes, None] = Section(
    title="Filter shapes", about="model", find=find_filters, tell=lambda _changes, _comparison: ()
)
