"""The table of all attribution methods. The methods themselves are functions in the neighbouring modules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..picture import WHOLE, Part
from .at_input import (
    SAMPLES,
    STEPS,
    gradient_x_input,
    guided_backprop,
    guided_grad_cam,
    integrated_gradients,
    saliency,
    smooth_grad,
    var_grad,
    what_is_missing,
)
from .at_layer import cam, eigen_cam, grad_cam as grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, xgrad_cam
from .perturbing import (
    MASKS,
    occlusion,
    occlusion_note,
    occlusion_part,
    random_map,
    rise,
    rise_note,
    score_cam,
    score_cam_note,
)
from .subject import AtLayer as AtLayer, Subject

SCORE = re.compile(r"\by\b|y(?=²)")
Needs = Literal["layer", "input"]


class Method(NamedTuple):
    """An attribution method. `name` identifies it in data and options; `attribute` computes a map (h, w) from a `Subject`.

    `meaning` says in two sentences what a bright place means and what the map cannot tell. `reference` is the paper. `needs`
    says where the map lies: at the explained "layer" or at the "input". `cost` describes in words what the method asks of the
    model beyond the pass that every report makes: if it is "", the top three classes are explained by default, otherwise only
    the top one. `unit` is the unit of the map, where "y" stands for the unit of the score. `signed` maps distinguish evidence
    for the class from evidence against it. `by_class` is False if the map is the same for every class. `note` returns a
    sentence with figures about one map. `part` returns where the cells of a map at the input lie. With `from_low` the colours
    of a map start at its min rather than at 0.
    """

    name: str
    title: str
    attribute: Callable[[Any], np.ndarray]
    meaning: str
    reference: str
    needs: Needs = "layer"
    cost: str = ""
    unit: str = "y"
    signed: bool = False
    by_class: bool = True
    note: Callable[[Subject, np.ndarray], str] | None = None
    from_low: bool = False
    part: Callable[[Subject], Part] = lambda _subject: WHOLE

    def unit_of(self, score: str) -> str:
        """Return the unit of the map for a score in the unit `score`, e.g. "logit per unit of the input"."""
        return SCORE.sub(score, self.unit)


_TABLE = (
    Method(
        "grad-cam",
        "Grad-CAM",
        grad_cam,
        "Bright regions contain features that, averaged over the image, raise the score; dark or faint ones contain none, or "
        "features that lower it. This need not hold for each single place.",
        "Selvaraju et al. 2017",
    ),
    Method(
        "grad-cam++",
        "Grad-CAM++",
        grad_cam_plus_plus,
        "Bright places hold features that raise the score, with more weight than in Grad-CAM for objects that appear several "
        "times. Features that lower the score are ignored, so the map cannot show what lowers it.",
        "Chattopadhay et al. 2018",
    ),
    Method(
        "hires-cam",
        "HiResCAM",
        hires_cam,
        "Red places raise the score and blue places lower it, each by the gradient at that place. The map shows the effect of "
        "small changes at this layer, not what would happen if a place were removed.",
        "Draelos and Carin 2020",
        signed=True,
    ),
    Method(
        "layer-cam",
        "LayerCAM",
        layer_cam,
        "Bright places hold features that would raise the score if they were stronger there. Features that lower the score are "
        "ignored, so the map cannot show what lowers it.",
        "Jiang et al. 2021",
    ),
    Method(
        "xgrad-cam",
        "XGrad-CAM",
        xgrad_cam,
        "Bright places hold channels that raise the score where they are active; each channel's gradient is averaged with its "
        "activation as the weight. This need not hold for each single place.",
        "Fu et al. 2020",
    ),
    Method(
        "eigen-cam",
        "Eigen-CAM",
        eigen_cam,
        "Bright places are where the layer's strongest common pattern is present. The map does not depend on what is "
        "explained, so it cannot tell what raises or lowers the score.",
        "Muhammad and Yeasin 2020",
        unit="activation",
        by_class=False,
    ),
    Method(
        "cam",
        "CAM",
        cam,
        "Red places raise the score and blue places lower it; together with the bias they add up to exactly the score. The map "
        "cannot tell which part of a cell's receptive field is responsible: a cell of a deep layer sees much of the image.",
        "Zhou et al. 2016",
        signed=True,
    ),
    Method(
        "saliency",
        "Saliency",
        saliency,
        "Bright pixels are those where a small change would change the score most, in either direction (the max absolute value "
        "over the channels). The map cannot tell whether they raise or lower the score, and it is noisy.",
        "Simonyan et al. 2014",
        needs="input",
        cost="1 gradient",
        unit="y per unit of the input",
    ),
    Method(
        "gradient-x-input",
        "Gradient × input",
        gradient_x_input,
        "Red pixels raise the score and blue pixels lower it, estimated by the gradient at this image times the pixel's value "
        "(summed over the channels). A pixel whose scaled value is 0 never shows, however much it matters.",
        "Shrikumar et al. 2016",
        needs="input",
        cost="1 gradient",
        signed=True,
    ),
    Method(
        "smooth-grad",
        "SmoothGrad",
        smooth_grad,
        f"Bright pixels change the score most, on average over {SAMPLES} noisy copies of the image (the max absolute value over "
        "the channels). The map cannot tell whether they raise or lower the score.",
        "Smilkov et al. 2017",
        needs="input",
        cost=f"{SAMPLES} gradients",
        unit="y per unit of the input",
    ),
    Method(
        "var-grad",
        "VarGrad",
        var_grad,
        f"Bright pixels are those whose gradient varies most over {SAMPLES} noisy copies of the image (the max variance over the "
        "channels). The map shows where the score reacts unevenly, not in which direction.",
        "Adebayo et al. 2018",
        needs="input",
        cost=f"{SAMPLES} gradients, shared with SmoothGrad",
        unit="(y per unit of the input)²",
    ),
    Method(
        "integrated-gradients",
        "Integrated gradients",
        integrated_gradients,
        "Red pixels raised the score and blue pixels lowered it on the path from the baseline to this image (summed over the "
        "channels). The map depends on the baseline: a pixel that equals the baseline never shows.",
        "Sundararajan et al. 2017",
        needs="input",
        cost=f"{STEPS} gradients",
        signed=True,
        note=what_is_missing,
    ),
    Method(
        "guided-backprop",
        "Guided backpropagation",
        guided_backprop,
        "Bright pixels belong to edges and textures that activate the model's ReLUs (the max absolute value over the channels). "
        "The map often looks the same whatever it explains, even with random weights, so it cannot tell what drives the score.",
        "Springenberg et al. 2015",
        needs="input",
        cost="1 gradient",
        unit="y per unit of the input",
    ),
    Method(
        "guided-grad-cam",
        "Guided Grad-CAM",
        guided_grad_cam,
        "Bright pixels are edges and textures inside the region that Grad-CAM finds. The detail comes from guided "
        "backpropagation, which hardly depends on what is explained: only the region does.",
        "Selvaraju et al. 2017",
        needs="input",
        cost="1 gradient",
        unit="y² per unit of the input",
    ),
    Method(
        "score-cam",
        "Score-CAM",
        score_cam,
        "Bright places are shown by channels that keep the score high when the image is seen only through them. The method uses "
        "no gradients; hidden parts become the baseline, which the model may never have seen in training.",
        "Wang et al. 2020",
        cost="1 pass per channel",
        unit="activation",
        note=score_cam_note,
    ),
    Method(
        "occlusion",
        "Occlusion",
        occlusion,
        "Hiding a red place lowers the score, hiding a blue place raises it. The map cannot show what two places do together: "
        "when one is hidden, the other may make up for it.",
        "Zeiler and Fergus 2014",
        needs="input",
        cost="1 pass per window",
        unit="score",
        signed=True,
        note=occlusion_note,
        part=occlusion_part,
    ),
    Method(
        "rise",
        "RISE",
        rise,
        "Bright places were visible when the score was high, over many random masks. Only differences between places count: the "
        "map is bright everywhere if the score hardly depends on the masks, and it is noisy, because the masks are a sample.",
        "Petsiuk et al. 2018",
        needs="input",
        cost=f"{MASKS:,} passes",
        unit="score",
        note=rise_note,
        from_low=True,
    ),
    Method(
        "random",
        "Random map",
        random_map,
        "Bright places mean nothing: the map is random. A method whose map is no better than this one in deletion and insertion "
        "explains nothing.",
        "a floor for comparison",
        needs="input",
        unit="no unit",
        by_class=False,
    ),
)
METHODS = {method.name: method for method in _TABLE}
