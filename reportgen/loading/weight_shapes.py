"""The architectures of `keras.applications` that the weights in a file fit, by their shapes alone: nothing is built."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

Shape = tuple[int, ...]

# for each architecture with its head of 1000 classes: the digest of the shapes of all weights, and that of the convolution
# kernels larger than 1 × 1 alone, which are the same without a head or with another one, even a head of 1 × 1 convolutions
SHAPES = {
    "convnextbase": ("e52a3a906c069e2b", "ac758f78d918957a"),
    "convnextlarge": ("3d92d94df7bd9ccc", "02307c004cd4a1c7"),
    "convnextsmall": ("1896b320ca366ce1", "e831f2238306f50c"),
    "convnexttiny": ("5656752878ec0771", "fb385e459e0b35ca"),
    "convnextxlarge": ("855e35054e0f5226", "eecab4182ce938ec"),
    "densenet121": ("e8ba8b5c85efaa31", "37a27018ccd62beb"),
    "densenet169": ("4b02504b21af2058", "019bd07ebca4a17d"),
    "densenet201": ("298e4176fbdaac1f", "ba2f37c6d5376fad"),
    "efficientnetb0": ("665b0ae0959edecd", "276b756ace6a16a8"),
    "efficientnetb1": ("309c584321faf3d6", "0b63557eef6b0f3e"),
    "efficientnetb2": ("3e872336844231ea", "08c8d040642413a3"),
    "efficientnetb3": ("dbceab612a955d23", "7a7df933819b756e"),
    "efficientnetb4": ("b720765107c83bf9", "df3b7d19cec78c39"),
    "efficientnetb5": ("98e66f93c360e5a9", "23397640387a1f02"),
    "efficientnetb6": ("390d392f42c3eb0f", "5db4426823832038"),
    "efficientnetb7": ("70212cf5523b5c5f", "61abf402990fc3f1"),
    "efficientnetv2b0": ("99ce8f4f6cf7709b", "ec3c1caf7b104c86"),
    "efficientnetv2b1": ("157dc23d03b29091", "cca0d3c457778804"),
    "efficientnetv2b2": ("8cb6ad50f060007d", "2c44f9b30b1ae2b5"),
    "efficientnetv2b3": ("2e73b5b1616cd5e0", "9ff1e6e2582dbcca"),
    "efficientnetv2l": ("6fc7b896a5690d48", "1c508babd75637ad"),
    "efficientnetv2m": ("937d27ea8f3c4c64", "64891bfc2997389c"),
    "efficientnetv2s": ("2a2e0a8e6f4d2c2c", "39609f6dfe1db4a3"),
    "inceptionresnetv2": ("60b29a61d9eb8340", "ca7e1d8e3e7fa9de"),
    "inceptionv3": ("83ff5b12c28eb601", "8810f87fc263ef7b"),
    "mobilenet": ("431665c9d75c6499", "dafc1eb1185b2ab6"),
    "mobilenetv2": ("fef18f4dfcc3ba48", "2f4f24f61c21c1d3"),
    "mobilenetv3large": ("9b360de13ba7aa9d", "353f09ac54130050"),
    "mobilenetv3small": ("8b945d225ee4f6ec", "34f4856acf304fb2"),
    "nasnetlarge": ("abff3464dfc0b73f", "0407fc08b14fb686"),
    "nasnetmobile": ("602d2162e658da6d", "d41d9ac085763d8f"),
    "resnet101": ("6b96fee18870be83", "f06e47130be6e95d"),
    "resnet101v2": ("703a4f5040aaf334", "f06e47130be6e95d"),
    "resnet152": ("a1f2e954e0dde5e0", "93a3dd2a57bf1604"),
    "resnet152v2": ("3af1c3a00b4413e3", "93a3dd2a57bf1604"),
    "resnet50": ("656132f4c272143d", "a5da1eea26bec554"),
    "resnet50v2": ("f49a4243902dd850", "a5da1eea26bec554"),
    "vgg16": ("3f9816307c0d141c", "f26fd0e6d2d3be71"),
    "vgg19": ("9e52cbb86872f97d", "6b6c8ababfefa15f"),
    "xception": ("39a65d3916947042", "a4a8e31d4b7e411a"),
}
NO_WEIGHTS = ((), (2,))  # image counts, and the random number states that Keras 3 keeps beside weights
KERNEL = 4  # axes of a convolution's kernel
OPTIMIZER = ("optimizer", "optimizer_weights", "vars")  # groups of a file that hold none of the model's layers
MOST_ARRAYS = 20_000


def digest_of(shapes: Iterable[Shape]) -> str:
    """Return a digest of a collection of shapes, whatever their order."""
    return hashlib.sha256(repr(sorted(shapes)).encode()).hexdigest()[:16]


def digests_of(shapes: Iterable[Shape]) -> tuple[str, str]:
    """Return the digests of a model's weights: of all of them, and of its convolution kernels larger than 1 × 1."""
    weights = [each for each in shapes if each not in NO_WEIGHTS]
    return digest_of(weights), digest_of(each for each in weights if len(each) == KERNEL and each[:2] != (1, 1))


def fitting(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the architectures that a file's weights fit, and of those that only its larger convolutions fit."""
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
            f"Its convolutions larger than 1 × 1 are those of {' or '.join(kernels)}, but the head is missing or different: "
            "build the model in Python, load the weights, and save the whole model with model.save(...)."
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
