"""The README's recipes for trackers and hosts, run for real, in the environment of `tracker_runs.py` and `mlflow_runs.py`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import reportgen

from .mailing import page_of
from .test_codec import small_report

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.split("\n## Trackers, CI and hosts\n")[1].split("\n## ")[0]


def blocks(language: str) -> list[str]:
    """The code of the section in a language."""
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.S)


def run(script: str, folder: Path, **variables: str) -> str:
    """Run a script as GitHub does, with our `reportgen` first on the path: its standard output."""
    commands = folder / ".commands"
    commands.mkdir(exist_ok=True)
    program = commands / "reportgen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m reportgen "$@"\n')
    program.chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables}
    result = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the workflow finds: a model, an image, the report of main, and photographs in folders by class index."""
    for place in ("tests", "reports", "photos/3"):
        (tmp_path / place).mkdir(parents=True)
    model = Path(reportgen.__file__).parent / "loading" / "minivgg" / "minivgg.keras"
    shutil.copy(model, tmp_path / "model.keras")
    shutil.copy(ROOT / "sample_images" / "cat.png", tmp_path / "tests" / "cat.png")
    shutil.copy(ROOT / "sample_images" / "cat.png", tmp_path / "photos" / "3" / "cat.png")
    return tmp_path


def test_the_workflow_posts_the_verdict_and_makes_the_site(checkout: Path) -> None:
    (source,) = blocks("yaml")
    workflow: dict[Any, Any] = yaml.safe_load(source)
    assert workflow[True] == {"pull_request": None, "push": {"branches": ["main"]}}  # "on" is a yes in YAML
    diff, site = workflow["jobs"]["diff"], workflow["jobs"]["site"]
    # the report of main is of another version of the model, so that there is something to tell
    other = reportgen.generate("minivgg@early", checkout / "tests" / "cat.png", only="predictions,layers")
    page_of(other, checkout / "reports" / "main.html")
    summary = checkout / "summary.md"
    for job in (diff, site):
        for step in job["steps"]:
            script = step.get("run", "")
            if script and not script.startswith(("pip install", "gh ")):
                run(script, checkout, GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text().startswith("### Different: `main.html: minivgg@early on cat.png` → ")
    uses = {step["uses"].partition("@")[0]: step for job in (diff, site) for step in job["steps"] if "uses" in step}
    uploaded = uses["actions/upload-artifact"]
    assert (uploaded["uses"], uploaded["with"]) == ("actions/upload-artifact@v7", {"path": "diff.html", "archive": False})
    assert (checkout / "diff.html").read_text().startswith("<!doctype html>")
    published = checkout / uses["actions/upload-pages-artifact"]["with"]["path"]
    assert (published / "index.html").exists()
    assert [*published.glob("reports/*/*.html")]
    assert diff["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert site["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert site["environment"]["name"] == "github-pages"


def test_reports_of_two_revisions_are_compared(tmp_path: Path) -> None:
    page_of(small_report(), tmp_path / "cat.html")
    git = "git init -q -b main . && git add cat.html && git -c user.name=a -c user.email=a@example.org commit -qm one"
    run(git, tmp_path)
    (script,) = blocks("sh")
    assert run(script, tmp_path) == "diff-main-cat.html\n"


def test_a_page_that_dvc_tracks_is_got_by_revision(tmp_path: Path) -> None:
    (command,) = re.findall(r"dvc get .*", blocks("sh")[0])
    page_of(small_report(), tmp_path / "cat.html")
    dvc = f"{sys.executable} -m dvc"
    commit = "git -c user.name=a -c user.email=a@example.org commit -qm one"
    folder = f"git init -q -b main . && {dvc} init -q && {dvc} add -q cat.html && git add . && {commit}"
    run(folder, tmp_path, DVC_NO_ANALYTICS="true")
    run(command.replace("dvc", dvc, 1), tmp_path, DVC_NO_ANALYTICS="true")
    assert (tmp_path / "main.html").read_bytes() == (tmp_path / "cat.html").read_bytes()


def test_python_logs_to_every_tracker(tmp_path: Path) -> None:
    page_of(small_report(), tmp_path / "cat-minivgg.html")
    log, space = blocks("python")
    (tmp_path / "log.py").write_text(log)
    places = dict.fromkeys(("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"), str(tmp_path))
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    run(f"{sys.executable} log.py", tmp_path, WANDB_MODE="offline", MLFLOW_TRACKING_URI=store, DVC_NO_ANALYTICS="true", **places)
    for made in ("mlruns/*/*/artifacts/reportgen/cat/step_1.html", "wandb/offline-run-*", "logs/events.out.tfevents.*",
                 "dvclive/plots/images/reportgen/cat/image.png"):  # fmt: skip
        assert [*tmp_path.glob(made)], made
    compile(space, "space.py", "exec")
    assert 'space_sdk="static"' in space
