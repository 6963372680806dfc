"""The data that a page stores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class StoredData(Mapping[str, Any]):
    """A report as JSON values, by section. They are kept as the text that the page stores, and read from it when asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, name: str) -> Any:
        return json.loads(self._texts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def text(self) -> str:
        """Return the report as JSON."""
        return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in self._texts.items()) + "}"


def json_text(value: Any, **options: Any) -> str:
    """Return a value as JSON, for the template filter `tojson`; `options` are those of `json.dumps`."""
    if isinstance(value, StoredData) and options.get("indent") is None:
        return value.text()
    return json.dumps(value, default=_values_of, **options)


def _values_of(value: Any) -> dict[str, Any]:
    if isinstance(value, StoredData):
        return dict(value)
    raise TypeError(f"{type(value).__name__}: no JSON values")
