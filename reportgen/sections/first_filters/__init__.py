"""The section on the first convolution's filters, as pictures."""

from ..section import Section
from .compare import FilterChanges, compare_first_filters, tell_first_filters
from .find import FirstFilters, find_first_filters
from .follow import follow_first_filters

__all__ = ["SECTION", "FirstFilters"]

SECTION: Section[FirstFilters, FilterChanges] = Section(
    title="First-layer filters",
    about="model",
    find=find_first_filters,
    compare=compare_first_filters,
    tell=tell_first_filters,
    told_by="weights",
    follow=follow_first_filters,
)
