"""How much faster two workers of a Dask cluster are than one, and what a report costs.

    python -m tests.benchmarks.cluster_speed [--images 40] [--rounds 3] [--model minivgg]

A scheduler and workers are started here. Each worker is kept to one core (`taskset`) and to one thread of TensorFlow;
in each round, one worker and then two make reports of the same images. The rate is that of the reports that arrive once all
workers are busy: starting and opening the model are not part of it. Needs `distributed`, and Linux for `taskset`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from distributed import Client
from PIL import Image

import reportgen

ROOT = Path(__file__).parents[2]
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def images_in(folder: Path, count: int) -> Path:
    """Write smooth images of random colours, as large as small photographs."""
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(count):
        coarse = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{number:04}.jpg", quality=90)
    return folder


def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    dask = str(Path(sys.executable).with_name("dask"))
    log = subprocess.DEVNULL
    words = [dask if word == "dask" else word for word in command]
    return subprocess.Popen(words, env={**os.environ, **ONE_THREAD}, stdout=log, stderr=log, cwd=folder)


def measured(model: str, images: Path, workers: int, options: dict[str, Any]) -> tuple[float, float, float, float]:
    """Return reports per second, the CPU seconds of a report on its worker and here, and how busy the workers were."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        file = folder / "scheduler.json"
        named = ["--no-dashboard", "--scheduler-file", str(file)]
        processes = [started(["dask", "scheduler", "--host", "127.0.0.1", "--port", "0", *named], folder)]
        try:
            cores = sorted(os.sched_getaffinity(0))
            for number in range(workers):
                core = str(cores[number % len(cores)])
                command = ["taskset", "-c", core, "dask", "worker", "--no-nanny", "--nthreads", "1", *named]
                processes.append(started(command, folder))
            while not file.exists():
                time.sleep(0.05)
            with Client(scheduler_file=str(file), set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=120)
                arrived: list[float] = []
                used: list[float] = []
                took: list[float] = []

                def note(event: dict[str, Any]) -> None:
                    assert event["event"] == "made", event
                    arrived.append(time.monotonic())
                    took.append(event["seconds"])
                    if len(arrived) in (2 * workers, event["of"]):  # all workers are busy; all is done
                        used.append(sum(client.run(time.process_time).values()))
                        used.append(time.process_time())

                few = sorted(map(str, images.iterdir()))[
                    : 4 * workers
                ]  # so that all workers have TensorFlow and the model's code
                reportgen.batch(model, few, folder / "warm", dask=client, **options)
                reportgen.batch(model, str(images), folder / "site", dask=client, log=note, **options)
            first = 2 * workers - 1
            reports = len(arrived) - 1 - first
            seconds = arrived[-1] - arrived[first]
            busy = sum(took[first + 1 :]) / seconds / workers
            return reports / seconds, (used[2] - used[0]) / reports, (used[3] - used[1]) / reports, busy
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="minivgg")
    parser.add_argument("--weights")
    given = parser.parse_args()
    options = {"weights": given.weights} if given.weights else {}
    ratios = []
    with TemporaryDirectory() as place:
        images = images_in(Path(place) / "images", given.images)
        for number in range(given.rounds):
            found = {workers: measured(given.model, images, workers, options) for workers in (1, 2)}
            ratios.append(found[2][0] / found[1][0])
            for workers, (rate, there, here, busy) in found.items():
                cost = f"CPU per report: {there:.3f} s on the worker, {here:.3f} s here; workers busy {busy:.0%}"
                print(f"round {number + 1}, {workers} worker(s): {rate:6.2f} reports/s; {cost}")  # noqa: T201
            print(f"round {number + 1}: two workers make {ratios[-1]:.2f} times the reports of one")  # noqa: T201
    print(f"{given.model}: {statistics.median(ratios):.2f} times (median of {given.rounds}; wanted: at least 1.7)")  # noqa: T201


if __name__ == "__main__":
    main()
