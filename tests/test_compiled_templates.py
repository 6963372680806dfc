"""Compiled templates are kept between processes, and only used while they are what would be compiled now."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

import reportgen.page.composer  # noqa: F401 - which adds the filters that our templates use
from reportgen.page import compiled
from reportgen.page.compiled import CompiledTemplates
from reportgen.page.environment import environment_with

Render = Callable[[str], str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where Python would keep compiled modules."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "pycache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "pycache"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that Jinja compiled, in order."""
    names: list[str] = []
    before = jinja2.Environment.compile

    def counted(self: jinja2.Environment, source: str, name: str | None = None, *rest: object, **options: object) -> object:
        names.append(str(name))
        return before(self, source, name, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    return names


@pytest.fixture
def rendered(place: Path, monkeypatch: pytest.MonkeyPatch) -> Render:
    """What a new process makes of a template of ours with this source."""
    ours, name = place.with_name("ours"), "rooms/page.html.j2"
    (ours / "rooms").mkdir(parents=True)

    def render(source: str) -> str:
        (ours / name).write_text(source)
        monkeypatch.setattr(CompiledTemplates, "loaded", {})
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ours), bytecode_cache=CompiledTemplates(ours, sandboxed=False)
        )
        return environment.get_template(name).render(who="<cat>")

    return render


def files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_the_second_process_compiles_nothing(rendered: Render, place: Path, compilations: list[str]) -> None:
    assert [rendered("a {{ who }}"), rendered("a {{ who }}")] == ["a <cat>", "a <cat>"]
    assert compilations == ["rooms/page.html.j2"]
    assert len(files(place)) == 1


def test_a_template_that_changed_is_compiled_again(rendered: Render, place: Path, compilations: list[str]) -> None:
    assert [rendered("a {{ who }}"), rendered("b {{ who }}")] == ["a <cat>", "b <cat>"]
    assert len(compilations) == 2
    assert len(files(place)) == 1


def test_filters_that_changed_compile_again(rendered: Render, compilations: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rendered("a")
    before = compiled._compiler()
    monkeypatch.setattr(compiled, "_compiler", lambda: before + b"another version of Jinja")
    rendered("a")
    assert len(compilations) == 2


@pytest.mark.parametrize("cut", [0, 3, 40, -1])
def test_a_damaged_file_is_replaced(rendered: Render, place: Path, compilations: list[str], cut: int) -> None:
    rendered("a {{ who }}")
    (kept,) = files(place)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:cut])
    assert rendered("a {{ who }}") == "a <cat>"
    assert len(compilations) == 2
    assert kept.read_bytes() == whole


def test_a_changed_byte_is_noticed(rendered: Render, place: Path, compilations: list[str]) -> None:
    rendered("a {{ who }}")
    (kept,) = files(place)
    whole = bytearray(kept.read_bytes())
    whole[-1] ^= 1
    kept.write_bytes(whole)
    assert rendered("a {{ who }}") == "a <cat>"
    assert len(compilations) == 2


def test_nothing_is_written_where_python_writes_nothing(
    rendered: Render, place: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [rendered("a"), rendered("a")] == ["a", "a"]
    assert not place.exists()
    assert len(compilations) == 2


def test_where_nothing_can_be_written_templates_are_compiled_each_time(
    rendered: Render, place: Path, compilations: list[str]
) -> None:
    place.write_bytes(b"a file where the folder would be")
    assert [rendered("a"), rendered("a")] == ["a", "a"]
    assert len(compilations) == 2


@pytest.fixture
def fresh(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that has loaded no template so far, where no process before has compiled one."""
    monkeypatch.setattr(CompiledTemplates, "loaded", {})
    environment_with.cache_clear()
    return place


def mine(folder: Path, text: str) -> Path:
    (folder / "diff").mkdir(parents=True)
    (folder / "diff" / "warned.html.j2").write_text(text)
    return folder


def test_of_two_users_folders_each_has_its_own_template_and_ours_are_compiled_once_for_the_sandbox_and_once_without(
    fresh: Path, compilations: list[str], tmp_path: Path
) -> None:
    names = ("diff/warned.html.j2", "macros.html.j2")
    texts = {}
    for folder in (mine(tmp_path / "a", "A"), mine(tmp_path / "b", "B"), None):
        environment = environment_with(folder)
        texts[folder], _ = (environment.get_template(name) for name in names)
    assert [str(template.render()) for folder, template in texts.items() if folder] == ["A", "B"]
    assert compilations == [*names, "diff/warned.html.j2", *names]  # A and macros for the sandbox, B, and ours
    kept = ["diff.warned.html.j2", "macros.html.j2", "sandboxed.macros.html.j2"]
    assert sorted(file.name.split(".", 2)[2] for file in files(fresh)) == kept


@pytest.mark.usefixtures("fresh")
def test_the_next_process_compiles_but_the_users_own(
    compilations: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mine(tmp_path / "a", "A")
    for text in ("A", "changed"):
        (folder / "diff" / "warned.html.j2").write_text(text)
        monkeypatch.setattr(CompiledTemplates, "loaded", {})
        environment_with.cache_clear()
        environment = environment_with(folder)
        assert environment.get_template("diff/warned.html.j2").render() == text
        environment.get_template("macros.html.j2")
    assert compilations == ["diff/warned.html.j2", "macros.html.j2", "diff/warned.html.j2"]


def test_a_users_template_is_never_kept(fresh: Path, tmp_path: Path) -> None:
    environment_with(mine(tmp_path / "a", "A")).get_template("diff/warned.html.j2")
    assert files(fresh) == []
    assert CompiledTemplates.loaded == {}
