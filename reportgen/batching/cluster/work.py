"""What the workers of a cluster are given to do, and who has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...errors import ImageError
from ...image import LARGEST_FILE, check_image
from ..making import Task


@dataclass(eq=False)
class Wanted:
    """A report that is not made yet, how many workers died while making it, and how often it failed in other ways."""

    task: Task
    deaths: int = 0
    failures: int = 0


@dataclass(eq=False)
class Sent:
    """Work that a worker has: a report of an image of `size` bytes, or None for opening the model."""

    worker: Worker
    wanted: Wanted | None
    size: int = 0
    future: Any = None

    def release(self) -> None:
        """Tell the cluster that the result is no longer wanted."""
        if self.future is not None:
            self.future.release()


@dataclass(eq=False)
class Worker:
    """A worker: whether the model is open there, and the work it has, oldest first."""

    address: str
    ready: bool = False
    sent: list[Sent] = field(default_factory=list)


def content_of(task: Task) -> bytes:
    """Return the bytes of an image's file; raises `ImageError` as reading the image here would."""
    path = task.source.path
    check_image(path)
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions.") from error
