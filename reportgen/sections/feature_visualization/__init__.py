"""What filters respond to: for each, the picture that excites it most."""

from ..section import Section
from .compare import ComparedPictures, changes_of_pictures, compare_pictures, tell_pictures
from .find import FeatureVisualization, find_feature_visualization

__all__ = ["SECTION", "FeatureVisualization"]

# the pictures are about the model alone, but the image decides which filters are worth a picture
SECTION: Section[FeatureVisualization, ComparedPictures] = Section(
    title="What filters respond to",
    about="image",
    find=find_feature_visualization,
    compare=compare_pictures,
    changes=changes_of_pictures,
    tell=tell_pictures,
)
