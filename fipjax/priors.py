"""Priors and the coordinates they define.

Each prior maps three coordinates onto each other, elementwise and differentiably:

* ``x``: the physical parameter;
* ``s`` in (0, 1): the cumulative probability (used by quasi-random scans and nested samplers);
* ``u`` on the whole real line: what NUTS and the gradient searches move in.

All methods take arrays of any shape and are pure JAX.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from fipjax.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Prior:
    """Base class: uniform in ``s``, with ``u = logit(s)``."""

    def from_unit(self, s):
        """x at cumulative probability ``s`` in (0, 1)."""
        raise NotImplementedError

    def to_unit(self, x):
        """Cumulative probability at x (0 or 1 outside the support)."""
        raise NotImplementedError

    def log_prob(self, x):
        """Log density in x; -inf outside the support."""
        raise NotImplementedError

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest allowed x."""
        raise NotImplementedError

    def from_real(self, u):
        """x at the unconstrained coordinate u."""
        return self.from_unit(jax.nn.sigmoid(u))

    def to_real(self, x):
        """The unconstrained coordinate of x (x on the edge of the support is moved inside by 1e-12 in s)."""
        s = jnp.clip(self.to_unit(x), 1e-12, 1.0 - 1e-12)
        return jnp.log(s) - jnp.log1p(-s)

    def log_prob_real(self, u):
        """Log prior density in u, Jacobian included (normalised)."""
        return jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)

    def describe(self) -> dict:
        """JSON-able description, as in a run file."""
        raise NotImplementedError


def _check_range(kind: str, lo: float, hi: float) -> None:
    if not (math.isfinite(lo) and math.isfinite(hi)) or not lo < hi:
        raise InputError(f"prior {kind}: min = {lo!r}, max = {hi!r} (allowed: finite, min < max)")


# A positive range wider than this factor is moved through in its logarithm
_LOG_COORDINATE = 4.0


@dataclass(frozen=True)
class Flat(Prior):
    """Uniform between ``min`` and ``max``.

    If both are positive and far apart, u is a coordinate of ln x (the density in u stays that of a uniform x): couplings
    tend to follow masses in power laws, which are straight lines in logarithms and curved ridges otherwise.
    """

    min: float
    max: float

    @property
    def _log_range(self) -> float | None:
        return math.log(self.max / self.min) if self.min > 0 and self.max / self.min > _LOG_COORDINATE else None

    def from_real(self, u):
        if self._log_range is None:
            return super().from_real(u)
        return self.min * jnp.exp(self._log_range * jax.nn.sigmoid(u))

    def to_real(self, x):
        if self._log_range is None:
            return super().to_real(x)
        t = jnp.log(jnp.clip(x, self.min, self.max) / self.min) / self._log_range
        t = jnp.clip(t, 1e-12, 1.0 - 1e-12)
        return jnp.log(t) - jnp.log1p(-t)

    def log_prob_real(self, u):
        if self._log_range is None:
            return super().log_prob_real(u)
        # p(x) dx/du with dx/du = x L sigmoid(u) sigmoid(-u)
        constant = math.log(self.min * self._log_range / (self.max - self.min))
        return constant + self._log_range * jax.nn.sigmoid(u) + jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)

    def __post_init__(self):
        _check_range("flat", self.min, self.max)

    def from_unit(self, s):
        return self.min + (self.max - self.min) * s

    def to_unit(self, x):
        return jnp.clip((x - self.min) / (self.max - self.min), 0.0, 1.0)

    def log_prob(self, x):
        inside = (x >= self.min) & (x <= self.max)
        return jnp.where(inside, -math.log(self.max - self.min), -jnp.inf)

    @property
    def support(self):
        return self.min, self.max

    def describe(self):
        return {"prior": "flat", "min": self.min, "max": self.max}


@dataclass(frozen=True)
class LogFlat(Prior):
    """Uniform in ln|x| for |x| between ``min`` and ``max``, with the fixed ``sign`` (+1 or -1)."""

    min: float
    max: float
    sign: int = 1

    def __post_init__(self):
        _check_range("log", self.min, self.max)
        if self.min <= 0:
            raise InputError(f"prior log: min = {self.min!r} (allowed: > 0; the range is that of |x|)")
        if self.sign not in (1, -1):
            raise InputError(f"prior log: sign = {self.sign!r} (allowed: 1, -1)")

    def from_unit(self, s):
        return self.sign * self.min * jnp.exp(s * math.log(self.max / self.min))

    def to_unit(self, x):
        y = self.sign * x
        ok = y > 0
        return jnp.where(ok, jnp.clip(jnp.log(jnp.where(ok, y, 1.0) / self.min) / math.log(self.max / self.min), 0.0, 1.0), 0.0)

    def log_prob(self, x):
        y = self.sign * x
        inside = (y >= self.min) & (y <= self.max)
        return jnp.where(inside, -jnp.log(jnp.where(inside, y, 1.0)) - math.log(math.log(self.max / self.min)), -jnp.inf)

    @property
    def support(self):
        return (self.min, self.max) if self.sign > 0 else (-self.max, -self.min)

    def describe(self):
        return {"prior": "log", "min": self.min, "max": self.max, "sign": self.sign}


@dataclass(frozen=True)
class SignedLog(Prior):
    """Both signs: uniform in asinh(x / min) for |x| < ``max``.

    For |x| well above ``min`` this is uniform in ln|x|, and the two signs join smoothly through x = 0, so that
    a Hamiltonian trajectory can go from one to the other.
    """

    min: float
    max: float

    def __post_init__(self):
        _check_range("signed_log", self.min, self.max)
        if self.min <= 0:
            raise InputError(f"prior signed_log: min = {self.min!r} (allowed: > 0)")

    @property
    def _a(self) -> float:
        return math.asinh(self.max / self.min)

    def from_unit(self, s):
        return self.min * jnp.sinh(self._a * (2.0 * s - 1.0))

    def to_unit(self, x):
        return jnp.clip(0.5 * (jnp.arcsinh(x / self.min) / self._a + 1.0), 0.0, 1.0)

    def log_prob(self, x):
        inside = jnp.abs(x) <= self.max
        y = jnp.where(inside, x, 0.0)
        return jnp.where(inside, -0.5 * jnp.log(y * y + self.min**2) - math.log(2.0 * self._a), -jnp.inf)

    @property
    def support(self):
        return -self.max, self.max

    def describe(self):
        return {"prior": "signed_log", "min": self.min, "max": self.max}


@dataclass(frozen=True)
class Gaussian(Prior):
    """Normal with ``mean`` and ``sigma``; u is the standardised variable."""

    mean: float
    sigma: float

    def __post_init__(self):
        if not (math.isfinite(self.mean) and math.isfinite(self.sigma)) or self.sigma <= 0:
            raise InputError(f"prior gaussian: mean = {self.mean!r}, sigma = {self.sigma!r} (allowed: finite, sigma > 0)")

    def from_unit(self, s):
        return self.mean + self.sigma * jax.scipy.stats.norm.ppf(s)

    def to_unit(self, x):
        return jax.scipy.stats.norm.cdf((x - self.mean) / self.sigma)

    def log_prob(self, x):
        return jax.scipy.stats.norm.logpdf(x, self.mean, self.sigma)

    @property
    def support(self):
        return -math.inf, math.inf

    def from_real(self, u):
        return self.mean + self.sigma * u

    def to_real(self, x):
        return (x - self.mean) / self.sigma

    def log_prob_real(self, u):
        return jax.scipy.stats.norm.logpdf(u)

    def describe(self):
        return {"prior": "gaussian", "mean": self.mean, "sigma": self.sigma}


_KINDS = {"flat": Flat, "log": LogFlat, "signed_log": SignedLog, "gaussian": Gaussian}


def prior_from_dict(name: str, spec: dict) -> Prior:
    """Prior from a run-file table such as ``{prior = "log", min = 1e-10, max = 1}``.

    Raises InputError that names parameter ``name``, the field and the allowed values.
    """
    spec = dict(spec)
    kind = spec.pop("prior", "flat")
    if not isinstance(kind, str) or kind not in _KINDS:
        guess = did_you_mean(kind, _KINDS) if isinstance(kind, str) else ""
        raise InputError(f"parameter {name!r}: prior = {kind!r}{guess} (allowed: {', '.join(_KINDS)})")
    cls = _KINDS[kind]
    fields = [f.name for f in dataclasses.fields(cls)]
    for key, value in spec.items():
        if key not in fields:
            guess = did_you_mean(key, [*fields, "prior"])
            raise InputError(f"parameter {name!r}: field {key!r} of prior {kind!r}{guess} (allowed: {', '.join(fields)})")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
            raise InputError(f"parameter {name!r}: {key} = {repr(value)[:40]} (allowed: a number)")
    missing = [f for f in fields if f not in spec and f != "sign"]
    if missing:
        raise InputError(f"parameter {name!r}: prior {kind!r} needs {', '.join(missing)}")
    if "sign" in spec:
        if spec["sign"] not in (1, -1):
            raise InputError(f"parameter {name!r}: sign = {spec['sign']!r} (allowed: 1, -1)")
        spec["sign"] = int(spec["sign"])
    try:
        return cls(**{k: (v if k == "sign" else float(v)) for k, v in spec.items()})
    except InputError as err:
        raise InputError(f"parameter {name!r}: {err}") from None
