"""The section on the shapes and figures of every convolution's filters."""

from ..section import Check, Section
from .checks import duplicate_filters, zero_filter
from .find import FilterShapes, find_filters

__all__ = ["SECTION", "FilterShapes"]

SECTION: Section[FilterShapes, None] = Section(
    title="Filter shapes",
    about="model",
    find=find_filters,
    checks=(Check("model", zero_filter), Check("model", duplicate_filters)),
    told_by="weights",
)
