"""Modules of the user's that a batch sends to the workers of a cluster."""

from __future__ import annotations

import sys
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from reportgen.batching.cluster.modules import digest_of_module, modules_from, modules_of
from reportgen.errors import OptionError


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in the current folder that imports a helper and a package beside it, and what is no part of it."""
    files = {
        "own_layers.py": "import json, own_helper\nfrom own_package.deep import VALUE\nimport numpy as np, no_such_module\n",
        "own_helper.py": "def late():\n    import own_late\n",
        "own_late.py": "",
        "own_package/__init__.py": "",
        "own_package/deep.py": "VALUE = 1\n",
        "own_package/words.txt": "a b",
    }
    for name, text in files.items():
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_text(text)
    monkeypatch.chdir(tmp_path / "code")
    return tmp_path / "code"


def test_modules_go_along_with_what_they_import(own_modules: Path) -> None:
    found = modules_of(["own_layers", "PIL.Image"])
    package = ["own_package/__init__.py", "own_package/deep.py", "own_package/words.txt"]
    assert sorted(found.sent) == ["own_helper.py", "own_late.py", "own_layers.py", *package]
    assert found.sent["own_late.py"].read_bytes() == (own_modules / "own_late.py").read_bytes()
    assert set(found.names) == {"own_layers", "own_helper", "own_late", "own_package"}
    assert found.installed == ("PIL",)
    assert len(digest_of_module("PIL")) == 64
    assert digest_of_module("no_such_module") == ""
    with pytest.raises(OptionError, match="--import nothing_here: there is no such module"):
        modules_of(["nothing_here"])


def test_modules_that_were_sent_go_before_others_of_their_names(tmp_path: Path) -> None:
    for folder, value in (("old", 1), ("new", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own_other.py").write_text(
            textwrap.dedent(f"""
                from reportgen.backend import keras
                VALUE = {value}
                @keras.saving.register_keras_serializable("own")
                class Layer{value}(keras.layers.Layer):
                    pass
            """)
        )
    from reportgen.backend import keras

    sys.modules["own_other"] = before = ModuleType("own_other")
    try:
        for folder, value in (("old", 1), ("new", 2)):
            with modules_from(tmp_path / folder, ["own_other"]):
                assert value == import_module("own_other").VALUE
                registered = {name for name in keras.saving.get_custom_objects() if name.startswith("own>")}
                assert registered == {f"own>Layer{value}"}
            assert sys.modules["own_other"] is before
            assert str(tmp_path / folder) not in sys.path
    finally:
        del sys.modules["own_other"]
    assert not [name for name in keras.saving.get_custom_objects() if name.startswith("own>")]
