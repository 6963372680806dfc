"""A real Chromium for tests: launched, pages opened in it with a log of what they try, and axe run on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
AXE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
HTML_VALIDATE = Path(__file__).parent.parent / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
COLOURS = ("color-contrast", "link-in-text-block")  # axe's rules that look at colours
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
def opened(browser: Any, place: Path | str, **settings: Any) -> Iterator[Opened]:
    """A file in a fresh context without network, or an address on this machine; `settings` are those of `Browser.new_context`."""
    context = browser.new_context(**{"offline": isinstance(place, Path), **settings})
    context.route(lambda url: not url.startswith(("file:", "data:", "http://127.0.0.1:")), lambda route: route.abort())
    it = Opened(context.new_page())
    it.page.on("request", lambda request: it.requests.append(request.url))
    it.page.on("console", lambda message: it.messages.append(message.text))
    it.page.on("pageerror", lambda error: it.messages.append(str(error)))
    it.page.on("dialog", it.dismiss)
    it.page.goto(place.as_uri() if isinstance(place, Path) else place)
    yield it
    context.close()


def axe_findings(page: Any, rules: tuple[str, ...] = (), within: str = "html") -> list[str]:
    """What axe finds with everything unfolded, each with the first places it stands at; nothing is left out by impact.

    rules: the only ones to apply; all if there are none. within: a selector of the only part of the page to look at.
    """
    source = Path(os.environ.get("AXE_PATH", AXE))
    if not source.is_file():
        lacking(f"no axe at {source}: npm install axe-core, or set AXE_PATH")
    page.evaluate(OPEN_ALL)
    page.evaluate(source.read_text("utf-8"))  # not by a script element, which the page's policy forbids
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = page.evaluate("([within, options]) => axe.run(within, options)", [within, options])["violations"]
    return [f"{each['id']} ({each['impact']}): {[node['target'] for node in each['nodes'][:3]]}" for each in found]


def axe_findings_light_and_dark(page: Any, within: str = "html") -> list[str]:
    """What axe finds in light colours, and what of it depends on colours in dark ones."""
    page.emulate_media(color_scheme="light")
    light = axe_findings(page, within=within)
    page.emulate_media(color_scheme="dark")
    return [f"light: {each}" for each in light] + [f"dark: {each}" for each in axe_findings(page, COLOURS, within)]


@contextmanager
def served(folder: Path, headers: dict[str, str]) -> Iterator[str]:
    """The folder on a web server on this machine, every answer with these headers: its address."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            for name, value in headers.items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def html_complaints(pages: list[Path], folder: Path) -> list[str]:
    """What html-validate has to say of pages, one line each; its settings go to `folder`."""
    program = Path(os.environ.get("HTML_VALIDATE_PATH", HTML_VALIDATE))
    if not program.is_file():
        lacking(f"no html-validate at {program}: npm install html-validate@9, or set HTML_VALIDATE_PATH")
    # the two rules that are a matter of taste: an upper-case doctype, and section for a div that is a region
    settings = {
        "root": True,
        "extends": ["html-validate:standard"],
        "rules": {"doctype-style": "off", "prefer-native-element": "off"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [str(program), "--config", str(folder / "settings.json"), "--formatter", "json", *map(str, pages)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [(Path(file["filePath"]).name, each) for file in json.loads(result.stdout) for each in file["messages"]]
    return [f"{name} {each['line']}: {each['ruleId']}: {each['message']}" for name, each in found]
