"""Bounds on the narrow waist: registry in :mod:`fipjax.constraints.base`, one file per kind of search."""

from fipjax.constraints import (  # noqa: F401  (register themselves)
    b_invisible,
    b_visible,
    bs,
    consistency,
    dark_photon,
    dark_sector,
    electroweak,
    kaon,
    muon,
    neutrino,
    parity,
)
from fipjax.constraints.base import (
    CONSTRAINTS,
    Constraint,
    Context,
    choose,
    list_constraints,
    register_constraint,
)

__all__ = ["CONSTRAINTS", "Constraint", "Context", "choose", "list_constraints", "register_constraint"]
