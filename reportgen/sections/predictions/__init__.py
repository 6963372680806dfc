"""The section on the model's predictions: its top classes."""

from ..section import Check, Section
from .alike import alike_predictions
from .checks import flat_scores, non_finite_scores, random_scores
from .compare import Answers, compare_predictions, prediction_changes
from .find import Predictions, find_predictions
from .follow import follow_predictions, tell_predictions_of_all
from .tell import prediction_table, tell_predictions

__all__ = ["SECTION", "Predictions"]

SECTION: Section[Predictions, Answers] = Section(
    title="Predictions",
    title_of_two="What they answered",
    noun="answers",
    about="image",
    find=find_predictions,
    checks=tuple(Check("image", each) for each in (non_finite_scores, random_scores, flat_scores)),
    compare=compare_predictions,
    changes=prediction_changes,
    tell=tell_predictions,
    table=prediction_table,
    topic="answer",
    at_two_sizes=True,
    cause=True,
    alike=alike_predictions,
    follow=follow_predictions,
    tell_series=tell_predictions_of_all,
)
