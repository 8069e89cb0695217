"""Bounds on the narrow waist: each one definition, used as a hard mask in scans and as a smooth term in fits.

A constraint is a number r(theory) >= 0 that must stay below 1, and the meaning of that number (``kind``):

* "limit": r = prediction/limit.  Smooth: -(1/2) [max(0, ln r)/softness]^2, zero where allowed; ``softness`` is the relative
  accuracy with which the limit is known.
* "gaussian": r = |prediction - measurement|/(strength sigma), excluded beyond ``strength`` sigma.  Smooth: -(1/2) (strength r)^2.
* "chi2": r = (chi2 - chi2 of the best point)/strength, excluded where that difference exceeds ``strength``.  Smooth:
  -(1/2) strength r.

Gradients of the smooth terms are finite everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import jax.numpy as jnp

from fipjax.errors import InputError, unknown
from fipjax.theory import Theory

KINDS = ("limit", "gaussian", "chi2")


@dataclass(frozen=True)
class Context:
    """What a bound depends on besides the theory: the data vintage, and "default", "flavio" or "as_printed" formulas."""

    vintage: str = "latest"
    conventions: str = "default"

    @property
    def as_printed(self) -> bool:
        return self.conventions == "as_printed"


@dataclass(frozen=True)
class Constraint:
    """name, latex, description, source: for the list.  cl: confidence level or "theory".  applies: when it matters.

    ratio(theory, context) -> (B,) or None if it does not apply to this model.  kind, softness, strength: see the module.
    observables: flavio names whose measurement this is: where the data of a likelihood hold one of them, the smooth term is left
    out (nothing counts twice) and only the mask stays.  group, color: layer in exclusion plots.
    opt_in: not part of "all" (projections, and readings that another constraint supersedes).
    """

    name: str
    latex: str
    description: str
    source: str
    cl: str
    applies: str
    ratio: Callable[[Theory, Context], object]
    softness: float = 0.1
    kind: str = "limit"
    strength: float = 2.0
    observables: tuple[str, ...] = ()
    group: str = "other"
    color: str | None = None
    opt_in: bool = False
    notes: str = field(default="", compare=False)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise unknown("kind of constraint", self.kind, KINDS)

    def allowed(self, r):
        """Hard mask."""
        return r <= 1.0

    def log_likelihood(self, r):
        """Smooth term."""
        if self.kind == "gaussian":
            return -0.5 * (self.strength * r) ** 2
        if self.kind == "chi2":
            return -0.5 * self.strength * r
        over = r > 1.0
        excess = jnp.where(over, jnp.log(jnp.where(over, r, 1.0)), 0.0)
        return -0.5 * (excess / self.softness) ** 2


CONSTRAINTS: dict[str, Constraint] = {}


def register_constraint(c: Constraint) -> Constraint:
    """Add a constraint to the list."""
    if c.name in CONSTRAINTS:
        raise InputError(f"constraint {c.name!r} is already registered")
    CONSTRAINTS[c.name] = c
    return c


def list_constraints() -> list[Constraint]:
    """All constraints, by name."""
    return [CONSTRAINTS[k] for k in sorted(CONSTRAINTS)]


def choose(which: str | Iterable[str] | None) -> list[Constraint]:
    """'all' (but those that are opt-in), 'none' (or None), or a list of names, which may hold 'all'."""
    if which is None or which == "none":
        return []
    names = [which] if isinstance(which, str) else list(which)
    if "all" in names:
        default = [c.name for c in list_constraints() if not c.opt_in]
        names = [*default, *(n for n in names if n != "all" and n not in default)]
    for n in names:
        if n not in CONSTRAINTS:
            raise unknown("constraint", n, [*CONSTRAINTS, "all", "none"], "see 'fipjax constraints'")
    return [CONSTRAINTS[n] for n in names]


def largest(values):
    """Elementwise largest of arrays, None for none."""
    out = None
    for v in values:
        out = v if out is None else jnp.maximum(out, v)
    return out
