"""The section on the model's input: the image as the model sees it."""

from ..section import Check, Section
from .checks import input_range
from .find import Overview, find_overview

__all__ = ["SECTION", "Overview"]

# a difference of the images is reported with how the two reports were made, so this section adds no sentence
SECTION: Section[Overview, None] = Section(
    title="Model input",
    about="image",
    find=find_overview,
    checks=(Check("image", input_range),),
    tell=lambda _changes, _comparison: (),
)
