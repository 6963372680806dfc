"""The variables that a model file gave values to.

Keras only warns if a file lacks some of a model's weights ("Skipping nested container", "due to mismatch in shape"), and such
layers keep random ones. So every assignment is recorded while a file is loaded, which works whatever Keras says, and in any
version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import keras


class Assigned:
    """The variables that were given a value while a file was loaded. They are kept, so that their ids stay unique."""

    def __init__(self) -> None:
        self._variables: dict[int, Any] = {}

    def add(self, variable: Any) -> None:
        """Record that a variable was given a value."""
        self._variables[id(variable)] = variable

    def __contains__(self, variable: Any) -> bool:
        return id(variable) in self._variables

    def none_of(self, variables: Iterable[Any]) -> bool:
        """Return whether there are variables, and none of them was given a value."""
        given = [variable in self for variable in variables]
        return bool(given) and not any(given)


@contextmanager
def noting_assignments() -> Iterator[Assigned]:
    """While this lasts, every variable that is given a value is recorded; its initial value does not count."""
    assigned = Assigned()
    original = keras.Variable.assign
    inherited = "assign" not in vars(keras.Variable)

    def assign(variable: Any, value: Any) -> Any:
        assigned.add(variable)
        return original(variable, value)

    keras.Variable.assign = assign
    try:
        yield assigned
    finally:
        if inherited:
            del keras.Variable.assign
        else:
            keras.Variable.assign = original
