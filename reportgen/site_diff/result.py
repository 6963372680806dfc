"""`SiteDiff`: the content of the page, JSON, Markdown and JUnit file about two sites, as plain data."""

from __future__ import annotations

from typing import Literal

from ..comparison.result import Diff
from ..records import record
from ..site.entries import Entry

Change = Literal["", "mended", "broken", "wrong", "right", "unknown"]


@record(kw_only=True)
class ComparedImage:
    """An image's answers under the old and the new model; `model` is the new model's name, `old_model` the old one's.

    `change` is "" if the answer is the same; otherwise "mended" (wrong before, right now), "broken" (right before, wrong now),
    "wrong" (another wrong answer), "right" (right before and now, as answers of several labels can be), or "unknown" if the truth
    is not known in both sites; `truth` is "" then. `moved` is the largest change of a class score, None if the scores cannot be
    compared; `total_variation` (0..1) is None for scores that are not probabilities of one choice.
    """

    image: str
    model: str
    old_model: str
    old: Entry
    new: Entry
    truth: str
    change: Change
    moved: float | None
    total_variation: float | None

    @property
    def flipped(self) -> bool:
        """Return whether the answer changed."""
        return self.change != ""

    @property
    def of_classes(self) -> bool:
        """Return whether either answer is a class, or several: only then can the answer flip."""
        return bool(self.old.classes or self.new.classes)

    @property
    def differs(self) -> bool:
        """Return whether an answer that is not a class differs, as far as its values or its words tell."""
        return self.old.answer != self.new.answer if self.moved is None else self.moved > 0


@record
class NotCompared:
    """An image in both sites whose answers cannot be compared, and why."""

    image: str
    reason: str


@record
class McNemar:
    """McNemar's test on the images whose truth is known: `broken` (b) and `mended` (c) count the discordant ones."""

    broken: int
    mended: int
    p: float


@record(kw_only=True)
class Accuracy:
    """The accuracy (0..1) of both models over the `images` whose truth is known in both sites, and McNemar's test on these."""

    images: int
    old: float
    new: float
    test: McNemar


@record(kw_only=True)
class Shift:
    """The total variation of the class probabilities over `images`: its mean, and the largest, which is that of `image`."""

    images: int
    mean: float
    largest: float
    image: str


@record(kw_only=True)
class LayerCka:
    """The similarity of a convolution's representations in both models: `cka`, or None and the `reason`.

    It is computed from `old_used` and `new_used` of the layer's `old_channels` and `new_channels`.
    """

    path: str
    old_path: str
    cka: float | None
    old_used: int
    old_channels: int
    new_used: int
    new_channels: int
    reason: str


@record(kw_only=True)
class LayerDead:
    """The channels of a convolution that are zero on all images: `died` only in the new model, `revived` only in the old one.

    Both are empty, and `comparable` is False, if the layer has another number of channels in the new model.
    """

    path: str
    channels: int
    old: int
    new: int
    died: tuple[int, ...]
    revived: tuple[int, ...]
    comparable: bool


@record(kw_only=True)
class Representations:
    """What the feature maps of `images` images say: `cka` and `dead` by layer, in order, or the reasons why there are none.

    `cka` is computed from the first `cka_images` of them. `dead` has the layers with a channel that is zero on all images.
    """

    images: int
    cka_images: int
    cka: tuple[LayerCka, ...]
    cka_reason: str
    dead: tuple[LayerDead, ...]
    dead_reason: str


@record(kw_only=True)
class ModelDiff:
    """A model of the old site and one of the new site, over the images of both.

    `images` are those compared. `only_old` and `only_new` are the images in one site alone, `other_images` those that are another
    image under the same name, `failed` those without a report in either site, and `not_compared` all others. `shift_reason` says
    why there is no `shift`. `pair` is the diff of the two reports of the first image, which tells how the models themselves
    differ, and `model_same` whether it found them to be the same; None if no report could be read as a whole (`pair_reason`).
    `unmatched`: the labels differ and none was seen in both sites, so nothing says which class is which, and no answer counts
    as changed.
    """

    model: str
    old_model: str
    images: tuple[ComparedImage, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    other_images: tuple[str, ...]
    failed: tuple[str, ...]
    not_compared: tuple[NotCompared, ...]
    accuracy: Accuracy | None
    shift: Shift | None
    shift_reason: str
    representations: Representations
    pair: Diff | None
    pair_reason: str
    model_same: bool
    unmatched: bool
    caveats: tuple[str, ...]

    @property
    def relabelled(self) -> bool:
        """Return whether the labels of the classes differ, also if only one of the models has any."""
        return any(each.old.classes != each.new.classes for each in self.images if each.old.classes and each.new.classes)

    def flips(self) -> tuple[ComparedImage, ...]:
        """Return the images whose answer changed, the most confident new answer first."""
        flipped = [each for each in self.images if each.flipped]
        return tuple(sorted(flipped, key=lambda each: (-_confidence(each.new), each.image, each.new.stem)))

    def most_moved(self, most: int) -> tuple[ComparedImage, ...]:
        """Return at most `most` images, those whose probabilities moved furthest, by total variation."""
        moved = [each for each in self.images if each.total_variation]
        return tuple(sorted(moved, key=lambda each: (-(each.total_variation or 0.0), each.image))[:most])

    def count(self, change: Change) -> int:
        """Return the number of images with this kind of change."""
        return sum(each.change == change for each in self.images)

    @property
    def name(self) -> str:
        """Return the model's name; both names if they differ."""
        return self.model if self.model == self.old_model else f"{self.old_model} → {self.model}"


def _confidence(entry: Entry) -> float:
    # nan sorts nowhere: such an answer comes last, like one without a confidence
    return entry.confidence if entry.confidence is not None and entry.confidence == entry.confidence else -1.0


@record(kw_only=True)
class SiteDiff:
    """The comparison of two sites. `old` and `new` are the names of their folders.

    `same` means that both hold the same images and that no answer, no class score (by more than `tolerance`) and no model
    differs. `only_old` and `only_new` are the models in one site alone. `verdict` sums it up, with names between backticks;
    `caveats` say what a reader must know first. `reportgen` is the version that compared the two, `command` the command line that
    does it again in the folder that holds both; "" if the folders have the same name.
    """

    same: bool
    verdict: str
    caveats: tuple[str, ...]
    tolerance: float
    old: str
    new: str
    models: tuple[ModelDiff, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    reportgen: str = ""
    command: str = ""

    def flips(self) -> tuple[ComparedImage, ...]:
        """Return the images whose answer changed, model by model."""
        return tuple(flip for model in self.models for flip in model.flips())
