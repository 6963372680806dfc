"""The section on attribution: where the model looked."""

from ..section import Check, Section
from .alike import alike_attributions, class_caveats
from .checks import zero_attribution
from .compare import AttributionChanges, attribution_changes, compare_attributions
from .find import Attributions, find_attributions
from .follow import follow_attributions

__all__ = ["SECTION", "Attributions"]

SECTION: Section[Attributions, AttributionChanges] = Section(
    title="Where it looked",
    title_of_two="Where they looked",
    noun="attribution maps",
    about="image",
    find=find_attributions,
    checks=(Check("image", zero_attribution),),
    compare=compare_attributions,
    changes=attribution_changes,
    tell=lambda _changes, _comparison: (),
    caveats=class_caveats,
    topic="answer",
    alike=alike_attributions,
    follow=follow_attributions,
)
