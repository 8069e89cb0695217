"""Errors that a user can act on.

An :class:`InputError` carries one line that names the field, the value and what is allowed.  The command
line prints that line and ends with exit code 2; the Python API raises it (it is a ``ValueError``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: an unknown name, a value out of range, a file that cannot be read or written."""

    def __init__(self, message: str):
        # one line, whatever the pieces it was put together from
        super().__init__(" ".join(str(message).split()))


class MissingDependency(InputError):
    """An optional package is needed for what was asked."""


def did_you_mean(name: str, allowed: Iterable[str], limit: int = 3) -> str:
    """``"; did you mean 'x' or 'y'?"`` if something close to ``name`` is allowed, else the empty string."""
    close = difflib.get_close_matches(str(name), list(allowed), n=limit, cutoff=0.6)
    if not close:
        return ""
    return "; did you mean " + " or ".join(repr(c) for c in close) + "?"


def unknown(kind: str, name: object, allowed: Iterable[str], hint: str = "") -> InputError:
    """The error for a name that is not in a list; ``hint`` says where the list can be seen."""
    allowed = sorted(allowed)
    guess = did_you_mean(str(name), allowed)
    shown = ", ".join(allowed) if len(allowed) <= 12 else f"{len(allowed)} names"
    return InputError(f"unknown {kind} {str(name)!r}{guess} (allowed: {shown}{'; ' + hint if hint else ''})")
