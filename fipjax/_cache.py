"""Persistent cache of compiled programs and tables: on by default, so that the second run of a program starts at once.

``FIPJAX_CACHE=0`` turns it off, ``FIPJAX_CACHE=DIR`` moves it; a directory that the user has already given to JAX is kept for its
programs.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np


def configure() -> str | None:
    """Apply the setting; returns the directory, or None when off."""
    setting = os.environ.get("FIPJAX_CACHE", "")
    if setting == "0":
        return None
    base = Path(setting) if setting else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fipjax"
    programs = base / "jax"
    try:
        programs.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None  # a read-only home directory costs time, not results
    if not jax.config.values.get("jax_compilation_cache_dir"):
        jax.config.update("jax_compilation_cache_dir", str(programs))
        # small functions are worth keeping: a command-line call compiles many of them
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return str(base)


CACHE_DIR = configure()


def key(*parts: Any) -> str:
    """Digest of everything a result depends on: arrays, and what ``repr`` shows in full.  The physics code counts too."""
    from fipjax.engines.source import physics_source

    digest = hashlib.sha256(physics_source().encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.shape, part.dtype.str)).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:32]


class _Reader(pickle.Unpickler):
    """Knows arrays and the classes of fipjax, nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] in ("fipjax", "fipkernels") or (module.split(".")[0] == "numpy" and name in _NUMPY):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


_NUMPY = ("ndarray", "dtype", "_reconstruct", "scalar", "_frombuffer")


def stored(folder: str, name: str, make: Callable[[], Any], valid: Callable[[Any], bool] = lambda _: True) -> Any:
    """Pytree of arrays kept in ``folder`` of the cache directory under ``name``, or what ``make()`` returns, kept from now on.

    The cache only saves time: what cannot be read is made again, what cannot be written is not kept.
    """
    if not CACHE_DIR:
        return make()
    path = Path(CACHE_DIR) / folder / f"{name}.pkl"
    with contextlib.suppress(Exception):  # a damaged file may fail in any way
        found = _Reader(io.BytesIO(path.read_bytes())).load()
        if valid(found):
            return found
    value = jax.tree.map(np.asarray, make())
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(pickle.dumps(value, protocol=5))
        os.replace(scratch, path)
    return value
