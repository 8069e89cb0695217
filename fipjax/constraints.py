"""Bounds on the narrow waist: each one definition, used as a hard mask in scans and as a smooth term in fits.

A constraint is a ratio r(theory) >= 0 that must stay below 1.  Hard: r <= 1.  Smooth: log-likelihood
-(1/2) [max(0, ln r)/softness]^2, zero where allowed, with finite gradients everywhere; ``softness`` is the relative accuracy with
which the limit is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import jax.numpy as jnp

from fipjax.errors import InputError, unknown
from fipjax.theory import Theory


@dataclass(frozen=True)
class Constraint:
    """name, latex, description, source: for the list.  cl: confidence level or "theory".  applies: when it matters.

    ratio(theory) -> (B,) or None if it does not apply to this model.  softness: see the module.
    """

    name: str
    latex: str
    description: str
    source: str
    cl: str
    applies: str
    ratio: Callable[[Theory], object]
    softness: float

    def allowed(self, r):
        """Hard mask."""
        return r <= 1.0

    def log_likelihood(self, r):
        """Smooth term."""
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
    """'all', 'none' (or None), or a list of names."""
    if which is None or which == "none":
        return []
    if which == "all":
        return list_constraints()
    names = [which] if isinstance(which, str) else list(which)
    for n in names:
        if n not in CONSTRAINTS:
            raise unknown("constraint", n, [*CONSTRAINTS, "all", "none"], "see 'fipjax constraints'")
    return [CONSTRAINTS[n] for n in names]


def _largest(values):
    out = None
    for v in values:
        out = v if out is None else jnp.maximum(out, v)
    return out


def _perturbativity(theory: Theory):
    if not theory.couplings:
        return None
    return _largest(jnp.abs(v) for v in theory.couplings.values()) / math.sqrt(4.0 * math.pi)


def _width(theory: Theory):
    ratios = []
    for m in theory.mediators:
        if m.partial_widths:
            known = sum(m.partial_widths.values())
            ratios.append(known / jnp.maximum(m.width, 1e-300))
    return _largest(ratios)


register_constraint(
    Constraint(
        "perturbativity",
        r"|g| < \sqrt{4\pi}",
        "every dimensionless coupling below sqrt(4 pi)",
        "unitarity of tree-level scattering",
        "theory",
        "models with dimension-four couplings",
        _perturbativity,
        0.1,
    )
)
register_constraint(
    Constraint(
        "total_width",
        r"\sum_f\Gamma(V\to f) < \Gamma_V",
        "the total width is not smaller than the sum of the partial widths that the model predicts",
        "arXiv:2002.11150 eq. (9), on shell",
        "theory",
        "models whose total width is a free parameter",
        _width,
        # partial widths are computed at tree level on shell: accurate to the coupling squared over 4 pi, a per cent
        0.05,
    )
)
