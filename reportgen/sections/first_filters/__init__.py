"""The first convolution's filters, as pictures."""

from ..section import Section
from .compare import FilterChanges, compare_first_filters
from .find import FirstFilters, find_first_filters
from .follow import follow_first_filters

__all__ = ["SECTION", "FirstFilters"]

# how far they moved is told by the weights, of which they are a part
SECTION: Section[FirstFilters, FilterChanges] = Section(
    title="First-layer filters",
    about="model",
    find=find_first_filters,
    compare=compare_first_filters,
    tell=lambda _changes, _comparison: (),
    follow=follow_first_filters,
)
