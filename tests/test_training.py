"""Reports made during training: what is made, that the training does not notice, and what happens when something fails."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.backend import keras, tf
from reportgen.callback.images import shown_images
from reportgen.cli import main
from reportgen.errors import ImageError, LabelsError, OptionError, OutputError
from reportgen.report import present
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries

layers = keras.layers
LITE: dict[str, Any] = {"only": ("overview", "predictions", "attributions", "weights")}
X = np.random.default_rng(0).random((8, 10, 10, 3)).astype(np.float32)
Y = np.arange(8) % 3


def small() -> Any:
    """Augmentation, statistics and dropout: everything in Keras that has a state of its own in training."""
    return keras.Sequential(
        [
            keras.Input((10, 10, 3)),
            layers.RandomFlip(),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ],
        name="small",
    )


class Noisy(keras.layers.Layer):  # type: ignore[misc]
    """Draws from every random state there is, and changes its own variables, at every call: in inference, too."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = tf.random.Generator.from_seed(3)
        self.calls = tf.Variable(0, trainable=False)
        self.norm = layers.BatchNormalization()

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1)
        x = self.norm(x, training=True)
        for drawn in (
            self.generator.normal(tf.shape(x)),
            tf.random.normal(tf.shape(x)),
            tf.random.normal(tf.shape(x), seed=4),
            keras.random.normal(keras.ops.shape(x)),
        ):
            x = x + 0.1 * drawn
        self.add_loss(0.01 * tf.reduce_mean(x))
        return x + np.random.normal() + random.random() if tf.executing_eagerly() else x


def noisy() -> Any:
    return keras.Sequential([keras.Input((10, 10, 3)), Noisy(), layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()])


class OwnStep(keras.Model):  # type: ignore[misc]
    """A subclassed model that trains by its own step; counts how often that is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.traces = 0
        self.conv, self.pool = layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()
        self.drop, self.dense = layers.Dropout(0.4), layers.Dense(3, activation="softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.dense(self.drop(self.pool(self.conv(x)), training=training))

    def train_step(self, data: Any) -> dict[str, Any]:
        self.traces += 1
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, self(x, training=True)))
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"own_loss": loss}


def two_outputs() -> Any:
    pixels = keras.Input((10, 10, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(pixels))
    return keras.Model(
        pixels, [layers.Dense(3, activation="softmax", name="kind")(pooled), layers.Dense(3, name="other")(pooled)]
    )


def mixed_precision() -> Any:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return small()
    finally:
        keras.config.set_dtype_policy("float32")


def train(build: Callable[[], Any], *callbacks: Any, epochs: int = 2, **compiled: Any) -> Any:
    """A model trained from a seed."""
    keras.utils.set_random_seed(7)
    model = build()
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compiled})
    model.fit(X, [Y, Y] if build is two_outputs else Y, epochs=epochs, batch_size=4, verbose=0, callbacks=list(callbacks))
    return model


def state(model: Any) -> list[np.ndarray]:
    """Everything that further training depends on: all variables, and what the random states give next."""
    drawn = [random.random(), np.random.random(), tf.random.normal(()), tf.random.normal((), seed=4), keras.random.normal(())]
    values = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return [np.asarray(each) for each in (*values, *drawn)]


WAYS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "everything with a state": (small, {"metrics": ["accuracy"], "steps_per_execution": 2}),
    "compiled by XLA": (OwnStep, {"jit_compile": True}),
    "half precision": (mixed_precision, {}),
    "two outputs": (two_outputs, {"loss": ["sparse_categorical_crossentropy"] * 2}),
    "own code": (noisy, {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}),
    "own code, eagerly": (noisy, {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "run_eagerly": True}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_training_is_not_changed(way: str, tmp_path: Path) -> None:
    build, compiled = WAYS[way]
    alone = state(train(build, **compiled))
    followed = train(build, reportgen.ReportCallback(X[:1], output=tmp_path / "site", truth=[0], **LITE), **compiled)
    assert len(list(tmp_path.glob("site/reports/*/*.html"))) == 2
    for old, new in zip(alone, state(followed), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_step_of_ones_own_is_traced_once(tmp_path: Path) -> None:
    counts: list[tuple[int, int]] = []
    model: Any = OwnStep()
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: counts.append((model.traces, id(model.train_function)))
    )
    model.compile("adam")
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LITE), after])
    assert len(set(counts)) == 1
    assert counts[0][0] >= 1


def test_several_devices(tmp_path: Path) -> None:
    def mirrored() -> Any:
        with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
            model = small()
            model.compile("adam", "sparse_categorical_crossentropy")
        return model

    def fitted(*callbacks: Any) -> list[np.ndarray]:
        keras.utils.set_random_seed(7)
        model = mirrored()
        model.fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks=list(callbacks))
        return [np.asarray(each) for each in model.variables]

    alone, followed = fitted(), fitted(reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LITE))
    assert len(list(tmp_path.glob("site/reports/*/*.html"))) == 2
    assert all(np.array_equal(*pair) for pair in zip(alone, followed, strict=True))


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, float]], list[np.ndarray]]:
    """A site over three epochs on two images, the metrics of each epoch, and the predictions after each."""
    site, logged, answers = tmp_path_factory.mktemp("training") / "site", [], []

    class Noting(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logged.append(dict(logs))
            answers.append(np.asarray(self.model(X[:2], training=False)))

    callback = reportgen.ReportCallback(X[:2], output=site, truth=Y[:2], labels=["a", "b", "c"], **LITE)
    train(small, callback, Noting(), epochs=3, metrics=["accuracy"])
    return site, logged, answers


def test_every_epoch_has_its_reports(followed: tuple[Path, list[dict[str, float]], list[np.ndarray]]) -> None:
    site, logged, answers = followed
    for number, (logs, scores) in enumerate(zip(logged, answers, strict=True), start=1):
        for place in range(2):
            report = reportgen.read(site / f"reports/epoch-{number:02}/image-{place + 1}.html")
            assert report.title == f"small-epoch-{number:02} on image-{place + 1}"
            assert {each.name: each.value for each in report.provenance.metrics} == pytest.approx(logs)
            predictions, truth = present(report.predictions), report.provenance.truth
            assert predictions is not None
            assert truth is not None
            rows = {row.class_index: row.score for row in predictions.rows}
            assert [rows[index] for index in range(3)] == pytest.approx(scores[place].tolist(), rel=1e-5)
            assert (truth.label, truth.correct) == ("abc"[place], bool(scores[place].argmax() == place))


def test_the_site_tells_the_metrics_of_each_epoch(followed: tuple[Path, list[dict[str, float]], list[np.ndarray]]) -> None:
    site, logged, _ = followed
    models = site_data(site)["models"]
    assert [each["name"] for each in models] == ["epoch-01", "epoch-02", "epoch-03"]
    assert [each["metrics"] for each in models] == [pytest.approx(logs) for logs in logged]
    page = (site / "index.html").read_text("utf-8")
    assert "<bdi>accuracy</bdi></th><th" in page
    assert page.count('<path class="curve-0"') == 2  # of loss and accuracy


def test_epochs_are_compared_step_by_step_and_as_a_series(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]],
) -> None:
    site, logged, _ = followed
    assert sorted(str(path.relative_to(site)) for path in site.glob("diffs/*/*.html")) == [
        f"diffs/epoch-0{old}--epoch-0{old + 1}/image-{image}.html" for old in (1, 2) for image in (1, 2)
    ]
    page = (site / "series/image-1.html").read_text("utf-8")
    assert "3 versions" in page
    assert "Metric: accuracy" in page
    verdict = reportgen.series([reportgen.read(path) for path in sorted(site.glob("reports/*/image-1.html"))]).verdict
    fell = "improved" if logged[-1]["loss"] < logged[0]["loss"] else "worsened"
    assert f"`loss` {fell} from" in verdict


def test_a_long_training_says_how_many_epochs_its_series_has(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    for number in range(1, 44):
        (site / f"reports/epoch-{number:02}").mkdir(parents=True)
        shutil.copy(followed[0] / f"reports/epoch-0{1 + number % 3}/image-1.html", site / f"reports/epoch-{number:02}/a.html")
    shutil.copy(followed[0] / "reports/epoch-01/image-1.html", site / "reports/epoch-01/b.html")
    shutil.copy(followed[0] / "reports/epoch-02/image-1.html", site / "reports/epoch-02/b.html")
    (site / "diffs/epoch-01--epoch-02").mkdir(parents=True)  # a site that compares its epochs
    (site / "data").mkdir()
    shutil.copy(followed[0] / "data/site.json", site / "data")
    reportgen.index([site])
    long, short = ((site / f"series/{name}.html").read_text("utf-8") for name in "ab")
    assert "40 versions" in long
    assert "This series has 40 of the 43 epochs, evenly spaced; the others are left out." in long
    assert "2 versions" in short
    assert "evenly spaced" not in short
    index = (site / "index.html").read_text("utf-8")
    assert re.findall(r'<a href="series/(.)\.html">(.*?)</a>', index) == [("a", "40 of 43 epochs"), ("b", "All epochs")]


def test_every_link_of_the_site_leads_to_a_file(followed: tuple[Path, list[dict[str, float]], list[np.ndarray]]) -> None:
    site, *_ = followed
    pages = [site / "index.html", *site.glob("reports/*/*.html")]
    links = [(page, link) for page in pages for link in re.findall(r'href="([^"#:]+)"', page.read_text("utf-8"))]
    assert all((page.parent / link).is_file() for page, link in links)
    told = {str((page.parent / link).resolve().relative_to(site.resolve())) for page, link in links}
    assert {str(path.relative_to(site)) for path in site.glob("[ds]*/**/*.html")} <= told
    middle = (site / "reports/epoch-02/image-1.html").read_text("utf-8")
    assert "epoch 1 → 2</a>, <a" in middle
    assert "epoch 2 → 3</a>" in middle


def test_trainings_are_merged_with_their_comparisons(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]], tmp_path: Path
) -> None:
    site, other = followed[0], tmp_path / "other"
    names = {str(path.relative_to(site)) for folder in ("diffs", "series") for path in (site / folder).rglob("*.html")}
    reportgen.index([site], tmp_path / "copy")
    files = {name: (site / name).read_bytes() for name in names}
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in names} == files
    # another training of the same name, whose second epoch takes the first one's place: diffs of it would tell of another report
    shutil.copytree(site / "data", other / "data")
    (other / "reports/epoch-02").mkdir(parents=True)
    shutil.copy(site / "reports/epoch-03/image-1.html", other / "reports/epoch-02/image-1.html")
    reportgen.index([site, other], tmp_path / "both")
    assert sorted(str(path.relative_to(tmp_path / "both/diffs")) for path in (tmp_path / "both/diffs").rglob("*.html")) == [
        "epoch-01--epoch-02/image-2.html", "epoch-02--epoch-03/image-2.html",
    ]  # fmt: skip
    # the same training once more changes nothing, and a site that already has the diffs loses those of the other report
    reportgen.index([site, tmp_path / "copy"], tmp_path / "copy")
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in names} == files
    reportgen.index([tmp_path / "copy", other], tmp_path / "copy")
    assert not list((tmp_path / "copy/diffs").rglob("image-1.html"))
    assert len(list((tmp_path / "copy/diffs").rglob("image-2.html"))) == 2


def test_the_commands_for_sites_know_it(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site, *_ = followed
    before = {path: path.read_bytes() for path in site.rglob("*.html")}
    (site / "series/image-1.html").unlink()  # as if the training had been interrupted

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["reportgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().out

    run("index", site)
    assert {path: path.read_bytes() for path in site.rglob("*.html")} == before
    assert len(json.loads(run("data", site))["models"]) == 3
    run("email", site, "--to", "a@example.org", "--output", tmp_path / "draft.eml")
    assert json.loads(run("diff", site, site, "--json"))["same"] is True


def fit(model: Any, callback: Any, **options: Any) -> None:
    model.fit(X[:4], Y[:4], batch_size=4, verbose=0, callbacks=[callback], **options)


def compiled() -> Any:
    model = keras.Sequential([keras.Input((10, 10, 3)), layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()], name="tiny")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


LEAST: dict[str, Any] = {"only": ("predictions",)}


def models_in(site: Path) -> list[str]:
    return sorted({model for model, _ in read_entries(site)})


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({"every": 2}, ["02", "04"]), ({"every": 7}, []), ({"epochs": [0, 1, 5]}, ["00", "01", "05"]), ({"epochs": []}, [])],
)
def test_chosen_epochs(chosen: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    fit(compiled(), reportgen.ReportCallback(X[:1], output=tmp_path / "site", **chosen, **LEAST), epochs=5)
    assert models_in(tmp_path / "site") == [f"epoch-{number}" for number in expected]


def test_epoch_zero_is_the_model_before_its_training(tmp_path: Path) -> None:
    model = compiled()
    before = reportgen.load(model).digest
    fit(model, reportgen.ReportCallback(X[:1], output=tmp_path / "site", epochs=[0, 1], **LEAST), epochs=1)
    digests = [each["digest"] for each in site_data(tmp_path / "site")["models"]]
    assert digests == [before, reportgen.load(model).digest]
    assert len(set(digests)) == 2


def test_a_second_fit_counts_on(tmp_path: Path) -> None:
    model, callback = compiled(), reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST)
    fit(model, callback, epochs=2)
    fit(model, callback, epochs=1)  # Keras counts from 1 again
    fit(model, callback, initial_epoch=3, epochs=4)  # and here it goes on
    assert models_in(tmp_path / "site") == ["epoch-01", "epoch-02", "epoch-03", "epoch-04"]
    assert (tmp_path / "site/diffs/epoch-02--epoch-03/image-1.html").is_file()


def test_a_later_process_continues_a_training_and_keeps_others_apart(tmp_path: Path) -> None:
    site = tmp_path / "site"

    def again(model: Any, **options: Any) -> list[str]:
        fit(model, reportgen.ReportCallback(X[:1], output=site, **LEAST), **options)
        return models_in(site)

    first = again(compiled(), epochs=2)
    kept = {model: (site / f"reports/{model}/image-1.html").read_bytes() for model in first}
    assert again(compiled(), initial_epoch=2, epochs=3) == ["epoch-01", "epoch-02", "epoch-03"]
    assert again(compiled(), epochs=1)[-1:] == ["run-2-epoch-01"]  # from the start: another training
    assert again(compiled(), initial_epoch=1, epochs=2)[-1:] == ["run-2-epoch-02"]  # continues the latest
    assert again(compiled(), initial_epoch=1, epochs=2)[-1:] == ["run-3-epoch-02"]  # that epoch is there already
    assert not list(site.glob("diffs/*--run-3*"))
    assert sorted(path.name for path in site.glob("diffs/*")) == [
        "epoch-01--epoch-02", "epoch-02--epoch-03", "run-2-epoch-01--run-2-epoch-02"
    ]  # fmt: skip
    assert sorted(str(path.relative_to(site)) for path in site.rglob("series/**/*.html")) == [
        "series/image-1.html", "series/run-2/image-1.html"
    ]  # fmt: skip
    for model, page in kept.items():  # but for the links to the others
        now = (site / f"reports/{model}/image-1.html").read_bytes()
        assert re.sub(rb"<!--site-->.*<!--/site-->", b"", now, flags=re.S) == re.sub(
            rb"<!--site-->.*<!--/site-->", b"", page, flags=re.S
        )


def test_another_model_and_a_name_of_ones_own(tmp_path: Path) -> None:
    callback = reportgen.ReportCallback(X[:1], output=tmp_path / "site", name="fold 1", **LEAST)
    fit(compiled(), callback, epochs=1)
    fit(compiled(), callback, epochs=1)
    fit(compiled(), reportgen.ReportCallback(X[:1], output=tmp_path / "site", name="fold 2", **LEAST), epochs=1)
    assert models_in(tmp_path / "site") == ["fold-1-epoch-01", "fold-1-run-2-epoch-01", "fold-2-epoch-01"]
    assert reportgen.read(tmp_path / "site/reports/fold-2-epoch-01/image-1.html").provenance.model.name == "fold-2-epoch-01"


def test_two_trainings_at_once_are_not_mixed(tmp_path: Path) -> None:
    site = tmp_path / "site"
    other, other_model = reportgen.ReportCallback(X[:1], output=site, **LEAST), compiled()

    class Meanwhile(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                fit(other_model, other, initial_epoch=2, epochs=3)

    model = compiled()
    model.fit(X[:4], Y[:4], epochs=3, verbose=0, callbacks=[reportgen.ReportCallback(X[:1], output=site, **LEAST), Meanwhile()])
    digests = {each["name"]: each["digest"] for each in site_data(site)["models"]}
    assert list(digests) == ["epoch-01", "epoch-02", "epoch-03", "run-2-epoch-03"]
    assert digests["epoch-03"] == reportgen.load(other_model).digest
    assert digests["run-2-epoch-03"] == reportgen.load(model).digest


def warned(model: Any, callback: Any, **options: Any) -> list[str]:
    """The warnings of a training that went on to its end."""
    ends: list[int] = []
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(epoch))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(X[:4], Y[:4], epochs=2, verbose=0, callbacks=[callback, last], **options)
    assert ends == [0, 1]
    return [str(each.message) for each in found]


def test_a_broken_image_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.new("RGB", (10, 10), "red").save(tmp_path / "red.png")
    (line,) = warned(compiled(), reportgen.ReportCallback(tmp_path, output=tmp_path.parent / "site-of-broken", **LEAST))
    assert "broken.png" in line
    assert line.endswith("The training goes on.")
    assert "\n" not in line
    data = site_data(tmp_path.parent / "site-of-broken")
    assert [(each["images"], each["failed"]) for each in data["models"]] == [(2, 1), (2, 1)]


def test_a_model_that_takes_no_images_is_told_once(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((10, 10, 3)), layers.Reshape((300,)), layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST)
    assert warned(model, callback) == []  # without a convolution, the rest is reported
    assert models_in(tmp_path / "site") == ["epoch-01", "epoch-02"]
    flat = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    flat.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        callback = reportgen.ReportCallback(X[:1], output=tmp_path / "flat", **LEAST)
        flat.fit(X[:4, :2, :2, 0].reshape(4, 4), Y[:4], epochs=2, verbose=0, callbacks=[callback])
    (line,) = [str(each.message) for each in found]
    assert "expected images" in line


def test_a_full_disk_is_told_once_and_errors_on_request_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    callback = reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST)

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    (line,) = warned(compiled(), callback)
    assert "No space left on device" in line
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(compiled(), reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST), epochs=2)
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_an_interrupt_passes_and_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    class Interrupting(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.calls = tf.Variable(0, trainable=False)

        def call(self, x: Any) -> Any:
            self.calls.assign_add(1)
            if tf.executing_eagerly():
                raise KeyboardInterrupt
            return x

    noted = Interrupting()
    model = keras.Sequential([keras.Input((10, 10, 3)), noted, layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(KeyboardInterrupt):
        fit(model, reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST), epochs=3)
    assert int(noted.calls) == 1  # of the one step of the one epoch
    reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST)  # the site is free again


def test_metrics_that_are_no_finite_numbers_are_left_out(tmp_path: Path) -> None:
    callback = reportgen.ReportCallback(X[:1], output=tmp_path / "site", metric={"team": 5}, **LEAST)
    callback.set_model(compiled())
    callback.set_params({"epochs": 1})
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    logs = {"loss": float("nan"), "accuracy": np.float32(0.5), "grid": [1.0, 2.0], "Accuracy": 0.7, "a=b": tf.constant(2.0)}
    callback.on_epoch_end(0, logs)
    callback.on_train_end()
    assert site_data(tmp_path / "site")["models"][0]["metrics"] == {"accuracy": 0.5, "a=b": 2.0, "team": 5.0}


def test_a_truth_that_the_model_lacks_is_told_and_left_out(tmp_path: Path) -> None:
    callback = reportgen.ReportCallback(X[:2], output=tmp_path / "site", truth=[0, 9], **LEAST)
    (line,) = warned(compiled(), callback)
    assert "does not have the class 9" in line
    assert all(each["truth"] is None and each["error"] is None for each in site_data(tmp_path / "site")["reports"])


def test_the_true_class_is_explained_at_every_epoch(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((10, 10, 3)), layers.Conv2D(5, 3), layers.GlobalAveragePooling2D()])
    model.layers[-2].set_weights([np.zeros((3, 3, 3, 5), np.float32), np.arange(5, dtype=np.float32)])  # class 0 is the last
    model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, reportgen.ReportCallback(X[:1], output=tmp_path / "site", truth=[0]), epochs=1)
    report = reportgen.read(tmp_path / "site/reports/epoch-01/image-1.html")
    assert report.explained_classes() == (4, 3, 2, 0)


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        ([1, "cat"], [1, "cat"]),
        (np.array([[2], [0]]), [2, 0]),
        (np.array([2.0, 0.0]), [2, 0]),
        (np.eye(3)[[2, 0]], [2, 0]),
        (tf.constant([1, 2]), [1, 2]),
        ((None, np.int64(1)), [None, 1]),
        ({"image-2": 1}, [None, 1]),
        (None, [None, None]),
    ],
)
def test_forms_of_truth(truth: Any, expected: list[Any]) -> None:
    assert [image.truth for image in shown_images(X[:2], truth)] == expected


def test_forms_of_images(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "image-1.png")
    found = shown_images([str(tmp_path), X[0], tf.constant(X[:2]), (X[0, :, :, 0] * 255).astype(np.uint8)])
    assert [image.source.stem for image in found] == ["image-1", "image-1-2", "image-2", "image-3", "image-4"]
    assert [image.array is None for image in found] == [True, False, False, False, False]
    named = shown_images({"a b": X[0], "file": tmp_path / "image-1.png"}, {"file": "red"})
    assert [(image.source.name, image.source.stem, image.truth) for image in named] == [
        ("a b", "a-b", None),
        ("file", "file", "red"),
    ]
    given = X[0].copy()
    kept = shown_images(given)[0].array
    given[:] = 0  # as a program that fills its buffer anew
    assert kept is not None
    assert isinstance(kept, reportgen.arrays.GivenArray)
    np.testing.assert_array_equal(kept.values, X[0])


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"images": []}, ImageError, "no image"),
        ({"images": np.zeros((1001, 2, 2, 3))}, ImageError, "x_val"),
        ({"images": 3}, ImageError, "int"),
        ({"images": np.zeros((2, 2, 2, 2, 3))}, ImageError, "image-1"),
        ({"images": "missing.png"}, ImageError, "no such file"),
        ({"every": 0}, OptionError, "every=0"),
        ({"every": 1.5}, OptionError, "every=1.5"),
        ({"every": True}, OptionError, "every=True"),
        ({"epochs": 3}, OptionError, "epochs=3"),
        ({"epochs": [-1]}, OptionError, "epochs=-1"),
        ({"truth": [1, 2, 3]}, LabelsError, "3 images, of 1"),
        ({"truth": [0.5]}, LabelsError, "0.5"),
        ({"truth": "folders"}, LabelsError, "folders"),
        ({"truth": np.array([[0.5, 0.5]])}, LabelsError, "one-hot"),
        ({"output": "missing/site"}, OutputError, "no folder"),
        ({"colour": "red"}, OptionError, "colour"),
    ],
)
def test_mistakes_are_found_before_the_training(
    given: dict[str, Any], error: type[Exception], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(told)) as caught:
        reportgen.ReportCallback(**{"images": X[:1], **given})
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_the_example_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"## During training\n\n```python\n(.*?)```", readme, re.S)
    monkeypatch.chdir(tmp_path)
    model = compiled()
    exec(example, {"reportgen": reportgen, "model": model, "x": X[:4], "y": Y[:4], "x_val": X[4:], "y_val": Y[4:]})
    assert models_in(tmp_path / "site") == ["epoch-05", "epoch-10", "epoch-15", "epoch-20"]
    assert len(list(tmp_path.glob("site/series/*.html"))) == 4


def test_a_line_for_each_epoch_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(compiled(), reportgen.ReportCallback(X[:1], output=tmp_path / "site", verbose=1, **LEAST), epochs=1)
    out, err = capsys.readouterr()
    assert re.fullmatch(r"\nEpoch 1: one report in [\d.]+ s -> .*site\n", out)
    assert err == ""
