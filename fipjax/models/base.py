"""What a model is, and the list of models."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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

    def parameter(self, name: str) -> Parameter:
        for p in self.parameters:
            if p.name == name:
                return p
        raise unknown(f"parameter of model {self.name}", name, [p.name for p in self.parameters])

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)


MODELS: dict[str, Model] = {}


def register_model(model: Model) -> Model:
    """Add a model to the list; a name that is taken is an InputError."""
    if model.name in MODELS:
        raise InputError(f"model {model.name!r} is already registered")
    MODELS[model.name] = model
    return model


def get_model(name: str | Model) -> Model:
    """The model of that name, or the model itself."""
    if isinstance(name, Model):
        return name
    if name not in MODELS:
        raise unknown("model", name, MODELS, "see 'fipjax models'")
    return MODELS[name]


def list_models() -> list[Model]:
    """All registered models, by name."""
    return [MODELS[k] for k in sorted(MODELS)]
