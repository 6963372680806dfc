"""The house rules: imports only go down, TensorFlow lives in one room, and no file or record outgrows what can be followed."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import fields
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import reportgen
from reportgen import records
from reportgen.page.environment import our_templates
from reportgen.report import SECTIONS

from .gold import report_file

PACKAGE = Path(reportgen.__file__).parent
FLOORS = {
    "errors": 0, "records": 0, "version": 0, "files": 0, "folders": 0, "tensors": 0, "formatting": 0, "picture": 0, "palettes": 0,
    "pngs": 0, "quiet": 0, "image_bounds": 0, "image_colours": 0, "kernels": 0, "levels": 0, "histograms": 0, "overlay": 0,
    "image_depth": 0, "curves": 0, "progress": 0, "notebooks": 0, "colormaps": 0, "garbage": 0,
    "cache": 0, "excited": 0, "layer_calls": 0, "traces": 0, "tasks": 0, "outputs": 0,
    "options": 1, "image": 1, "resizing": 1, "arrays": 1, "explained": 1, "probe": 1, "backend": 1,
    "matching": 2, "methods": 2, "truth": 2, "metrics": 2,
    "loading": 3, "inspection": 3, "sections": 3,
    "checks": 4, "problems": 4, "report": 4, "codec": 4,
    "comparison": 5,
    "page": 6, "request": 6, "provenance": 6,
    "reporter": 7,
    "checking": 8, "site": 8, "site_diff": 8, "batching": 8, "summaries": 8, "mail": 8, "publishing": 8, "callback": 8,
    "pytest_plugin": 8,
    "cli": 9, "__init__": 9, "__main__": 9,
}  # fmt: skip
# within a floor, who may import whom
BESIDE = {
    ("outputs", "tasks"), ("files", "errors"), ("folders", "errors"), ("folders", "files"), ("tensors", "errors"),
    ("tensors", "histograms"), ("tensors", "traces"), ("histograms", "records"),
    ("layer_calls", "records"), ("excited", "records"), ("notebooks", "formatting"), ("cache", "errors"), ("cache", "files"),
    ("image_bounds", "errors"), ("image_depth", "image_colours"), ("image_depth", "picture"),
    ("kernels", "records"), ("picture", "errors"), ("picture", "records"), ("picture", "tensors"),
    ("picture", "colormaps"),
    ("picture", "palettes"), ("picture", "pngs"), ("palettes", "pngs"), ("overlay", "errors"), ("overlay", "picture"),
    ("arrays", "image"), ("arrays", "options"), ("arrays", "resizing"),
    ("image", "options"), ("image", "resizing"),
    ("resizing", "options"), ("resizing", "backend"), ("probe", "explained"), ("probe", "options"), ("probe", "arrays"),
    ("inspection", "loading"),
    ("report", "checks"), ("report", "problems"), ("codec", "report"),
    ("batching", "site"), ("mail", "site"), ("site_diff", "site"),
    ("mail", "summaries"), ("summaries", "site"), ("publishing", "summaries"), ("callback", "batching"), ("callback", "site"),
    ("provenance", "request"), ("__main__", "cli"),
}  # fmt: skip
TENSORFLOW = {"tensorflow", "keras"}
# the rooms that run models; provenance only asks for versions, resizing resizes as TensorFlow does, and TensorBoard's events are
# written by TensorFlow
BACKEND_ROOMS = {"loading", "inspection", "provenance", "resizing", "publishing", "callback"}
LONGEST = 300  # lines
MOST_POSITIONAL = 4  # fields of a record that may be given without their names
GOLD = str(report_file(1))
CAT = str(PACKAGE.parent / "sample_images" / "cat.png")
MODULES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = our_templates()


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dotted(module: Path) -> str:
    """The name by which a file is imported."""
    return ".".join(("reportgen", *module.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def imports(module: Path, *, names: bool = False) -> list[str]:
    """Every module imported in a file, also inside functions, as a dotted name from the package's root on.

    With `names` also what is imported from each, as a name in it: a module, or anything else.
    """
    package = ("reportgen", *module.relative_to(PACKAGE).parts[:-1])
    found = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            whole = ".".join((*start, *filter(None, [node.module])))
            found += [whole] if node.module else []
            found += [f"{whole}.{alias.name}" for alias in node.names] if names or not node.module else []
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


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {dotted(module): module for module in MODULES}
    needs = {name: {each for each in imports(module, names=True) if each in modules} for name, module in modules.items()}
    assert len(needs) == len(MODULES)
    assert {"reportgen.records", "reportgen.sections.section"} <= needs["reportgen.report"]
    list(TopologicalSorter(needs).static_order())  # raises a CycleError that names them


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_tensorflow_is_imported_in_one_room(module: Path) -> None:
    outside = {name.split(".")[0] for name in imports(module)}
    assert (outside >= TENSORFLOW) if room_of(module) == "backend" else not (TENSORFLOW & outside)
    if "reportgen.backend" in imports(module):
        assert room_of(module) in BACKEND_ROOMS


@pytest.mark.parametrize("room", ["sections", "methods", "matching", "probe"])
def test_what_works_on_numbers_knows_numpy_alone(room: str) -> None:
    modules = [module for module in MODULES if room_of(module) == room]
    assert modules
    for module in modules:
        outside = {name.split(".")[0] for name in imports(module)} - set(sys.stdlib_module_names)
        assert outside <= {"reportgen", "numpy"}, module.name


def test_a_comparison_and_the_page_know_no_section_by_name() -> None:
    for module in MODULES:
        if room_of(module) in ("comparison", "page", "codec", "reporter"):
            known = {name for name in imports(module) if name.startswith("reportgen.sections.")}
            assert known <= {"reportgen.sections.section"}, module.name


def test_files_can_be_read_at_a_sitting() -> None:
    tests = Path(__file__).parent.rglob("*.py")
    files = [*MODULES, *tests, *(path for path in TEMPLATES.rglob("*") if path.suffix in (".j2", ".js", ".css"))]
    long = {path.name: length for path in files if (length := len(path.read_text("utf-8").splitlines())) > LONGEST}
    assert long == {}


def all_records() -> set[type]:
    """Every class in the package that `@record` made."""
    found = set()
    for module in MODULES:
        if module.name not in ("__main__.py", "train.py"):  # programs, which do their work when they are imported
            values = vars(import_module(dotted(module))).values()
            found |= {each for each in values if isinstance(each, type) and vars(each).get("__eq__") is records._records_equal}
    return found


def test_records_of_many_fields_are_made_by_keywords() -> None:
    found = all_records()
    assert {"Report", "LayerCall", "Options", "Change"} <= {each.__name__ for each in found}
    for each in found:
        positional = [field.name for field in fields(each) if field.init and not field.kw_only]
        assert len(positional) <= MOST_POSITIONAL, f"{each.__name__}: {', '.join(positional)}"


def test_whether_a_section_is_absent_is_asked_in_a_few_places() -> None:
    asked = [
        f"{module.name}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and "Absent" in ast.unparse(node.args[1])
    ]
    assert 0 < len(asked) < 10, asked


def test_every_section_has_its_partials_and_no_partial_is_without_a_section() -> None:
    folders = {path.name: {file.name for file in path.iterdir()} for path in (TEMPLATES / "sections").iterdir()}
    assert folders.keys() == SECTIONS.keys()
    assert {path.name for path in (PACKAGE / "sections").iterdir() if (path / "__init__.py").exists()} == SECTIONS.keys()
    for name, section in SECTIONS.items():
        assert "report.html.j2" in folders[name]
        assert section.compare is None or "diff.html.j2" in folders[name], name


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


WITHOUT_TENSORFLOW = [
    ("--help",),
    ("report", "--help"),
    ("--version",),
    ("models",),
    ("data", "--schema"),
    ("templates", "--help"),
    ("data", "missing.html"),
    ("data", GOLD),
    ("batch", "missing.png"),
    ("batch", CAT, "--shard", "3/2"),
    ("index", "missing"),
    ("diff", "--help"),
    ("diff", GOLD, GOLD, "--json"),
    ("diff", GOLD, GOLD, GOLD, "--markdown"),
    ("email", "--help"),
    ("email", GOLD, "--to", "a@example.org", "--output", "-"),
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
]


def test_no_tensorflow_where_it_is_not_needed() -> None:
    """All in one fresh process, one after the other: whatever one imports would be there after it."""
    code = (
        "import sys\n"
        "from reportgen.cli import main\n"
        f"for words in {WITHOUT_TENSORFLOW!r}:\n"
        "    sys.argv = ['reportgen', *words]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit:\n"
        "        print('\\nENDED', *(name for name in sys.modules if '.' not in name))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, "Traceback" in result.stderr) == (0, False), result.stderr
    assert "cat.png: no such file" not in result.stderr
    ended = [line.split()[1:] for line in result.stdout.splitlines() if line.startswith("ENDED ")]
    for words, imported in zip(WITHOUT_TENSORFLOW, ended, strict=True):
        assert not TENSORFLOW & set(imported), words


def test_help_needs_neither_numpy_nor_jinja() -> None:
    assert not {"numpy", "jinja2", "PIL", "matplotlib"} & modules_after("--help")


def test_public_names_exist() -> None:
    assert reportgen.__all__ == sorted(reportgen.__all__)
    for name in reportgen.__all__:
        assert getattr(reportgen, name) is not None
    with pytest.raises(AttributeError):
        reportgen.no_such_name  # noqa: B018
