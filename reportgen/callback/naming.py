"""Which training of a site an epoch belongs to, and what it is called there: "epoch-03", or "run-2-epoch-03" of the second."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..site.entries import Entry
from ..site.trainings import epochs_of

LEAST_DIGITS = 2  # of an epoch's number


@dataclass
class Place:
    """The place of one training in a site, which may hold others.

    name: the user's name for the training, as a file name; "" for none. start: how many epochs it had when it was started here.
    training: the name in the site, None until its first epoch is named. `made` are the models that it made.

    A training that starts at a later epoch continues the latest one of its name, if the site holds no epoch of that beyond. Any
    other is a new run, beside those that the site holds: nothing is replaced, and no two are mixed.
    """

    name: str
    start: int = 0
    training: str | None = None
    made: set[str] = field(default_factory=set)

    def key_of(self, number: int, digits: int, entries: Iterable[Entry]) -> str:
        """Return the name of the model in the site at this epoch, with at least so many digits, and claim it."""
        epochs = epochs_of(entries)
        if self.training is None:
            self.training = self._first_place(epochs)
        key = _key(self.training, number, digits)
        taken = epochs.get(self.training, {}).get(number)
        if taken is not None and taken not in self.made:  # another training writes into this site at the same time
            self.training = self._free(epochs)
            key = _key(self.training, number, digits)
        self.made.add(key)
        return key

    def before(self, number: int, entries: Iterable[Entry]) -> str | None:
        """Return the last model of this training before an epoch; None if there is none."""
        models = epochs_of(entries).get(self.training or "", {})
        earlier = [each for each in models if each < number]
        return models[max(earlier)] if earlier else None

    def _runs(self, epochs: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
        """Return the trainings of this name in the site, by the number of the run."""
        numbered = re.compile(rf"{re.escape(self.name)}-run-(\d{{1,9}})" if self.name else r"run-(\d{1,9})")
        found = {1: self.name} if self.name in epochs else {}
        for training in epochs:
            run = numbered.fullmatch(training)
            if run:
                found[int(run[1])] = training
        return found

    def _first_place(self, epochs: Mapping[str, Mapping[int, str]]) -> str:
        runs = self._runs(epochs)
        if not runs:
            return self.name
        latest = runs[max(runs)]
        return latest if self.start > 0 and max(epochs[latest]) <= self.start else self._free(epochs)

    def _free(self, epochs: Mapping[str, Mapping[int, str]]) -> str:
        run = f"run-{max(self._runs(epochs), default=1) + 1}"
        return f"{self.name}-{run}" if self.name else run


def _key(training: str, number: int, digits: int) -> str:
    return f"{training}-epoch-{number:0{digits}}" if training else f"epoch-{number:0{digits}}"
