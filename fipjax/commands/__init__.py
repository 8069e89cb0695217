"""Commands beyond the ones in :mod:`fipjax.cli`, one module each.

A module has ``add(command)``: ``command(name, function, text)`` returns the argparse parser of a new command, whose ``function``
gets the parsed arguments.  Heavy imports belong inside the function: ``fipjax --help`` stays quick.
"""

from __future__ import annotations

import argparse
import importlib

from fipjax.errors import InputError

MODULES: tuple[str, ...] = ("verify", "compare", "export", "report", "bench")


def positive(text: str) -> int:
    """Type of an argument that is a positive integer, of 32 bits."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} (allowed: a positive integer{', at most 2147483647' if value > 0 else ''})")
    return value


def path(text: str) -> str:
    """Type of an argument that is a path: one that no file can have is refused here, before anything looks at it."""
    from fipjax._paths import check

    try:
        check(text)
    except InputError as err:
        raise argparse.ArgumentTypeError(str(err)) from None
    return text


def add_all(command) -> None:
    """Add every command of the modules in MODULES."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}").add(command)
