"""Checks of untrusted HDF5 files, before Keras reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import h5py

from ..errors import ModelError, UnsafeModelError, reason_of
from .packed import Section

LISTING = "weight_names"  # the attribute in which Keras lists a layer's arrays; a long list continues in weight_names0, ...


def declared_bytes(content: Path | IO[bytes] | Section, path: Path) -> int:
    """Return how many bytes the arrays of an HDF5 file take once they are read.

    An array counts as often as it can be read: once for each of its names, or once for each time that layers list it, whichever
    is more. content: the file, or an open one from inside the archive `path`; errors name `path`. Raises `UnsafeModelError` if
    the file takes anything from elsewhere, and `ModelError` if it is damaged.
    """
    try:
        with h5py.File(content, "r") as file:
            size, groups = 0, []
            for member in _members(file, path):
                if isinstance(member, h5py.Dataset):
                    size += _bytes_of(member)
                else:
                    groups.append(member.ref)
            # only now is it known that no name listed by a group can lead out of the file
            return max(size, sum(_listed_bytes(file[group]) for group in groups))
    except UnsafeModelError:
        raise
    except Exception as error:  # h5py may raise anything for a damaged file
        raise ModelError(f"{path}: the HDF5 file is damaged ({reason_of(error)}).") from error


def _members(file: h5py.File, path: Path) -> Iterator[h5py.Group | h5py.Dataset]:
    """Yield every group once, even one that contains itself, and every array under each of its names."""
    # h5py's `visititems` crashes on a deeply nested file, and an open group takes kilobytes and keeps its whole path
    groups, seen = [file.ref], {_address(file)}
    while groups:
        group = file[groups.pop()]
        yield group
        for name in group:
            member = _opened(group, name, path)
            if isinstance(member, h5py.Dataset):
                yield member
            elif isinstance(member, h5py.Group) and _address(member) not in seen:
                seen.add(_address(member))
                groups.append(member.ref)


def _opened(group: h5py.Group, name: str, path: Path) -> Any:
    """Return a member of a group. Raises `UnsafeModelError` if its link leads elsewhere, before anything behind it is opened."""
    # a forged name with a slash would be followed as a path
    is_inside = "/" not in name and isinstance(group.get(name, getlink=True), h5py.HardLink)
    member = group[name] if is_inside else None
    if not is_inside or (isinstance(member, h5py.Dataset) and (member.is_virtual or member.external)):
        raise UnsafeModelError(
            f"{path}: {name[:100]!r} in it is a link or takes its values from another file, which Keras never saves; "
            "the file was not opened."
        )
    return member


def _address(member: Any) -> int:
    """Return where a group or array lies in its file: the same under all its names."""
    address: int = h5py.h5o.get_info(member.id).addr
    return address


def _bytes_of(array: h5py.Dataset) -> int:
    # HDF5 itself is asked, because NumPy lacks some of its types
    count: int = array.id.get_space().get_simple_extent_npoints()
    size: int = array.id.get_type().get_size()
    return count * size


def _listed_bytes(group: h5py.Group) -> int:
    names = [name for attribute in group.attrs if attribute.startswith(LISTING) for name in group.attrs[attribute]]
    members = (group.get(name) for name in names)
    return sum(_bytes_of(member) for member in members if isinstance(member, h5py.Dataset))
