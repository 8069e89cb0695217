"""A likelihood in the form that other programs take, and results in the form that they read.

One call each: ``iminuit(like).minuit()``, ``emcee(like).sampler()``, ``blackjax(like).logdensity``, ``cobaya(like)``;
``getdist(posterior)``, ``to_pandas(result)``.  None of these programs is imported before it is needed.  docs/ecosystem.md has an
example of each.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.engines.coordinates import Coordinates
from fipjax.engines.fit import FitResult, Target, check_count
from fipjax.engines.sample import _potential
from fipjax.errors import InputError, MissingDependency, unknown
from fipjax.priors import Flat, Gaussian, LogFlat, Prior, SignedLog


def _missing(name: str, err: ImportError, extra: str | None = None) -> MissingDependency:
    return MissingDependency(f"{name} is not installed ({err}): pip install {extra or name}")


def _start(target: Target, start: Any) -> np.ndarray:
    """u (n,) of a FitResult, a dict name -> value, or None: the medians of the priors."""
    if isinstance(start, FitResult):
        start = start.best
    if start is None:
        start = {}
    if not isinstance(start, Mapping):
        raise InputError(f"start = {start!r} (allowed: None, a FitResult, a dict name -> value)")
    for k in start:
        if k not in target.names:
            raise unknown("parameter in start", k, target.names)
    return target.u_of_x(dict(start))


# ------------------------------------------------------------------------------------------------ iminuit


class Cost:
    """-2 log_prob of an array (d,) in the order of the names, with :meth:`grad`; ``errordef`` 1, as for a chi2."""

    errordef = 1.0

    def __init__(self, like, with_prior: bool | str):
        target = Target(like)

        def value(v):
            x = {n: v[i] for i, n in enumerate(target.names)}
            return -2.0 * like.log_prob(x) + target.prior_term(target.u(x), with_prior)

        self._both = jax.jit(jax.value_and_grad(value))
        self._last: tuple[bytes, float, np.ndarray] | None = None

    def _at(self, x) -> tuple[bytes, float, np.ndarray]:
        v = np.asarray(x, float)
        key = v.tobytes()
        if self._last is None or self._last[0] != key:
            value, grad = self._both(jnp.asarray(v))
            self._last = (key, float(value), np.asarray(grad, float))
        return self._last

    def __call__(self, x) -> float:
        value = self._at(x)[1]
        return value if math.isfinite(value) else math.inf

    def grad(self, x) -> np.ndarray:
        """Gradient (d,)."""
        return self._at(x)[2]


@dataclass(frozen=True)
class MinuitInput:
    """What iminuit needs: cost(x) with cost.grad(x) and cost.errordef; names; start, steps (d,); limits, one pair per parameter."""

    cost: Cost
    names: tuple[str, ...]
    start: np.ndarray
    steps: np.ndarray
    limits: list[tuple[float | None, float | None]]

    @property
    def errordef(self) -> float:
        return self.cost.errordef

    def minuit(self):
        """``iminuit.Minuit`` of all this, ready for ``migrad()``, ``hesse()``, ``minos()``."""
        try:
            from iminuit import Minuit
        except ImportError as err:
            raise _missing("iminuit", err) from None
        m = Minuit(self.cost, self.start, grad=self.cost.grad, name=self.names)
        m.limits = self.limits
        m.errors = self.steps
        return m


def iminuit(like, start: Any = None, *, with_prior: bool | str = "gaussian") -> MinuitInput:
    """-2 log_prob with its gradient, for MINUIT.

    start: a FitResult, a dict, or None for the medians of the priors; the search is local, so give it the result of
    ``fipjax.fit``.  with_prior: as for ``fipjax.fit``; "gaussian" adds the pulls of parameters with a Gaussian prior (nuisances).
    Limits are the edges of the priors.  Raises InputError for a start with unknown names.
    """
    if not (with_prior in (False, True) or with_prior == "gaussian"):
        raise InputError(f"with_prior = {with_prior!r} (allowed: False, True, 'gaussian')")
    target = Target(like)
    u = _start(target, start)
    # a tenth of a standard deviation where the prior is Gaussian, a few percent of the range elsewhere
    steps = np.maximum(0.1 * np.abs(target.dx_du(u)), 1e-300)
    limits: list[tuple[float | None, float | None]] = []
    for p in target.priors:
        low, high = (b if math.isfinite(b) else None for b in p.support)
        limits.append((low, high))
    return MinuitInput(Cost(like, with_prior), target.names, target.points(u), steps, limits)


# ------------------------------------------------------------------------------------------------ emcee


@dataclass(frozen=True)
class EmceeInput:
    """What emcee needs: log_prob of points (N, d) -> (N,), start (walkers, d), names.

    ``physical(draws)``: draws (..., d) -> name -> (...).
    """

    log_prob: Callable[[np.ndarray], np.ndarray]
    start: np.ndarray
    names: tuple[str, ...]
    physical: Callable[[np.ndarray], dict[str, np.ndarray]]
    seed: int = 0

    @property
    def walkers(self) -> int:
        return self.start.shape[0]

    def sampler(self, **options):
        """``emcee.EnsembleSampler``, vectorised; run it with ``sampler.run_mcmc(self.start, steps)``."""
        try:
            from emcee import EnsembleSampler
        except ImportError as err:
            raise _missing("emcee", err) from None
        return EnsembleSampler(self.walkers, self.start.shape[1], self.log_prob, vectorize=True, **options)


def emcee(like, walkers: int | None = None, *, start: Any = None, seed: int = 0, coordinates: str = "real") -> EmceeInput:
    """Log posterior of many points at once, for emcee.

    walkers: default four per parameter, at least 32.  start: a FitResult or a dict, around which the walkers begin; None: draws of
    the prior.  coordinates: "real" moves in the unconstrained coordinates of the priors, in which a coupling with a log-flat prior
    is a logarithm (the Jacobian is included); "physical" in the parameters themselves, -inf outside the priors.
    The posterior is prior x likelihood either way; ``physical(draws)`` gives name -> (...) from draws (..., d).
    Raises InputError on bad arguments.
    """
    target = Target(like)
    if coordinates not in ("real", "physical"):
        raise unknown("coordinates", coordinates, ["real", "physical"])
    walkers = max(32, 4 * target.n) if walkers is None else check_count("walkers", walkers, 2 * target.n)
    rng = np.random.default_rng(check_count("seed", seed, 0))
    real = coordinates == "real"
    if start is None:
        u = target.u_of_s(rng.uniform(0.02, 0.98, (walkers, target.n)))
    else:
        u = _start(target, start) + 0.1 * rng.standard_normal((walkers, target.n))
    rows = -(-walkers // 2)  # emcee moves one half of the walkers at a time: one compiled shape

    def value(v):
        if real:
            out = target.log_like(v) + target.log_prior_real(v)
        else:
            inside = jnp.all((v > lower) & (v < upper), axis=1)
            middle = jnp.asarray([p.from_unit(jnp.asarray(0.5)) for p in target.priors])
            x = jnp.where(inside[:, None], v, middle)
            point = {n: x[:, i] for i, n in enumerate(target.names)}
            out = like.log_prob(point) + sum(p.log_prob(point[n]) for n, p in zip(target.names, target.priors, strict=True))
            out = jnp.where(inside, out, -jnp.inf)
        return jnp.where(jnp.isnan(out), -jnp.inf, out)

    lower, upper = (jnp.asarray([p.support[i] for p in target.priors]) for i in (0, 1))
    run = jax.jit(value)

    def log_prob(points: np.ndarray) -> np.ndarray:
        points = np.atleast_2d(np.asarray(points, float))
        pad = -len(points) % rows
        full = np.concatenate([points, np.repeat(points[-1:], pad, 0)]) if pad else points
        return np.concatenate([np.asarray(run(jnp.asarray(full[i : i + rows]))) for i in range(0, len(full), rows)])[: len(points)]

    def physical(draws: np.ndarray) -> dict[str, np.ndarray]:
        x = target.points(np.asarray(draws, float)) if real else np.asarray(draws, float)
        return {n: x[..., i] for i, n in enumerate(target.names)}

    return EmceeInput(log_prob, u if real else target.points(u), target.names, physical, seed)


# ------------------------------------------------------------------------------------------------ blackjax


@dataclass(frozen=True)
class BlackjaxInput:
    """What blackjax needs: logdensity of one point w (d,) of the real space; transform(w): name -> value; start(n): (n, d)."""

    logdensity: Callable[[Any], Any]
    transform: Callable[[Any], dict[str, Any]]
    names: tuple[str, ...]
    start: Callable[..., np.ndarray]


def blackjax(like) -> BlackjaxInput:
    """Log posterior density on the unconstrained space in which fipjax's own NUTS moves, Jacobian included.

    ``logdensity(w)``: w (d,), pure JAX, with reverse-mode gradients; under vmap one batched call of the likelihood.
    ``transform(w)``: w (..., d) -> name -> (...).  ``start(n, seed=0, at=None)``: n points, drawn from the prior, or around a
    FitResult or dict ``at``.  Any sampler of a log density with gradients takes this.
    """
    target = Target(like)
    coordinates = Coordinates(target)
    potential = _potential(target, coordinates)

    def start(n: int = 1, seed: int = 0, at: Any = None) -> np.ndarray:
        rng = np.random.default_rng(seed)
        if at is None:
            u = target.u_of_s(rng.uniform(0.02, 0.98, (n, target.n)))
        else:
            u = _start(target, at) + 0.1 * rng.standard_normal((n, target.n))
        return coordinates.w_of_u(u)

    def transform(w):
        return target.x(coordinates.u_of_w(jnp.asarray(w)))

    return BlackjaxInput(lambda w: -potential(w), transform, target.names, start)


# ------------------------------------------------------------------------------------------------ Cobaya


def _identifier(name: str, taken: set[str]) -> str:
    """``name`` as a Python identifier, as Cobaya's functions of parameters need it."""
    text = re.sub(r"\W", "_", name)
    text = f"p_{text}" if not text or text[0].isdigit() or keyword.iskeyword(text) else text
    while text in taken:
        text += "_"
    taken.add(text)
    return text


def _tex(text: str) -> str:
    return text.strip().strip("$")


def _sampled(name: str, prior: Prior, tex: str) -> tuple[str, dict[str, Any], str | None]:
    """(sampled parameter, its Cobaya entry, expression of the physical one or None)."""
    if isinstance(prior, Gaussian):
        entry = {
            "prior": {"dist": "norm", "loc": prior.mean, "scale": prior.sigma},
            "ref": prior.mean,
            "proposal": 0.5 * prior.sigma,
        }
        return name, {**entry, "latex": tex}, None
    if isinstance(prior, Flat):
        span = prior.max - prior.min
        return name, {"prior": {"min": prior.min, "max": prior.max}, "proposal": 0.03 * span, "latex": tex}, None
    if isinstance(prior, LogFlat):
        low, high, minus = math.log10(prior.min), math.log10(prior.max), "-" if prior.sign < 0 else ""
        new = f"log10_{name}"
        entry = {"prior": {"min": low, "max": high}, "proposal": 0.03 * (high - low), "drop": True}
        return new, {**entry, "latex": rf"\log_{{10}}({minus}{tex})"}, f"{minus}10.0**{new}"
    if isinstance(prior, SignedLog):
        edge, scale = math.asinh(prior.max / prior.min), prior.min
        new = f"asinh_{name}"
        entry = {
            "prior": {"min": -edge, "max": edge},
            "proposal": 0.03 * edge,
            "drop": True,
            "latex": rf"\mathrm{{asinh}}({tex}/{scale:g})",
        }
        return new, entry, f"{scale!r}*__import__('math').sinh({new})"
    raise InputError(
        f"parameter {name!r}: prior {type(prior).__name__} has no form in Cobaya (allowed: flat, log, signed_log, gaussian)"
    )


def cobaya(like, name: str = "fipjax") -> dict[str, Any]:
    """``likelihood`` and ``params`` of a Cobaya input: ``cobaya.run({**cobaya(like), "sampler": {"mcmc": None}})``.

    name: of the likelihood.  Couplings with a logarithmic prior are sampled as ``log10_NAME`` (``asinh_NAME`` with both signs),
    with NAME as their function; names that are no identifiers get underscores.  Cobaya adds the priors; the likelihood is log_prob.
    Raises InputError for a prior that Cobaya cannot express.
    """
    target = Target(like)
    taken: set[str] = set()
    params: dict[str, Any] = {}
    names = []
    info = getattr(like, "parameters", {})
    for n, prior in zip(target.names, target.priors, strict=True):
        safe = _identifier(n, taken)
        new, entry, expression = _sampled(safe, prior, _tex(str(getattr(info.get(n), "latex", "") or n)))
        params[new] = entry
        if expression is not None:
            taken.add(new)
            params[safe] = {"value": f"lambda {new}: {expression}", "latex": _tex(str(getattr(info.get(n), "latex", "") or n))}
        names.append(safe)
    run = jax.jit(like.log_prob)

    def logp(**values):
        out = float(run({n: jnp.asarray(float(values[k])) for n, k in zip(target.names, names, strict=True)}))
        return out if math.isfinite(out) else -math.inf

    return {"likelihood": {name: {"external": logp, "input_params": names}}, "params": params}


# ------------------------------------------------------------------------------------------------ results


def getdist(posterior):
    """``getdist.MCSamples`` of a Posterior: chains, -ln L, LaTeX labels, ranges of the priors with edges.

    Names become identifiers (``m_Z'`` is ``m_Z_``).  Raises MissingDependency without getdist.
    """
    try:
        from getdist import MCSamples
    except ImportError as err:
        raise _missing("getdist", err) from None
    taken: set[str] = set()
    safe = {n: _identifier(n, taken) for n in posterior.names}
    labels = [_tex(posterior.parameters.get(n, {}).get("latex", "") or n.replace("_", r"\_")) for n in posterior.names]
    ranges = {}
    for n, prior in posterior.fingerprint.get("priors", {}).items():
        if n in safe and prior.get("prior") in ("flat", "log", "signed_log"):
            low, high = prior["min"], prior["max"]
            if prior["prior"] == "signed_log":
                low = -high
            elif prior.get("sign", 1) < 0:
                low, high = -high, -low
            ranges[safe[n]] = [low, high]
    chains = [np.stack([posterior.samples[n][i] for n in posterior.names], -1) for i in range(posterior.chains)]
    return MCSamples(
        samples=chains, loglikes=list(-posterior.log_prob), names=list(safe.values()), labels=labels, ranges=ranges,
        settings={"ignore_rows": 0},  # the draws are those after warm-up
        name_tag="fipjax",
    )  # fmt: skip


def to_pandas(result):
    """A ``pandas.DataFrame`` of a result.

    Posterior: one row per draw, index (chain, draw), columns the parameters and ``log_prob``.  Scan: one row per computed point,
    columns the axes, the fixed parameters and all columns (the whole scan in memory).  FitResult: the pulls, index the observable.
    ProfileResult: one row per grid point: axes, ``objective``, ``chi2``, ``delta`` and the parameters there.
    Raises MissingDependency without pandas, InputError for anything else.
    """
    try:
        import pandas as pd
    except ImportError as err:
        raise _missing("pandas", err) from None
    from fipjax.engines.profile import ProfileResult
    from fipjax.engines.sample import Posterior
    from fipjax.engines.scan import Scan

    if isinstance(result, Posterior):
        index = pd.MultiIndex.from_product([range(result.chains), range(result.draws)], names=["chain", "draw"])
        columns = {n: np.asarray(result.samples[n]).reshape(-1) for n in result.names}
        return pd.DataFrame({**columns, "log_prob": result.log_prob.reshape(-1)}, index=index)
    if isinstance(result, FitResult):
        return pd.DataFrame(result.pulls).set_index("observable") if result.pulls else pd.DataFrame()
    if isinstance(result, ProfileResult):
        grids = np.meshgrid(*result.axes.values(), indexing="ij")
        columns = {n: g.reshape(-1) for n, g in zip(result.axes, grids, strict=True)}
        for n, v in (("objective", result.objective), ("chi2", result.chi2), ("delta", result.delta)):
            columns[n] = np.asarray(v).reshape(-1)
        columns.update({n: np.asarray(v).reshape(-1) for n, v in result.points.items() if n not in columns})
        return pd.DataFrame(columns)
    if isinstance(result, Scan):
        parts: dict[str, list[np.ndarray]] = {n: [] for n in (*result.axes, *result.columns)}
        layout = result.store.layout
        index = []
        for k, chunk in result.chunks(*result.columns):
            n_here = len(next(iter(chunk.values())))
            where = [g.reshape(-1) for g in np.mgrid[layout.slices(k)]] if result.method == "grid" else []
            for (name, values), i in zip(result.axes.items(), where, strict=False):
                parts[name].append(values[i])
            if where:
                index.append(np.ravel_multi_index(where, result.shape))
            else:
                index.append(layout.start(k) + np.arange(n_here))
            for name, v in chunk.items():
                parts[name].append(v)
        out = pd.DataFrame(
            {n: np.concatenate(v) if v else np.zeros(0) for n, v in parts.items()},
            index=pd.Index(np.concatenate(index) if index else np.zeros(0, int), name="point"),
        )
        return out.assign(**{n: v for n, v in result.fixed.items() if n not in out}).sort_index()
    raise InputError(f"an object of type {type(result).__name__} (allowed: a Posterior, Scan, FitResult or ProfileResult)")


__all__ = ["BlackjaxInput", "EmceeInput", "MinuitInput", "blackjax", "cobaya", "emcee", "getdist", "iminuit", "to_pandas"]
