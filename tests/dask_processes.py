"""A scheduler and its workers, started as users start them, and what the tests of clusters give them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reportgen.cli import main

ROOT = Path(__file__).parent.parent
CAT = ROOT / "sample_images" / "cat.png"
DASK = Path(sys.executable).with_name("dask")
LONG = 120.0  # seconds: starting a process can take long on a busy machine
ONLY: dict[str, Any] = {"only": ("overview", "predictions"), "preprocess": "none"}
SHADES = 16  # images for a batch that is disturbed
SLOW = 0.1  # seconds that a report of the model `watched` takes at least
OWN_HELPER = """
import os, signal, time

def watched(pixels):
    if not hasattr(pixels, "numpy"):
        return pixels
    with open(os.environ["WATCHED"], "a") as log:
        log.write(f"begin {os.getpid()} {float(pixels.numpy().max()):g}\\n")
    time.sleep(SLOW)
    if pixels.numpy().max() == 251 and pixels.numpy().min() == 251:
        os.kill(os.getpid(), signal.SIGKILL)
    with open(os.environ["WATCHED"], "a") as log:
        log.write(f"end {os.getpid()} {float(pixels.numpy().max()):g}\\n")
    return pixels * FACTOR
"""


class Processes:
    """A scheduler and its workers, as processes. `address` is that of the scheduler, also in `file`."""

    def __init__(self, folder: Path, *scheduler: str, **environment: str) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "WATCHED": str(folder / "watched.txt"), **environment}
        self.all: list[subprocess.Popen[bytes]] = []
        port, place = ("--host", "127.0.0.1", "--port", "0"), ("--scheduler-file", str(self.file))
        self.start("scheduler", *port, *place, "--no-dashboard", *scheduler)
        wait_for(self.file.exists)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, kind: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        command, settings = [str(DASK), kind, *arguments], {**self.environment, **environment}
        with (self.folder / f"{kind}-{len(self.all)}.log").open("wb") as log:
            process = subprocess.Popen(command, env=settings, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        self.all.append(process)
        return process

    def worker(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        place = ("--local-directory", str(self.folder))
        return self.start("worker", self.address, "--no-dashboard", "--nthreads", "3", *place, *arguments, **environment)

    def end(self) -> None:
        for process in self.all:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started: a worker has a nanny."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(fits: Callable[[], Any]) -> None:
    until = time.monotonic() + LONG
    while not fits():
        assert time.monotonic() < until
        time.sleep(0.05)


def run_main(*arguments: str) -> int:
    """The exit code of the command, run in this process."""
    before, sys.argv = sys.argv, ["reportgen", *arguments]
    try:
        main()
    except SystemExit as ended:
        return int(str(ended.code))
    finally:
        sys.argv = before
    raise AssertionError


def write_helper(code: Path, factor: float) -> None:
    (code / "own_helper.py").write_text(OWN_HELPER.replace("SLOW", str(SLOW)).replace("FACTOR", str(factor)))
