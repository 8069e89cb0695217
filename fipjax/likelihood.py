"""The one likelihood from which grids, best fits and posteriors come."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax import _cache
from fipjax import constraints as _constraints
from fipjax import data as _data
from fipjax._precision import double_precision, native, single
from fipjax._version import __version__
from fipjax.errors import InputError, unknown
from fipjax.hadronic import Inputs, default_inputs
from fipjax.models import Model, Parameter, get_model
from fipjax.observables import FAMILIES, Predictor
from fipjax.priors import Gaussian, Prior, prior_from_dict
from fipjax.progress import Busy, Progress
from fipjax.theory import Theory

# Points evaluated together: a block's work arrays (nodes x block) stay in the second-level cache of a CPU core; a GPU needs many
# more to be full.
_BLOCK = {"cpu": 256, "gpu": 65536}
# Numbers of a block (8 bytes each) on a CPU
_WORK = 800_000
UNCERTAINTIES = ("fixed", "nuisance", "none", "quoted")
# Inputs whose variation by one standard deviation moves no prediction by more than this share of its experimental error stay at
# their central values when nuisances are sampled
NEGLIGIBLE = 1e-3
# Points evaluated together when every point has hadronic inputs of its own
_BLOCK_NUISANCE = 8


def inputs_for(vintage: str, inputs: Inputs | None = None) -> dict[str, float]:
    """Central input values with the vintage's Standard-Model a_mu."""
    par = (inputs or default_inputs()).central()
    par["a_mu SM"] = _data.a_mu_sm(vintage)[0]
    return par


def build_theory(model: Model, params: Mapping[str, Any], conventions: str = "default") -> Theory:
    """Theory from (B,) arrays; parameters that are not given take their default, and those whose default is 0 are left out
    (absent couplings cost nothing).  conventions "as_printed": with the formulas of the model's paper as they are printed."""
    full = dict(params)
    b = next(iter(full.values())).shape if full else (1,)
    for p in model.parameters:
        if p.name not in full and p.default not in (None, 0.0):
            full[p.name] = jnp.full(b, p.default)
    build = model.printed if conventions == "as_printed" and model.printed is not None else model.build
    return build(full)


def block_size(work: int = 0) -> int:
    """Points per block on the default device; work: numbers that a point keeps at once."""
    if jax.default_backend() != "cpu":
        return _BLOCK["gpu"]
    # measured: 256 for 1600 numbers, 64 to 96 for 8000 to 12000
    return min(_BLOCK["cpu"], max(64, _WORK // max(work, 1) // 32 * 32))


def compile_once(function, *args):
    """Compiled function for work that is done once: not worth the compiler's full effort."""
    options: Any = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else {}
    return jax.jit(function).lower(*args).compile(compiler_options=options)


def in_blocks(function, x: Mapping[str, Any], block: int):
    """Apply ``function`` (dict of (B,) -> pytree of (..., B)) to the points of x in blocks, padding the last one with its
    final point; constant memory in the number of points."""
    size = next(iter(x.values())).shape[0]
    if size <= block:
        return function(x)
    n = -(-size // block)
    pad = n * block - size

    def shape(v):
        return jnp.concatenate([v, jnp.broadcast_to(v[-1:], (pad,))]).reshape(n, block) if pad else v.reshape(n, block)

    # the reverse pass recomputes a block instead of storing its intermediate results: a gradient needs no more
    # memory for a million points than for one block
    out = jax.lax.map(jax.checkpoint(function), {k: shape(v) for k, v in x.items()})
    return jax.tree.map(lambda v: jnp.moveaxis(v, 0, -2).reshape(*v.shape[1:-1], n * block)[..., :size], out)


def theory_covariance(
    predictor: Predictor, par: Inputs, extra: Mapping[str, tuple[float, float]], theory: Theory, draws: int, seed: int
) -> np.ndarray:
    """Covariance of the predictions from ``draws`` correlated draws of all inputs, at a given theory.

    extra: further inputs (value, error), such as the Standard-Model a_mu.  The same traced code as for fixed inputs.  The result
    for the Standard Model is kept in the cache directory, under a hash of everything it depends on.
    """
    names = [r.name for r in predictor.requests]
    if jax.tree.leaves(theory) or not predictor.builtin:
        return _draw_covariance(predictor, par, extra, theory, draws, seed)
    blocks = [m for _, m in par.blocks]
    key = _cache.key(par.value, par.sigma, *blocks, par.names, predictor.conventions, names, dict(extra), draws, seed)
    return _cache.stored(
        "covariance",
        key,
        lambda: _draw_covariance(predictor, par, extra, theory, draws, seed),
        lambda found: found.shape == (len(names),) * 2 and bool(np.all(np.isfinite(found))),
    )


def _draw_covariance(predictor, par, extra, theory, draws, seed) -> np.ndarray:
    sample = par.draw(draws, seed)
    rng = np.random.default_rng(seed + 1)
    for name, (value, sigma) in extra.items():
        sample[name] = value + sigma * rng.standard_normal(draws)

    def one(p):
        return predictor(theory, predictor.tables(p))[:, 0]

    chunk = 100
    n = -(-draws // chunk)
    # a few draws at a time: the work arrays of many would not fit into the cache
    run = jax.jit(lambda part: jax.lax.map(one, part, batch_size=4))
    values = []
    with Progress("theory covariance", draws, "draws") as bar:
        for k in range(n):
            part = {name: jnp.asarray(np.resize(v[k * chunk : (k + 1) * chunk], chunk)) for name, v in sample.items()}
            values.append(np.asarray(run(part))[: min(chunk, draws - k * chunk)])
            bar.update(len(values[-1]))
    return np.atleast_2d(np.cov(np.concatenate(values).T))


class Likelihood:
    r"""Gaussian likelihood of a model for a data vintage, with theory covariance and constraints.

    Parameters
    ----------
    model: name (see ``fipjax.list_models()``) or Model.
    data: vintage "2021", "datta2022" or "latest".
    constraints: "all", "none" or a list of names (see ``fipjax.list_constraints()``).
    use, drop: measurements by set id, arXiv number or observable pattern; default: all of the vintage that can be predicted.
    region: one of the model's named sets of priors.  priors: name -> Prior or run-file table, replaces the model's.
    fixed: name -> value for parameters that are not varied.
    uncertainties: "fixed" (covariance from draws of all hadronic inputs, at the SM or at ``covariance_at``), "nuisance" (every
    hadronic input that matters is a free parameter with its correlated Gaussian prior: names "z(INPUT)", independent unit normals;
    :meth:`physical` turns them into inputs), "none", or "quoted": as in a paper's table, predictions scaled to the Standard-Model
    values that the data quote beside the measurements (prediction x quoted SM/our SM), with the quoted errors and no correlations.
    covariance_at: model parameters at which the theory covariance is drawn.  conventions: "default", "as_printed" (formulas of the
    papers with their errors, docs/errata.md) or "flavio".
    charmonium: keep bins between 8.7 and 14 GeV^2.  draws, seed: of the theory covariance.  inputs: other central values.
    measurements: paths or MeasurementSet objects of the user.

    Raises InputError for unknown names, parameters out of range, an empty selection.

    ``log_prob(x) = -chi2/2 + sum of smooth constraint terms`` is the log-likelihood, without prior; the prior's density is
    ``log_prior(x)`` and their sum ``log_posterior(x)``.  All three take a mapping name -> array (any common shape) or an array
    of shape (..., d) in the order of ``names``, and can be jitted, vmapped and differentiated.
    """

    def __init__(
        self,
        model: str | Model,
        data: str = "latest",
        constraints: str | Sequence[str] | None = "all",
        *,
        use: Sequence[str] | None = None,
        drop: Sequence[str] = (),
        region: str | None = None,
        priors: Mapping[str, Prior | Mapping] | None = None,
        fixed: Mapping[str, float] | None = None,
        uncertainties: str = "fixed",
        charmonium: bool = False,
        draws: int = 4000,
        seed: int = 1,
        inputs: Inputs | None = None,
        measurements: Sequence[Any] = (),
        covariance_at: Mapping[str, float] | None = None,
        conventions: str = "default",
    ):
        self._arguments: dict[str, Any] = {
            "model": model, "data": data, "constraints": constraints, "use": use, "drop": drop, "region": region, "priors": priors,
            "fixed": fixed, "uncertainties": uncertainties, "charmonium": charmonium, "draws": draws, "seed": seed, "inputs":
            inputs,
            "measurements": measurements, "covariance_at": covariance_at, "conventions": conventions,
        }  # fmt: skip
        self.model = get_model(model)
        self.vintage = data
        if uncertainties not in UNCERTAINTIES:
            raise unknown("uncertainties", uncertainties, UNCERTAINTIES)
        if not isinstance(draws, int) or draws < 100:
            raise InputError(f"draws = {draws!r} (allowed: an integer >= 100)")
        if uncertainties == "nuisance" and single():
            raise InputError("uncertainties = 'nuisance' in float32 (allowed: fixed, none or quoted; or unset FIPJAX_PRECISION)")
        self.uncertainties = uncertainties
        self.constraints = _constraints.choose(constraints)
        self.context = _constraints.Context(data, conventions)
        extra = [m if isinstance(m, _data.MeasurementSet) else _data.load_set(m) for m in measurements]
        self.dataset = _data.select(data, FAMILIES, use=use, drop=drop, charmonium=charmonium, extra=extra)
        if not self.dataset.observables:
            raise InputError(f"no measurement of vintage {data!r} is left (allowed: at least one; see 'fipjax data')")
        self._parameters(region, priors or {}, fixed or {})
        self.nuisances: dict[str, str] = {}
        self.inputs = inputs or default_inputs()
        self._par = inputs_for(data, self.inputs)
        self.predictor = Predictor(self.dataset.observables, conventions)
        # tables suit theories of one structure: that of the model with these free and fixed parameters
        shape = jax.ShapeDtypeStruct((1,), jnp.zeros(()).dtype)
        structure = jax.eval_shape(self.theory, dict.fromkeys(self.names, shape))
        self._structure = jax.tree.map(lambda a: np.ones(a.shape, a.dtype), structure)

        # a Standard-Model value much larger than the shifts that matter is kept apart: float32 could not hold their sum
        apart = "a_mu" if uncertainties in ("fixed", "none") else ""
        self._offset = np.array([self._par["a_mu SM"] if o == apart else 0.0 for o in self.dataset.observables])
        with double_precision():
            tables, sm = self._contracted({**self._par, "a_mu SM": 0.0} if apart else self._par)
        self._tables = jax.tree.map(native, self.predictor.trim(tables))
        self._sm = np.asarray(sm) + self._offset
        a_mu = {"a_mu SM": _data.a_mu_sm(data)}
        self.theory_covariance = np.zeros((len(self.dataset.value),) * 2)
        if uncertainties == "fixed":
            at = Theory()
            if covariance_at is not None:
                at = build_theory(self.model, {k: jnp.array([v]) for k, v in covariance_at.items()}, conventions)
            with double_precision():
                self.theory_covariance = theory_covariance(self.predictor, self.inputs, a_mu, at, draws, seed)
        elif uncertainties == "nuisance":
            self._add_nuisances(a_mu)
        self._scale_to = np.ones(len(self._sm))
        if uncertainties == "quoted":
            self._quote()
        self._draws, self._seed, self._charmonium = draws, seed, charmonium
        self._covariance()
        self._batched = jax.jit(self._evaluate)

    # -- set-up ---------------------------------------------------------------------------------------------------------

    def _contracted(self, par: Mapping[str, float]):
        """Tables for theories of this model, and the predictions of the Standard Model (n,)."""

        def prepare(par):
            tables = self.predictor.tables(par)
            return self.predictor.contract(structure, tables), self.predictor(Theory(), tables)[:, 0]

        def make():
            with Busy("compiling the hadronic tables (kept in the cache)"):
                return jax.block_until_ready(compile_once(prepare, dict(par))(dict(par)))

        structure = jax.tree.map(lambda a: a.astype(complex if np.iscomplexobj(a) else float), self._structure)
        leaves, form = jax.tree.flatten(structure)
        shapes = [(a.shape, a.dtype.str) for a in leaves]
        names = [r.name for r in self.predictor.requests]
        key = _cache.key(list(par), np.array([*par.values()]), self.predictor.conventions, names, shapes, str(form))
        # what is kept on disk needs neither tracing nor compiling
        return _cache.stored("tables", key, make) if self.predictor.builtin else make()

    def _parameters(self, region, priors, fixed):
        model = self.model
        chosen: dict[str, Prior] = dict(model.priors)
        if region is not None:
            if region not in model.regions:
                raise unknown(f"region of model {model.name}", region, model.regions or ["none"])
            chosen.update(model.regions[region])
        for name, spec in priors.items():
            model.parameter(name)
            chosen[name] = spec if isinstance(spec, Prior) else prior_from_dict(name, dict(spec))
        self.fixed: dict[str, complex] = {}
        for name, value in fixed.items():
            p = model.parameter(name)
            if isinstance(value, bool) or not isinstance(value, (int, float, complex)):
                raise InputError(f"parameter {name!r} = {value!r} (allowed: {p.allowed})")
            p.check(value)
            self.fixed[name] = value
            if name in priors:
                raise InputError(f"parameter {name!r} is both fixed and given a prior (allowed: one of them)")
            chosen.pop(name, None)
        for name, prior in chosen.items():
            p = model.parameter(name)
            for edge in prior.support:
                if math.isfinite(edge):
                    p.check(edge)
        self.priors: dict[str, Prior] = {p.name: chosen[p.name] for p in model.parameters if p.name in chosen}
        self.names: tuple[str, ...] = tuple(self.priors)
        if not self.names:
            raise InputError(f"model {model.name!r}: no free parameter (allowed: at least one with a prior)")
        for p in model.parameters:
            if p.required and p.name not in self.priors and p.name not in self.fixed:
                raise InputError(f"parameter {p.name!r} is neither fixed nor free (allowed: a value or a prior)")
        self.parameters: dict[str, Parameter] = {n: model.parameter(n) for n in self.names}

    def _add_nuisances(self, extra: Mapping[str, tuple[float, float]]):
        """Free parameters z for the inputs that matter: input = value + sigma L z, with the Cholesky factor L of each block."""
        inputs = self.inputs
        value, sigma = list(inputs.value), list(inputs.sigma)
        names = [*inputs.names, *(n for n in extra if n not in inputs.names)]
        for n, (v, e) in extra.items():
            if n not in inputs.names:
                value.append(v)
                sigma.append(e)
        blocks = [(np.asarray(idx), np.asarray(m)) for idx, m in inputs.blocks]
        single = sorted(set(range(len(names))) - {int(i) for idx, _ in blocks for i in idx})
        blocks += [(np.array([i]), np.eye(1)) for i in single]
        scale = np.array(sigma)
        pieces = []
        for idx, m in blocks:
            keep = scale[idx] > 0
            if keep.any():
                idx, m = idx[keep], m[np.ix_(keep, keep)]
                root = np.linalg.cholesky(m + 1e-10 * np.eye(len(idx)))
                pieces.append((idx, scale[idx, None] * root))
        # effect of every direction on every prediction, in units of the experimental error
        directions = np.zeros((sum(len(i) for i, _ in pieces), len(names)))
        row = 0
        for idx, root in pieces:
            directions[row : row + len(idx)][:, idx] = root.T
            row += len(idx)
        par0 = {**self._par, **{n: v for n, v in zip(names, value, strict=True)}}
        with Busy("which hadronic inputs matter"):
            effect = self._effects(par0, names, directions)
        matters, row = [], 0
        for idx, root in pieces:
            if np.max(effect[row : row + len(idx)], initial=0.0) > NEGLIGIBLE:
                matters.append((idx, root))
            row += len(idx)
        self._nuisance_blocks = [([names[i] for i in idx], np.array([value[i] for i in idx]), root) for idx, root in matters]
        for block, _, _ in self._nuisance_blocks:
            for n in block:
                z = f"z({n})"
                self.nuisances[z] = n
                self.priors[z] = Gaussian(0.0, 1.0)
                info = inputs.info.get(n, {})
                self.parameters[z] = Parameter(z, rf"z({info.get('latex', n)})", "", f"standardised {n}", 0.0)
        self._model_names = self.names
        self.names = tuple(self.priors)

    def _effects(self, par0, names, directions) -> np.ndarray:
        """max over measurements of |d prediction| / experimental error for every direction: (n_directions,)."""

        def predict(par):
            return self.predictor(Theory(), self.predictor.tables(par))[:, 0]

        base = jnp.array([float(par0[n]) for n in names])

        def one(direction):
            move = lambda step: {**par0, **{n: base[i] + step * direction[i] for i, n in enumerate(names)}}  # noqa: E731
            return 0.5 * (predict(move(1.0)) - predict(move(-1.0)))

        jac = jax.jit(lambda d: jax.lax.map(one, d, batch_size=4))(jnp.asarray(directions))
        d = self.dataset
        return np.max(np.abs(np.asarray(jac)) / np.sqrt(np.diag(d.covariance))[None], axis=1)

    def with_uncertainties(self, uncertainties: str) -> Likelihood:
        """The same likelihood with another treatment of theory uncertainties."""
        return Likelihood(**{**self._arguments, "uncertainties": uncertainties})

    def physical(self, x: Mapping[str, Any]) -> dict[str, Any]:
        """The same point (or draws) with every standardised nuisance z(INPUT) replaced by the value of INPUT.

        x: name -> array, any common shape; returns model parameters and inputs.
        """
        out = {n: v for n, v in x.items() if n not in self.nuisances}
        if self.nuisances:
            for block, value, root in self._nuisance_blocks:
                z = jnp.stack([jnp.asarray(x[f"z({n})"]) for n in block])
                theta = jnp.tensordot(jnp.asarray(root), z, axes=1)
                out.update({n: value[i] + theta[i] for i, n in enumerate(block)})
        return out

    def _quote(self):
        """Standard-Model values and errors from the data themselves."""
        d = self.dataset
        missing = [o for o, v in zip(d.observables, d.sm, strict=True) if not math.isfinite(v)]
        if missing:
            raise InputError(
                f"uncertainties = 'quoted': {missing[0]!r} has no quoted expectation (allowed: data with sm and sm_error)"
            )
        self.dataset = replace(d, correlation=np.eye(len(d.value)))
        self._scale_to = d.sm / self._sm
        self._sm = d.sm
        self.theory_covariance = np.diag(d.sm_error**2)

    def _covariance(self):
        d = self.dataset
        cov = d.covariance + self.theory_covariance
        self.covariance = cov
        scale = np.sqrt(np.diag(cov))
        try:
            chol = np.linalg.cholesky(cov / np.outer(scale, scale))
        except np.linalg.LinAlgError:
            raise InputError("the covariance of the chosen measurements is not positive definite") from None
        self._scale = scale
        # residuals in units of their total error -> independent unit normals
        self._whiten = np.linalg.inv(chol)
        th = np.diag(self.theory_covariance)
        # split normal: the side of the prediction decides which published error counts
        self._above = scale / np.sqrt(th + d.plus**2)
        self._below = scale / np.sqrt(th + d.minus**2)

    # -- the traced part ------------------------------------------------------------------------------------------------

    def theory(self, x: Mapping[str, Any]) -> Theory:
        """Theory for free parameters x (dict of (B,) arrays) and the fixed ones."""
        b = next(iter(x.values())).shape
        full = {n: v for n, v in x.items() if n not in self.nuisances}
        for name, value in self.fixed.items():
            full[name] = jnp.full(b, value)
        return build_theory(self.model, full, self.context.conventions)

    def _chi2(self, shifted):
        """chi2 (B,) of predictions without their offset, (n, B)."""
        d = self.dataset
        r = (shifted - jnp.asarray(d.value - self._offset)[:, None]) / self._scale[:, None]
        r = r * jnp.where(r > 0, self._above[:, None], self._below[:, None])
        if r.dtype == jnp.float32:
            r = jnp.clip(r, -1e15, 1e15)  # its square and the sum over all stay below 3e38
        t = jnp.einsum("ij,jb->ib", jnp.asarray(self._whiten), r, precision="highest")
        return jnp.sum(t * t, axis=0)

    def _predict(self, theory, x):
        """Predictions (n, B) at x, with the inputs of each point if they are free."""
        return self._shifted(theory, x) + jnp.asarray(self._offset)[:, None]

    def _shifted(self, theory, x):
        """Predictions without their offset."""
        if not self.nuisances:
            values = self.predictor(theory, self._tables)
            return values * self._scale_to[:, None] if self.uncertainties == "quoted" else values
        values = self.physical(x)
        inputs = {n: values[n] for n in self.nuisances.values()}
        model = {n: x[n] for n in x if n not in self.nuisances}

        def one(theta, point):
            # one point: its own tables
            tables = self.predictor.tables({**self._par, **theta})
            return self.predictor(self.theory({n: v[None] for n, v in point.items()}), tables)[:, 0]

        return jax.vmap(one, out_axes=1)(inputs, model)

    def _block(self, x):
        theory = self.theory(x)
        b = next(iter(x.values())).shape[0]
        chi2 = jnp.broadcast_to(self._chi2(self._shifted(theory, x)), (b,))
        log_prob = -0.5 * chi2
        allowed = jnp.ones((b,), bool)
        for c in self.constraints:
            r = c.ratio(theory, self.context)
            if r is not None:
                if not self._measured(c):
                    log_prob = log_prob + c.log_likelihood(r)
                allowed = allowed & c.allowed(r)
        return {"log_prob": log_prob, "chi2": chi2, "allowed": allowed}

    def _measured(self, c: _constraints.Constraint) -> bool:
        """Whether the data of this likelihood hold the measurement behind a constraint."""
        return any(o == n or o.startswith(n + "[") for o in self.dataset.observables for n in c.observables)

    def _evaluate(self, x):
        return in_blocks(self._block, x, self.batch)

    def _as_dict(self, x) -> tuple[dict[str, Any], tuple[int, ...]]:
        """Free parameters as dict of (B,) arrays, and the batch shape."""
        if isinstance(x, Mapping):
            unknown_names = [n for n in x if n not in self.priors]
            if unknown_names:
                raise unknown("free parameter", unknown_names[0], self.names)
            missing = [n for n in self.names if n not in x]
            if missing:
                raise InputError(f"parameter {missing[0]!r} is missing (allowed: a value for each of {', '.join(self.names)})")
            arrays = [jnp.asarray(x[n], dtype=float) for n in self.names]
        else:
            a = jnp.asarray(x, dtype=float)
            if a.ndim == 0 or a.shape[-1] != len(self.names):
                raise InputError(f"point of shape {a.shape} (allowed: last axis {len(self.names)}: {', '.join(self.names)})")
            arrays = [a[..., i] for i in range(len(self.names))]
        shape = jnp.broadcast_shapes(*(a.shape for a in arrays))
        return {n: jnp.broadcast_to(a, shape).reshape(-1) for n, a in zip(self.names, arrays, strict=True)}, shape

    def log_prob(self, x):
        """Log-likelihood -chi2/2 plus the smooth constraint terms, batch shape of x."""
        flat, shape = self._as_dict(x)
        return self._batched(flat)["log_prob"].reshape(shape)

    def chi2(self, x):
        """chi2 of the data alone."""
        flat, shape = self._as_dict(x)
        return self._batched(flat)["chi2"].reshape(shape)

    def log_prior(self, x):
        """Log prior density of the physical parameters; -inf outside the support."""
        flat, shape = self._as_dict(x)
        return sum(self.priors[n].log_prob(flat[n]) for n in self.names).reshape(shape)

    def log_posterior(self, x):
        """log_prob + log_prior (not normalised)."""
        return self.log_prob(x) + self.log_prior(x)

    def evaluate(self, x: Mapping[str, Any]) -> dict[str, Any]:
        """log_prob, chi2 and allowed (hard constraints) of (B,) points; pure JAX."""
        return self._batched({n: x[n] for n in self.names})

    @property
    def columns(self) -> dict[str, dict[str, str]]:
        """Units and meaning of what :meth:`evaluate` returns."""
        return {
            "log_prob": {"units": "1", "long_name": r"$\ln L$"},
            "chi2": {"units": "1", "long_name": r"$\chi^2$"},
            "allowed": {"units": "1", "long_name": "passes all hard constraints"},
        }

    # -- answers --------------------------------------------------------------------------------------------------------

    @property
    def batch(self) -> int:
        """Points that engines should evaluate together."""
        return _BLOCK_NUISANCE if self.nuisances else block_size(self.predictor.work(self._tables))

    @property
    def n_measurements(self) -> int:
        return len(self.dataset.value)

    def predictions(self, x: Mapping[str, Any]):
        """Predictions (n_measurements, B) for (B,) points."""
        flat, _ = self._as_dict(x)
        return jax.jit(lambda y: self._predict(self.theory(y), y))(flat)

    def sm_predictions(self) -> np.ndarray:
        """Standard-Model predictions (n_measurements,)."""
        return self._sm

    def sm_chi2(self) -> float:
        """chi2 of the Standard Model."""
        return float(self._chi2(jnp.asarray(self.sm_predictions() - self._offset)[:, None])[0])

    def pulls(self, x: Mapping[str, float]) -> list[dict[str, Any]]:
        """Per measurement: prediction, SM, measured value, total error on the side of the prediction, pull (pred - meas)/error."""
        pred = np.asarray(self.predictions({k: np.atleast_1d(v) for k, v in x.items()}))[:, 0]
        d, th = self.dataset, np.diag(self.theory_covariance)
        out = []
        for i, name in enumerate(d.observables):

            def error(value, i=i):
                e = d.plus[i] if value > d.value[i] else d.minus[i]
                return float(math.sqrt(e * e + th[i]))

            sm = float(self.sm_predictions()[i])
            out.append(
                {
                    "observable": name,
                    "measurement": d.labels[i],
                    "value": float(pred[i]),
                    "sm": sm,
                    "measured": float(d.value[i]),
                    "error_plus": float(d.plus[i]),
                    "error_minus": float(d.minus[i]),
                    "error_theory": float(math.sqrt(th[i])),
                    "error": error(pred[i]),
                    "pull": float((pred[i] - d.value[i]) / error(pred[i])),
                    "sm_pull": float((sm - d.value[i]) / error(sm)),
                }
            )
        return out

    def fingerprint(self) -> dict[str, Any]:
        """What identifies this likelihood: JSON-able, used to refuse stores of another run."""
        from fipjax import plugins  # which imports the observables

        d = self.dataset
        digest = hashlib.sha256()
        for a in (d.value, d.plus, d.minus, d.correlation, self.inputs.value, self.inputs.sigma):
            digest.update(np.ascontiguousarray(a, dtype=float).tobytes())
        digest.update(json.dumps([*d.observables, *d.labels, *self.inputs.names]).encode())
        return {
            "model": self.model.name,
            "data": self.vintage,
            "observables": list(d.observables),
            "constraints": [c.name for c in self.constraints],
            "conventions": self.context.conventions,
            "uncertainties": self.uncertainties,
            "draws": self._draws,
            "seed": self._seed,
            "priors": {n: p.describe() for n, p in self.priors.items()},
            "fixed": {n: (v if not isinstance(v, complex) else [v.real, v.imag]) for n, v in self.fixed.items()},
            "data_hash": digest.hexdigest()[:16],
            "sm_chi2": round(self.sm_chi2(), 6),
            "precision": "float32" if single() else "float64",
            "version": __version__,
            **plugins.provenance(self.model, self.constraints, self.dataset.observables),
        }
