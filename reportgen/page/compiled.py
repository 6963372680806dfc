"""Keeps compiled templates where Python keeps its own compiled modules: compiling them takes longer than rendering a page."""

from __future__ import annotations

import hashlib
import marshal
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import ClassVar, cast

import jinja2
from jinja2.bccache import Bucket

from .. import formatting
from ..errors import OutputError
from ..files import write_atomically
from . import bars

DIGEST = hashlib.sha256().digest_size


class CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates of the folder `ours`; those of any other folder, which are a user's own, are compiled each time.

    sandboxed: whether the templates run in a sandbox, for which Jinja compiles them differently.

    What one environment of a process has loaded or compiled serves the next one. For further processes there is one file per
    template in the `__pycache__` of this package; whoever can write there can change our modules, too. Like Python, it does not
    write where `sys.dont_write_bytecode` is set, and does without where it cannot write.
    """

    loaded: ClassVar[dict[tuple[str, str], CodeType]] = {}  # by the key and the checksum of a template

    def __init__(self, ours: Path, *, sandboxed: bool) -> None:
        self._ours = ours.resolve()
        self._prefix = "sandboxed." if sandboxed else ""

    def get_bucket(self, environment: jinja2.Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return the compiled template in a bucket, which is empty and has no key for a template that is not ours."""
        if filename is None or not Path(filename).resolve().is_relative_to(self._ours):
            return Bucket(environment, "", "")
        return super().get_bucket(environment, name, filename, source)

    def set_bucket(self, bucket: Bucket) -> None:
        """Keep the template that was just compiled, if it is ours."""
        if bucket.key:
            super().set_bucket(bucket)

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return a template's name as a name for its file."""
        return self._prefix + name.replace("/", ".")

    def get_source_checksum(self, source: str) -> str:
        """Return a digest of the source and of everything else that the compiled code depends on."""
        return hashlib.sha256(_compiler() + source.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load the compiled template from this process or else from its file, unless that is out of date or damaged."""
        bucket.code = self.loaded.get((bucket.key, bucket.checksum)) or _read(bucket)
        self._remember(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the compiled template in this process and write its file."""
        self._remember(bucket)
        if not sys.dont_write_bytecode:
            with suppress(OSError, OutputError):
                place = _place_of(bucket)
                place.parent.mkdir(parents=True, exist_ok=True)
                code = marshal.dumps(bucket.code)
                write_atomically(place, _digest(bucket, code) + code)

    def _remember(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.loaded[bucket.key, bucket.checksum] = bucket.code


def _read(bucket: Bucket) -> CodeType | None:
    """Return the code in a template's file; None if there is none, or if it is out of date or damaged."""
    with suppress(OSError):
        found = _place_of(bucket).read_bytes()
        code = found[DIGEST:]
        if found[:DIGEST] == _digest(bucket, code):
            return cast(CodeType, marshal.loads(code))
    return None


def _digest(bucket: Bucket, code: bytes) -> bytes:
    return hashlib.sha256(bucket.checksum.encode() + code).digest()


def _place_of(bucket: Bucket) -> Path:
    compiled = Path(cache_from_source(__file__))  # names the interpreter, too
    return compiled.with_name(f"{compiled.stem}.{bucket.key}")


@cache
def _compiler() -> bytes:
    """Return what changes with Python, Jinja, and our environment: Jinja computes filters of constants when it compiles."""
    modules = (Path(str(formatting.__file__)), Path(str(bars.__file__)), Path(__file__).with_name("environment.py"))
    return b"\0".join((MAGIC_NUMBER, version("jinja2").encode(), *(module.read_bytes() for module in modules)))
