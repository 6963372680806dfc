"""The architectures of `keras.applications`: their names, input sizes, scaling and weights. Needs no TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Application(NamedTuple):
    """An architecture of `keras.applications`, built by the function `function`.

    `size` is the side of its square input, `scheme` scales its pixels, `parameters` counts those with the ImageNet head, and
    `cache` is the name of that head's weight file in Keras's cache.
    """

    function: str
    size: int
    scheme: str
    parameters: int
    cache: str

    @property
    def megabytes(self) -> int:
        """The size of the ImageNet weights, on disk and to download: 4 bytes per parameter."""
        return round(self.parameters * 4 / 1e6)


_TABLE = (
    Application("ConvNeXtBase", 224, "none", 88_591_464, "convnext_base.h5"),
    Application("ConvNeXtLarge", 224, "none", 197_767_336, "convnext_large.h5"),
    Application("ConvNeXtSmall", 224, "none", 50_223_688, "convnext_small.h5"),
    Application("ConvNeXtTiny", 224, "none", 28_589_128, "convnext_tiny.h5"),
    Application("ConvNeXtXLarge", 224, "none", 350_196_968, "convnext_xlarge.h5"),
    Application("DenseNet121", 224, "torch", 8_062_504, "densenet121_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("DenseNet169", 224, "torch", 14_307_880, "densenet169_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("DenseNet201", 224, "torch", 20_242_984, "densenet201_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("EfficientNetB0", 224, "none", 5_330_571, "efficientnetb0.h5"),
    Application("EfficientNetB1", 240, "none", 7_856_239, "efficientnetb1.h5"),
    Application("EfficientNetB2", 260, "none", 9_177_569, "efficientnetb2.h5"),
    Application("EfficientNetB3", 300, "none", 12_320_535, "efficientnetb3.h5"),
    Application("EfficientNetB4", 380, "none", 19_466_823, "efficientnetb4.h5"),
    Application("EfficientNetB5", 456, "none", 30_562_527, "efficientnetb5.h5"),
    Application("EfficientNetB6", 528, "none", 43_265_143, "efficientnetb6.h5"),
    Application("EfficientNetB7", 600, "none", 66_658_687, "efficientnetb7.h5"),
    Application("EfficientNetV2B0", 224, "none", 7_200_312, "efficientnetv2-b0.h5"),
    Application("EfficientNetV2B1", 240, "none", 8_212_124, "efficientnetv2-b1.h5"),
    Application("EfficientNetV2B2", 260, "none", 10_178_374, "efficientnetv2-b2.h5"),
    Application("EfficientNetV2B3", 300, "none", 14_467_622, "efficientnetv2-b3.h5"),
    Application("EfficientNetV2L", 480, "none", 119_027_848, "efficientnetv2-l.h5"),
    Application("EfficientNetV2M", 480, "none", 54_431_388, "efficientnetv2-m.h5"),
    Application("EfficientNetV2S", 384, "none", 21_612_360, "efficientnetv2-s.h5"),
    Application("InceptionResNetV2", 299, "symmetric", 55_873_736, "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("InceptionV3", 299, "symmetric", 23_851_784, "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("MobileNet", 224, "symmetric", 4_253_864, "mobilenet_1_0_224_tf.h5"),
    Application("MobileNetV2", 224, "symmetric", 3_538_984, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"),
    Application("MobileNetV3Large", 224, "none", 5_507_432, "weights_mobilenet_v3_large_224_1.0_float.h5"),
    Application("MobileNetV3Small", 224, "none", 2_554_968, "weights_mobilenet_v3_small_224_1.0_float.h5"),
    Application("NASNetLarge", 331, "symmetric", 88_949_818, "nasnet_large.h5"),
    Application("NASNetMobile", 224, "symmetric", 5_326_716, "nasnet_mobile.h5"),
    Application("ResNet101", 224, "caffe", 44_707_176, "resnet101_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("ResNet101V2", 224, "symmetric", 44_675_560, "resnet101v2_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("ResNet152", 224, "caffe", 60_419_944, "resnet152_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("ResNet152V2", 224, "symmetric", 60_380_648, "resnet152v2_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("ResNet50", 224, "caffe", 25_636_712, "resnet50_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("ResNet50V2", 224, "symmetric", 25_613_800, "resnet50v2_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("VGG16", 224, "caffe", 138_357_544, "vgg16_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("VGG19", 224, "caffe", 143_667_240, "vgg19_weights_tf_dim_ordering_tf_kernels.h5"),
    Application("Xception", 299, "symmetric", 22_910_480, "xception_weights_tf_dim_ordering_tf_kernels.h5"),
)

APPLICATIONS = {application.function.lower(): application for application in _TABLE}


def weights_cache() -> Path:
    """Return the folder in which Keras keeps the weights that it downloads."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
