"""Observables: the list of them, and the predictor that evaluates many at once."""

from fipjax.observables import bsll, g2, leptonic, mixing, nunu  # noqa: F401  (register themselves)
from fipjax.observables.base import FAMILIES, Family, Request, canonical, list_observables, parse
from fipjax.observables.predictor import Predictor

__all__ = ["FAMILIES", "Family", "Predictor", "Request", "canonical", "list_observables", "parse"]
