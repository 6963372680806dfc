"""Reports made on the workers of a cluster, as far as it needs no cluster: `tests/dask_cluster.py` has the rest."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import pickle
import random
import sys
import threading
import time
import weakref
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import seed_generator
from reportgen.batching.batch import batch
from reportgen.batching.cluster import on_worker
from reportgen.batching.cluster.luggage import Luggage, packed, unpacked
from reportgen.batching.cluster.versions import difference, facts, without_reportgen
from reportgen.batching.gathering import Source
from reportgen.batching.making import Here, Job, Made, Task
from reportgen.cli import main
from reportgen.errors import OptionError
from reportgen.loading.references import find_reference
from reportgen.options.other_inputs import given_inputs
from reportgen.request import check_options
from reportgen.site.links import Neighbours

from .models import built

CAT = str(Path(__file__).parent.parent / "sample_images" / "cat.png")


ALONE = Neighbours(None, None, ())


SHORT = {"only": ("overview", "predictions"), "preprocess": "none"}


def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns in a thread of its own: in this one, a browser of other tests may run its loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


@pytest.fixture
def workers_folder(tmp_path: Path) -> Iterator[Any]:
    """What stands for a worker: its folder. Afterwards no job is left in this process."""
    yield SimpleNamespace(local_directory=str(tmp_path / "worker"))
    for name in list(on_worker._RECEIVED):
        awaited(on_worker.forget(name))
    assert not on_worker._OPENED


def carried(name: str, job: Job, luggage: Luggage, worker: Any) -> None:
    """Bring a job and its files to a worker, through pickles, in parts of seven bytes or many."""
    job_there, luggage_there = pickle.loads(pickle.dumps((job, luggage.without_files())))
    on_worker.begin(name, job_there, luggage_there, worker)
    for place, path in luggage.files.items():
        content = path.read_bytes()
        size = 7 if len(content) < 1000 else 100_000
        for start in range(0, len(content), size):
            awaited(on_worker.receive(name, place, start, content[start : start + size]))


def made_there(name: str, path: Path, **options: Any) -> Made:
    task = Task(source=Source(path, path.name, path.stem), wanted="w", truth=None, near=ALONE, **options)
    made = on_worker.make(name, pickle.dumps(task), path.read_bytes())
    assert made is not None
    return made


def made_here(job: Job, path: Path) -> Made:
    task = Task(source=Source(path, path.name, path.stem), wanted="w", truth=None, near=ALONE)
    (made,) = Here(None, lambda step: None, {}).make(job, [task])
    return made


def job_of(model: Path, **options: Any) -> tuple[Job, Luggage]:
    asked = check_options(**options)
    return Job(given=str(model), key="m", name=model.stem, options=asked), packed(str(model), find_reference(model), asked)


def test_a_report_made_from_what_was_sent_is_the_report_made_here(tmp_path: Path, workers_folder: Any) -> None:
    (tmp_path / "here").mkdir()
    built("functional").save(tmp_path / "here" / "my model.keras")
    (tmp_path / "here" / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    own = tmp_path / "here" / "own" / "sections" / "overview"
    own.mkdir(parents=True)
    (own / "report.html.j2").write_text("<p>my own overview</p>")
    options = {**SHORT, "labels": str(tmp_path / "here" / "labels.txt"), "templates": str(tmp_path / "here" / "own")}
    job, luggage = job_of(tmp_path / "here" / "my model.keras", **options)
    assert sorted(luggage.files) == [
        "labels/labels.txt",
        "model/my model.keras",
        "templates/own/sections/overview/report.html.j2",
    ]
    carried("job", job, luggage, workers_folder)
    assert on_worker.open_("job") == ""
    there, here = made_there("job", Path(CAT)), made_here(job, Path(CAT))
    assert here.entry.error == ""
    assert there.entry == here.entry
    assert there.files == here.files
    assert b"my own overview" in there.files[there.entry.file]
    awaited(on_worker.forget("job"))
    assert list(Path(workers_folder.local_directory).iterdir()) == []
    assert on_worker.make("job", b"", b"") is None


def test_a_failure_names_the_file_that_the_user_knows(tmp_path: Path, workers_folder: Any) -> None:
    built("functional").save(tmp_path / "m.keras")
    job, luggage = job_of(tmp_path / "m.keras", **SHORT)
    carried("job", job, luggage, workers_folder)
    for name, content in {"no  image.png": b"nothing", "cut.png": Path(CAT).read_bytes()[:200], "\udcff.jpg": b"x"}.items():
        (tmp_path / name).write_bytes(content)
        there, here = made_there("job", tmp_path / name), made_here(job, tmp_path / name)
        assert str(tmp_path) in here.entry.error
        assert there.entry == here.entry
        assert there.files == {}


def test_a_model_that_cannot_be_opened_says_why_by_its_own_name(tmp_path: Path, workers_folder: Any) -> None:
    built("functional").save_weights(tmp_path / "m.weights.h5")
    (tmp_path / "m.weights.h5").rename(tmp_path / "m.h5")
    job, luggage = job_of(tmp_path / "m.h5", **SHORT)
    carried("job", job, luggage, workers_folder)
    assert on_worker.open_("job") == made_here(job, Path(CAT)).entry.error
    assert on_worker.open_("job") != ""


def test_one_model_is_open_at_a_time(tmp_path: Path, workers_folder: Any) -> None:
    built("functional").save(tmp_path / "m.keras")
    for name in ("first", "second"):
        carried(name, *job_of(tmp_path / "m.keras", **SHORT), workers_folder)
    assert on_worker.open_("first") == ""
    opened = on_worker._OPENED["first"].reporter
    assert opened is not None
    model = weakref.ref(opened.network.loaded.model)
    del opened
    assert on_worker.open_("second") == ""
    assert list(on_worker._OPENED) == ["second"]
    gc.collect()
    assert model() is None
    assert made_there("first", Path(CAT)).entry.error == ""  # opened again
    assert list(on_worker._OPENED) == ["first"]


def test_a_file_that_did_not_arrive_whole_is_noticed(tmp_path: Path, workers_folder: Any) -> None:
    built("functional").save(tmp_path / "m.keras")
    job, luggage = job_of(tmp_path / "m.keras", **SHORT)
    carried("job", job, luggage, workers_folder)
    wrong = awaited(on_worker.arrived("job", {"model/m.keras": "0" * 64}))
    assert wrong == "m.keras did not arrive whole"


def test_imagenet_weights_are_put_where_keras_looks(tmp_path: Path, workers_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers' cache and the one here are the same folder in this test; Keras itself checks what the file holds."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    asked = check_options(**SHORT)
    luggage = packed("vgg16", find_reference("vgg16"), asked)
    assert list(luggage.files) == [luggage.cached]
    job = Job(given="vgg16", key="vgg16", name="vgg16", options=asked)
    assert on_worker.begin("job", job, luggage.without_files(), workers_folder)
    awaited(on_worker.receive("job", luggage.cached, 0, b"weights"))
    digest = "9a2c2b21462effa9829389ae49427a62797b6f0c0a77d8b1c4d1e4a4e0f9fb36"
    assert awaited(on_worker.arrived("job", {luggage.cached: digest}))  # not the digest of these bytes
    assert not (tmp_path / "keras").exists()
    assert awaited(on_worker.arrived("job", {luggage.cached: hashlib.sha256(b"weights").hexdigest()})) == ""
    (found,) = (tmp_path / "keras" / "models").iterdir()
    assert (found.name, found.read_bytes()) == ("vgg16_weights_tf_dim_ordering_tf_kernels.h5", b"weights")
    assert not on_worker.begin("job", job, luggage.without_files(), workers_folder)
    assert packed("vgg16", find_reference("vgg16"), check_options(weights="random", **SHORT)).files == {}


def test_values_of_other_inputs_go_along(tmp_path: Path) -> None:
    np.save(tmp_path / "ages.npy", np.ones((3, 3)))
    held = np.arange(40.0)
    asked = check_options(inputs={"ages": tmp_path / "ages.npy", "sex": 1, "held": held})
    luggage = packed("minivgg", find_reference("minivgg"), asked)
    assert luggage.files == {"input-0/ages.npy": tmp_path / "ages.npy"}
    job, sent = pickle.loads(pickle.dumps((Job(given="minivgg", key="m", name="m", options=asked), luggage.without_files())))
    there = unpacked(job, sent, Path("/there")).options
    values = given_inputs(check_options(**vars(there)).inputs)
    assert values["ages"] == Path("/there/input-0/ages.npy")
    assert values["sex"] == (1.0,)
    np.testing.assert_array_equal(values["held"], held)
    assert given_inputs(asked.inputs)["ages"] == tmp_path / "ages.npy"


def test_a_folder_with_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "page.css").write_text("")
    packed("minivgg", find_reference("minivgg"), check_options(templates=str(tmp_path / "own")))
    (tmp_path / "secret").write_text("")
    (tmp_path / "own" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OptionError, match="cannot be sent to workers"):
        packed("minivgg", find_reference("minivgg"), check_options(templates=str(tmp_path / "own")))


def test_an_empty_folder_of_templates_exists_on_the_worker(tmp_path: Path, workers_folder: Any) -> None:
    (tmp_path / "own").mkdir()
    asked = check_options(templates=str(tmp_path / "own"), **SHORT)
    luggage = packed("minivgg", find_reference("minivgg"), asked)
    carried("job", Job(given="minivgg", key="m", name="m", options=asked), luggage, workers_folder)
    assert made_there("job", Path(CAT)).entry.error == ""


def test_what_differs_on_a_worker_is_said_with_the_remedy() -> None:
    here = facts(["PIL"])
    assert difference(here, facts(["PIL"])) == ""
    assert set(here) == {"Python", "reportgen", "tensorflow", "keras", "numpy", "pillow", "code", "--import PIL"}
    numpy = here["numpy"]
    said = {
        "numpy": ("1.0", f"has numpy 1.0, this machine {numpy}; install the same there: pip install numpy=={numpy}"),
        "keras": ("", f"does not have keras; install it there: pip install keras=={here['keras']}"),
        "Python": ("3.99", f"runs Python 3.99, this machine {here['Python']}; start the workers with the same version."),
        "code": ("f" * 64, f"has other code of reportgen {reportgen.__version__} than this machine; install the same there."),
        "--import PIL": ("", "does not have the module PIL of --import; install the same there as here."),
    }
    for name, (there, words) in said.items():
        assert difference(here, {**here, name: there}) == words
    assert "has reportgen 0.0.1" in without_reportgen("0.0.1")
    assert "does not have reportgen; install it there: pip install 'cnn-reportgen[dask]" in without_reportgen("")


@pytest.mark.parametrize("asked", [["--dask", "tcp://127.0.0.1:8786"], ["--dask", "cluster.json"]])
def test_without_the_package_a_line_says_what_to_install(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)  # as where it is not installed
    monkeypatch.setattr(sys, "argv", ["reportgen", "batch", CAT, "-o", str(tmp_path / "site"), *asked])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "reportgen: --dask: needs the package distributed: pip install 'cnn-reportgen[dask]'\n"
    assert not (tmp_path / "site").exists()


def test_random_weights_are_the_same_where_other_threads_draw_random_numbers() -> None:
    """As on a worker, whose other threads draw from Python's generator while the model is built."""
    alone = reportgen.load("mobilenet", weights="random", seed=3).digest
    ended = threading.Event()

    def draw() -> None:
        while not ended.is_set():
            random.random()
            time.sleep(0.001)  # hundreds of times during the build, and leaves it the processor

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        beside = reportgen.load("mobilenet", weights="random", seed=3).digest
    finally:
        ended.set()
        thread.join()
    assert beside == alone
    assert seed_generator.python_random is random


def test_a_model_in_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--dask: a model in memory cannot be sent") as refused:
        batch(built("functional"), CAT, tmp_path / "site", dask="tcp://127.0.0.1:8786")
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "site").exists()
