"""Pure-JAX physics kernels: arrays in, arrays out.

One module per kind of physics; each public function names its equation and paper, shapes, units, domain and accuracy.
Modules not imported here are loaded on first use, so ``fipkernels.mixing`` works after ``import fipkernels``.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from fipkernels import g2, kinematics, loops, widths

__all__ = ["g2", "kinematics", "loops", "widths"]


def __getattr__(name: str) -> ModuleType:
    module = f"{__name__}.{name}"
    if not name.startswith("_"):
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:  # the module exists, something it needs does not
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
