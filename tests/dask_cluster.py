"""Batches on a real Dask cluster: a scheduler and two workers, started as users start them.

Run in an environment that has `distributed`, by `python -m pytest tests/dask_cluster.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import trustme
from distributed import Client, LocalCluster
from PIL import Image

import reportgen
from reportgen.backend import keras
from reportgen.cli import main
from reportgen.errors import ClusterError, OptionError
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries

from .test_batch import COLOURS, colour_model, contents

ROOT = Path(__file__).parent.parent
CAT = ROOT / "sample_images" / "cat.png"
DASK = Path(sys.executable).with_name("dask")
LONG = 120.0  # seconds: starting a process can take long on a busy machine
ONLY: dict[str, Any] = {"only": ("overview", "predictions"), "preprocess": "none"}
SHADES = 16  # images for a batch that is disturbed
SLOW = 0.1  # seconds that a report of the model `watched` takes at least

OWN_LAYERS = """
import keras
import own_helper

class Watched(keras.layers.Layer):
    def call(self, pixels):
        return own_helper.watched(pixels)
"""
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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    processes = Processes(tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(2):
            processes.worker()
        with Client(processes.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=LONG)
        yield processes
    finally:
        processes.end()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, one of layers of its own that are slow, their code, labels, templates, and images of which some are broken."""
    folder = tmp_path_factory.mktemp("given")
    colour_model().save(folder / "colours.keras")
    (folder / "broken.keras").write_bytes(b"no model")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    (folder / "own" / "assets").mkdir(parents=True)
    (folder / "own" / "assets" / "page.css").write_text(
        (ROOT / "templates" / "assets" / "page.css").read_text() + "/* my own */\n"
    )
    for name, colour in COLOURS.items():
        (folder / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(folder / "photos" / name / "one.png")
    random = np.random.default_rng(1)
    for number in range(4):
        pixels = random.integers(0, 255, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / "red" / f"é <b> {number}.png")
    np.save(folder / "photos" / "green" / "array.npy", np.full((8, 8, 3), 3.0, np.float32))
    (folder / "photos" / "blue" / "cut.png").write_bytes(CAT.read_bytes()[:500])
    (folder / "photos" / "blue" / "empty.png").write_bytes(b"")
    (folder / "shades").mkdir()
    for shade in range(SHADES):
        Image.new("RGB", (8, 8), (10 + shade, 0, 0)).save(folder / "shades" / f"{shade:02}.png")
    return folder


@pytest.fixture(scope="module")
def watched(folder: Path) -> Path:
    """A model whose own layer, in a module beside it, takes its time, and notes what it sees and when."""
    code = folder / "code"
    code.mkdir()
    (code / "own_layers.py").write_text(OWN_LAYERS)
    write_helper(code, 1)

    class Watched(keras.layers.Layer):  # type: ignore[misc]
        def call(self, pixels: Any) -> Any:
            return pixels

    pixels = keras.Input((8, 8, 3), name="pixels")
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(keras.layers.Conv2D(3, 1, name="conv")(Watched(name="own")(pixels)))
    keras.utils.set_random_seed(1)
    scores = keras.layers.Dense(3, activation="softmax", name="dense")(pooled)
    keras.Model(pixels, scores, name="watched").save(code / "watched.keras")
    return code


def write_helper(code: Path, factor: float) -> None:
    (code / "own_helper.py").write_text(OWN_HELPER.replace("SLOW", str(SLOW)).replace("FACTOR", str(factor)))


@pytest.fixture
def in_code(watched: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of the model's own code as the current one; afterwards this process has not imported it."""
    monkeypatch.chdir(watched)
    monkeypatch.setenv("WATCHED", str(tmp_path / "here.txt"))
    yield watched
    for name in ("own_layers", "own_helper"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def watched_here(folder: Path, watched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the model `watched` on the shades, made here."""
    site = tmp_path_factory.mktemp("here") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(watched)
        patch.setenv("WATCHED", str(site.parent / "watched.txt"))
        reportgen.batch("watched.keras", str(folder / "shades"), site, imports=["own_layers"], **ONLY)
    return site


@pytest.fixture(scope="module")
def colours_here(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the model `colours` on the shades, made here."""
    site = tmp_path_factory.mktemp("here") / "site"
    reportgen.batch(str(folder / "colours.keras"), str(folder / "shades"), site, **ONLY)
    return site


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
