"""The pictures inside a page. Their text is most of it, and templates copy theirs many times: it is put in when they are done."""

from __future__ import annotations

import base64
import secrets
import zlib
from collections.abc import Mapping

MARK = secrets.token_hex(16)  # stands before the key of a picture; nothing from outside can know it
KEY = 24  # letters


class InlinePictures:
    """The pictures of a page that is being made, as base64; a short text stands for each of them in the page until then."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}

    def place(self, identity: str, png: bytes) -> str:
        """Return the text that stands for a picture; `identity` is its id, 16 letters.

        A picture may have several PNG files, with opacities and without.
        """
        key = f"{identity}{zlib.crc32(png):08x}"
        if key not in self._texts:
            self._texts[key] = base64.b64encode(png)
        return MARK + key

    def within(self, html: str) -> dict[str, bytes]:
        """Return the pictures in a part of the page, for `take_over` of another page."""
        return {each[:KEY]: self._texts[each[:KEY]] for each in html.split(MARK)[1:]}

    def take_over(self, pictures: Mapping[str, bytes]) -> None:
        """Take over the pictures in a part of another page, which is to be part of this one."""
        self._texts |= pictures

    def filled(self, page: bytes) -> bytes:
        """Return the page with its pictures."""
        first, *others = page.split(MARK.encode())
        parts = [first]
        for each in others:
            parts += (self._texts[each[:KEY].decode()], each[KEY:])
        return b"".join(parts)
