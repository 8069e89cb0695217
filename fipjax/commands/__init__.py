"""Commands beyond the ones in :mod:`fipjax.cli`, one module each.

A module has ``add(command)``: ``command(name, function, text)`` returns the argparse parser of a new command, whose ``function``
gets the parsed arguments.  Heavy imports belong inside the function: ``fipjax --help`` stays quick.
"""

from __future__ import annotations

import argparse
import importlib

MODULES: tuple[str, ...] = ("verify", "compare", "export", "report", "bench")


def positive(text: str) -> int:
    """Type of an argument that is a positive integer."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} (allowed: a positive integer)")
    return value


def add_all(command) -> None:
    """Add every command of the modules in MODULES."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}").add(command)
