"""The model's answer for one image, and the choice of class scores to explain."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from ..backend import tf
from ..errors import LabelsError, ModelError, OptionError
from ..explained import Sense
from ..formatting import counted
from ..options import Options
from ..outputs import Output, shares_of
from ..probe import Question
from ..tasks import ScoreKind
from .outputs import is_one_place, kind_of

LOGITS = "_keras_logits"  # the attribute of a tensor from Keras's softmax or sigmoid that keeps what went in
BEST = 3  # how many classes are explained side by side by default
MOVES: tuple[Sense, ...] = ("raised", "lowered")  # each value of a regression is explained in both directions


def heads_of(model: Any, outputs: Any) -> dict[str, Any]:
    """Return the model's outputs by name, in the model's order. A nested output is called "boxes/0".

    Without usable names, a single output is called "output", and several are called "output0", "output1", ... Raises `ModelError`
    if there is no output.
    """
    named = dict(_named(outputs))
    if not named:
        raise ModelError(f"{model.name}: the model returned no tensor; expected at least one output to report on.")
    if isinstance(outputs, dict):
        return named
    names = getattr(model, "output_names", None) or []
    if len(names) != len(named) or len(set(names)) != len(names):
        names = [f"output{place}" for place in range(len(named))] if len(named) > 1 else ["output"]
    return dict(zip(names, named.values(), strict=True))


def _named(outputs: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(outputs, (dict, list, tuple)):
        items = outputs.items() if isinstance(outputs, dict) else enumerate(outputs)
        for name, inner in items:
            yield from _named(inner, f"{before}/{name}" if before else str(name))
    elif tf.is_tensor(outputs):
        yield before, outputs


def chosen_head(heads: dict[str, Any], asked: str | None) -> Any:
    """Return the output called `asked`, or else the first one. Raises `OptionError` for an unknown name."""
    if asked is None:
        return next(iter(heads.values()))
    if asked not in heads:
        raise OptionError(f"--head {asked}: the model has no such output; expected one of {', '.join(heads)}.")
    return heads[asked]


def count_classes(outputs: Any, channels_first: bool = False) -> int:
    """Return the number of classes of an output (n, ...); 0 for a scalar."""
    rank = len(outputs.shape)
    return int(outputs.shape[_class_axis(rank, channels_first)] or 0) if rank > 1 else rank


def class_scores(outputs: Any, channels_first: bool = False) -> Any:
    """Return one score per image and class of an output (n, ...): a tensor (n, classes) float32.

    If the output is a map, a class's score is its mean over the map; `channels_first` means that the map is laid out as
    (n, classes, h, w). An output (n,) counts as one class.
    """
    if len(outputs.shape) == 1:
        outputs = outputs[:, None]
    rank = len(outputs.shape)
    places = [axis for axis in range(1, rank) if axis != _class_axis(rank, channels_first)]
    return tf.reduce_mean(tf.cast(outputs, tf.float32), axis=places)


def _class_axis(rank: int, channels_first: bool) -> int:
    return 1 if channels_first and rank == 4 else rank - 1


def differentiated(outputs: Any, channels_first: bool = False) -> Any:
    """Return the logits of each image and class (n, classes), or the output itself if its logits are not available.

    Returns None for a scalar or an output of integers. Logits are explained rather than probabilities, because the gradient of a
    softmax vanishes when the softmax saturates. Keras keeps the logits on the tensors that softmax and sigmoid return.
    """
    logits = getattr(outputs, LOGITS, outputs)
    if len(logits.shape) == 0 or not logits.dtype.is_floating:
        return None
    return class_scores(logits, channels_first)


class Answer(NamedTuple):
    """A model's output for one image.

    `scores` (classes,) is None if the output is not a list of scores. `differentiated` (classes,) is the tensor whose entries are
    explained, or None. By default, the classes with the highest `means` (classes,) are explained.
    """

    scores: np.ndarray | None
    kind: ScoreKind
    means: np.ndarray | None
    differentiated: Any
    unit: Literal["logit", "output"]


def answer_of(outputs: Any, channels_first: bool = False) -> Answer:
    """Return the model's answer for the one image in the batch, with the tensor to differentiate."""
    logits = getattr(outputs, LOGITS, None)
    unit: Literal["logit", "output"] = "output" if logits is None else "logit"
    of_batch = differentiated(outputs, channels_first)
    explained = means = None
    if of_batch is not None:
        explained = of_batch[0]
        means = np.asarray(class_scores(outputs, channels_first).numpy(), np.float32)[0]
    if len(outputs.shape) not in (1, 2) and not is_one_place(outputs, channels_first):
        # a map of classes has passed a softmax or sigmoid; the channels of a headless network are not classes
        return Answer(None, "raw", means if logits is not None else None, explained, unit)
    scores = np.asarray(outputs.numpy(), np.float32).reshape(len(outputs), -1)[0]  # one number per image is one class
    return Answer(scores, kind_of(outputs, scores), means, explained, unit)


def questions_of(options: Options, answer: Answer, labels: tuple[str, ...] | None, output: Output) -> tuple[Question, ...]:
    """Return the scores to explain.

    These are the classes asked for, or else the three best. A model with one yes-or-no score is explained for both answers, and
    each value of a regression for what raised it and what lowered it. Features and images are explained only if a channel is
    asked for.

    Returns an empty tuple if the output has no classes. Raises `LabelsError` for a class that the model does not have, and
    `OptionError` if a class would be explained against itself, or against another one in a model with a single class.
    """
    if answer.differentiated is None:
        return ()
    classes = int(answer.differentiated.shape[0])
    against = None if options.against is None else find_class(options.against, classes, labels, "--against")
    asked = options.target if isinstance(options.target, tuple) else () if options.target is None else (options.target,)
    found = tuple(dict.fromkeys(find_class(each, classes, labels) for each in asked))
    if against in found:
        raise OptionError(f"--against {options.against}: this class is itself the one explained; choose another.")
    if not asked:
        found = tuple(each for each in _by_themselves(answer, output) if each != against)[:BEST]
        if classes == 1 and against is not None:
            raise OptionError(
                f"--against {options.against}: the model has only one class, so there is none to explain it against."
            )
    if output.task == "regression" and against is None:
        return tuple(Question(class_index=each, sense=sense, unit=answer.unit) for each in found for sense in MOVES)
    questions = [Question(class_index=each, against=against, unit=answer.unit) for each in found]
    if not asked and classes == 1 and output.task == "binary":  # one score: its negated logit is the logit of the other answer
        questions.append(replace(questions[0], sense="not", sure=0.0 if output.logits else 1.0))
    return tuple(questions)


def _by_themselves(answer: Answer, output: Output) -> tuple[int, ...]:
    """Return the classes to explain by default: the best first, or the values of a regression in order."""
    if output.task in ("features", "image-to-image"):
        return ()
    if output.task == "regression":
        return tuple(range(output.size))
    if output.task == "segmentation":
        shares = shares_of(output)
        order = tuple(int(each) for each in np.argsort(-shares, kind="stable"))
        return tuple(each for each in order if shares[each] > 0) or order[:1]  # only the classes on the mask
    if answer.means is None:
        return ()
    return tuple(int(each) for each in np.argsort(-np.nan_to_num(answer.means, nan=-np.inf), kind="stable"))


def score_of(question: Question, by_class: Any) -> Any:
    """Return the score y of a question, given the scores (..., classes)."""
    score = by_class[..., question.class_index]
    if question.against is not None:
        score = score - by_class[..., question.against]
    return -score if question.negated else score


def find_class(target: int | str, classes: int, labels: tuple[str, ...] | None, flag: str = "--class") -> int:
    """Return the index of a class given by index or label, ignoring case. Raises `LabelsError` if there is no such class."""
    text = str(target).strip()
    if text.isdecimal():
        if int(text) >= classes:
            raise LabelsError(f"{flag} {text}: the model has {counted(classes, 'class', 'classes')}, counted from 0.")
        return int(text)
    for index, label in enumerate(labels or ()):
        if label.casefold() == text.casefold():
            return index
    if not labels:
        raise LabelsError(f"{flag} {text}: the model has no labels; give the class index, or pass --labels FILE.")
    close = difflib.get_close_matches(text, labels, n=3, cutoff=0.5) or labels[:5]
    raise LabelsError(f"{flag} {text}: the model has no such label; expected one of {len(labels)}, such as {', '.join(close)}.")
