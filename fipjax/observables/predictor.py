"""Many observables in one traced function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from fipjax.errors import unknown
from fipjax.hadronic import derive
from fipjax.observables.base import GROUPS, Request, parse
from fipjax.theory import Theory
from fipkernels.indexing import take

# "flavio": where flavio 2.7.1 simplifies, do as it does (to compare); "as_printed": formulas of the five papers, errors included
CONVENTIONS = ("default", "flavio", "as_printed")


class Predictor:
    """Evaluates a fixed list of observables; requests of one group share their nodes and weights.

    names: observables as the user wrote them.  conventions: one of CONVENTIONS.
    ``tables(par)`` holds all that does not depend on new physics; ``contract(theory, tables)`` makes them ready for theories of one
    structure (done on the fly if left out); ``__call__(theory, tables)`` returns an array (n_observables, B).  All pure JAX.
    """

    def __init__(self, names: Sequence[str], conventions: str = "default"):
        if conventions not in CONVENTIONS:
            raise unknown("conventions", conventions, CONVENTIONS)
        self.conventions = conventions
        self.requests: list[Request] = [parse(n) for n in names]
        groups: dict[str, list[int]] = {}
        for i, r in enumerate(self.requests):
            groups.setdefault(r.family.group, []).append(i)
        self._groups = [(idx, GROUPS[g]([self.requests[i] for i in idx], conventions)) for g, idx in groups.items()]
        order = [i for idx, _ in self._groups for i in idx]
        self._position = np.argsort(order) if order else np.zeros(0, int)

    @property
    def builtin(self) -> bool:
        """Whether all of it is code of fipjax (tables that a user's code makes are not kept: that code may change)."""
        return all(type(group).__module__.startswith("fipjax.observables.") for _, group in self._groups)

    def tables(self, par: Mapping[str, Any]) -> list[Any]:
        """Tables of all groups from the inputs (scalars by name, 'a_mu SM' included)."""
        sm = derive(par)
        return [g.tables(par, sm) for _, g in self._groups]

    def contract(self, theory: Theory, tables: Sequence[Any]) -> list[Any]:
        """Tables for theories with the structure of ``theory`` (values do not matter)."""
        return [g.contract(theory, t) if hasattr(g, "contract") else t for (_, g), t in zip(self._groups, tables, strict=True)]

    def trim(self, tables: Sequence[Any]) -> list[Any]:
        """Contracted tables, concrete arrays, without what is zero for every theory of their structure."""
        return [g.trim(t) if hasattr(g, "trim") else t for (_, g), t in zip(self._groups, tables, strict=True)]

    def work(self, tables: Sequence[Any]) -> int:
        """Numbers that one point keeps at once with contracted tables; 0 where a group does not say."""
        return max((g.work(t) for (_, g), t in zip(self._groups, tables, strict=True) if hasattr(g, "work")), default=0)

    def __call__(self, theory: Theory, tables: Sequence[Any]):
        if not self.requests:
            return jnp.zeros((0, 1))
        parts = []
        for (_, group), t in zip(self._groups, tables, strict=True):
            values = group.evaluate(theory, t)
            if isinstance(values, (list, tuple)):
                b = max(v.shape[-1] for v in values)
                values = jnp.stack([jnp.broadcast_to(v, (b,)) for v in values])
            parts.append(values)
        b = max(v.shape[-1] for v in parts)
        return take(jnp.concatenate([jnp.broadcast_to(v, (v.shape[0], b)) for v in parts]), self._position)
