"""Many observables in one traced function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from fipjax.hadronic import derive
from fipjax.observables.base import GROUPS, Request, parse
from fipjax.theory import Theory


class Predictor:
    """Evaluates a fixed list of observables; requests of one group share their nodes and weights.

    names: observables as the user wrote them.  ``tables(par)`` holds all that does not depend on new physics;
    ``__call__(theory, tables)`` returns an array (n_observables, B).  Both are pure JAX.
    """

    def __init__(self, names: Sequence[str]):
        self.requests: list[Request] = [parse(n) for n in names]
        groups: dict[str, list[int]] = {}
        for i, r in enumerate(self.requests):
            groups.setdefault(r.family.group, []).append(i)
        self._groups = [(idx, GROUPS[g]([self.requests[i] for i in idx])) for g, idx in groups.items()]

    def tables(self, par: Mapping[str, Any]) -> list[Any]:
        """Tables of all groups from the inputs (scalars by name, 'a_mu SM' included)."""
        sm = derive(par)
        return [g.tables(par, sm) for _, g in self._groups]

    def __call__(self, theory: Theory, tables: Sequence[Any]):
        out: list[Any] = [None] * len(self.requests)
        for (idx, group), t in zip(self._groups, tables, strict=True):
            for i, value in zip(idx, group.evaluate(theory, t), strict=True):
                out[i] = value
        b = max((v.shape[-1] for v in out), default=1)
        return jnp.stack([jnp.broadcast_to(v, (b,)) for v in out]) if out else jnp.zeros((0, b))
