"""The errors that the user can cause, and can fix, as a tree:

    ReportgenError
    ├── ModelError            a reference that names no model, or a file without a model that can run
    │   └── UnsafeModelError  a model file that would run its own code, or access other files
    ├── ImageError            a file that is not a readable image, or is too large
    ├── LabelsError           a label file that does not match the model
    ├── OptionError           an option with an invalid value
    ├── ReportFileError       a file that is not a report, or has an unsupported format
    ├── OutputError           a path that cannot be written
    ├── TrackerError          an experiment tracker that is not installed, or refuses a report
    ├── ClusterError          a Dask cluster that cannot be reached, or cannot make the same reports
    └── NotApplicable         a section does not apply to this model; the report shows the reason

Each message is one or two lines: the thing, what was expected, what to do.
"""

import re

NODE = re.compile(r"\{\{.*?\}\}|\[Op:\w+\]")  # how TensorFlow names a node of a graph
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
WRAPPED = "Exception encountered when calling "
CAUSE = "Exception encountered: "
IN_GRAPH = "Graph execution error:"


class ReportgenError(Exception):
    """Base of all errors that reportgen raises on purpose."""


class ModelError(ReportgenError):
    """The model cannot be loaded or cannot run."""


class UnsafeModelError(ModelError):
    """The model file would run its own code, or access other files."""


class ImageError(ReportgenError):
    """The image cannot be read."""


class LabelsError(ReportgenError):
    """The labels do not match the model."""


class OptionError(ReportgenError):
    """An option has an invalid value."""


class ReportFileError(ReportgenError):
    """The file is not a report that this version can read."""


class OutputError(ReportgenError):
    """The output cannot be written to the given path."""


class TrackerError(ReportgenError):
    """An experiment tracker is not installed, or refuses what is logged."""


class ClusterError(ReportgenError):
    """A Dask cluster cannot be reached, has no workers, or cannot make the same reports as this machine."""


class NotApplicable(ReportgenError):  # noqa: N818 - not an error for the user: the name is the report's own term
    """A section or check does not apply to this model; the message is the reason shown in its place."""


def reason_of(error: BaseException) -> str:
    """Return the message of another library's exception in one line, without the colours and arguments that Keras adds."""
    text = NODE.sub("", COLOUR_CODE.sub("", str(error)))
    lines = [line.strip() for line in text.rpartition(CAUSE)[2].splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0] == IN_GRAPH:  # where it happened, line by line, then the reason
        lines = [line for line in lines if not line.startswith("[[")][-1:]
    if lines[0].startswith(WRAPPED) and len(lines) > 1:
        return f"{lines[0].removeprefix(WRAPPED).rstrip('.')}: {lines[1]}"[:300]
    return lines[0][:300]
