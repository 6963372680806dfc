"""What is asked for in a batch: a model with its options, and an image. Both can be pickled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..options import Options
from ..site.entries import Entry
from ..site.links import Neighbours
from .gathering import Source


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model of a batch and how its reports are made: `given` is the model, `key` its folder in the site, `name` its name.

    `peaks` is whether the peaks of the feature maps are wanted, too. `reports` is how many are to be made, 0 if not known.
    With `folder`, style, script and pictures are files beside the pages.
    """

    given: Any
    key: str
    name: str
    options: Options
    peaks: bool = False
    reports: int = 0
    folder: bool = False

    @property
    def templates(self) -> Path | None:
        """Return the folder of the user's templates."""
        return Path(self.options.templates) if self.options.templates else None


@dataclass(frozen=True, kw_only=True)
class Task:
    """A report to be made: its image, the image's `truth`, its `Entry.wanted`, and what the report links to."""

    source: Source
    wanted: str
    truth: str | None
    near: Neighbours


def bare(job: Job, source: Source, error: str = "") -> Entry:
    """Return an entry with nothing but a report's names and, if it could not be made, the reason."""
    said = " ".join(error.encode("utf-8", "replace").decode().split())
    return Entry(model=job.key, stem=source.stem, model_name=job.name, image=shown_name(source), error=said)


def shown_name(source: Source) -> str:
    """Return an image's name as valid text, even if the bytes of its path cannot be decoded."""
    return source.name.encode("utf-8", "replace").decode()
