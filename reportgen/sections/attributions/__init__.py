"""Where the model looked."""

from ..section import Check, Section
from .checks import zero_attribution
from .compare import AttributionChanges, attribution_caveats, compare_attributions
from .find import Attributions, find_attributions
from .follow import follow_attributions

__all__ = ["SECTION", "Attributions"]

SECTION: Section[Attributions, AttributionChanges] = Section(
    title="Where it looked",
    title_of_two="Where they looked",
    noun="where they looked",
    about="image",
    find=find_attributions,
    checks=(Check("image", zero_attribution),),
    compare=compare_attributions,
    tell=lambda _changes, _comparison: (),
    caveats=attribution_caveats,
    topic="answer",
    follow=follow_attributions,
)
