"""Files that hold no Keras model: what they are, and what to do about them. Nothing in them is run."""

from __future__ import annotations

from pathlib import Path

START = 512  # bytes of a file to look at
ELSEWHERE = 'Build the same network in Keras, set its weights, and save it: model.save("model.keras").'
LFS = "Git LFS pointer, which stands for a file that was not downloaded"


def foreign_kind(path: Path) -> tuple[str, str] | None:
    """Return what a file is that Keras cannot open, and what to do about it; None if that is not known."""
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except (OSError, ValueError):
        return None
    suffix = path.suffix.lower()
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        return f"this is a {LFS}", "Run git lfs pull, and try again."
    if start[4:8] == b"TFL3":
        return (
            "this is a TensorFlow Lite model, which has lost its gradients and most of its layers",
            "Use the .keras or .h5 file that it was made from.",
        )
    if (
        start[8:9] == b"{"
        and 0 < int.from_bytes(start[:8], "little") <= 100_000_000
        and (suffix == ".safetensors" or b'"dtype"' in start)
    ):
        return "this is a SafeTensors file, which holds weights but no network", ELSEWHERE
    if suffix in (".pt", ".pth", ".ckpt") or (start.startswith(b"PK") and b"data.pkl" in start):
        return "this is a PyTorch file", ELSEWHERE
    if suffix == ".onnx" or (start[:1] == b"\x08" and b"onnx" in start[:64].lower()):
        return "this is an ONNX model", ELSEWHERE
    return None
