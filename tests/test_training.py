"""Reports made during training: that the training does not notice, and what site they make."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras, tf
from reportgen.cli import main
from reportgen.report import present
from reportgen.site.data import site_data

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
