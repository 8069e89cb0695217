"""Commands beyond the ones in :mod:`fipjax.cli`, one module each.

A module has ``add(command)``: ``command(name, function, text)`` returns the argparse parser of a new command, whose ``function``
gets the parsed arguments.  Heavy imports belong inside the function: ``fipjax --help`` stays quick.
"""

from __future__ import annotations

import importlib

MODULES: tuple[str, ...] = ("verify", "compare", "export", "report", "bench")


def add_all(command) -> None:
    """Add every command of the modules in MODULES."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}").add(command)
