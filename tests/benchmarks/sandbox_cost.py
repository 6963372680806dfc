"""What the sandbox costs in which a user's templates run: our templates in it, and without it, as they run else.

    python -m tests.benchmarks.sandbox_cost [ROUNDS]

Processor time of the fastest of the rounds, in which the two take turns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jinja2

import reportgen
from reportgen.page import composer, environment

from ..conftest import ROOT

CAT = ROOT / "sample_images" / "cat.png"


def environments(empty: Path) -> tuple[jinja2.Environment, jinja2.Environment]:
    """The one of our own templates, and the one in which a user's templates run."""
    return environment.environment_with(None), environment.environment_with(empty)


def seconds(job: Callable[[], object]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    old, new = (reportgen.generate(model, CAT) for model in ("minivgg@early", "minivgg"))
    large = reportgen.generate("vgg16", CAT, weights="random", maps="all", layers="all")
    found = reportgen.diff(old, new)
    jobs: dict[str, Callable[[], object]] = {
        "minivgg": lambda: reportgen.render(new),
        "a comparison": lambda: reportgen.render_diff(found),
        "vgg16, all maps": lambda: reportgen.render(large),
    }
    with tempfile.TemporaryDirectory() as empty:
        both = environments(Path(empty))
    for name, job in jobs.items():
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for each, taken in zip(both, times, strict=True):
                vars(composer)["environment_with"] = lambda templates, each=each: each
                taken.append(seconds(job))
        trusting, sandboxed = map(min, times)
        sys.stdout.write(
            f"{name:16} {trusting * 1000:.0f} ms, in the sandbox {sandboxed * 1000:.0f} ms: {sandboxed / trusting:.2f}\n"
        )


if __name__ == "__main__":
    main()
