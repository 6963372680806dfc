"""The house rules: imports only go down, and what needs no TensorFlow does not import it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import reportgen

from .gold import report_file

PACKAGE = Path(reportgen.__file__).parent
FLOORS = {
    "errors": 0, "records": 0, "files": 0, "folders": 0, "sizes": 0, "picture": 0, "version": 0,
    "options": 1, "image": 1, "probe": 1,
    "sections": 2,
    "report": 3,
    "codec": 4, "comparison": 4, "model": 4,
    "page": 5,
    "analyze": 6,
    "cli": 7, "__init__": 7, "__main__": 7,
}  # fmt: skip
# within a floor, who may import whom
BESIDE = {
    ("picture", "errors"), ("picture", "records"), ("files", "errors"), ("folders", "errors"), ("folders", "files"),
    ("image", "options"), ("__main__", "cli"),
}  # fmt: skip
TENSORFLOW = {"tensorflow", "keras"}
GOLD = str(report_file(1))
CAT = str(PACKAGE.parent / "sample_images" / "cat.png")
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> list[str]:
    """Every module imported in a file, also inside functions, as a dotted name from the package's root on."""
    package = ("reportgen", *module.relative_to(PACKAGE).parts[:-1])
    found = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            found += (
                [".".join((*start, *filter(None, [node.module])))]
                if node.module
                else [".".join((*start, a.name)) for a in node.names]
            )
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_imports_only_go_down(module: Path) -> None:
    room = room_of(module)
    for name in imports(module):
        if not name.startswith("reportgen."):
            continue
        other = name.split(".")[1]
        allowed = other == room or FLOORS[other] < FLOORS[room] or (room, other) in BESIDE
        assert allowed, f"{module.name} (floor {FLOORS[room]}) imports {name} (floor {FLOORS[other]})"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_only_the_model_room_knows_tensorflow(module: Path) -> None:
    if room_of(module) != "model":
        assert not TENSORFLOW & {name.split(".")[0] for name in imports(module)}


def test_sections_know_no_picture_library() -> None:
    for module in (PACKAGE / "sections").glob("*.py"):
        outside = {name.split(".")[0] for name in imports(module)} - set(sys.stdlib_module_names)
        assert outside <= {"reportgen", "numpy"}, module.name


def modules_after(*arguments: str) -> set[str]:
    """The top-level modules that a fresh process has imported when `reportgen ARGUMENTS` has ended."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('MODULES', *sorted(sys.modules)))\n"
        f"sys.argv = ['reportgen', *{list(arguments)!r}]\n"
        "from reportgen.cli import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "cat.png: no such file" not in result.stderr
    return set(result.stdout.rsplit("MODULES", 1)[1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("report", "--help"),
        ("--version",),
        ("models",),
        ("data", "--schema"),
        ("templates", "--help"),
        ("data", "missing.html"),
        ("data", GOLD),
        ("diff", "--help"),
        ("diff", GOLD, GOLD, "--json"),
        ("diff", GOLD, GOLD, GOLD, "--markdown"),
        ("diff", "--models", "minivgg", "vgg61", "--image", CAT),
        ("report", "missing.png"),
        ("report", CAT, "-m", "vgg61"),
        ("report", CAT, "-m", "hf://nothing"),
        ("report", CAT, "-o", "missing/folder.html"),
        ("report", CAT, "--preprocess", "vanilla"),
        ("report", CAT, "--labels", "missing.txt"),
        ("report", CAT, "--templates", "missing"),
        ("report", CAT, "-m", "vgg16", "--weights", "missing.h5"),
        ("report", CAT, "--weights", "random"),
        ("report", CAT, "--only", "everything"),
    ],
    ids=" ".join,
)
def test_no_tensorflow_where_it_is_not_needed(arguments: tuple[str, ...]) -> None:
    assert not TENSORFLOW & modules_after(*arguments)


def test_help_needs_neither_numpy_nor_jinja() -> None:
    assert not {"numpy", "jinja2", "PIL", "matplotlib"} & modules_after("--help")


def test_public_names_exist() -> None:
    assert reportgen.__all__ == sorted(reportgen.__all__)
    for name in reportgen.__all__:
        assert getattr(reportgen, name) is not None
    with pytest.raises(AttributeError):
        reportgen.no_such_name  # noqa: B018
