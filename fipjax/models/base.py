"""What a model is, and the list of models."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fipjax.errors import InputError, unknown
from fipjax.priors import Prior
from fipjax.theory import Theory


@dataclass(frozen=True)
class Parameter:
    """One model parameter.

    name: the same everywhere.  latex, unit, description: for tables and plots.  default: the value when it is not
    given (None: it must be given, unless ``optional``: then the model computes what replaces it).  lower, upper:
    physically allowed range, inclusive (``open_lower``: exclusive below).  complex_allowed: whether a complex value is.
    """

    name: str
    latex: str
    unit: str
    description: str
    default: float | None = 0.0
    lower: float = -math.inf
    upper: float = math.inf
    open_lower: bool = False
    complex_allowed: bool = False
    optional: bool = False

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None and not self.optional

    @property
    def allowed(self) -> str:
        """The allowed range in words."""
        lo = "" if self.lower == -math.inf else f"{'>' if self.open_lower else '>='} {self.lower:g}"
        hi = "" if self.upper == math.inf else f"<= {self.upper:g}"
        text = " and ".join(x for x in (lo, hi) if x) or "any finite number"
        unit = f" {self.unit}" if self.unit else ""
        return text + unit + (", complex allowed" if self.complex_allowed else "")

    def check(self, value: complex) -> None:
        """Raise InputError unless a single value is allowed."""
        if isinstance(value, complex) and value.imag != 0 and not self.complex_allowed:
            raise InputError(f"parameter {self.name!r} = {value} is complex (allowed: {self.allowed})")
        parts = (value.real, value.imag) if isinstance(value, complex) else (value,)
        if not all(math.isfinite(p) for p in parts):
            raise InputError(f"parameter {self.name!r} = {value} (allowed: {self.allowed})")
        x = parts[0]
        if x < self.lower or x > self.upper or (self.open_lower and x == self.lower):
            raise InputError(f"parameter {self.name!r} = {value:g} (allowed: {self.allowed})")


@dataclass(frozen=True)
class Products:
    """Couplings that most data see only as products anchor x partner: NUTS moves in those (fipjax.engines.coordinates).

    log_scale: from the other parameters (dict name -> array), ln of the size of the products that matter, up to a constant.
    """

    anchor: str
    partners: tuple[str, ...]
    log_scale: Callable[[Mapping], object] | None = None


@dataclass(frozen=True)
class Model:
    """A model: ``build(params) -> Theory`` with params a dict name -> (B,) arrays; pure JAX.

    priors: default priors of the parameters a fit varies; parameters without one are fixed at their default.
    regions: named sets of priors that replace some of the defaults (for instance a mass range).
    printed: the same as ``build`` with the formulas of the paper as printed, errors included.
    products: couplings that matter as products, for the sampler.
    source, source_hash: file of the user that the model comes from, and a hash of its content ("" for shipped models).
    """

    name: str
    description: str
    paper: str
    parameters: tuple[Parameter, ...]
    build: Callable[[Mapping], Theory]
    priors: Mapping[str, Prior] = field(default_factory=dict)
    regions: Mapping[str, Mapping[str, Prior]] = field(default_factory=dict)
    printed: Callable[[Mapping], Theory] | None = None
    products: Products | None = None
    source: str = field(default="", compare=False)
    source_hash: str = ""

    def parameter(self, name: str) -> Parameter:
        for p in self.parameters:
            if p.name == name:
                return p
        raise unknown(f"parameter of model {self.name}", name, [p.name for p in self.parameters])

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)


MODELS: dict[str, Model] = {}


def register_model(model: Any) -> Model:
    """Add a model to the list and return it.

    model: a Model, or a class or function that describes one (docs/own_model.md), so that it can be used as a class decorator.
    Raises InputError if the name is taken or the model fails its checks (:func:`fipjax.models.own.check_model`).
    """
    if not (type(model) is Model and shipped(model.build)):
        from fipjax.models.own import own_model

        model = own_model(model)
    if model.name in MODELS:
        raise InputError(f"model {model.name!r} is already registered")
    MODELS[model.name] = model
    return model


def shipped(function: Any) -> bool:
    """Whether a function (or a partial of one) is part of fipjax."""
    while isinstance(function, functools.partial) or hasattr(function, "function"):
        # partials, and the guards around functions of the user
        function = function.func if isinstance(function, functools.partial) else function.function
    return str(getattr(function, "__module__", "")).split(".")[0] in ("fipjax", "fipkernels")


def get_model(name: Any) -> Model:
    """The model of a name, of a reference "FILE.py:NAME" to an object in a file of the user, or of an object: a Model, or a class
    or function that describes one (docs/own_model.md).

    Raises InputError for an unknown name, a file or object that cannot be used, a model that fails its checks.
    """
    if isinstance(name, str):
        if name in MODELS:
            return MODELS[name]
        from fipjax import plugins

        if plugins.is_reference(name):
            return plugins.load_model(name)
        raise unknown("model", name, MODELS, "see 'fipjax models'; a model of your own: FILE.py:NAME")
    if type(name) is Model and MODELS.get(name.name) is name:
        return name
    from fipjax.models.own import own_model

    return own_model(name)


def list_models() -> list[Model]:
    """All registered models, by name."""
    return [MODELS[k] for k in sorted(MODELS)]
