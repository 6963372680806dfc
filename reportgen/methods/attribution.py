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
        "Bright places hold what raises the score of this class, on average over all places; dark ones do not, or hold what "
        "lowers it. Behind a layer that treats each place in its own way, such as Flatten, a single place may do otherwise.",
        "Selvaraju et al. 2017",
    ),
    Method(
        "grad-cam++",
        "Grad-CAM++",
        grad_cam_plus_plus,
        "Bright places hold what raises the score, with more weight than in Grad-CAM for things that appear several times. What "
        "lowers the score is left out, so it cannot tell what speaks against the class.",
        "Chattopadhay et al. 2018",
    ),
    Method(
        "hires-cam",
        "HiResCAM",
        hires_cam,
        "Red places raise the score and blue ones lower it, each by the gradient at that very place. It tells how the score "
        "would change for small changes at this layer, not what would happen if a place were gone.",
        "Draelos and Carin 2020",
        signed=True,
    ),
    Method(
        "layer-cam",
        "LayerCAM",
        layer_cam,
        "Bright places hold features whose increase right there would raise the score. What lowers the score is left out, so it "
        "cannot tell what speaks against the class.",
        "Jiang et al. 2021",
    ),
    Method(
        "xgrad-cam",
        "XGrad-CAM",
        xgrad_cam,
        "Bright places hold channels that raise the score where they are active; each channel's gradient is averaged with its "
        "activation as weight. A single place may do otherwise than the average says.",
        "Fu et al. 2020",
    ),
    Method(
        "eigen-cam",
        "Eigen-CAM",
        eigen_cam,
        "Bright places are where the layer's strongest common pattern is present. It knows nothing of any class, so it cannot "
        "tell why the model chose this one.",
        "Muhammad and Yeasin 2020",
        unit="activation",
        by_class=False,
    ),
    Method(
        "cam",
        "CAM",
        cam,
        "Red places raise the score and blue ones lower it; with the bias, all places add up to it exactly. It cannot tell which "
        "part of what a cell sees made it so: a cell of a deep layer sees much of the image.",
        "Zhou et al. 2016",
        signed=True,
    ),
    Method(
        "saliency",
        "Saliency",
        saliency,
        "Bright pixels are those whose small changes would change the score most, in either direction (the greatest absolute "
        "value of the channels). It cannot tell whether they speak for the class, and it is noisy.",
        "Simonyan et al. 2014",
        needs="input",
        cost="1 gradient",
        unit="y per unit of the input",
    ),
    Method(
        "gradient-x-input",
        "Gradient × input",
        gradient_x_input,
        "Red pixels raise the score and blue ones lower it, judged by the gradient at this image times the pixel's value (the "
        "sum of the channels). A pixel whose value is scaled to 0 never shows, however much it matters.",
        "Shrikumar et al. 2016",
        needs="input",
        cost="1 gradient",
        signed=True,
    ),
    Method(
        "smooth-grad",
        "SmoothGrad",
        smooth_grad,
        f"Bright pixels change the score most, on average over {SAMPLES} copies of the image with noise (the greatest absolute "
        "value of the channels). It cannot tell whether they speak for the class or against it.",
        "Smilkov et al. 2017",
        needs="input",
        cost=f"{SAMPLES} gradients",
        unit="y per unit of the input",
    ),
    Method(
        "var-grad",
        "VarGrad",
        var_grad,
        f"Bright pixels are those whose gradient varies most over {SAMPLES} copies of the image with noise (the greatest "
        "variance of the channels). It tells where the score reacts unevenly, not in which direction.",
        "Adebayo et al. 2018",
        needs="input",
        cost=f"{SAMPLES} gradients, those of SmoothGrad",
        unit="(y per unit of the input)²",
    ),
    Method(
        "integrated-gradients",
        "Integrated gradients",
        integrated_gradients,
        "Red pixels raised the score and blue ones lowered it on the way from the baseline to this image (the sum of the "
        "channels). It depends on the baseline: a pixel that equals it never shows.",
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
        "Bright pixels belong to edges and textures that excite the model's ReLUs (the greatest absolute value of the channels). "
        "It often looks the same for every class and even for random weights, so it cannot tell why the model chose this one.",
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
        "backpropagation, which is nearly the same for every class: only the region speaks of this one.",
        "Selvaraju et al. 2017",
        needs="input",
        cost="1 gradient",
        unit="y² per unit of the input",
    ),
    Method(
        "score-cam",
        "Score-CAM",
        score_cam,
        "Bright places are shown by those channels that keep the score high when the image is seen through them alone. It uses "
        "no gradient; a hidden part becomes the baseline, which the model may never have seen in training.",
        "Wang et al. 2020",
        cost="1 pass for each channel",
        unit="activation",
        note=score_cam_note,
    ),
    Method(
        "occlusion",
        "Occlusion",
        occlusion,
        "Red places lower the score when they are hidden, blue ones raise it. It cannot show what two places do together: when "
        "one is hidden the other may stand in for it.",
        "Zeiler and Fergus 2014",
        needs="input",
        cost="1 pass for each window",
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
        "map is bright everywhere where the score hardly depends on the masks, and it has the noise of a random sample.",
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
        "Its bright places mean nothing: it is drawn at random. A method whose map is not better by deletion and insertion "
        "explains nothing.",
        "a floor for comparison",
        needs="input",
        unit="no unit",
        by_class=False,
    ),
)
METHODS = {method.name: method for method in _TABLE}
