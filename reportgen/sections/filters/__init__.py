"""The shapes and figures of every convolution's filters."""

from ..section import Section
from .find import FilterShapes, find_filters

__all__ = ["SECTION", "FilterShapes"]

SECTION: Section[FilterShapes, None] = Section(title="Filter shapes", about="model", find=find_filters, told_by="weights")
