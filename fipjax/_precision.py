"""The one place that decides floating-point precision.

Importing fipjax turns on float64, because interference terms and narrow widths need it.  A user who has
explicitly chosen float32 (``JAX_ENABLE_X64=0`` in the environment, or
``FIPJAX_PRECISION=float32``) keeps it, and is told once what accuracy is left.
"""

from __future__ import annotations

import os
import warnings

import jax
import numpy as np

_OFF = {"0", "false", "off", "no"}


def configure() -> str:
    """Apply the policy; returns ``"float64"`` or ``"float32"``."""
    asked = os.environ.get("FIPJAX_PRECISION", "").lower()
    x64 = os.environ.get("JAX_ENABLE_X64", "").lower()
    if asked not in ("", "float32", "float64"):
        raise ValueError(f"FIPJAX_PRECISION = {asked!r} (allowed: float32, float64)")
    if asked == "float32" or (asked == "" and x64 in _OFF and x64 != ""):
        jax.config.update("jax_enable_x64", False)
        warnings.warn(
            "fipjax runs in float32: chi2 of the data keeps 0.05 in the allowed region (docs/float32.md), resonances narrower "
            "than Gamma/m = 1e-4 less; unset JAX_ENABLE_X64 and FIPJAX_PRECISION for float64",
            stacklevel=3,
        )
        return "float32"
    jax.config.update("jax_enable_x64", True)
    return "float64"


PRECISION = configure()


def single() -> bool:
    """Whether float32 is in use."""
    return not jax.config.values["jax_enable_x64"]


def double_precision():
    """Context in which work that is done once is in float64, whatever the user has chosen."""
    return jax.enable_x64(True)


def native(x):
    """An array in the precision in use, on the host."""
    x = np.asarray(x)
    if not single():
        return x
    return x.astype({"f": np.float32, "c": np.complex64}.get(x.dtype.kind, x.dtype))
