"""What the sandbox of the templates costs: pages made in it, and in an environment of Jinja's that trusts its templates.

    python -m tests.benchmarks.sandbox_cost [ROUNDS]

Processor time of the fastest of the rounds, in which the two take turns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import jinja2

import reportgen
from reportgen.page import environment, render

from ..conftest import ROOT

CAT = ROOT / "sample_images" / "cat.png"


def environments() -> tuple[jinja2.Environment, jinja2.Environment]:
    """One that trusts its templates, and ours."""
    sandboxed = environment.environment_with(None)
    trusting = jinja2.Environment(
        loader=sandboxed.loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    trusting.policies, trusting.filters, trusting.tests = sandboxed.policies, sandboxed.filters, sandboxed.tests
    return trusting, sandboxed


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
    both = environments()
    for name, job in jobs.items():
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for each, taken in zip(both, times, strict=True):
                vars(render)["environment_with"] = lambda templates, each=each: each
                taken.append(seconds(job))
        trusting, sandboxed = map(min, times)
        sys.stdout.write(
            f"{name:16} {trusting * 1000:.0f} ms, in the sandbox {sandboxed * 1000:.0f} ms: {sandboxed / trusting:.2f}\n"
        )


if __name__ == "__main__":
    main()
