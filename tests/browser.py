"""A real Chromium for tests: launched, pages opened in it with a log of what they try, and axe run on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
AXE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"


@dataclass
class Opened:
    """A page, the addresses it asked for, and what it said on the console or in a dialog."""

    page: Any
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def dismiss(self, dialog: Any) -> None:
        self.messages.append(dialog.message)
        dialog.dismiss()


def lacking(what: str) -> NoReturn:
    """Skip the test, on a continuous-integration server fail it: there, everything has to be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def launched() -> Iterator[Any]:
    """The browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("no playwright: pip install playwright")
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if executable is None:
        lacking(f"no browser: none of {', '.join(CHROMIUM)} is on the PATH")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)


@contextmanager
def opened(browser: Any, path: Path, **settings: Any) -> Iterator[Opened]:
    """The file in a fresh context without network; `settings` as `Browser.new_context` takes them."""
    context = browser.new_context(offline=True, **settings)
    it = Opened(context.new_page())
    it.page.on("request", lambda request: it.requests.append(request.url))
    it.page.on("console", lambda message: it.messages.append(message.text))
    it.page.on("pageerror", lambda error: it.messages.append(str(error)))
    it.page.on("dialog", it.dismiss)
    it.page.goto(path.as_uri())
    yield it
    context.close()


def axe_findings(page: Any) -> list[str]:
    """What axe finds with everything unfolded, each with the first places it stands at; nothing is left out by impact."""
    source = Path(os.environ.get("AXE_PATH", AXE))
    if not source.is_file():
        lacking(f"no axe at {source}: npm install axe-core, or set AXE_PATH")
    page.evaluate(OPEN_ALL)
    page.evaluate(source.read_text("utf-8"))  # not by a script element, which the page's policy forbids
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{each['id']} ({each['impact']}): {[node['target'] for node in each['nodes'][:3]]}" for each in found]
