"""Reports made during training: which epochs have some, how trainings are told apart, and what happens when something fails."""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.backend import keras, tf
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries

from .trainings import X, Y

layers = keras.layers


def fit(model: Any, callback: Any, **options: Any) -> None:
    model.fit(X[:4], Y[:4], batch_size=4, verbose=0, callbacks=[callback], **options)


def compiled() -> Any:
    model = keras.Sequential([keras.Input((10, 10, 3)), layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()], name="tiny")
    # eagerly: its epochs are of one step, which takes less time than a trace of it
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
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
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    callback = reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LEAST)
    assert warned(model, callback) == []  # without a convolution, the rest is reported
    assert models_in(tmp_path / "site") == ["epoch-01", "epoch-02"]
    flat = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    flat.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
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


def test_the_example_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"## During training\n\n```python\n(.*?)```", readme, re.S)
    monkeypatch.chdir(tmp_path)
    model = compiled()
    small = SimpleNamespace(ReportCallback=partial(reportgen.ReportCallback, **LEAST))
    exec(example, {"reportgen": small, "model": model, "x": X[:4], "y": Y[:4], "x_val": X[4:6], "y_val": Y[4:6]})
    assert models_in(tmp_path / "site") == ["epoch-05", "epoch-10", "epoch-15", "epoch-20"]
    assert len(list(tmp_path.glob("site/series/*.html"))) == 2


def test_a_line_for_each_epoch_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(compiled(), reportgen.ReportCallback(X[:1], output=tmp_path / "site", verbose=1, **LEAST), epochs=1)
    out, err = capsys.readouterr()
    assert re.fullmatch(r"\nEpoch 1: one report in [\d.]+ s -> .*site\n", out)
    assert err == ""
