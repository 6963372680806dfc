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
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image

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


# tabs that show nothing at present, by the browser and the settings that a tab has from its beginning
IDLE: dict[tuple[Any, ...], list[Any]] = {}
DESKTOP = {"width": 1280, "height": 720}
ONLINE = ("file:", "data:", "http://127.0.0.1:")  # all that a page may ask for


@contextmanager
def opened(
    browser: Any,
    place: Path | str,
    *,
    viewport: dict[str, int] = DESKTOP,
    color_scheme: str = "light",
    reduced_motion: str = "no-preference",
    **settings: Any,
) -> Iterator[Opened]:
    """A file in a tab without network, or an address on this machine; `settings` are those of `Browser.new_context`.

    A tab that was opened with the same settings is used again, for a new one takes longer than most pages. No page that we make
    stores anything, so that nothing is left of the one before; a test that fails leaves its tab behind.
    """
    settings = {"offline": isinstance(place, Path), **settings}
    idle = IDLE.setdefault((browser, *sorted(settings.items())), [])
    page = idle.pop() if idle else _new_tab(browser, settings)
    it = Opened(page)
    listeners = {
        "request": lambda request: it.requests.append(request.url),
        "console": lambda message: it.messages.append(message.text),
        "pageerror": lambda error: it.messages.append(str(error)),
        "dialog": it.dismiss,
    }
    page.set_viewport_size(viewport)
    page.emulate_media(media="null", color_scheme=color_scheme, reduced_motion=reduced_motion)
    for event, listener in listeners.items():
        page.on(event, listener)
    page.goto(place.as_uri() if isinstance(place, Path) else place)
    yield it
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    page.mouse.move(-1, -1)  # over nothing
    page.goto("about:blank")
    page.context.clear_permissions()
    idle.append(page)


@dataclass
class Unfolded:
    """A page that is loaded once for all the tests that only look at it, with every fold open."""

    name: str
    file: Path
    it: Opened


@contextmanager
def unfolded_page(browser: Any, name: str, file: Path) -> Iterator[Unfolded]:
    """A page for the fixture `unfolded`, which holds one page after the other."""
    with opened(browser, file) as it:
        it.page.evaluate(OPEN_ALL)
        yield Unfolded(name, file, it)


def of_pages(*names: str) -> pytest.MarkDecorator:
    """For a test that looks at these alone of the pages of the fixture `unfolded`."""
    return pytest.mark.parametrize("unfolded", names, indirect=True)


def _new_tab(browser: Any, settings: dict[str, Any]) -> Any:
    context = browser.new_context(**settings)
    context.route(lambda url: not url.startswith(ONLINE), lambda route: route.abort())
    return context.new_page()


# of rows, maps, their buttons and pairs of pictures that differ in nothing but words and numbers, all but the first three are
# taken away: axe asks the same of each, and takes five times as long for all of them
THINNED = """() => {
    const alike = 'tr, .tiles button, .tile, section > h3, .versus, .strip, .lines > text';
    const counts = new Map();
    for (const each of document.querySelectorAll(alike)) {
        if (!each.closest('thead')) {
            const kind = each.outerHTML.replace(/(?<! class)="[^"]*"/g, '').replace(/>[^<]+</g, '><');
            const box = each.closest('.tiles') ?? each.parentElement;
            const seen = counts.get(box) ?? counts.set(box, {}).get(box);
            seen[kind] = (seen[kind] ?? 0) + 1;
            if (seen[kind] > 3 && !each.matches(':popover-open, :hover, :focus-within')) {
                each.remove();
            }
        }
    }
}"""


def axe_findings(page: Any, rules: tuple[str, ...] = (), within: str = "html") -> list[str]:
    """What axe finds with everything unfolded, each with the first places it stands at; nothing is left out by impact.

    The page is not whole afterwards: see `THINNED`.

    rules: the only ones to apply; all if there are none. within: a selector of the only part of the page to look at.
    """
    source = Path(os.environ.get("AXE_PATH", AXE))
    if not source.is_file():
        lacking(f"no axe at {source}: npm install axe-core, or set AXE_PATH")
    page.evaluate(OPEN_ALL)
    page.evaluate(THINNED)
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


def brightness(page_or_element: Any) -> np.ndarray:
    """Of every pixel (h, w), 0 black to 255 white."""
    return np.asarray(Image.open(BytesIO(page_or_element.screenshot())).convert("L"))


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
