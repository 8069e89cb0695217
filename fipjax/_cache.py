"""Persistent compilation cache: on by default, so that the second run of a program starts at once.

``FIPJAX_CACHE=0`` turns it off, ``FIPJAX_CACHE=DIR`` moves it; a directory that the user has already given to JAX is kept.
"""

from __future__ import annotations

import os
from pathlib import Path

import jax


def configure() -> str | None:
    """Apply the setting; returns the directory, or None when off."""
    given = jax.config.values.get("jax_compilation_cache_dir")
    if given:
        return given
    setting = os.environ.get("FIPJAX_CACHE", "")
    if setting == "0":
        return None
    base = Path(setting) if setting else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fipjax" / "jax"
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None  # a read-only home directory costs time, not results
    jax.config.update("jax_compilation_cache_dir", str(base))
    # small functions are worth keeping: a command-line call compiles many of them
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return str(base)


CACHE_DIR = configure()
