"""The section on an output that is features for another model: their figures and strongest channels."""

from ..section import Section
from .find import FeatureChange, Features, compare_features, feature_changes, find_features, tell_features

__all__ = ["SECTION", "Features"]

SECTION: Section[Features, FeatureChange] = Section(
    title="Features",
    noun="features",
    about="image",
    optional=True,
    find=find_features,
    compare=compare_features,
    changes=feature_changes,
    tell=tell_features,
    topic="answer",
    cause=True,
)
