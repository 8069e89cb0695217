"""fipjax: GPU-accelerated, differentiable parameter scanner for feebly interacting particles.

>>> import fipjax
>>> pred = fipjax.predict("deft44", {"m_V": 5.0, "gamma_V": 0.1, "C4_bsV": 1e-6, "C4_mumuV": -2e-2},
...                       ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]"])
>>> like = fipjax.Likelihood("deft44", data="2021")
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from fipjax import (
    _cache,  # noqa: F401
    _precision,  # noqa: F401  (decides float64 before anything is traced)
)
from fipjax._version import __version__
from fipjax.errors import InputError

# name -> module, imported on first use: `import fipjax` stays fast, numpyro and zarr load only where they are needed
_LAZY = {
    "predict": "fipjax.prediction",
    "Prediction": "fipjax.prediction",
    "Likelihood": "fipjax.likelihood",
    "scan": "fipjax.engines.scan",
    "open_scan": "fipjax.engines.scan",
    "Scan": "fipjax.engines.scan",
    "refine": "fipjax.engines.refine",
    "AdaptiveScan": "fipjax.engines.refine",
    "verify": "fipjax.engines.scan",
    "fit": "fipjax.engines.fit",
    "load_fit": "fipjax.engines.fit",
    "FitResult": "fipjax.engines.fit",
    "FitInterrupted": "fipjax.engines.fit",
    "sample": "fipjax.engines.sample",
    "smc": "fipjax.engines.smc",
    "load_posterior": "fipjax.engines.smc",
    "Posterior": "fipjax.engines.sample",
    "SMCPosterior": "fipjax.engines.smc",
    "profile": "fipjax.engines.profile",
    "load_profile": "fipjax.engines.profile",
    "ProfileResult": "fipjax.engines.profile",
    "plot": "fipjax.plotting",
    "plot_bounds": "fipjax.plotting",
    "Theory": "fipjax.theory",
    "VectorMediator": "fipjax.theory",
    "ScalarMediator": "fipjax.theory",
    "Model": "fipjax.models",
    "Parameter": "fipjax.models",
    "register_model": "fipjax.models",
    "list_models": "fipjax.models",
    "load_plugins": "fipjax.plugins",
    "observable": "fipjax.plugins",
    "constraint": "fipjax.plugins",
    "measurement": "fipjax.plugins",
    "to_wcxf": "fipjax.wcxf",
    "list_observables": "fipjax.observables",
    "list_constraints": "fipjax.constraints",
    "list_sets": "fipjax.data",
    "load_set": "fipjax.data",
}

__all__ = ["InputError", "__version__", "kernels", *_LAZY]


def __getattr__(name: str) -> Any:
    if name == "kernels":
        module = importlib.import_module("fipkernels")
        sys.modules.setdefault("fipjax.kernels", module)
        return module
    if name not in _LAZY:
        raise AttributeError(f"module 'fipjax' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    # functions that share their module's name must win over the submodule
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
