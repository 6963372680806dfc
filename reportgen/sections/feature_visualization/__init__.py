"""The section on what filters respond to: for each filter, a picture that maximizes its activation."""

from ..section import Section
from .compare import ComparedPictures, changes_of_pictures, compare_pictures, tell_pictures
from .fewer import with_fewer_pictures
from .find import FeatureVisualization, find_feature_visualization
from .follow import follow_pictures

__all__ = ["SECTION", "FeatureVisualization"]

# the pictures depend only on the model, but the image decides which filters get one
SECTION: Section[FeatureVisualization, ComparedPictures] = Section(
    title="What filters respond to",
    about="image",
    find=find_feature_visualization,
    smaller=with_fewer_pictures,
    compare=compare_pictures,
    changes=changes_of_pictures,
    tell=tell_pictures,
    follow=follow_pictures,
)
