"""Batches on a real Dask cluster: a scheduler and two workers, started as users start them.

Run in an environment that has `distributed`, by `python -m pytest tests/dask_cluster.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from distributed import Client
from PIL import Image

import reportgen
from reportgen.backend import keras
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries

from .dask_processes import LONG, ONLY, SHADES, Processes, run_main, wait_for, write_helper
from .test_batch import contents

pytest_plugins = ("tests.dask_fixtures",)


def reports_of(site: Path) -> dict[str, Any]:
    return {each["image"]: each for each in site_data(site)["reports"]}


def test_a_site_is_byte_for_byte_that_of_a_local_run(cluster: Processes, folder: Path, tmp_path: Path) -> None:
    models = [str(folder / "colours.keras"), str(folder / "broken.keras"), "minivgg"]
    files = {"labels": str(folder / "labels.txt"), "templates": str(folder / "own")}
    options: dict[str, Any] = {**files, "truth": "folders", "visualize": 1, "preprocess": "none"}
    here = reportgen.batch(models, str(folder / "photos"), tmp_path / "here", **options)
    there = reportgen.batch(models, str(folder / "photos"), tmp_path / "there", dask=cluster.address, **options)
    assert (here.made, len(here.failures)) == (8, 22)  # `minivgg` has no three labels
    assert (there.made, len(there.failures)) == (8, 22)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert (tmp_path / "there" / "data" / "peaks" / "colours.json").exists()
    assert b"my own" in (tmp_path / "there" / "reports" / "colours" / "red--one.html").read_bytes()
    again = reportgen.batch(models, str(folder / "photos"), tmp_path / "there", dask=cluster.address, **options)
    assert (again.made, again.kept) == (0, 8)


def test_parts_made_on_the_cluster_are_merged(cluster: Processes, folder: Path, colours_here: Path, tmp_path: Path) -> None:
    for part in (1, 2):
        reportgen.batch(
            str(folder / "colours.keras"),
            str(folder / "shades"),
            tmp_path / str(part),
            shard=(part, 2),
            dask=cluster.file,
            **ONLY,
        )
    merged = reportgen.index([tmp_path / "1", tmp_path / "2"], tmp_path / "merged")
    assert contents(merged) == contents(colours_here)


def test_code_of_the_users_own_goes_along_and_the_newest_is_used(
    cluster: Processes, folder: Path, in_code: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {**ONLY, "imports": ["own_layers"], "dask": cluster.address}
    images = str(folder / "photos" / "green")
    reportgen.batch("watched.keras", images, tmp_path / "here", **{**options, "dask": None})
    reportgen.batch("watched.keras", images, tmp_path / "there", **options)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    write_helper(in_code, 0)
    try:
        reportgen.batch("watched.keras", images, tmp_path / "changed", **options)
    finally:
        write_helper(in_code, 1)
    before, after = reports_of(tmp_path / "there")["one.png"], reports_of(tmp_path / "changed")["one.png"]
    assert after["score"] == pytest.approx(1 / 3)  # zeros everywhere: the softmax of the biases, which are zero
    assert before["score"] > 0.4


def test_other_inputs_and_two_batches_at_a_time(cluster: Processes, folder: Path, colours_here: Path, tmp_path: Path) -> None:
    pixels, more = keras.Input((8, 8, 3), name="pixels"), keras.Input((3,), name="more")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 1, name="conv")(pixels))
    keras.Model([pixels, more], keras.layers.Softmax()(pooled + more), name="two").save(tmp_path / "two.keras")
    np.save(tmp_path / "more.npy", np.array([0.0, 1.0, 2.0]))
    runs = {
        "two": (tmp_path / "two.keras", {**ONLY, "inputs": {"more": tmp_path / "more.npy"}}),
        "colours": (folder / "colours.keras", ONLY),
    }
    results: dict[str, Any] = {}
    with Client(cluster.address, set_as_default=False) as client:

        def run(name: str) -> None:
            model, options = runs[name]
            results[name] = reportgen.batch(str(model), str(folder / "shades"), tmp_path / "there" / name, dask=client, **options)

        (tmp_path / "there").mkdir()
        threads = [threading.Thread(target=run, args=(name,)) for name in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {name: made.made for name, made in results.items()} == {"two": SHADES, "colours": SHADES}
        assert client.status == "running"  # it is the user's
        assert not client.futures
        # a scheduler hears a moment later that nobody wants them any more
        wait_for(lambda: client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) == 0)
        assert not list(cluster.folder.rglob("reportgen-*"))  # nor is a file left on the workers
    model, options = runs["two"]
    reportgen.batch(str(model), str(folder / "shades"), tmp_path / "here", **options)
    assert contents(tmp_path / "there" / "two") == contents(tmp_path / "here")
    assert contents(tmp_path / "there" / "colours") == contents(colours_here)


@pytest.mark.usefixtures("in_code")
def test_a_worker_that_is_killed_costs_only_what_it_was_working_on(
    cluster: Processes, folder: Path, watched_here: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {**ONLY, "imports": ["own_layers"]}
    log = cluster.folder / "watched.txt"
    log.write_text("")
    killed: list[int] = []
    with Client(cluster.address, set_as_default=False) as client:
        processes = client.run(os.getpid)
        assert len(set(processes.values())) == 2

    def kill_one(event: dict[str, Any]) -> None:
        if event["done"] == 5 and not killed:
            killed.append(min(processes.values()))
            os.kill(killed[0], signal.SIGKILL)

    there = reportgen.batch(
        "watched.keras", str(folder / "shades"), tmp_path / "there", dask=cluster.address, log=kill_one, **options
    )
    assert killed
    assert (there.made, there.failures) == (SHADES, [])
    passes, running = Counter[str](), dict[str, str]()
    for word, process, shade in (line.split() for line in log.read_text().splitlines()):
        if word == "begin":
            assert process not in running, "two reports at a time in one worker of three threads"
            passes[shade] += 1
            running[process] = shade
        else:
            assert running.pop(process) == shade
    usual = min(passes.values())
    again = [shade for shade, count in passes.items() if count > usual]
    assert len(again) <= 2  # the one that it was making, and one whose result was on its way
    assert len(passes) == SHADES
    assert contents(tmp_path / "there") == contents(watched_here)


@pytest.mark.usefixtures("in_code")
def test_a_report_that_kills_workers_fails_and_the_others_are_made(cluster: Processes, folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (251, 251, 251)).save(tmp_path / "deadly.png")
    images = [str(tmp_path / "deadly.png"), *(str(folder / "shades" / f"0{shade}.png") for shade in range(4))]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        made = reportgen.batch("watched.keras", images, tmp_path / "site", dask=cluster.address, imports=["own_layers"], **ONLY)
    assert made.made == 4
    assert [each.error for each in made.failures] == [
        "deadly.png: one worker died while making this report; their logs say why; most often it is too little memory."
    ]
    assert "one worker died" in (tmp_path / "site" / "index.html").read_text("utf-8")


@pytest.mark.usefixtures("in_code")
def test_ctrl_c_ends_the_batch_and_a_rerun_completes_it(
    cluster: Processes, folder: Path, watched_here: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    command = [
        "batch", str(folder / "shades"), "-m", "watched.keras", "--import", "own_layers", "--only", "overview,predictions",
        "--preprocess", "none", "-o", str(site), "--dask", str(cluster.file),
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "reportgen", *command],
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: len(list(site.glob("reports/*/*.html"))) >= 3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=LONG)
    assert process.returncode == 130, err
    assert time.monotonic() - began < 15
    assert out == f"{site / 'index.html'}\n"
    assert err.splitlines()[-1] == "Stopped early. Run the same command again to resume."
    assert len(err.splitlines()) == 2
    entries = read_entries(site)
    assert 3 <= len(entries) < SHADES
    assert (site / "index.html").exists()
    assert run_main(*command, "--quiet") == 0
    assert len(read_entries(site)) == SHADES
    assert contents(site) == contents(watched_here)
