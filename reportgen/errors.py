"""Everything that can go wrong for a reason of the user's, as a tree:

    ReportgenError
    ├── ModelError            a reference that names no model, or a file that holds none we can run
    │   └── UnsafeModelError  a model file that would run code of its own, or reach into other files
    ├── ImageError            a file that is no image we can read, or one too large
    ├── LabelsError           a label file that does not fit the model
    ├── OptionError           an option whose value means nothing here
    ├── ReportFileError       a file that is no report, or one of another format
    ├── OutputError           a place where nothing can be written
    └── NotApplicable         a section has nothing to say of this model; the report shows the reason

Each message is one or two lines: the thing, what was expected, what to do.
"""

import re

NODE = re.compile(r"\{\{.*?\}\}|\[Op:\w+\]")  # by which TensorFlow calls the place in a graph
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
WRAPPED = "Exception encountered when calling "
CAUSE = "Exception encountered: "


class ReportgenError(Exception):
    """Base of all errors that reportgen raises on purpose."""


class ModelError(ReportgenError):
    """The model cannot be had or cannot be run."""


class UnsafeModelError(ModelError):
    """The model file would run code of its own, or reach into other files."""


class ImageError(ReportgenError):
    """The image cannot be read."""


class LabelsError(ReportgenError):
    """The labels do not fit the model."""


class OptionError(ReportgenError):
    """An option's value means nothing here."""


class ReportFileError(ReportgenError):
    """The file is not a report that this version reads."""


class OutputError(ReportgenError):
    """The result cannot be written where it was asked for."""


class NotApplicable(ReportgenError):  # noqa: N818 - no error to anyone: the word that the report uses
    """A section has nothing to say of this model; the message is the reason shown in its place."""


def reason_of(error: BaseException) -> str:
    """What somebody else's exception says, in one line: Keras wraps a layer's message in colours and a page of arguments."""
    text = NODE.sub("", COLOUR_CODE.sub("", str(error)))
    lines = [line.strip() for line in text.rpartition(CAUSE)[2].splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0].startswith(WRAPPED) and len(lines) > 1:
        return f"{lines[0].removeprefix(WRAPPED).rstrip('.')}: {lines[1]}"[:300]
    return lines[0][:300]
