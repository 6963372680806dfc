"""What a verdict says of two reports is true: of layers of other shapes, of weights that changed places, of other outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

import reportgen
from reportgen import Diff, Report
from reportgen.comparison.provenance import OTHER_OUTPUT
from reportgen.comparison.result import CheckChanges
from reportgen.matching.align import align
from reportgen.probe import LayerCall
from reportgen.report import Absent

L = keras.layers


def chain(filters: int = 8, names: str = "abc") -> Any:
    """A stem and same-shaped convolutions behind it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3), name="in")
    x = L.Conv2D(8, 3, name="stem")(inputs)
    for name in names:
        x = L.Conv2D(filters, 3, name=name, padding="same")(x)
    x = L.GlobalAveragePooling2D(name="g")(x)
    return keras.Model(inputs, L.Dense(3, activation="softmax", name="d")(x), name="m")


def compared(old: Any, new: Any, cat: Path) -> Diff:
    return reportgen.diff(*(reportgen.generate(model, cat, skip="feature_visualization") for model in (old, new)))


def test_layers_of_another_shape_are_not_said_to_have_the_same_weights(cat: Path) -> None:
    verdict = compared(chain(8), chain(6), cat).verdict
    assert "the weights of the one layer that can be compared are the same" in verdict
    new = chain(6)
    new.get_layer("stem").set_weights([each + 1 for each in new.get_layer("stem").get_weights()])
    assert "that can be compared, only the weights of `stem` (" in compared(chain(8), new, cat).verdict


def test_layers_that_keep_the_shape_of_a_bias_alone(cat: Path) -> None:
    def ended(width: int) -> Any:
        inputs = keras.Input((32, 32, 3), name="in")
        x = L.DepthwiseConv2D(3, name="c", depth_multiplier=width, use_bias=False)(inputs)
        x = L.GlobalAveragePooling2D(name="g")(x)
        return keras.Model(inputs, L.Dense(3, activation="softmax", name="d")(x), name="m")

    assert "the only weight tensor that has the same shape in both is unchanged" in compared(ended(1), ended(2), cat).verdict
    moved = ended(2)
    kernel, bias = moved.get_layer("d").get_weights()
    moved.get_layer("d").set_weights([kernel, bias + 1])
    assert (
        "of what can be compared, only the weights of `d` (from zero) changed: its `bias`."
        in compared(ended(1), moved, cat).verdict
    )


def exchange(model: Any, *names: str) -> Any:
    """The model in which each of the layers has the weights of the next, and the last those of the first."""
    layers = [model.get_layer(name) for name in names]
    weights = [layer.get_weights() for layer in layers]
    for layer, given in zip(layers, [*weights[1:], weights[0]], strict=True):
        layer.set_weights(given)
    return model


def test_two_layers_that_exchanged_their_weights(cat: Path) -> None:
    diff = compared(chain(), exchange(chain(), "a", "b"), cat)
    assert ". Same architecture; the weights of 2 of 5 layers changed, each by " in diff.verdict
    assert "; `a` and `b` hold each other's weights." in diff.verdict
    assert diff.layers.changed() == ()
    more = compared(chain(names="abcefhjk"), exchange_pairs(chain(names="abcefhjk")), cat).verdict
    assert "; `a` and `b`, `c` and `e`, `f` and `h`, and one more pair hold each other's weights." in more


def exchange_pairs(model: Any) -> Any:
    for pair in ("ab", "ce", "fh", "jk"):
        exchange(model, *pair)
    return model


def test_three_layers_whose_weights_went_round(cat: Path) -> None:
    diff = compared(chain(), exchange(chain(), "a", "b", "c"), cat)
    assert ". Same architecture; the weights of 3 of 5 layers changed, each by " in diff.verdict
    assert "each other" not in diff.verdict


def test_names_that_were_exchanged_in_place_are_names_alone(cat: Path) -> None:
    verdict = compared(chain(names="abc"), chain(names="bac"), cat).verdict
    assert verdict.endswith("Renamed only: 2 layers renamed (`a` → `b`, `b` → `a`); every weight is the same.")
    shifted = compared(chain(names="abc"), chain(names="bce"), cat).verdict
    assert shifted.endswith("Renamed only: 3 layers renamed (`a` → `b`, `b` → `c`, `c` → `e`); every weight is the same.")


def test_no_change_has_two_sides_that_read_the_same() -> None:
    def call(path: str, kind: str, inputs: str, shape: tuple[int, ...] = (8, 8, 4)) -> LayerCall:
        fed = tuple(inputs.split())
        return LayerCall(index=0, path=path, type=kind, output_shape=shape, parameters=0, trainable=True, inputs=fed)

    old = (call("in", "Input", ""), call("x", "Conv2D", "in"), call("p", "Pool", "in"), call("c", "Add", "x p"))
    new = (call("in", "Input", ""), call("p", "Pool", "in"), call("x", "Dense", "p"), call("c", "Add", "x p"))
    rows = align(old, new, {}, {}).rows
    assert [row.details for row in rows if row.path == "c"] == [("fed by another `x`",)]


def test_a_warning_of_the_whole_model_covers_each_layer(cat: Path) -> None:
    trained = chain()
    kernel, bias = trained.get_layer("a").get_weights()
    trained.get_layer("a").set_weights([kernel * 3, bias])
    whole, single = (reportgen.generate(model, cat, skip="feature_visualization") for model in (chain(), trained))
    assert [row.path for row in whole.findings() if row.name == "untrained"] == [""]
    assert len([row.path for row in single.findings() if row.name == "untrained"]) == 3
    for old, new in ((whole, single), (single, whole)):
        changes = reportgen.diff(old, new).checks
        assert isinstance(changes, CheckChanges)
        assert "untrained" not in {row.name for row in (*changes.new, *changes.gone)}
    gone = reportgen.diff(whole, without_findings(whole)).checks
    assert isinstance(gone, CheckChanges)
    assert "untrained" in {row.name for row in gone.gone}


def without_findings(report: Report) -> Report:
    """The report as if its checks had found nothing."""
    assert not isinstance(report.checks, Absent)
    return replace(report, checks=replace(report.checks, rows=()))


def test_a_kernel_that_was_zero_moved_from_zero_and_nothing_else_is_said(cat: Path) -> None:
    empty = chain()
    empty.get_layer("a").set_weights([0 * each for each in empty.get_layer("a").get_weights()])
    diff = compared(empty, chain(), cat)
    assert "| a | 584 | from zero | 0 |" in reportgen.markdown(diff).replace("`", "")
    assert ">from zero</td>" in reportgen.render_diff(diff)
    assert "± from zero" not in reportgen.render_diff(diff)


def test_a_series_that_comes_back_to_where_it_began(cat: Path) -> None:
    scaled = chain()
    scaled.get_layer("stem").set_weights([3 * each for each in scaled.get_layer("stem").get_weights()])
    first, other = (reportgen.generate(model, cat, skip="feature_visualization") for model in (chain(), scaled))

    def changed(*reports: Report) -> set[str]:
        return {line.changed for line in reportgen.series(reports).pictures if line.title.startswith("Feature maps")}

    assert changed(first, first, other) == {"last"}
    assert changed(first, other, first) == {"on the way"}
    assert changed(first, first, first) == {"never"}


def two_outputs() -> Any:
    inputs = keras.Input((32, 32, 3), name="in")
    x = L.GlobalAveragePooling2D(name="g")(L.Conv2D(8, 3, name="stem")(inputs))
    return keras.Model(inputs, [L.Dense(3, activation="softmax", name=name)(x) for name in ("h1", "h2")], name="m")


def test_another_output_is_told(cat: Path) -> None:
    keras.utils.set_random_seed(1)
    model = two_outputs()
    kernel, bias = model.get_layer("h1").get_weights()
    model.get_layer("h2").set_weights([2 * kernel, bias])  # surer of the same answer
    plain, first, second = (
        reportgen.generate(model, cat, head=head, skip="feature_visualization") for head in (None, "h1", "h2")
    )
    for old in (plain, first):
        diff = reportgen.diff(old, second)
        assert diff.verdict.startswith("The reports are about different outputs: `h1`, now `h2`. The answer is still ")
        assert "do not show" not in diff.verdict
        assert [text for text in diff.caveats if "--head" in text] == [OTHER_OUTPUT]
        assert not diff.same
    assert reportgen.diff(plain, first).same
    older = [replace(report, provenance=replace(report.provenance, output="")) for report in (plain, second)]
    assert reportgen.diff(*older).verdict.startswith("The reports are about different outputs: the first, now `h2`. The")


class Scaled(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies by a number that its configuration does not hold."""

    factor = 2.0

    def call(self, x: Any) -> Any:
        return x * self.factor


def test_an_answer_that_differs_for_no_reason_that_is_shown(cat: Path) -> None:
    def scaled(factor: float) -> Any:
        keras.utils.set_random_seed(1)
        inputs = keras.Input((32, 32, 3), name="in")
        layer = Scaled(name="scaled")
        layer.factor = factor
        x = L.GlobalAveragePooling2D(name="g")(layer(L.Conv2D(8, 3, name="stem")(inputs)))
        return keras.Model(inputs, L.Dense(3, activation="softmax", name="d")(x), name="m")

    cause = ". Something differs that the reports do not show: a layer's own code, or random numbers"
    diff = compared(scaled(2), scaled(5), cat)
    assert diff.old.model.digest == diff.new.model.digest
    assert cause in diff.verdict
    assert cause not in compared(scaled(2), exchange_d(scaled(2)), cat).verdict
    assert cause not in compared(scaled(2), scaled(2 * (1 + 1e-7)), cat).verdict


def exchange_d(model: Any) -> Any:
    """The model with the weights of its last layer turned around."""
    model.get_layer("d").set_weights([each[..., ::-1] for each in model.get_layer("d").get_weights()])
    return model
