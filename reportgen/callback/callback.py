"""`ReportCallback`: the callback for `model.fit`."""

from __future__ import annotations

import sys
import time
import warnings
import weakref
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..backend import keras
from ..batching.gathering import safe_name
from ..batching.preparing import check_overlap, without_costly_sections
from ..errors import OptionError, ReportgenError, reason_of
from ..formatting import counted, one_line
from ..inspection.undisturbed import undisturbed
from ..loading.labels import given_labels
from ..page.environment import check_templates
from ..request import check_options
from ..site.layout import check_site_writable
from .images import shown_images
from .making import Making
from .naming import LEAST_DIGITS, Place

NAMED = 60  # characters of the model's own name in a report


class ReportCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Makes reports during `model.fit`, and a site that shows how the model changes over the epochs.

        model.fit(x, y, epochs=20, callbacks=[reportgen.ReportCallback(x_val[:4], truth=y_val[:4], every=5, output="site")])

    At each chosen epoch, counted from 1, it makes a report of every image and the diff from the epoch reported before. It updates
    the index of the site, in which each epoch is a model: `epoch-05`, `epoch-10`. At the end it makes a series over all epochs.
    The reports and the index show the epoch's metrics, except those that are not finite numbers.

    The training is not changed: weights, optimizer, statistics and random states are what they would be without the callback. If
    a report fails, a warning says why, once, and the training goes on.

    A later `fit` with the same callback and model continues the count of epochs. One in a new process, with an `initial_epoch`
    beyond the last epoch in the site, continues that training. Any other training in the same site is kept beside those that are
    there: `run-2-epoch-05`.
    """

    def __init__(
        self,
        images: Any,
        every: int = 1,
        output: str | Path = "site",
        *,
        epochs: Collection[int] | None = None,
        truth: Any = None,
        name: str = "",
        verbose: int = 0,
        **options: Any,
    ) -> None:
        """Check everything that can be checked before the training; raises a `ReportgenError`.

        images: files, folders, patterns, or arrays: uint8 pixels, which are scaled as `preprocess` says, or floats, which the
        model is given as they are; see `callback.images`.
        every: report at each epoch that is a multiple of it. epochs: report at these instead; 0 is the state before the training.
        output: the folder of the site.
        truth: the true classes of the images: class indices or labels, one-hot rows, "folders", or a CSV file.
        name: of the training, for a site with several: the models are then called NAME-epoch-05.
        verbose: 1 prints a line for each epoch.
        options: those of `reportgen.Options`; feature visualizations are made only if `visualize` or `only` asks for them.
        """
        super().__init__()
        asked = without_costly_sections(check_options(**options), options)
        given_labels(asked.labels)
        check_templates(Path(asked.templates) if asked.templates else None)
        self._every, self._epochs = _whole("every", every, 1), _chosen(epochs)
        self._shown = shown_images(images, truth)
        self._site = Path(output)
        check_site_writable(self._site)
        check_overlap(self._site, [image.source for image in self._shown if image.array is None])
        self._asked, self._verbose = asked, verbose
        self._name = safe_name(name) if name else ""
        self._making: Making | None = None
        self._trained: weakref.ref[Any] | None = None  # the model of the last epoch
        self._last = 0  # the number of the last epoch
        self._ahead: int | None = None  # of Keras's count of epochs; None until the first epoch of a `fit`
        self._told: set[str] = set()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Start to count: Keras tells the first epoch only when it begins."""
        self._ahead = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Before the first epoch, make the reports of epoch 0 if they were asked for."""
        is_first = self._ahead is None
        self._count(epoch)
        if is_first and self._last == 0 and self._is_chosen(0):
            self._safely(lambda: self._make(0, {}))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Make the reports of the epoch if it was chosen."""
        self._count(epoch)
        self._last = epoch + 1 + (self._ahead or 0)
        if self._is_chosen(self._last):
            self._safely(lambda: self._make(self._last, logs or {}))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Make the series over all epochs, and the links of the site."""
        if self._making is not None:
            self._safely(self._making.finish)

    def _count(self, epoch: int) -> None:
        """At the first epoch of a `fit`, find out whether it continues what this callback followed before."""
        if self._ahead is not None:
            return
        if self._trained is not None and self._trained() is self.model:
            self._ahead = max(0, self._last - epoch)
            return
        self._ahead, self._last, self._trained = 0, epoch, weakref.ref(self.model)
        self._making = Making(self._site, self._shown, self._asked, Place(self._name, start=epoch))

    def _is_chosen(self, number: int) -> bool:
        if self._epochs is not None:
            return number in self._epochs
        return number > 0 and number % self._every == 0

    def _make(self, number: int, logs: Mapping[str, Any]) -> None:
        assert self._making is not None
        began = time.monotonic()
        called = one_line(self._name or getattr(self.model, "name", "") or "model")[:NAMED]
        digits = max(LEAST_DIGITS, len(str(self.params.get("epochs") or 0)))
        made = self._making.make_epoch(self.model, called, number, digits, logs)
        if self._verbose:
            whole = sum(not entry.error for entry in made)
            print(f"\nEpoch {number}: {counted(whole, 'report')} in {time.monotonic() - began:.1f} s -> {self._site}")  # noqa: T201

    def _safely(self, step: Callable[[], None]) -> None:
        """Take a step without disturbing the training, whatever happens; Ctrl-C interrupts both."""
        reasons = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the model's layers may warn, as they did when the training began
                with undisturbed(self.model):
                    step()
        except ReportgenError as error:
            reasons.append(str(error))
        except Exception as error:
            reasons.append(f"{type(error).__name__}: {reason_of(error)}")
        if self._making is not None:
            reasons += self._making.problems
            self._making.problems = []
        new = [each for each in dict.fromkeys(map(one_line, reasons)) if each not in self._told]
        self._told.update(new)
        if new:
            more = f" ({counted(len(new) - 1, 'more problem')}, see the index of {self._site}.)" if len(new) > 1 else ""
            _warn(f"{new[0]}{more} The training goes on.")


def _warn(line: str) -> None:
    try:
        # without a place in a file, of which Python would show a second line
        warnings.warn_explicit(line, UserWarning, "reportgen", 1)
    except Warning:  # the user's filter makes errors of warnings, but this one must not end the training
        print(f"reportgen: {line}", file=sys.stderr)  # noqa: T201


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        raise OptionError(f"ReportCallback: {name}={value!r}; expected an integer of {least} or more.")
    return int(value)


def _chosen(epochs: Any) -> frozenset[int] | None:
    if epochs is None:
        return None
    if isinstance(epochs, (str, bytes)) or not hasattr(epochs, "__iter__"):
        raise OptionError(f"ReportCallback: epochs={epochs!r}; expected a list of epochs, such as [1, 5, 20].")
    return frozenset(_whole("epochs", each, 0) for each in epochs)
