"""The kinds of values that options accept: how each is read from Python or the command line, and written back to one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from ..formatting import one_of, parse_file_size

DIGITS = re.compile(r"-?\d{1,18}")
COLOUR = re.compile(r"#?[0-9a-f]{6}")
BASELINES = ("black", "mean", "blur")
MOST_CLASSES = 20  # explained in one report
LARGEST = 2**31 - 1  # of a count, a pixel size or a class index
LARGEST_SEED = 2**32 - 1
LARGEST_FILE_SIZE = 10**15 - 1  # bytes; `parse_file_size` reads as many digits


class Kind(NamedTuple):
    """The values that an option accepts.

    read: returns the canonical form of a Python value or of text from the command line; raises `ValueError` if it is invalid.
    expected: a description of valid values for error messages; metavar: the same for a help text.
    write: returns the command-line text of a canonical value.
    words: the words that completion offers.
    takes: "nothing" is a flag without a value, "one" a flag with a single value, "many" a flag that may be repeated or given
        several values separated by commas, "each" a flag that is repeated for each value.
    is_file: text of this kind names a file or a folder.
    """

    read: Callable[[Any], Any]
    expected: str
    metavar: str
    write: Callable[[Any], str] = str
    words: tuple[str, ...] = ()
    takes: Literal["nothing", "one", "many", "each"] = "one"
    is_file: bool = False


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    text = str.__str__(value)  # a plain string, even if it is a member of an enumeration
    if "\0" in text:
        raise ValueError  # not possible on a command line
    text.encode()  # a lone surrogate, which a page cannot contain, raises UnicodeEncodeError, which is a ValueError
    return text


def _read_whole(value: Any, low: int, high: int) -> int:
    """Return an integer, from any integer type or from digits; True and False are rejected."""
    is_digits = isinstance(value, str) and DIGITS.fullmatch(value.strip())
    if not is_digits and (not isinstance(value, Integral) or isinstance(value, bool)):
        raise ValueError
    number = int(value)
    if not low <= number <= high:
        raise ValueError
    return number


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _read_share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, Real)):
        raise ValueError
    share = float(value)
    if not (math.isfinite(share) and share >= 0):
        raise ValueError
    return share


def _read_size(value: Any) -> tuple[int, int]:
    sides = value.lower().split("x") if isinstance(value, str) else value
    if not isinstance(sides, (list, tuple)) or len(sides) != 2:
        raise ValueError
    return _read_whole(sides[0], 1, LARGEST), _read_whole(sides[1], 1, LARGEST)


def _read_file_size(value: Any) -> int:
    return _read_whole(parse_file_size(value) if isinstance(value, str) else value, 1, LARGEST_FILE_SIZE)


def _read_path(value: Any) -> str:
    path = _read_text(str(value) if isinstance(value, PurePath) else value)
    if not path:
        raise ValueError
    return path


def _read_labels(value: Any) -> str | tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        return _read_path(value)
    if not value:
        raise ValueError
    return tuple(_read_text(label) for label in value)


def _read_names(value: Any) -> tuple[str, ...]:
    """Return the names without duplicates; a text may contain several, separated by commas."""
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, (set, frozenset)):
        texts = sorted(map(_read_text, texts))  # the order of a set must not change the report
    if not isinstance(texts, (list, tuple)):
        raise ValueError
    names = (name.strip() for text in texts for name in _read_text(text).split(","))
    return tuple(dict.fromkeys(filter(None, names)))


def _read_class(value: Any) -> int | str:
    is_label = isinstance(value, str) and not value.strip().isdecimal()
    return _read_text(value) if is_label else _read_whole(value, 0, LARGEST)


def _read_classes(value: Any) -> int | str | tuple[int | str, ...]:
    """Return a class, or several classes without duplicates; a list of one class gives that class."""
    if not isinstance(value, (list, tuple)):
        return _read_class(value)
    classes = tuple(dict.fromkeys(map(_read_class, value)))
    if not classes or len(classes) > MOST_CLASSES:
        raise ValueError
    return classes if len(classes) > 1 else classes[0]


def _read_modules(value: Any) -> tuple[str, ...]:
    """Return module names without duplicates, with dots for modules in packages."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)):
        raise ValueError
    names = tuple(dict.fromkeys(_read_text(text).strip() for text in texts))
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError
    return names


def _read_baseline(value: Any) -> str:
    """Return `black`, `mean`, `blur`, or a colour as #rrggbb in lower case."""
    text = _read_text(value).strip().lower()
    if text not in BASELINES and not COLOUR.fullmatch(text):
        raise ValueError
    return text if text in BASELINES else f"#{text.removeprefix('#')}"


def _read_count(value: Any) -> int | Literal["all"]:
    return "all" if isinstance(value, str) and value.strip().lower() == "all" else _read_whole(value, 1, LARGEST)


def _read_visualize(value: Any) -> int | str:
    """Return a number, "all", "classes", or filters as comma-separated "path:channel"; a list in Python contains filters."""
    if isinstance(value, str) and value.strip().lower() in ("all", "classes"):
        return value.strip().lower()
    if not isinstance(value, (list, tuple)) and not (isinstance(value, str) and ":" in value):
        return _read_whole(value, 1, LARGEST)
    named = []
    for each in _read_names(value):
        path, _, channel = each.rpartition(":")
        if not path.strip():
            raise ValueError
        named.append(f"{path.strip()}:{_read_whole(channel, 0, LARGEST)}")
    if not named:
        raise ValueError
    return ",".join(dict.fromkeys(named))


def _read_metrics(value: Any) -> tuple[str, ...]:
    """Return texts "name=value" from texts of that form or, in Python, from a mapping; each name may occur only once."""
    if not isinstance(value, (str, list, tuple, dict)):
        raise ValueError
    pairs = value.items() if isinstance(value, dict) else map(_metric_pair, [value] if isinstance(value, str) else value)
    found: dict[str, str] = {}
    for name, figure in pairs:
        called = _read_text(name).strip()
        if isinstance(figure, bool) or not isinstance(figure, (str, Real)):
            raise ValueError
        number = float(figure)
        if not called or not called.isprintable() or not math.isfinite(number) or called.lower() in map(str.lower, found):
            raise ValueError
        found[called] = repr(number)
    return tuple(f"{name}={figure}" for name, figure in found.items())


def _metric_pair(text: Any) -> tuple[str, str]:
    name, equals, figure = _read_text(text).rpartition("=")
    if not equals:
        raise ValueError
    return name, figure


def whole_number(low: int, high: int) -> Kind:
    """Return the kind for an integer from `low` to `high`."""
    return Kind(lambda value: _read_whole(value, low, high), f"an integer from {low} to {high}", "N")


def choice(*words: str, metavar: str = "") -> Kind:
    """Return the kind for one of `words`; `metavar` replaces them in a help text that would be too long with all of them."""

    def read(value: Any) -> str:
        word = _read_text(value).lower()
        if word not in words:
            raise ValueError
        return word

    return Kind(read, one_of(words), metavar or "|".join(words), words=words)


TEXT = Kind(_read_text, "Unicode text without null characters", "TEXT")
NAME = Kind(_read_text, "a name", "NAME")
PATTERNS = Kind(_read_text, "all, or patterns such as 'block3_*,block4_*'", "PATTERN,...", words=("all",))
FOLDER = Kind(_read_path, "a folder", "FOLDER", is_file=True)
WEIGHTS = Kind(
    _read_path, "imagenet, random, or a file of weights", "imagenet|random|FILE", words=("imagenet", "random"), is_file=True
)
SEED = whole_number(0, LARGEST_SEED)
FLAG = Kind(_read_flag, "True or False", "", takes="nothing")
SHARE = Kind(_read_share, "a number, 0 or more, such as 0.001", "SHARE", write=repr)
COUNT = Kind(_read_count, "a number, 1 or more, or all", "N|all", words=("all",))
SIZE = Kind(_read_size, "HEIGHTxWIDTH in pixels, such as 224x224", "HEIGHTxWIDTH", lambda size: f"{size[0]}x{size[1]}")
FILE_SIZE = Kind(_read_file_size, "a size such as 5MB, from 1 byte to less than 1000 TB", "SIZE")
METHODS = Kind(_read_names, "names of methods, separated by commas or in a list", "METHOD,...", ",".join, takes="many")
SECTIONS = Kind(_read_names, "names of sections, separated by commas or in a list", "SECTION,...", ",".join, takes="many")
VISUALIZE = Kind(
    _read_visualize,
    "a number, 1 or more, all, classes, or filters such as conv3:17,conv4:2; for none, use --skip feature_visualization",
    "N|LAYER:CHANNEL,...",
    words=("all", "classes"),
)
MODULES = Kind(_read_modules, "the name of a module, such as mylayers", "MODULE", takes="each")
LABELS = Kind(_read_labels, "a file of labels, or in Python a list of strings", "FILE", is_file=True)
BASELINE = Kind(_read_baseline, "black, mean, blur, or a colour such as #808080", "black|mean|blur|COLOUR", words=BASELINES)
LAYER = Kind(_read_path, "the path of a layer, such as block3_conv2", "PATH")
CLASSES = Kind(
    _read_classes, f"a class index or a label; in Python also a list of up to {MOST_CLASSES}", "INDEX|LABEL", takes="each"
)
METRICS = Kind(
    _read_metrics, "NAME=VALUE, each name once, with a number as its value, such as accuracy=0.66", "NAME=VALUE", takes="each"
)
CLASS = Kind(_read_class, "a class index or a label", "INDEX|LABEL")
