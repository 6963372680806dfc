"""The architectures of `keras.applications` that the weights in a file fit, by their shapes alone: nothing is built."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

Shape = tuple[int, ...]

# for each architecture with its head of 1000 classes: the digest of the shapes of all weights, and that of the convolution
# kernels alone, which are the same without a head or with another one
SHAPES = {
    "convnextbase": ("e52a3a906c069e2b", "ac758f78d918957a"),
    "convnextlarge": ("3d92d94df7bd9ccc", "02307c004cd4a1c7"),
    "convnextsmall": ("1896b320ca366ce1", "e831f2238306f50c"),
    "convnexttiny": ("5656752878ec0771", "fb385e459e0b35ca"),
    "convnextxlarge": ("855e35054e0f5226", "eecab4182ce938ec"),
    "densenet121": ("e8ba8b5c85efaa31", "3edf08016fd71af1"),
    "densenet169": ("4b02504b21af2058", "2368e882fa9776ca"),
    "densenet201": ("298e4176fbdaac1f", "c3bd7931d497aaa6"),
    "efficientnetb0": ("665b0ae0959edecd", "33739e33d337ae89"),
    "efficientnetb1": ("309c584321faf3d6", "2cd43795cdffde79"),
    "efficientnetb2": ("3e872336844231ea", "2972b9af27948ea6"),
    "efficientnetb3": ("dbceab612a955d23", "de4c8cf1b1ab5787"),
    "efficientnetb4": ("b720765107c83bf9", "3b93e1b723fac463"),
    "efficientnetb5": ("98e66f93c360e5a9", "8e0a99d65b2e8c11"),
    "efficientnetb6": ("390d392f42c3eb0f", "d36ff3b6f5bcf9d7"),
    "efficientnetb7": ("70212cf5523b5c5f", "9d3ff278203d7cbe"),
    "efficientnetv2b0": ("99ce8f4f6cf7709b", "8d2e0c3b1a354dd6"),
    "efficientnetv2b1": ("157dc23d03b29091", "f66b4f02ec3ad9f5"),
    "efficientnetv2b2": ("8cb6ad50f060007d", "b9c5b02870740971"),
    "efficientnetv2b3": ("2e73b5b1616cd5e0", "2df59abf802e6fcd"),
    "efficientnetv2l": ("6fc7b896a5690d48", "656b76ab8f3a4df9"),
    "efficientnetv2m": ("937d27ea8f3c4c64", "69b47e4ade681d9a"),
    "efficientnetv2s": ("2a2e0a8e6f4d2c2c", "22796286d485fb8a"),
    "inceptionresnetv2": ("60b29a61d9eb8340", "9d95965efefc8d8d"),
    "inceptionv3": ("83ff5b12c28eb601", "f8e4e80b1ee20ef9"),
    "mobilenet": ("431665c9d75c6499", "6ff7b4d22c27a9aa"),
    "mobilenetv2": ("fef18f4dfcc3ba48", "a078be6decf1fb82"),
    "mobilenetv3large": ("9b360de13ba7aa9d", "4506814df2767e19"),
    "mobilenetv3small": ("8b945d225ee4f6ec", "bd92783d4cb76249"),
    "nasnetlarge": ("abff3464dfc0b73f", "7f1bf85b60dff242"),
    "nasnetmobile": ("602d2162e658da6d", "aea007c27e3d579f"),
    "resnet101": ("6b96fee18870be83", "a51320a3b3ce2aff"),
    "resnet101v2": ("703a4f5040aaf334", "a51320a3b3ce2aff"),
    "resnet152": ("a1f2e954e0dde5e0", "567cd32bd7501cd2"),
    "resnet152v2": ("3af1c3a00b4413e3", "567cd32bd7501cd2"),
    "resnet50": ("656132f4c272143d", "74d1402565803e98"),
    "resnet50v2": ("f49a4243902dd850", "74d1402565803e98"),
    "vgg16": ("3f9816307c0d141c", "f26fd0e6d2d3be71"),
    "vgg19": ("9e52cbb86872f97d", "6b6c8ababfefa15f"),
    "xception": ("39a65d3916947042", "e83c64aae6502093"),
}
NO_WEIGHTS = ((), (2,))  # image counts, and the random number states that Keras 3 keeps beside weights
KERNEL = 4  # axes of a convolution's kernel
OPTIMIZER = ("optimizer", "optimizer_weights", "vars")  # groups of a file that hold none of the model's layers
MOST_ARRAYS = 20_000


def digest_of(shapes: Iterable[Shape]) -> str:
    """Return a digest of a collection of shapes, whatever their order."""
    return hashlib.sha256(repr(sorted(shapes)).encode()).hexdigest()[:16]


def digests_of(shapes: Iterable[Shape]) -> tuple[str, str]:
    """Return the digests of a model's weights: of all of them, and of its convolution kernels."""
    weights = [each for each in shapes if each not in NO_WEIGHTS]
    return digest_of(weights), digest_of(each for each in weights if len(each) == KERNEL)


def fitting(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the architectures that a file's weights fit, and of those that only its convolutions fit."""
    try:
        with h5py.File(path) as file:
            whole, kernels = digests_of(_shapes(file))
    except Exception:  # whatever h5py raises; then no architecture is known to fit
        return (), ()
    return (
        tuple(name for name, known in SHAPES.items() if known[0] == whole),
        tuple(name for name, known in SHAPES.items() if known[1] == kernels and known[0] != whole),
    )


def remedy(path: Path) -> str:
    """Return what to do with a file that holds weights only, in a sentence or two."""
    whole, kernels = fitting(path)
    if whole:
        return f"They fit {' or '.join(whole)}: --model {whole[0]} --weights {path.name}"
    if kernels:
        return (
            f"Its convolutions are those of {' or '.join(kernels)}, but the head is missing or different: build the model in "
            "Python, load the weights, and save the whole model with model.save(...)."
        )
    return (
        "No architecture of keras.applications fits them: build the model in Python, load the weights, and save it with "
        "model.save(...)."
    )


def _shapes(file: h5py.File) -> Iterator[Shape]:
    waiting: list[h5py.Group] = [file[name] for name in file if name not in OPTIMIZER and isinstance(file[name], h5py.Group)]
    seen = 0
    while waiting:
        group = waiting.pop()
        for name in group:
            member = group[name]
            seen += 1
            if seen > MOST_ARRAYS:
                raise ValueError("more arrays than any application has")
            if isinstance(member, h5py.Group):
                waiting.append(member)
            elif math.prod(member.shape or ()) > 0:
                yield tuple(int(each) for each in member.shape)
