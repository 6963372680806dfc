"""The feature maps of each convolution on the image."""

from ..section import Check, Section
from .checks import dead_on_all_images, inactive_layer, non_finite_maps
from .compare import MapChangesTable, compare_feature_maps, map_changes, tell_feature_maps
from .find import ConvolutionMapsTable, find_feature_maps, with_smaller_maps
from .follow import follow_feature_maps

__all__ = ["SECTION", "ConvolutionMapsTable"]

SECTION: Section[ConvolutionMapsTable, MapChangesTable] = Section(
    title="Feature maps",
    noun="feature maps",
    about="image",
    find=find_feature_maps,
    smaller=with_smaller_maps,
    checks=(
        Check("image", non_finite_maps),
        Check("image", inactive_layer, told_by="dead-on-all-images"),
        Check("images", dead_on_all_images),
    ),
    compare=compare_feature_maps,
    changes=map_changes,
    tell=tell_feature_maps,
    follow=follow_feature_maps,
)
