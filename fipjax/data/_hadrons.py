"""Tables of the hadronic width: R of e+e- and its split by vector mesons."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np

from fipkernels.hadronic_width import Tables


def _columns(name: str) -> np.ndarray:
    lines = files("fipjax.data").joinpath(name).read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines if line.strip() and not line.startswith("#")][1:]
    return np.array(rows, float).T


@lru_cache(maxsize=1)
def hadronic_tables() -> Tables:
    """data/vmd_r.csv and data/r_ratio.csv as host arrays."""
    return Tables(*_columns("vmd_r.csv"), *_columns("r_ratio.csv"))
