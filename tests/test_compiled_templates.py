"""Compiled templates are kept between processes, and only used while they are what would be compiled now."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2
import pytest

from reportgen.page import compiled
from reportgen.page.compiled import CompiledTemplates


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


def rendered(source: str, name: str = "rooms/page.html.j2") -> str:
    """What a new environment, as that of a new process, makes of a template."""
    environment = jinja2.Environment(loader=jinja2.DictLoader({name: source}), bytecode_cache=CompiledTemplates())
    return environment.get_template(name).render(who="<cat>")


def files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_the_second_process_compiles_nothing(place: Path, compilations: list[str]) -> None:
    assert [rendered("a {{ who }}"), rendered("a {{ who }}")] == ["a <cat>", "a <cat>"]
    assert compilations == ["rooms/page.html.j2"]
    assert len(files(place)) == 1


def test_a_template_that_changed_is_compiled_again(place: Path, compilations: list[str]) -> None:
    assert [rendered("a {{ who }}"), rendered("b {{ who }}")] == ["a <cat>", "b <cat>"]
    assert len(compilations) == 2
    assert len(files(place)) == 1


@pytest.mark.usefixtures("place")
def test_filters_that_changed_compile_again(compilations: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rendered("a")
    before = compiled._compiler()
    monkeypatch.setattr(compiled, "_compiler", lambda: before + b"another version of Jinja")
    rendered("a")
    assert len(compilations) == 2


@pytest.mark.parametrize("cut", [0, 3, 40, -1])
def test_a_damaged_file_is_replaced(place: Path, compilations: list[str], cut: int) -> None:
    rendered("a {{ who }}")
    (kept,) = files(place)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:cut])
    assert rendered("a {{ who }}") == "a <cat>"
    assert len(compilations) == 2
    assert kept.read_bytes() == whole


def test_a_changed_byte_is_noticed(place: Path, compilations: list[str]) -> None:
    rendered("a {{ who }}")
    (kept,) = files(place)
    whole = bytearray(kept.read_bytes())
    whole[-1] ^= 1
    kept.write_bytes(whole)
    assert rendered("a {{ who }}") == "a <cat>"
    assert len(compilations) == 2


def test_nothing_is_written_where_python_writes_nothing(
    place: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [rendered("a"), rendered("a")] == ["a", "a"]
    assert not place.exists()
    assert len(compilations) == 2


def test_where_nothing_can_be_written_templates_are_compiled_each_time(place: Path, compilations: list[str]) -> None:
    place.write_bytes(b"a file where the folder would be")
    assert [rendered("a"), rendered("a")] == ["a", "a"]
    assert len(compilations) == 2
