"""reportgen runs a trained Keras CNN on one image and writes an HTML report of what the network sees.

import reportgen
report = reportgen.generate("minivgg", "cat.png")
open("cat.html", "w", encoding="utf-8").write(reportgen.render(report))
reportgen.read("cat.html") == report
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import (
    ClusterError,
    ImageError,
    LabelsError,
    ModelError,
    NotApplicable,
    OptionError,
    OutputError,
    ReportFileError,
    ReportgenError,
    TrackerError,
    UnsafeModelError,
)
from .notebooks import show_by
from .version import __version__

if TYPE_CHECKING:
    from .batching.batch import batch
    from .callback.callback import ReportCallback
    from .checking import check
    from .comparison.diff import diff
    from .comparison.result import Diff, Series
    from .comparison.series import series
    from .options import Options
    from .page.diff import render_diff, render_series
    from .page.markdown import markdown
    from .page.read import read
    from .page.render import render, render_folder
    from .picture import Picture
    from .publishing.to_dvclive import to_dvclive
    from .publishing.to_mlflow import to_mlflow
    from .publishing.to_tensorboard import to_tensorboard
    from .publishing.to_wandb import to_wandb
    from .report import Absent, Report
    from .reporter import Reporter, generate, load
    from .site.writing import index
    from .site_diff.compare import diff_sites
    from .site_diff.render import render_site_diff
    from .site_diff.result import SiteDiff

__all__ = [
    "Absent",
    "ClusterError",
    "Diff",
    "ImageError",
    "LabelsError",
    "ModelError",
    "NotApplicable",
    "OptionError",
    "Options",
    "OutputError",
    "Picture",
    "Report",
    "ReportCallback",
    "ReportFileError",
    "Reporter",
    "ReportgenError",
    "Series",
    "SiteDiff",
    "TrackerError",
    "UnsafeModelError",
    "__version__",
    "batch",
    "check",
    "diff",
    "diff_sites",
    "generate",
    "index",
    "load",
    "markdown",
    "read",
    "render",
    "render_diff",
    "render_folder",
    "render_series",
    "render_site_diff",
    "series",
    "to_dvclive",
    "to_mlflow",
    "to_tensorboard",
    "to_wandb",
]

# imported on first access: printing a help text needs neither NumPy nor Jinja nor, above all, TensorFlow
_ROOMS = {
    "ReportCallback": "callback.callback",
    "batch": "batching.batch",
    "check": "checking",
    "generate": "reporter",
    "Reporter": "reporter",
    "diff": "comparison.diff",
    "Diff": "comparison.result",
    "Series": "comparison.result",
    "series": "comparison.series",
    "markdown": "page.markdown",
    "render_diff": "page.diff",
    "render_series": "page.diff",
    "index": "site.writing",
    "diff_sites": "site_diff.compare",
    "render_site_diff": "site_diff.render",
    "SiteDiff": "site_diff.result",
    "load": "reporter",
    "Options": "options",
    "read": "page.read",
    "render": "page.render",
    "render_folder": "page.render",
    "Picture": "picture",
    "Absent": "report",
    "Report": "report",
    "to_dvclive": "publishing.to_dvclive",
    "to_mlflow": "publishing.to_mlflow",
    "to_tensorboard": "publishing.to_tensorboard",
    "to_wandb": "publishing.to_wandb",
}


def _in_notebook(shown: Any) -> str:
    return str(import_module(".page.notebook", __name__).html_of(shown))


show_by(_in_notebook)  # records cannot import the page, which lies above them


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
