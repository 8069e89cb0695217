"""Anomalous magnetic moment of the muon: Standard Model plus the model's shift."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from fipjax.observables.base import NUMBER, Family, Request, register_family, register_group
from fipjax.theory import Theory


class AMuGroup:
    """a_mu = SM (an input of the data vintage, 'a_mu SM') + shift."""

    def __init__(self, requests: Sequence[Request], conventions: str = "default"):
        self.requests = list(requests)

    def tables(self, par, sm):
        return {"sm": jnp.asarray(par["a_mu SM"])}

    def evaluate(self, theory: Theory, tables):
        value = tables["sm"][None]
        if theory.a_mu is not None:
            value = value + theory.a_mu
        return [value for _ in self.requests]


register_group("a_mu", AMuGroup)
register_family(
    Family(
        "a_mu", NUMBER, "", r"a_\mu", "(g-2)/2 of the muon: SM prediction of the data vintage plus new physics",
        "arXiv:2106.12582 eqs. (4.12)-(4.15)", "a_mu", customary=(1e11, "1e-11"),
    )
)  # fmt: skip
