"""Translate bare operations between the layers of Keras 2 (`x + y`, `x / 127.5`, `x[..., ::-1]`) into those of Keras 3."""

from __future__ import annotations

from typing import Any

OPERATION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
NUMPY, NN = "keras.src.ops.numpy", "keras.src.ops.nn"
# TensorFlow's functions of two tensors and of one, by their names in Keras 2
BINARY = {
    "__operators__.add": "Add", "math.add": "Add", "add": "Add", "math.subtract": "Subtract", "subtract": "Subtract",
    "math.multiply": "Multiply", "multiply": "Multiply", "math.truediv": "TrueDivide", "truediv": "TrueDivide",
    "math.divide": "Divide", "divide": "Divide", "math.maximum": "Maximum", "maximum": "Maximum", "math.minimum": "Minimum",
    "minimum": "Minimum", "math.pow": "Power", "pow": "Power", "nn.bias_add": "Add",
}  # fmt: skip
UNARY = {
    "nn.relu": (NN, "Relu"), "nn.relu6": (NN, "Relu6"), "nn.elu": (NN, "Elu"), "nn.selu": (NN, "Selu"),
    "nn.silu": (NN, "Silu"), "nn.swish": (NN, "Silu"), "nn.softplus": (NN, "Softplus"), "math.sigmoid": (NN, "Sigmoid"),
    "nn.sigmoid": (NN, "Sigmoid"), "sigmoid": (NN, "Sigmoid"), "nn.softmax": (NN, "Softmax"), "math.tanh": (NUMPY, "Tanh"),
    "nn.tanh": (NUMPY, "Tanh"), "tanh": (NUMPY, "Tanh"), "math.abs": (NUMPY, "Absolute"), "math.exp": (NUMPY, "Exp"),
    "math.log": (NUMPY, "Log"), "math.sqrt": (NUMPY, "Sqrt"), "math.square": (NUMPY, "Square"),
    "math.negative": (NUMPY, "Negative"),
}  # fmt: skip
SECOND = ("y", "bias")  # the names that functions of two tensors have for the second


def operation(layer: dict[str, Any]) -> dict[str, Any]:
    """Return the layer as a Keras 3 operation. An unknown one is returned as it is, and the gate then reports it."""
    config = layer.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    if layer.get("class_name") == "SlicingOpLambda":
        module, kind = NUMPY, "GetItem"
    elif isinstance(function, str) and function in BINARY:
        module, kind = NUMPY, BINARY[function]
    elif isinstance(function, str) and function in UNARY:
        module, kind = UNARY[function]
    else:
        return layer
    try:
        nodes = [_node(node, kind) for node in layer["inbound_nodes"]]
    except (ValueError, LookupError, TypeError):
        return layer
    name = layer["name"]
    return {
        "module": module, "class_name": kind, "config": {"name": name}, "registered_name": kind, "name": name,
        "inbound_nodes": nodes,
    }  # fmt: skip


def with_tensors(node: Any) -> Any:
    """Return a layer call with tensors given by name (an attention's `value=...`) as Keras 3 writes it; other calls unchanged."""
    try:
        named = node[0][3]
        if len(node) != 1 or not any(map(_is_tensor, named.values())):
            return node
        kwargs = {key: _tensor(each) if _is_tensor(each) else each for key, each in named.items()}
        return {"args": [_tensor(node[0])], "kwargs": kwargs}
    except (LookupError, TypeError, ValueError, AttributeError):
        return node


def _is_tensor(value: Any) -> bool:
    is_list = isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)
    return is_list and all(type(each) is int for each in value[1:])


def _node(node: Any, kind: str) -> dict[str, Any]:
    """Return a call as Keras 3 writes it: its tensors and numbers. Raises `ValueError` for a call of any other kind."""
    (*first, given) = node[0] if isinstance(node[0], list) else node
    if not isinstance(given, dict) or (isinstance(node[0], list) and len(node) > 1):
        raise ValueError
    given = {key: value for key, value in given.items() if key not in ("name", "data_format") and value is not None}
    start = [] if first[0] == "_CONSTANT_VALUE" else [_tensor(first)]
    if not start:
        start = [first[2]]  # the constant on the left of an operator: `1.0 - x`
    if kind == "GetItem":
        return {"args": [*start, _slices(given.pop("slice_spec"))], "kwargs": {}} if set(given) == {"slice_spec"} else _refuse()
    others = [given.pop(key) for key in SECOND if key in given]
    if given:
        raise ValueError
    return {"args": [*start, *map(_value, others)], "kwargs": {}}


def _refuse() -> dict[str, Any]:
    raise ValueError


def _value(value: Any) -> Any:
    is_tensor = isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)
    if is_tensor:
        return value[2] if value[0] == "_CONSTANT_VALUE" else _tensor(value)
    if isinstance(value, list):
        return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}
    return value


def _tensor(reference: list[Any]) -> dict[str, Any]:
    history = [str(reference[0]), int(reference[1]), int(reference[2])]
    return {"class_name": "__keras_tensor__", "config": {"shape": [None], "dtype": "float32", "keras_history": history}}


def _slices(spec: Any) -> Any:
    return [_slice(each) for each in (spec if isinstance(spec, list) else [spec])]


def _slice(part: Any) -> Any:
    if isinstance(part, dict) and part.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(part, dict):
        bounds = [part.get(key) for key in ("start", "stop", "step")]
        if set(part) - {"start", "stop", "step"} or not all(each is None or type(each) is int for each in bounds):
            raise ValueError
        return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), bounds, strict=True))}
    if type(part) is not int:
        raise ValueError
    return part
