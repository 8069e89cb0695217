"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from fipjax.errors import InputError

LONGEST = 180
"""Bytes of the name of an output: what is written beside it until it is complete has a longer name, and 255 is the end."""


def expand(path: str | os.PathLike) -> Path:
    """``path`` with ~ and ~NAME replaced by home directories.  Raises InputError when there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        name = str(path)
        raise InputError(f"path {name!r}: no home directory of that name (allowed: './{name}' for a file of that name)") from None


def check(path: str | os.PathLike) -> None:
    """InputError for a path that no file can have or that cannot be looked at; one where there is nothing is fine."""
    try:
        expand(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as err:
        shown = str(path) if len(str(path)) < 100 else str(path)[:97] + "..."
        raise InputError(f"path {shown!r}: {getattr(err, 'strerror', None) or err} (allowed: a path that can be read)") from None
