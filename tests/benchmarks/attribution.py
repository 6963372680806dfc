"""What attribution methods cost on VGG16 with random weights, beside bare TensorFlow in the same process. On Linux.

    python -m tests.benchmarks.attribution [WHAT...]

WHAT is any of classes, pass, gradients, score-cam; all by default. Each is measured in a process of its own. Ratios are medians
over three rounds, or over ROUNDS from the environment, in which both run one after the other. Beside the ratio of the seconds
stands that of the processor's time, which other work on the machine disturbs less. Where tf-keras-vis and tf-explain are
installed, their methods run beside, once.
"""

from __future__ import annotations

import os
import subprocess
import sys

START = """
import re, sys, time
from pathlib import Path
import numpy as np
import reportgen
from reportgen.backend import tf
from reportgen.methods.attribution import METHODS
from reportgen.request import check_options
from reportgen.reporter import given_image
from reportgen.sections.attributions.find import find_attributions
from reportgen.sections.attributions.subjects import subjects_of

reporter = reportgen.Reporter("vgg16", weights="random", only="attributions")
image = given_image(sys.argv[1])
reporter.report(image)
network = reporter.network

def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

def both(work):
    start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]

def ratios(ours, bare):
    rounds = [(both(ours), both(bare)) for _ in range(int(sys.argv[2]))]  # side by side, so that other work disturbs both
    seconds, busy = np.median([[mine / least for mine, least in zip(*pair)] for pair in rounds], axis=0)
    first, alone = np.median([[pair[0][0], pair[1][0]] for pair in rounds], axis=0)
    return f"{first:.1f} s, bare {alone:.1f} s: ratio {seconds:.2f}, of processor time {busy:.2f} (limit 1.2)"

def beside(name, work):
    try:
        print(f"{name}: {timed(work()):.1f} s")
    except Exception as error:
        print(f"{name} did not run: {type(error).__name__}: {str(error)[:200]}")

def memory(figure):
    return int(re.search(figure + ":\\\\s+(\\\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6

def asked(**options):
    return check_options(weights="random", only="attributions", **options)

def subject_of(**options):
    return subjects_of(reporter._shown(image, asked(target=0, **options))[1], asked(target=0, **options))[0]
"""
MEASURED = {
    "classes": """
one, three = [], []
for _ in range(7):
    one.append(timed(lambda: reporter.report(image, target=0)))
    three.append(timed(lambda: reporter.report(image, target=(0, 1, 2))))
added = np.median(three) - np.median(one)
print(f"one class {np.median(one):.2f} s, three classes {np.median(three):.2f} s: {added:+.2f} s (limit 0.15)")
""",
    "pass": """
names = [name for name, method in METHODS.items() if method.needs == "layer" and not method.cost]
plain, every = [], []
for _ in range(7):
    plain.append(timed(lambda: reporter.report(image, explain="grad-cam")))
    every.append(timed(lambda: reporter.report(image, explain=names)))
added = np.median(every) - np.median(plain)
print(f"Grad-CAM {np.median(plain):.2f} s, {len(names)} methods {np.median(every):.2f} s: {added:+.2f} s (limit 0.3)")
subjects = subjects_of(reporter._shown(image, asked())[1], asked())
took = timed(lambda: [METHODS[name].attribute(each) for name in names if name != "cam" for each in subjects])
print(f"their maps alone, for three classes: {took:.3f} s")
""",
    "gradients": """
@tf.function(autograph=False)
def bare(batch):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(batch)
        score = tf.reduce_sum(network.model(batch, training=False)._keras_logits[:, 0])
    return tape.gradient(score, batch)

for name in ("integrated-gradients", "smooth-grad"):
    subject = subject_of()
    one = tf.constant(subject.input[None])
    METHODS["saliency"].attribute(subject_of()), bare(one)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    METHODS[name].attribute(subject)
    peak = memory("VmHWM") - before
    ratio = ratios(lambda: METHODS[name].attribute(subject_of()), lambda: [bare(one).numpy() for _ in range(50)])
    print(f"{name}, 50 gradients: {ratio}; memory +{peak:.0f} MB")

def smooth_grad_of_tf_keras_vis():
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore
    saliency = Saliency(network.model, model_modifier=ReplaceToLinear(), clone=True)
    return lambda: saliency(CategoricalScore([0]), subject.input[None], smooth_samples=50, smooth_noise=0.15)

def integrated_gradients_of_tf_explain():
    from tf_explain.core.integrated_gradients import IntegratedGradients
    return lambda: IntegratedGradients().explain((subject.input[None], None), network.model, class_index=0, n_steps=50)

beside("SmoothGrad of tf-keras-vis", smooth_grad_of_tf_keras_vis)
beside("integrated gradients of tf-explain", integrated_gradients_of_tf_explain)
""",
    "score-cam": """
subject = subject_of(score_channels="all")
batch = np.repeat(subject.input[None], 32, axis=0)

@tf.function(autograph=False)
def bare(images):
    return network.model(images, training=False)

bare(tf.constant(batch[:8]))
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
METHODS["score-cam"].attribute(subject)
peak = memory("VmHWM") - before
ratio = ratios(
    lambda: METHODS["score-cam"].attribute(subject_of(score_channels="all")),
    lambda: [bare(tf.constant(batch[:8])).numpy() for _ in range(64)],
)
print(f"Score-CAM over 512 channels, beside 512 passes by 8: {ratio}; memory +{peak:.0f} MB (limit 500)")

def of_tf_keras_vis():
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore
    cam = Scorecam(network.model, model_modifier=ReplaceToLinear(), clone=True)
    return lambda: cam(CategoricalScore([0]), subject.input[None], penultimate_layer="block5_conv3", batch_size=8)

beside("Score-CAM of tf-keras-vis", of_tf_keras_vis)
""",
}


def main() -> None:
    image, rounds = "sample_images/cat.png", os.environ.get("ROUNDS", "3")
    for what in sys.argv[1:] or MEASURED:
        subprocess.run([sys.executable, "-c", START + MEASURED[what], image, rounds], check=True)


if __name__ == "__main__":
    main()
