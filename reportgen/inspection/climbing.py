"""The pictures of several layers, made side by side: while the steps of one layer run, those of the next are traced."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event

import numpy as np

from ..errors import NotApplicable, reason_of
from ..excited import STEPS, Excited
from ..progress import advance
from .climb import GREY, Climb, Respond, Sizes, in_batches, responses

NAME = "Feature visualization"  # what the progress bar says
OFTEN = 0.1  # seconds between two reports of the progress


@dataclass(kw_only=True)
class Climber:
    """Makes the pictures for channels of the layer at `path`, with `depth` channels each.

    `sizes` are the sizes to try in turn, and `respond` returns for a size how much a picture excites a filter.
    """

    path: str
    channels: tuple[int, ...]
    sizes: list[Sizes]
    respond: Callable[[tuple[int, int]], Respond]
    depth: int
    climb: Climb | None = None
    starts: list[float] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def steps(self) -> int:
        """The number of steps for all its pictures."""
        return STEPS * len(in_batches(self.channels))

    def prepare(self) -> Climb:
        """Return the climb at the next size for which it can be traced; raises `NotApplicable` if there is none."""
        while self.sizes:
            sizes = self.sizes.pop(0)
            try:
                grey = np.full((*sizes.picture, self.depth), GREY, np.float32)
                self.starts = responses(self.respond(sizes.picture), grey, self.channels)
                self.climb = Climb(self.respond(sizes.window), sizes, self.depth, "filters" if self.path else "classes")
            except NotApplicable:
                raise
            except Exception as error:  # whatever the user's code raises for a picture of another size
                self.failure = error
            else:
                return self.climb
        assert self.failure is not None
        message = f"TensorFlow cannot differentiate {self.path or 'the output'}: {reason_of(self.failure)}"
        raise NotApplicable(message) from self.failure

    def finish(self, pictures: np.ndarray) -> tuple[Excited, ...]:
        """Return what was found, with the activation that each picture reaches."""
        assert self.climb is not None
        reached = responses(self.respond(self.climb.sizes.picture), pictures, self.channels)
        found = zip(self.channels, reached, self.starts, pictures, strict=True)
        return tuple(Excited(channel, activation, start, picture) for channel, activation, start, picture in found)


def climb_all(climbers: Sequence[Climber], at_once: int) -> dict[str, tuple[Excited, ...] | NotApplicable]:
    """Return the pictures of each layer, or why there are none, by its path; `at_once` layers climb at the same time.

    Everything that runs Keras runs in this thread, because the passes replace some of its functions for a while.
    """
    found: dict[str, tuple[Excited, ...] | NotApplicable] = {}
    waiting, running, stop = deque(climbers), dict[Future[np.ndarray], Climber](), Event()
    every = sum(each.steps for each in climbers)
    most = 1 if at_once == 1 else at_once + 1  # one waits, so that no processor has to wait for a trace
    pool = ThreadPoolExecutor(at_once)
    try:
        while waiting or running:
            while waiting and len(running) < most:
                climber = waiting.popleft()
                try:
                    running[pool.submit(climber.prepare().to, climber.channels, stop)] = climber
                except NotApplicable as reason:
                    found[climber.path] = reason
            done, _ = wait(running, OFTEN, FIRST_COMPLETED)
            for future in done:
                climber = running.pop(future)
                try:
                    found[climber.path] = climber.finish(future.result())
                except NotApplicable as reason:
                    found[climber.path] = reason
                except Exception as error:  # whatever the model's operations raise; another size may work
                    climber.failure = error
                    waiting.appendleft(climber)
            _tell(climbers, every)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    return {each.path: found[each.path] for each in climbers}


def _tell(climbers: Sequence[Climber], every: int) -> None:
    done = sum(each.climb.done for each in climbers if each.climb is not None)
    advance(NAME, min(done, every), every)
