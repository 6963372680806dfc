"""Dask clusters that cannot be used, go away, speak TLS, or grow: told in a line, or got over.

Run in an environment that has `distributed`, by `python -m pytest tests/dask_refused.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import trustme
from distributed import Client, LocalCluster

import reportgen
from reportgen.cli import main
from reportgen.errors import ClusterError, OptionError
from reportgen.site.entries import read_entries

from .dask_processes import CAT, LONG, ONLY, ROOT, SHADES, Processes, kill, run_main, wait_for
from .test_batch import contents

pytest_plugins = ("tests.dask_fixtures",)


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler without workers."""
    processes = Processes(tmp_path_factory.mktemp("spare"))
    yield processes
    processes.end()


def refused(arguments: list[str], site: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says, which writes nothing."""
    assert run_main("batch", str(CAT), "-o", str(site), *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert not site.exists(), err
    return err


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://127.0.0.1:1", "no scheduler answers"),
        ("nothing", "not the address of a scheduler"),
        ("http://127.0.0.1:1", "not the address of a scheduler"),
        ("tls://127.0.0.1:1", "not the address of a scheduler"),
        ("missing.json", "cannot be read (No such file or directory)"),
        (str(CAT), "the file names no scheduler"),
    ],
)
def test_a_wrong_address_is_told_in_a_line(address: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        assert told in refused(["--dask", address], tmp_path / "site", capsys)


def test_no_worker_is_told_in_a_line(spare: Processes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with dask.config.set({"reportgen.no-worker-timeout": "500ms"}):
        told = refused(["--dask", spare.address], tmp_path / "site", capsys)
    assert told == (
        f"reportgen: --dask {spare.address}: no worker for 0.5 seconds. Start one with: dask worker {spare.address}\n"
    )


def test_workers_of_other_versions_are_refused(spare: Processes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real workers: to one, another version of NumPy is installed as far as its metadata say; the other has no reportgen."""
    (tmp_path / "numpy" / "numpy-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "numpy" / "numpy-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'reportgen':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    for name, told in (
        ("numpy", f"has numpy 1.0, this machine {np.__version__}; install"),
        ("bare", "does not have reportgen; install"),
    ):
        worker = spare.worker("--no-nanny", PYTHONPATH=f"{tmp_path / name}{os.pathsep}{ROOT}")
        with Client(spare.address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=LONG)
            (address,) = client.nthreads()
        assert f"the worker {address} {told}" in refused(["--dask", spare.address], tmp_path / "site", capsys)
        kill(worker)
        with Client(spare.address, set_as_default=False) as client:
            gone = partial(lambda client: not client.nthreads(), client)
            wait_for(gone)


@pytest.mark.usefixtures("in_code")
def test_a_scheduler_that_goes_away_ends_the_batch_and_a_rerun_completes_it(
    cluster: Processes, folder: Path, watched_here: Path, tmp_path: Path
) -> None:
    processes = Processes(tmp_path)
    processes.worker("--no-nanny")

    def end_scheduler(event: dict[str, Any]) -> None:
        if event["done"] == 3:
            processes.all[0].kill()
            ended.append(time.monotonic())

    ended: list[float] = []
    site, options = tmp_path / "site", {**ONLY, "imports": ["own_layers"]}
    try:
        with pytest.raises(ClusterError, match="the connection to the scheduler was lost") as lost:
            reportgen.batch("watched.keras", str(folder / "shades"), site, dask=processes.address, log=end_scheduler, **options)
        assert time.monotonic() - ended[0] < 15
    finally:
        processes.end()
    assert "run the same command again" in str(lost.value)
    assert len(str(lost.value).splitlines()) == 1
    kept = len(read_entries(site))
    assert 3 <= kept < SHADES
    assert (site / "index.html").exists()
    again = reportgen.batch("watched.keras", str(folder / "shades"), site, dask=cluster.address, **options)
    assert (again.made, again.kept) == (SHADES - kept, kept)
    assert contents(site) == contents(watched_here)


@pytest.mark.usefixtures("in_code")
def test_a_log_of_json_ends_with_the_loss_of_the_scheduler(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = Processes(tmp_path)
    processes.worker("--no-nanny")
    site = tmp_path / "site"

    def end_scheduler() -> None:
        wait_for(lambda: len(list(site.glob("reports/*/*.html"))) >= 3)
        processes.all[0].kill()

    options = ["--only", "overview,predictions", "--preprocess", "none", "--import", "own_layers"]
    command = ["batch", str(folder / "shades"), "-m", "watched.keras", "--dask", processes.address, "-o", str(site), "--json-log"]
    monkeypatch.setattr(sys, "argv", ["reportgen", *command, *options])
    ending = threading.Thread(target=end_scheduler)
    ending.start()
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        ending.join()
        processes.end()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert ended.value.code == 2
    assert {line["event"] for line in lines[:-1]} == {"made"}
    assert lines[-1]["event"] == "error"
    assert "the connection to the scheduler was lost" in lines[-1]["error"]
    assert (site / "index.html").exists()


def test_a_cluster_that_speaks_tls(folder: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    place = {"ca-file": "ca.pem", "scheduler.cert": "cert.pem", "worker.cert": "cert.pem", "client.cert": "cert.pem"}
    settings = {f"distributed.comm.tls.{each}": str(tmp_path / file) for each, file in place.items()}
    names = {each: f"DASK_{each.upper().replace('.', '__').replace('-', '_')}" for each in settings}  # as the README has them
    processes = Processes(tmp_path, "--protocol", "tls", **{names[each]: value for each, value in settings.items()})
    try:
        processes.worker("--no-nanny")
        assert processes.address.startswith("tls://")
        with dask.config.set(settings):
            made = reportgen.batch(
                str(folder / "colours.keras"),
                str(folder / "photos" / "green"),
                tmp_path / "there",
                dask=processes.address,
                **ONLY,
            )
        assert made.made == 2
    finally:
        processes.end()


def test_an_asynchronous_client_is_refused(spare: Processes, tmp_path: Path) -> None:
    async def run() -> None:
        async with Client(spare.address, asynchronous=True, set_as_default=False) as client:
            with pytest.raises(OptionError, match="an asynchronous client"):
                reportgen.batch("minivgg", str(CAT), tmp_path / "site", dask=client)

    asyncio.run(run())
    assert not (tmp_path / "site").exists()


def test_a_cluster_that_grows_and_shrinks_starts_workers_for_a_batch(folder: Path, colours_here: Path, tmp_path: Path) -> None:
    with LocalCluster(n_workers=0, threads_per_worker=2, dashboard_address=":0", host="127.0.0.1") as growing:
        growing.adapt(minimum=0, maximum=2, interval="100ms")
        made = reportgen.batch(
            folder / "colours.keras", str(folder / "shades"), tmp_path / "site", dask=growing.scheduler_address, **ONLY
        )
        assert (made.made, made.failures) == (SHADES, [])
        assert contents(tmp_path / "site") == contents(colours_here)
        wait_for(lambda: not growing.scheduler.workers)
        assert not growing.scheduler.tasks  # nothing waits there any more
