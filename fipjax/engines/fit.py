"""Best fit: many gradient searches at once, local minima told apart, errors from the Hessian.

Every start is an L-BFGS search (Liu & Nocedal, Math. Program. 45 (1989) 503; optax) in the unconstrained
coordinates u of the priors.  A fixed number of searches moves in step, and a finished one makes room for the next.
End points are grouped into modes, the best modes are polished with damped Newton steps, and the Hessian at the
best one gives the errors.  A direction in which chi2 does not change is reported as such; it gets no number.

Compiling the gradient of a real likelihood takes longer than a fit.  So all of this uses one compiled program, the
value and gradient of a fixed number of points (:class:`Engine`); Hessians are differences of exact gradients.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fipjax._version import __version__
from fipjax.engines.checkpoint import Checkpoint, run_identity
from fipjax.errors import InputError, unknown
from fipjax.priors import LogFlat, Prior, SignedLog
from fipjax.progress import Progress

#: |u| at which a parameter with a finite range is held: s = 1e-13, where the gradient in u has vanished.
U_CAP = 30.0
#: the same for a prior without edges (u in standard deviations): only a guard against overflow.
U_CAP_OPEN = 1.0e4
#: expected distance to the minimum, in chi2, at which a start has converged (MINUIT stops at 1e-4 to 1e-3).
EDM_TOL = 1.0e-6
#: a start that cannot go on (rounding) still counts as converged below this expected distance.
EDM_STALLED = 1.0e-4
#: a minimum is a mode of its own if every path out of it rises by at least this: one standard deviation.
MODE_BARRIER = 1.0
#: end points further above the best than this are counted but not told apart (7 sigma for one parameter).
MODE_WINDOW = 50.0
#: modes that are polished and reported.
MAX_MODES = 8
#: generations of starts that learn from the first, and candidates for each such start.
GENERATIONS = 4
SCREEN = 4

#: part of its prior range by which a flat direction may move a parameter that still gets an error.
FLAT_MOVE = 0.05
#: chi2 one Hessian error away from the minimum, for an error to be called parabolic.
PARABOLA = (0.5, 2.0)
#: relative change of the objective that counts as rounding.
ROUNDING = 1.0e-10
#: longest search step in u.
MAX_STEP = 2.0

#: points of one call: on a CPU few enough for the cache, elsewhere enough to fill the device.
ROWS = {"cpu": 64}
ROWS_OTHER = 1024

_PATH = 13  # points on a path between two end points
_NEIGHBOURS = 4
_UNIQUE = 128  # end points that are told apart one by one
_SHOWN = 5e-5  # smallest difference in chi2 that four decimals show
_NEWTON = 25


# ---------------------------------------------------------------------------------------------- the target


class Target:
    """The likelihood as a function of u, shape (..., n); shared by the fit and the sampler.

    ``t`` is the coordinate in which chi2 is closest to a parabola and prior ranges have length 1: the
    cumulative probability for a prior with edges, u/6 for one without (6 standard deviations).
    """

    def __init__(self, like):
        self.like = like
        self.names: tuple[str, ...] = tuple(like.names)
        self.n = len(self.names)
        if self.n == 0:
            raise InputError("the likelihood has no free parameter; free at least one (give it a prior)")
        self.priors: tuple[Prior, ...] = tuple(like.priors[k] for k in self.names)
        self.edged = np.array([all(math.isfinite(b) for b in p.support) for p in self.priors])
        self.cap = np.where(self.edged, U_CAP, U_CAP_OPEN)
        self._points = jax.jit(lambda u: jax.jvp(self.x, (u,), (jnp.ones_like(u),)))
        self._from_s = jax.jit(lambda s: self.u({k: p.from_unit(s[..., i]) for i, (k, p) in self._numbered()}))
        self._from_x = jax.jit(self.u)

    def _numbered(self):
        return enumerate(zip(self.names, self.priors, strict=True))

    def x(self, u) -> dict:
        """Parameters, name -> array of shape (...)."""
        return {k: p.from_real(u[..., i]) for i, (k, p) in self._numbered()}

    def u(self, x: dict):
        """u of points given as name -> array of shape (...); shape (..., n)."""
        return jnp.stack([p.to_real(x[k]) for k, p in zip(self.names, self.priors, strict=True)], -1)

    def points(self, u: np.ndarray) -> np.ndarray:
        """Parameter values, shape (..., n), as numpy."""
        x, _ = self._points(jnp.asarray(u))
        return np.stack([np.asarray(x[k], float) for k in self.names], -1)

    def dx_du(self, u: np.ndarray) -> np.ndarray:
        """Derivative of each parameter by its own u, shape (..., n)."""
        _, dx = self._points(jnp.asarray(u))
        return np.stack([np.asarray(dx[k], float) for k in self.names], -1)

    def u_of_x(self, x: dict) -> np.ndarray:
        """u of one point, shape (n,); a name that is missing is put at the prior's median."""
        full = {k: jnp.asarray(float(x[k]) if k in x else p.from_unit(jnp.asarray(0.5))) for _, (k, p) in self._numbered()}
        return np.asarray(self._from_x(full), float)

    def u_of_s(self, s: np.ndarray) -> np.ndarray:
        """u of points of the unit cube, shape (..., n)."""
        return np.asarray(self._from_s(jnp.asarray(s)), float)

    def t_of_u(self, u: np.ndarray) -> np.ndarray:
        return np.where(self.edged, 1.0 / (1.0 + np.exp(-np.clip(u, -U_CAP, U_CAP))), u / 6.0)

    def u_of_t(self, t: np.ndarray) -> np.ndarray:
        s = np.clip(np.where(self.edged, t, 0.5), 1e-13, 1.0 - 1e-13)
        return np.where(self.edged, np.log(s) - np.log1p(-s), 6.0 * t)

    def dt_du(self, u: np.ndarray) -> np.ndarray:
        s = self.t_of_u(u)
        return np.where(self.edged, s * (1.0 - s), 1.0 / 6.0)

    def log_like(self, u):
        """Log-likelihood, shape (...)."""
        return self.like.log_prob(self.x(u))

    def log_prior_real(self, u):
        """Log prior density in u, shape (...)."""
        return sum(p.log_prob_real(u[..., i]) for i, p in enumerate(self.priors))

    def prior_term(self, u, kind):
        """What is added to -2 log_prob: -2 log prior in x (True), the pulls of Gaussian priors ("gaussian"), or 0."""
        total = jnp.zeros(u.shape[:-1], u.dtype)
        for i, (_, p) in self._numbered():
            if kind is True:
                total = total - 2.0 * p.log_prob(p.from_real(u[..., i]))
            elif kind == "gaussian" and not self.edged[i]:
                # without the constant, so that the minimum is the usual chi2
                total = total - 2.0 * (p.log_prob_real(u[..., i]) - p.log_prob_real(jnp.zeros((), u.dtype)))
        return total


def _minimised(kind: bool | str) -> str:
    """The objective in words."""
    if kind == "gaussian":
        return "-2 ln L with the Gaussian priors"
    return "-2 ln(L prior)" if kind else "-2 ln L"


class Engine:
    """Likelihood, objective and gradient of any number of points, in calls of ``rows`` points.

    The objective is -2 log_prob plus the prior's term; u beyond the cap counts as at the cap.
    """

    def __init__(self, target: Target, kind):
        self.target = target
        self.rows = ROWS.get(jax.default_backend(), ROWS_OTHER)
        # without Gaussian priors there is nothing to name
        self.minimised = _minimised(False if kind == "gaussian" and target.edged.all() else kind)

        def log_prob(u):
            out = target.like.evaluate(target.x(jnp.clip(u, -target.cap, target.cap)))
            return out["log_prob"], out["chi2"]

        def prior(u):
            return target.prior_term(jnp.clip(u, -target.cap, target.cap), kind)

        @jax.jit
        def everything(u):
            value, back, chi2 = jax.vjp(log_prob, u, has_aux=True)
            extra, back_extra = jax.vjp(prior, u)
            one = jnp.ones_like(value)
            (grad,), (grad_extra,) = back(one), back_extra(one.astype(extra.dtype))
            objective = -2.0 * value + extra
            return {
                "log_prob": value,
                "grad_log_prob": grad,
                "chi2": chi2,
                "objective": objective,
                "grad": -2.0 * grad + grad_extra,
            }

        self.program = everything

    def __call__(self, u: np.ndarray) -> dict[str, np.ndarray]:
        """log_prob, chi2, objective (N,), grad (of the objective), grad_log_prob (N, n) of points (N, n)."""
        pad = -len(u) % self.rows
        full = np.concatenate([u, np.repeat(u[-1:], pad, 0)]) if pad else u
        parts = [self.program(jnp.asarray(full[a : a + self.rows])) for a in range(0, len(full), self.rows)]
        return {k: np.concatenate([np.asarray(p[k]) for p in parts])[: len(u)] for k in parts[0]}

    def values(self, u: np.ndarray) -> np.ndarray:
        """Objective of points (N, n); inf where it is not finite."""
        out = self(u)["objective"]
        return np.where(np.isfinite(out), out, np.inf)


# ---------------------------------------------------------------------------------------------- many starts


def _sobol(n_points: int, dim: int, seed: int) -> np.ndarray:
    """Scrambled Sobol points, (n_points, dim), inside (1e-4, 1 - 1e-4): at the very edge the gradient in u is 0."""
    from scipy.stats import qmc  # scipy arrives with jax

    m = max(1, math.ceil(math.log2(max(n_points, 2))))
    rng = np.random.default_rng(seed)
    try:
        engine = qmc.Sobol(dim, scramble=True, rng=rng)
    except TypeError:  # scipy < 1.15
        engine = qmc.Sobol(dim, scramble=True, seed=rng)
    return 1e-4 + (1.0 - 2e-4) * engine.random_base2(m)[:n_points]


def _starting_points(engine: Engine, starts: int, seed: int) -> np.ndarray:
    """u of the first starts, (starts, n): the likelihood's own hints, then Sobol points of the prior.

    No screening by chi2 here: where couplings vanish chi2 is flat and moderate, and that is what would be chosen.
    """
    target = engine.target
    hints = [np.clip(target.u_of_x(h), -8.0, 8.0) for h in (getattr(target.like, "start_hints", list)() or [])]
    hints = hints[:starts]
    u = np.array(hints).reshape(-1, target.n)
    if len(u) < starts:
        u = np.concatenate([u, target.u_of_s(_sobol(starts - len(u), target.n, seed))])
    return u


class _Search:
    """The L-BFGS searches: ``rows`` of them in step, from a queue of starts.

    They minimise phi = scale * asinh(objective / scale): the same minima, but twenty decades of chi2 far from
    them become a gentle slope.  A non-finite value is a wall (large value, zero gradient).
    """

    def __init__(self, engine: Engine, scale: float):
        self.engine, self.scale = engine, scale
        target = engine.target
        info = jnp.finfo(jnp.zeros(()).dtype)
        eps, tiny = float(info.eps), float(info.tiny)
        wall = 1.0e3 * scale  # asinh of the largest float64 is 710
        lbfgs = optax.scale_by_lbfgs(memory_size=min(10, max(4, target.n)))

        def aim(grad, opt, u, reset):
            """Descent direction, its slope and the new memory; steepest descent where the memory is of no use."""
            fresh = lbfgs.init(u)
            opt = jax.tree.map(lambda new, old: jnp.where(reset, new, old), fresh, opt)
            step, after = lbfgs.update(grad, opt, u)
            step0, after0 = lbfgs.update(grad, fresh, u)
            uphill = ~(jnp.vdot(step, grad) > 0)
            step = -jnp.where(uphill, step0, step)
            after = jax.tree.map(lambda new, old: jnp.where(uphill, new, old), after0, after)
            # a longer step could jump to an edge, where the gradient in u is lost
            step = step * jnp.minimum(1.0, MAX_STEP / jnp.maximum(jnp.linalg.norm(step), tiny))
            return step, jnp.vdot(step, grad), after

        def begin(u):
            """State of a search whose first trial point is u itself.

            status: 0 moving, 1 converged, 2 stalled, 3 no finite value at the start.
            """
            zero, none, inf = jnp.zeros((), u.dtype), jnp.zeros_like(u), jnp.asarray(jnp.inf, u.dtype)
            count = jnp.zeros((), jnp.int32)
            return {"u": u, "value": inf, "grad": none, "opt": lbfgs.init(u), "step": none, "slope": zero,
                    "length": zero + 1, "safe_length": zero, "safe_value": inf, "safe_grad": none, "small": count,
                    "fails": count, "status": count, "trials": count}  # fmt: skip

        def judge(c, objective, grad):
            """What one trial point leads to.  Each search is somewhere in its own line search: none waits."""
            a = c["length"]
            value = scale * jnp.arcsinh(objective / scale)
            grad = grad / jnp.hypot(1.0, objective / scale)
            finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(grad))
            value, grad = jnp.where(finite, value, wall), jnp.where(finite, grad, 0.0)
            first = ~jnp.isfinite(c["value"])

            rounding = jnp.where(first, 0.0, max(ROUNDING, 10.0 * eps) * jnp.abs(c["value"]))
            lower = first | (value <= c["value"] + 1e-4 * a * c["slope"] + rounding)
            steep = jnp.vdot(grad, c["step"]) < 0.9 * c["slope"]  # still falling nearly as fast: twice the length
            longer = lower & steep & (a < 100.0)
            have_safe = c["safe_length"] > 0
            give_up = ~lower & ~have_safe & (a < 1e-10)
            accept = (lower & ~longer) | (~lower & have_safe)
            use_safe = ~lower & have_safe
            # minimum of the parabola through value, slope and trial value
            lowest = -0.5 * c["slope"] * a / jnp.maximum(value - c["value"] - a * c["slope"], tiny) * a
            cut = jnp.clip(jnp.where(jnp.isfinite(lowest), lowest, 0.0), 0.1 * a, 0.5 * a)

            new_u = c["u"] + jnp.where(use_safe, c["safe_length"], a) * c["step"]
            new_grad = jnp.where(use_safe, c["safe_grad"], grad)
            curvature = jnp.vdot(new_u - c["u"], new_grad - c["grad"])
            # expected distance to the minimum along the search direction, from phi to chi2
            stretch = jnp.cosh(jnp.minimum(jnp.abs(c["value"]) / scale, 80.0))
            edm = jnp.where(first, jnp.inf, 0.5 * jnp.abs(c["slope"]) * stretch)
            small = jnp.where(accept, jnp.where(edm < EDM_TOL, c["small"] + 1, 0), c["small"])
            fails = jnp.where(accept, 0, c["fails"] + give_up)

            u = jnp.where(accept, jnp.clip(new_u, -target.cap, target.cap), c["u"])
            value_now = jnp.where(accept, jnp.where(use_safe, c["safe_value"], value), c["value"])
            grad_now = jnp.where(accept, new_grad, c["grad"])
            restart = accept | give_up
            step, slope, opt = aim(grad_now, c["opt"], u, give_up | (accept & ~(curvature > 0)))
            stopped = jnp.where(fails >= 2, jnp.where(edm < EDM_STALLED, 1, 2), 0)
            status = jnp.where((small >= 2) | jnp.all(grad_now == 0), 1, stopped)
            status = jnp.where(first & ~finite, 3, status)
            pick = lambda new, old: jnp.where(restart, new, old)  # noqa: E731
            new = {
                "u": u,
                "value": value_now,
                "grad": grad_now,
                "opt": jax.tree.map(pick, opt, c["opt"]),
                "step": pick(step, c["step"]),
                "slope": pick(slope, c["slope"]),
                "length": jnp.where(restart, 1.0, jnp.where(longer, 2.0 * a, cut)),
                "safe_length": jnp.where(restart, 0.0, jnp.where(longer, a, c["safe_length"])),
                "safe_value": jnp.where(longer, value, c["safe_value"]),
                "safe_grad": jnp.where(longer, grad, c["safe_grad"]),
                "small": small,
                "fails": fails,
                "status": status,
                "trials": c["trials"] + 1,
            }
            return jax.tree.map(lambda a, b: jnp.where(c["status"] == 0, a, b).astype(b.dtype), new, c)

        def trial(c):
            return c["u"] + c["length"][:, None] * c["step"]

        def advance(c, objective, grad):
            c = jax.vmap(judge)(c, objective, grad)
            return c, trial(c)

        def refill(c, rows, u):
            fresh = jax.vmap(begin)(u)
            c = jax.tree.map(lambda new, old: jnp.where(rows.reshape(-1, *[1] * (old.ndim - 1)), new, old), fresh, c)
            return c, trial(c)

        # weak types would make the second call compile again
        strong = lambda tree: jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), tree)  # noqa: E731
        self._begin = jax.jit(lambda u: strong(jax.vmap(begin)(u)))
        self._advance = jax.jit(lambda *args: strong(advance(*args)))
        self._refill = jax.jit(lambda *args: strong(refill(*args)))

    def _shapes(self):
        u = jax.ShapeDtypeStruct((self.engine.rows, self.engine.target.n), jnp.zeros(()).dtype)
        return jax.tree.flatten(jax.eval_shape(self._begin, u))

    def begin(self, u0: np.ndarray) -> dict:
        """State of a run from each row of ``u0`` (S, n) before the first trial point.

        c: one search for each row; owner: whose (-1: nobody's); queue: the next start; log: who, u, value (of phi), status and
        trials of those that have ended, the first ``ended`` entries.  A step makes a new state and changes nothing that an old
        one holds.
        """
        rows, starts = self.engine.rows, len(u0)
        queue = min(rows, starts)
        owner = np.where(np.arange(rows) < queue, np.arange(rows), -1)
        first = jnp.asarray(u0[np.maximum(owner, 0)])
        return {"c": self._begin(first), "trial": first, "owner": owner, "queue": queue, "ended": 0, "log": self._log(u0.shape)}

    @staticmethod
    def _log(shape: tuple[int, int]) -> dict[str, np.ndarray]:
        count = np.zeros(shape[0], int)
        return {"who": count, "u": np.zeros(shape), "value": np.zeros(shape[0]), "status": count.copy(), "trials": count.copy()}

    def step(self, now: dict, u0: np.ndarray, maxiter: int) -> dict:
        """One trial point of every search; those that have ended make room for others."""
        out = self.engine.program(now["trial"])
        c, trial = self._advance(now["c"], out["objective"], out["grad"])
        owner, queue, log = now["owner"], now["queue"], now["log"]
        status, trials = np.asarray(c["status"]), np.asarray(c["trials"])
        done = np.flatnonzero((owner >= 0) & ((status != 0) | (trials >= maxiter)))
        if not len(done):
            return {**now, "c": c, "trial": trial}
        ended = now["ended"] + len(done)
        log["who"][now["ended"] : ended] = owner[done]
        for k in ("u", "value", "status", "trials"):
            log[k][now["ended"] : ended] = np.asarray(c[k])[done]
        new = np.arange(queue, min(queue + len(done), len(u0)))
        owner = owner.copy()
        owner[done] = -1
        owner[done[: len(new)]] = new
        if len(new):
            mask = np.zeros(len(owner), bool)
            mask[done[: len(new)]] = True
            c, trial = self._refill(c, mask, jnp.asarray(u0[np.maximum(owner, 0)]))
        return {"c": c, "trial": trial, "owner": owner, "queue": queue + len(new), "ended": ended, "log": log}

    def run(
        self,
        u0: np.ndarray,
        maxiter: int,
        bar: Progress | None,
        keep: Callable[[dict], None] | None = None,
        state: dict | None = None,
    ) -> Ends:
        """Search from each row of ``u0`` (S, n), at most ``maxiter`` trial points each.

        ``keep`` gets the state after every step (:meth:`begin`); with such a ``state`` the run goes on from there.
        """
        now = self.begin(u0) if state is None else state
        best = now["log"]["value"][: now["ended"]].min(initial=math.inf)
        while now["ended"] < len(u0):
            before, now = now["ended"], self.step(now, u0, maxiter)
            if keep:
                keep(now)
            if bar:
                best = now["log"]["value"][before : now["ended"]].min(initial=best)
                shown = float(self.objective(best))
                bar.update(now["ended"] - before, note=f"best {self.engine.minimised} {shown:.6g}" if math.isfinite(shown) else "")
        log, u, status = now["log"], np.array(u0), np.zeros(len(u0), int)
        u[log["who"]], status[log["who"]] = log["u"], log["status"]
        return Ends(u, self.engine.values(u), status, np.zeros(len(u0), int), int(log["trials"].max()))

    def so_far(self, now: dict) -> tuple[Ends, np.ndarray]:
        """Where the starts of an unfinished run are, those that still move included, and their numbers (rows of u0)."""
        row = np.flatnonzero((now["owner"] >= 0) & (np.asarray(now["c"]["trials"]) > 0))
        moving = {k: np.asarray(now["c"][k])[row] for k in ("u", "value", "status", "trials")} | {"who": now["owner"][row]}
        log = {k: np.concatenate([v[: now["ended"]], moving[k]]) for k, v in now["log"].items()}
        ends = Ends(log["u"], self.objective(log["value"]), log["status"], np.zeros(len(log["who"]), int), 0)
        return ends, log["who"]

    def pack(self, now: dict) -> dict:
        """A state in the form that is kept: the searches as a list of arrays."""
        return {**now, "c": jax.tree.leaves(now["c"]), "log": {k: v[: now["ended"]] for k, v in now["log"].items()}}

    def unpack(self, kept: dict, starts: int) -> dict:
        """The state that :meth:`pack` was given; ValueError if it cannot be one of ``starts`` starts."""
        leaves, tree = self._shapes()
        found = [np.asarray(a) for a in kept["c"]]
        if [(a.shape, a.dtype) for a in found] != [(a.shape, a.dtype) for a in leaves] or not kept["queue"] <= starts:
            raise ValueError("the searches have another shape")
        log = self._log((starts, self.engine.target.n))
        for k, v in log.items():
            v[: kept["ended"]] = kept["log"][k]
        c = jax.tree.unflatten(tree, [jnp.asarray(a) for a in found])
        return {**kept, "c": c, "trial": jnp.asarray(kept["trial"]), "owner": np.asarray(kept["owner"]), "log": log}

    def objective(self, phi) -> np.ndarray:
        """The objective of values of phi; inf for those of a wall."""
        phi = np.asarray(phi, float) / self.scale
        return np.where(phi < 700.0, self.scale * np.sinh(np.minimum(phi, 700.0)), np.inf)


@dataclass
class Ends:
    """Where the starts ended.

    u (S, n), objective (S,), status (S,): 0 moving, 1 converged, 2 stalled, 3 invalid; generation (S,); the largest
    number of trial points that one took.
    """

    u: np.ndarray
    value: np.ndarray
    status: np.ndarray
    generation: np.ndarray
    trials: int


def multistart(engine: Engine, starts: int, maxiter: int, seed: int, progress: bool, keep: Checkpoint | None = None) -> Ends:
    """Run all searches: half from quasi-random points, the others in ``GENERATIONS`` that learn from what was found.

    Each start of a later generation is the best of ``SCREEN`` variations of local minima found so far.  This is what
    finds the narrow valley of a resonance in the mass once the couplings are about right.  Measured on a
    five-parameter likelihood whose best minimum attracts 3 of 8192 independent starts: found in 8 of 10 runs with
    2048 starts, in 2 of 10 with 512.

    ``keep`` gets the state after every step; a run goes on from the state that it holds.
    """
    search = _search(engine)
    each = starts // (2 * GENERATIONS)
    sizes = [starts - GENERATIONS * each] + [each] * (GENERATIONS if each else 0)
    rng = np.random.default_rng([seed, 2])
    runs: list[Ends] = []
    u0 = state = None
    if keep is not None and keep.state is not None:
        try:
            rng.bit_generator.state = keep.state["rng"]
            runs = [Ends(**e) for e in keep.state["runs"]]
            if keep.state["search"] is not None:
                u0 = np.asarray(keep.state["u0"])
                state = search.unpack(keep.state["search"], len(u0))
        except (KeyError, TypeError, ValueError) as err:
            raise keep.damaged(str(err)) from None
    ended = sum(len(e.u) for e in runs) + (state["ended"] if state else 0)
    bar = Progress("fit", starts, "starts", start=ended) if progress else None
    try:
        for generation, size in list(enumerate(sizes))[len(runs) :]:
            if u0 is None and generation == 0:
                u0 = _starting_points(engine, size, seed)
            elif u0 is None:
                u, value = np.concatenate([e.u for e in runs]), np.concatenate([e.value for e in runs])
                if not np.any(np.isfinite(value)):
                    break
                u0 = _variations(engine, u, value, size, rng)
            fixed = {"runs": [vars(e) for e in runs], "rng": rng.bit_generator.state, "u0": u0}

            def after(now: dict, fixed: dict = fixed) -> None:
                if keep is not None:
                    keep.commit({**fixed, "search": search.pack(now)})

            ends = search.run(u0, maxiter, bar, after, state)
            ends.generation[:] = generation
            runs.append(ends)
            u0 = state = None
            if keep is not None:
                keep.commit({**fixed, "runs": [vars(e) for e in runs], "u0": None, "search": None})
    finally:
        if bar:
            bar.close()
    return _together(runs)


def _search(engine: Engine) -> _Search:
    return _Search(engine, 4.0 * max(10.0, float(getattr(engine.target.like, "n_measurements", 10))))


def _together(runs: list[Ends]) -> Ends:
    """The ends of several runs as one."""
    ends = Ends(
        np.concatenate([e.u for e in runs]),
        np.concatenate([e.value for e in runs]),
        np.concatenate([e.status for e in runs]),
        np.concatenate([e.generation for e in runs]),
        max(e.trials for e in runs),
    )
    ends.status = np.where(np.isfinite(ends.value), ends.status, 3)
    return ends


def _distinct(t: np.ndarray, value: np.ndarray, limit: int = 200) -> np.ndarray:
    """Indices of end points, best first, without those close to a better one in both position and value."""
    keep: list[int] = []
    for i in np.argsort(value, kind="stable"):
        recent = keep[-40:]
        close = (value[i] - value[recent] < 0.3) & (np.abs(t[recent] - t[i]).max(-1, initial=0.0) < 0.05)
        if np.isfinite(value[i]) and not np.any(close):
            keep.append(int(i))
            if len(keep) == limit:
                break
    return np.array(keep)


def _variations(engine: Engine, u: np.ndarray, value: np.ndarray, n: int, rng) -> np.ndarray:
    """u of ``n`` starts made from end points ``u`` (S, dim), (n, dim)."""
    target = engine.target
    found = target.t_of_u(u)
    parents = _distinct(found, value)
    rank = rng.geometric(1.0 / max(1.0, len(parents) / 8.0), size=(n, SCREEN)) - 1  # the better ones most often
    t = found[parents[np.minimum(rank, len(parents) - 1)]]
    lo, hi = np.where(target.edged, 1e-4, -1.0), np.where(target.edged, 1.0 - 1e-4, 1.0)
    shape, column = rank.shape, (*rank.shape, 1)
    order = np.argsort(rng.random(t.shape), axis=-1)
    one, other = (order[..., i, None] == np.arange(target.n) for i in (0, -1))
    redrawn = np.where(one, rng.uniform(lo, hi, t.shape), t)
    mirrored = np.where(one, lo + hi - t, t)  # the other sign of a coupling
    near = t + rng.normal(size=t.shape) * 10.0 ** rng.uniform(-3.0, -0.5, size=column)
    # the difference of two good points is a step along the valley that they share
    good = np.argsort(value, kind="stable")[: max(2, int(np.isfinite(value).sum()) // 2)]
    pair = found[good[rng.integers(len(good), size=(2, *shape))]]
    along = t + rng.uniform(0.0, 1.2, size=column) * (pair[0] - pair[1])
    # one coupling up, another down: products stay where they are
    shift = rng.normal(size=column) * 10.0 ** rng.uniform(-2.0, -0.3, size=column)
    traded = t + shift * (one + other * rng.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], size=column))
    t = np.choose(rng.integers(5, size=shape)[..., None], [redrawn, mirrored, near, along, traded])
    trial = target.u_of_t(np.clip(t, lo, hi))
    best = np.argmin(engine.values(trial.reshape(-1, target.n)).reshape(shape), axis=1)
    return trial[np.arange(n), best]


# ---------------------------------------------------------------------------------------------- modes


def _watershed(value: np.ndarray, passes: list[tuple[float, int, int]]) -> np.ndarray:
    """Mode label of each point, given passes (height, i, j) between points.

    Passes are opened from the lowest up.  Two basins that meet are one mode if the pass is less than
    ``MODE_BARRIER`` above the shallower one's minimum; otherwise they stay two, whatever meets later.
    """
    basin = np.arange(len(value))  # what is connected; named after its lowest point
    mode = np.arange(len(value))

    def find(parent, i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return int(i)

    for height, i, j in sorted(passes):
        a, b = find(basin, i), find(basin, j)
        if a == b:
            continue
        if value[a] > value[b]:
            a, b, i, j = b, a, j, i
        if height - value[b] < MODE_BARRIER:
            mode[find(mode, b)] = find(mode, i)
        basin[b] = a
    return np.array([find(mode, i) for i in range(len(value))])


def _join(engine: Engine, u: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Mode label of each point, (N,).

    Paths are straight in t or in u, between nearest neighbours, so that a curved flat valley is followed from point
    to point.  A path that this misses leaves one mode listed twice, never two listed as one (unless the barrier
    is narrower than the spacing of the ``_PATH`` points).
    """
    target, n = engine.target, len(u)
    t = target.t_of_u(u)
    frac = np.linspace(0.0, 1.0, _PATH)[1:-1, None]
    label = np.arange(n)
    passes: list[tuple[float, int, int]] = []
    tried: set[tuple[int, int]] = set()
    for _ in range(4):
        if len(np.unique(label)) == 1:
            break
        pairs = set()
        for i in range(n):
            # after the first round: nearest points of other modes only
            distance = np.where(label == label[i], np.inf, np.abs(t - t[i]).sum(-1))
            for j in np.argsort(distance)[:_NEIGHBOURS]:
                pair = (min(i, int(j)), max(i, int(j)))
                if np.isfinite(distance[j]) and pair not in tried:
                    pairs.add(pair)
        if not pairs:
            break
        tried |= pairs
        a, b = np.array(sorted(pairs)).T
        line_t = target.u_of_t(t[a, None] + frac * (t[b, None] - t[a, None]))
        line_u = u[a, None] + frac * (u[b, None] - u[a, None])
        both = engine.values(np.stack([line_t, line_u]).reshape(-1, target.n)).reshape(2, len(a), -1)
        height = np.maximum(both.max(-1).min(0), np.maximum(value[a], value[b]))
        passes += [(float(h), int(i), int(j)) for h, i, j in zip(height, a, b, strict=True) if np.isfinite(h)]
        label = _watershed(value, passes)
    return label


def find_modes(engine: Engine, ends: Ends) -> list[dict]:
    """Modes among the end points, best first: u of the best member, objective, members (indices of starts)."""
    order = np.argsort(ends.value, kind="stable")
    order = order[np.isfinite(ends.value[order])]
    if not len(order):
        raise InputError("no starting point has a finite likelihood; check the parameter ranges")
    order = order[ends.value[order] <= ends.value[order[0]] + MODE_WINDOW]
    t = engine.target.t_of_u(ends.u)
    unique: list[int] = []
    owner: list[list[int]] = []
    for i in order:
        if unique:
            gap = np.abs(t[unique] - t[i]).max(-1)
            k = int(np.argmin(gap))
            # the same point, or past the first few (a flat valley full of end points) the nearest one as good
            if gap[k] < 1e-4 and ends.value[i] < ends.value[unique[k]] + MODE_BARRIER:
                owner[k].append(int(i))
                continue
            if len(unique) >= _UNIQUE:
                owner[k].append(int(i))
                continue
        unique.append(int(i))
        owner.append([int(i)])
    labels = _join(engine, ends.u[unique], ends.value[unique])
    modes: dict[int, dict] = {}
    for k, lab in enumerate(labels):
        mode = modes.setdefault(int(lab), {"u": ends.u[unique[k]], "value": ends.value[unique[k]], "members": []})
        mode["members"] += owner[k]
    return sorted(modes.values(), key=lambda m: m["value"])


# ---------------------------------------------------------------------------------------------- Newton, errors


def _hessian(engine: Engine, u: np.ndarray, width: np.ndarray):
    """Objective (K,), gradient (K, n), Hessian (K, n, n) and kinks (K, n) at points (K, n).

    Fourth-order central differences of the gradient with steps of a small part of ``width`` (K, n), the length over
    which the objective changes by 1: exact to about 1e-9 of the stiffest element for a smooth likelihood.  At the
    edge of a constraint the two sides differ (a kink): there the Hessian is that of the stiff side.
    """
    k, n = u.shape
    rough = float(jnp.finfo(jnp.zeros(()).dtype).eps) > 1e-10  # float32: noise, not curvature, sets the step
    h = (0.3 if rough else 0.02) * width
    offsets = np.array([-2.0, -1.0, 1.0, 2.0])
    stencil = u[:, None, None] + offsets[:, None, None] * (h[:, None] * np.eye(n))[:, None]  # (K, 4, n, n)
    out = engine(np.concatenate([u, stencil.reshape(-1, n)]))
    g0 = out["grad"][:k, None]
    a, b, c, d = np.moveaxis(out["grad"][k:].reshape(k, 4, n, n), 1, 0)  # row i: gradient after a step in u_i
    with np.errstate(invalid="ignore", over="ignore"):
        hess = (a - 8.0 * b + 8.0 * c - d) / (12.0 * h[:, :, None])
        below = (3.0 * g0 - 4.0 * b + a) / (2.0 * h[:, :, None])
        above = (4.0 * c - d - 3.0 * g0) / (2.0 * h[:, :, None])
        low, high = (np.diagonal(m, axis1=1, axis2=2) for m in (below, above))
        # half of the curvature gone within 4 percent of a standard deviation
        kink = np.abs(high - low) > 0.5 * np.maximum(np.abs(high), np.abs(low)) + 1e-3 / width**2
        stiff = np.where((high > low)[:, :, None], above, below)
        hess = np.where(kink.any(axis=1)[:, None, None], stiff, hess)
        hess = 0.5 * (hess + np.swapaxes(hess, 1, 2))
    return out["objective"][:k], out["grad"][:k], hess, kink


def _width(hess: np.ndarray) -> np.ndarray:
    """Length over which each coordinate alone raises the objective by 1, shape (n,)."""
    return np.clip(np.sqrt(2.0 / np.maximum(np.abs(np.diag(hess)), 1e-300)), 1e-9, 0.5)


def _newton(engine: Engine, u: np.ndarray, free: np.ndarray, rounds: int):
    """u, objective, gradient, Hessian, kinks after at most ``rounds`` damped Newton steps from (K, n) points.

    ``free`` (K, n): coordinates that move.
    """
    target = engine.target
    k, n = u.shape
    eps = float(jnp.finfo(jnp.zeros(()).dtype).eps)
    u, trial = np.array(u), np.array(u)
    width = np.full(u.shape, 1e-3)
    value, grad = np.full(k, np.inf), np.zeros((k, n))
    hess = np.full((k, n, n), np.nan)
    damp, idle = np.full(k, 1e-6), np.zeros(k, int)
    for _ in range(rounds + 1):
        new, g, h, _ = _hessian(engine, trial, width)
        for j in range(k):
            fine = np.isfinite(new[j]) and np.all(np.isfinite(g[j])) and np.all(np.isfinite(h[j]))
            g[j] = np.where(free[j], g[j], 0.0)
            # within rounding of the value the gradient decides: that is where the last digits of u come from
            level = new[j] <= value[j] + 8.0 * eps * abs(value[j])
            first = not np.all(np.isfinite(hess[j]))
            if fine and (new[j] < value[j] or (level and (first or g[j] @ g[j] < grad[j] @ grad[j]))):
                drop = value[j] - new[j]
                idle[j] = 0 if drop > 1e-12 * max(1.0, abs(new[j])) else idle[j] + 1
                u[j], value[j], grad[j], hess[j], damp[j] = trial[j], new[j], g[j], h[j], 0.1 * damp[j]
            else:
                damp[j], idle[j] = max(10.0 * damp[j], 1e-12), idle[j] + (not fine) + (damp[j] > 1.0)
            if np.all(np.isfinite(hess[j])):
                both = free[j][:, None] & free[j]
                lam, vec = np.linalg.eigh(np.where(both, hess[j], np.eye(n)))
                size = np.abs(lam)
                along = vec.T @ grad[j]
                # below the noise of the Hessian a direction is flat: no step along it
                keep = size > 1e-11 * size.max() + 1e-9
                step = -vec @ np.where(keep, along / np.maximum(size + damp[j] * size.max(), 1e-300), 0.0)
                step *= min(1.0, MAX_STEP / max(float(np.linalg.norm(step)), 1e-300))
                trial[j] = np.clip(u[j] + step, -target.cap, target.cap)
                # the next differences reach over a fixed part of one standard deviation
                width[j] = _width(hess[j])
        if np.all(idle >= 3):
            break
    # once more, until the steps fit the curvature that they find
    for _ in range(5):
        new, g, h, kink = _hessian(engine, u, width)
        before, width = (
            width,
            np.stack([_width(m) if np.all(np.isfinite(m)) else w for m, w in zip(h, width, strict=True)]),
        )
        if np.all(np.abs(np.log(width / before)) < 0.7):
            break
    return u, new, np.where(free, g, 0.0), h, kink & free


def _at_limit(engine: Engine, u, grad, value) -> np.ndarray:
    """Parameters that chi2 pushes onto an edge of their range: +1 upper, -1 lower, 0 inside; shape (n,)."""
    target = engine.target
    side = np.zeros(target.n, int)
    for i in range(target.n):
        if not target.edged[i] or abs(u[i]) < 5.0:  # further in than 0.7 percent of the range
            continue
        slope = grad[i] / target.dt_du(u)[i]  # chi2 per prior range; negative: falls towards the upper edge
        if slope * np.sign(u[i]) > -1e-2:
            continue  # flat rather than pushed
        edge = np.array(u)
        edge[i] = np.sign(u[i]) * U_CAP
        if engine.values(edge[None])[0] <= value + 1e-9 * max(1.0, abs(value)):
            side[i] = int(np.sign(u[i]))
    return side


def _polish(engine: Engine, modes: list[dict]) -> None:
    """Newton steps on each mode, edges included; adds side, hess and kink to each mode and updates u and value."""
    n = engine.target.n
    u = np.stack([m["u"] for m in modes])
    side = np.zeros(u.shape, int)
    for _ in range(3):
        u, value, grad, hess, kink = _newton(engine, u, side == 0, _NEWTON)
        new = np.stack([_at_limit(engine, *row) for row in zip(u, grad, value, strict=True)])
        new = np.where(side == 0, new, side)
        if np.all(new == side):
            break
        side = new
        u = np.where(side == 0, u, side * U_CAP)
    for j, m in enumerate(modes):
        if np.isfinite(value[j]) and value[j] <= m["value"] + 1e-6 * max(1.0, abs(m["value"])):
            m.update(u=u[j], value=float(value[j]), side=side[j], hess=hess[j], kink=bool(kink[j].any()))
        else:  # a rounding cliff: keep the L-BFGS point, claim no curvature
            m.update(value=float(m["value"]), side=np.zeros(n, int), hess=np.full((n, n), np.nan), kink=False)


@dataclass
class _Errors:
    sigma_t: np.ndarray
    cov_t: np.ndarray
    status: list[str]
    reason: list[str]
    flat: list[np.ndarray]
    n_constrained: int


def _direction_text(target: Target, u: np.ndarray, inside: np.ndarray, along: np.ndarray) -> str:
    """The largest components of a direction in t, in the units a reader thinks in (decades for log priors)."""
    slope = _reader_slopes(target, u)[inside] * along
    order = [b for b in np.argsort(-np.abs(along)) if abs(along[b]) > FLAT_MOVE][:5]
    norm = slope[order[0]] if slope[order[0]] != 0 else 1.0
    parts = [f"{slope[b] / norm:+.3g} {_coordinate(target.names[inside[b]], target.priors[inside[b]])}" for b in order]
    return ", ".join(parts)


def _coordinate(name: str, prior: Prior) -> str:
    return f"log10|{name}|" if isinstance(prior, LogFlat | SignedLog) else name


def _hessian_errors(engine: Engine, mode: dict) -> _Errors:
    """Covariance in t from the eigenvectors of the Hessian that chi2 constrains.

    In t the prior range has length 1, so a direction whose one-sigma length exceeds 1 is not constrained.  A
    parameter that such a direction moves by more than ``FLAT_MOVE`` of its range has no error; one that it moves
    by less gets that movement added to its error.  An error is tried out: one standard deviation away, with the
    other parameters following, chi2 should be 1 higher.
    """
    target, n = engine.target, engine.target.n
    side, hess = mode["side"], mode["hess"]
    status, reason = ["ok"] * n, [""] * n
    inside = np.flatnonzero(side == 0)
    for i in np.flatnonzero(side):
        status[i] = "at_limit"
        reason[i] = f"chi2 still falls at the {'upper' if side[i] > 0 else 'lower'} end of the prior range"
    cov = np.full((n, n), np.nan)
    sigma = np.full(n, np.nan)
    if not np.all(np.isfinite(hess[np.ix_(inside, inside)])):
        for i in inside:
            status[i], reason[i] = "undefined", "the Hessian is not finite here"
        return _Errors(sigma, cov, status, reason, [], 0)
    jac = target.dt_du(mode["u"])[inside]
    h = 0.5 * hess[np.ix_(inside, inside)] / np.outer(jac, jac)  # chi2/2 in t
    lam, vec = np.linalg.eigh(h)
    measured = lam > 1.0  # one-sigma length below the prior range
    tight = (vec[:, measured] / lam[measured]) @ vec[:, measured].T
    tight_err = np.sqrt(np.maximum(np.diag(tight), 0.0))
    part = tight
    directions = []
    for k in np.flatnonzero(~measured):
        along = vec[:, k]
        part = part + np.outer(along, along)
        directions.append(np.zeros(n))
        directions[-1][inside] = along
        text = _direction_text(target, mode["u"], inside, along)
        falls = False
        if lam[k] < -1.0:
            # negative curvature: is there a lower point that way, or only a corner of a constraint?
            length = np.concatenate([-np.logspace(-4, -1, 7), np.logspace(-4, -1, 7)])
            line = target.u_of_t(target.t_of_u(mode["u"]) + length[:, None] * directions[-1])
            falls = engine.values(line).min() < mode["value"] - 1e-2
        for b, i in enumerate(inside):
            move = abs(along[b])
            if falls and move > 1e-6:
                status[i], reason[i] = "not_a_minimum", f"chi2 falls along ({text})"
            elif lam[k] < -1.0 and move > max(1e-6, 0.1 * tight_err[b]):
                status[i], reason[i] = "undefined", "chi2 has no usable curvature here: use the profile likelihood"
            elif move > max(FLAT_MOVE, 0.1 * tight_err[b]) and status[i] == "ok":
                status[i] = "unconstrained"
                reason[i] = f"chi2 is flat (changes by < 1 over the prior range) along ({text})"
            elif move > max(1e-6, 0.1 * tight_err[b]) and status[i] == "ok":
                reason[i] = f"the error includes the flat direction ({text})"
    err = np.sqrt(np.maximum(np.diag(part), 0.0))
    for b, i in enumerate(inside):
        if status[i] != "ok" or tight_err[b] == 0:
            continue
        step = np.zeros(n)
        step[inside] = tight[:, b] / tight_err[b]
        t = target.t_of_u(mode["u"]) + np.array([[-1.0], [1.0]]) * step
        rise = engine.values(target.u_of_t(t)) - mode["value"]
        seen = np.all((t > 0) & (t < 1) | ~target.edged, axis=1)  # a step out of the range shows nothing
        low, high = PARABOLA
        if np.any(seen & ~((rise > low) & (rise < high))):
            status[i] = "not_parabolic"
            shown = " and ".join(f"{r:.2g}" for r in rise[seen])
            reason[i] = f"one error away chi2 rises by {shown} instead of 1: use the profile likelihood"
    fine = [b for b, i in enumerate(inside) if status[i] in ("ok", "not_parabolic")]
    rows = inside[fine]
    cov[np.ix_(rows, rows)] = part[np.ix_(fine, fine)]
    sigma[rows] = err[fine]
    sigma[np.array(status) == "unconstrained"] = np.inf
    return _Errors(sigma, cov, status, reason, directions, int(measured.sum()))


def _reader_slopes(target: Target, u: np.ndarray) -> np.ndarray:
    """d(log10|x|)/dt for log priors, dx/dt for others, shape (n,)."""
    x, slope = target.points(u), target.dx_du(u) / target.dt_du(u)
    log = np.array([isinstance(p, LogFlat | SignedLog) for p in target.priors]) & (x != 0)
    return np.where(log, slope / (np.where(log, x, 1.0) * math.log(10.0)), slope)


# ---------------------------------------------------------------------------------------------- result


def naive_significance(delta_chi2: float, dof: int) -> float:
    """Two-sided Gaussian sigma of a chi2 difference with ``dof`` degrees of freedom (Wilks' theorem).

    Naive: it assumes that the parameters exist at the SM point and that the chi2 is near-parabolic, and it
    ignores the look-elsewhere effect of a mass that was searched for.  Finite up to delta_chi2 of 1e6 and more.
    """
    if not delta_chi2 > 0 or dof < 1:
        return 0.0
    from scipy.special import gammaln, ndtri_exp
    from scipy.stats import chi2 as dist

    log_p = float(dist.logsf(delta_chi2, dof))
    if not math.isfinite(log_p):  # leading term of the incomplete gamma function
        h = 0.5 * delta_chi2
        log_p = (0.5 * dof - 1.0) * math.log(h) - h - float(gammaln(0.5 * dof))
    return max(0.0, -float(ndtri_exp(log_p - math.log(2.0))))


@dataclass
class FitResult:
    """Best fit with errors, modes and pulls.

    Arrays are in the order of ``names``.  ``errors`` (x), ``errors_log10`` (log10|x|, log priors only) and
    ``intervals`` (one sigma, mapped from the coordinate in which the prior is flat, so asymmetric in x) hold
    nan for a parameter at its limit and inf for one that chi2 does not constrain; ``error_status`` and
    ``error_reason`` say why, or warn that chi2 is not parabolic over one error.  ``chi2`` is that of the data
    alone; ``log_prob`` includes smooth constraints, and ``delta_chi2 = sm_chi2 + 2 log_prob`` is the likelihood
    ratio to the SM, where all constraints hold.  ``objective`` is what was minimised: -2 log_prob, plus the
    prior's term if one was asked.  ``complete`` is False after an interruption: best points so far, no errors, no
    pulls.  ``modes`` are sorted by objective: chi2, objective, point, number of starts,
    how many of them were independent of other starts, spread (range of the end points within one sigma), at_limit
    (side of the edge).
    """

    names: tuple[str, ...]
    best: dict[str, float]
    chi2: float
    log_prob: float
    objective: float
    errors: dict[str, float]
    errors_log10: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    error_status: dict[str, str]
    error_reason: dict[str, str]
    covariance: np.ndarray
    correlation: np.ndarray
    flat_directions: list[dict[str, float]]
    modes: list[dict]
    sm_chi2: float
    delta_chi2: float
    n_measurements: int
    n_free: int
    n_constrained: int
    significance: float
    pulls: list[dict]
    converged_fraction: float
    starts: dict[str, int]
    longest: int
    with_prior: bool | str
    seconds: float
    fingerprint: dict
    parameters: dict[str, dict] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    complete: bool = True

    @property
    def bounds(self) -> float:
        """What the smooth terms of the bounds add to -2 ln L at the best point."""
        return -2.0 * self.log_prob - self.chi2

    @property
    def at_limit(self) -> list[str]:
        """Parameters that chi2 pushes onto an edge of their prior range."""
        return [k for k in self.names if self.error_status[k] == "at_limit"]

    @property
    def unconstrained(self) -> list[str]:
        """Parameters that can move along a direction in which chi2 is flat."""
        return [k for k in self.names if self.error_status[k] == "unconstrained"]

    def to_dict(self) -> dict:
        """Plain JSON-able form; nan and inf are the strings "nan", "inf", "-inf"."""
        raw = {k: getattr(self, k) for k in self.__dataclass_fields__}
        return {"format": "fipjax-fit", "format_version": 1, "fipjax": __version__, **plain(raw)}

    def save(self, path: str | os.PathLike) -> None:
        """Write strict JSON; InputError if the file cannot be written."""
        path = Path(path)
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        scratch = path.with_name(path.name + f".{os.getpid()}.tmp")
        try:
            scratch.write_text(text + "\n", encoding="utf-8")
            os.replace(scratch, path)  # never half a file
        except OSError as err:
            scratch.unlink(missing_ok=True) if scratch.parent.is_dir() else None
            raise InputError(f"cannot write {str(path)!r}: {err.strerror or err}") from None

    def to_pandas(self):
        """As a pandas DataFrame (:func:`fipjax.adapters.to_pandas`)."""
        from fipjax.adapters import to_pandas

        return to_pandas(self)

    def summary(self) -> str:
        """Text for people."""
        out = [f"best fit: chi2 = {self.chi2:.4f} for {self.n_measurements} measurements, {self.n_free} free parameters"]
        if abs(self.bounds) > _SHOWN:
            out.append(f"bounds:   {self.bounds:+.4f}, so -2 ln L = {-2.0 * self.log_prob:.4f} there")
        out += [
            f"SM:       chi2 = {self.sm_chi2:.4f}, Delta chi2 = {self.delta_chi2:.4f}, "
            f"{self.significance:.2f} sigma (naive: Wilks, {self.n_free} dof, no look-elsewhere correction)",
        ]
        if self.with_prior:
            out.append(f"minimised: {_minimised(self.with_prior)} = {self.objective:.4f}")
        out.append("")
        rows = [["parameter", "best fit", "error", "68% interval", "unit", ""]]
        for k in self.names:
            e = self.errors[k]
            lo, hi = self.intervals[k]
            status = self.error_status[k]
            note = {"ok": "", "at_limit": "at the limit of its range"}.get(status, status.replace("_", " "))
            shown = interval_text(lo, hi) if math.isfinite(e) else "-"
            unit = self.parameters.get(k, {}).get("unit", "") or ""
            rows.append([k, f"{self.best[k]:.6g}", f"{e:.3g}" if math.isfinite(e) else "-", shown, unit, note])
        out += text_table(rows)
        reasons: dict[str, list[str]] = {}
        for k in self.names:
            if self.error_reason[k] and self.error_status[k] != "at_limit":
                reasons.setdefault(self.error_reason[k], []).append(k)
        out += [f"  {', '.join(ks)}: {text}" for text, ks in reasons.items()]
        out += ["", f"modes: {len(self.modes)} (Delta chi2 < {MODE_WINDOW:g}), {_starts_text(self)}"]
        if len(self.modes) > 1:
            # they are sorted by what was minimised
            more = any(abs(m["objective"] - m["chi2"]) > _SHOWN for m in self.modes)
            rows = [["mode", "chi2", *(["minimised" if self.with_prior else "-2 ln L"] if more else []), "starts", *self.names]]
            for i, m in enumerate(self.modes):
                values = [f"{m[k]:.4f}" for k in ("chi2", "objective")[: 1 + more]]
                rows.append([str(i + 1), *values, str(m["starts"]), *(f"{m['point'][k]:.5g}" for k in self.names)])
            out += text_table(rows)
        if self.pulls:
            rows = [["largest pulls", "value", "measured", "error", "pull", "SM pull"]]
            for p in sorted(self.pulls, key=lambda p: -abs(_number(p.get("pull"))))[:8]:
                name = str(p.get("observable", ""))
                rows.append(
                    [name] + [f"{_number(p.get(k)):.4g}" for k in ("value", "measured", "error")]
                    + [f"{_number(p.get(k)):+.2f}" for k in ("pull", "sm_pull")]
                )  # fmt: skip
            out += ["", *text_table(rows)]
        out += [f"note: {text}" for text in self.notes]
        out.append(f"took {self.seconds:.1f} s")
        return "\n".join(out)

    def __str__(self) -> str:
        return self.summary()


def _number(value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def interval_text(lo: float, hi: float) -> str:
    """[lo, hi] with enough digits to tell the two apart."""
    size = max(abs(lo), abs(hi))
    digits = 4 if hi == lo or size == 0 else min(15, max(4, 2 + math.ceil(math.log10(size / (hi - lo)))))
    return f"[{lo:.{digits}g}, {hi:.{digits}g}]"


def _starts_text(r: FitResult) -> str:
    s = r.starts
    text = f"{s['total']} starts: {100 * r.converged_fraction:.0f}% converged"
    extra = [f"{s[k]} {label}" for k, label in (("moving", "still moving"), ("stalled", "stalled"),
             ("invalid", "without a finite likelihood"), ("far", f"ended more than {MODE_WINDOW:g} above the best"))
             if s[k]]  # fmt: skip
    return text + (", " + ", ".join(extra) if extra else "")


def text_table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    left = {0, len(rows[0]) - 1}
    lines = []
    for r in rows:
        cells = [c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def plain(obj):
    """JSON-able copy; non-finite numbers become strings."""
    if isinstance(obj, dict):
        return {str(k): plain(v) for k, v in obj.items()}
    if isinstance(obj, list | tuple):
        return [plain(v) for v in obj]
    if isinstance(obj, bool | str) or obj is None:
        return obj
    if isinstance(obj, np.bool_):
        return bool(obj)
    if isinstance(obj, int | np.integer):
        return int(obj)
    if isinstance(obj, float | np.floating):
        return float(obj) if math.isfinite(obj) else str(float(obj))
    if hasattr(obj, "__array__"):
        return plain(np.asarray(obj).tolist())
    return str(obj)


def _numbers(obj):
    """Undo the strings of ``plain`` in a tree that holds numbers."""
    if isinstance(obj, dict):
        return {k: _numbers(v) for k, v in obj.items()}
    if isinstance(obj, list):
        return [_numbers(v) for v in obj]
    return float(obj) if isinstance(obj, str) and obj in ("nan", "inf", "-inf") else obj


def _check_content(path: str, values: dict) -> None:
    """InputError that names the first field of a fit file that does not hold what :meth:`FitResult.save` writes."""

    def number(v) -> bool:
        return isinstance(v, int | float) and not isinstance(v, bool) and not 1e300 < abs(v) < math.inf

    def texts(v) -> bool:
        return isinstance(v, list) and all(isinstance(t, str) for t in v)

    def each(v, one) -> bool:
        return isinstance(v, dict) and all(k in v and one(v[k]) for k in values["names"])

    def matrix(v) -> bool:
        n = len(values["names"])
        return isinstance(v, list) and len(v) == n and all(isinstance(r, list) and len(r) == n and all(map(number, r)) for r in v)

    def mode(m) -> bool:
        return (
            isinstance(m, dict) and all(number(m.get(k)) for k in ("chi2", "objective", "starts")) and each(m.get("point"), number)
        )

    def pull(q) -> bool:
        keys = ("value", "sm", "measured", "pull", "sm_pull")
        more = ("error", "error_plus", "error_minus", "error_theory")
        return (
            isinstance(q, dict)
            and isinstance(q.get("observable"), str)
            and isinstance(q.get("measurement", ""), str)
            and all(number(q.get(k)) for k in keys)
            and all(number(q.get(k, 0.0)) for k in more)
        )

    def interval(q) -> bool:
        return isinstance(q, list) and len(q) == 2 and all(map(number, q))

    def counts(v) -> bool:
        return isinstance(v, dict) and all(number(v.get(k)) for k in ("total", "moving", "stalled", "invalid", "far"))

    def about(v) -> bool:
        return isinstance(v, dict) and all(isinstance(t, dict) and all(isinstance(x, str) for x in t.values()) for t in v.values())

    numbers = ("chi2", "log_prob", "objective", "sm_chi2", "delta_chi2", "significance", "converged_fraction", "longest", "seconds")
    checks = {
        "names": (lambda v: texts(v) and len(v) > 0, "a list of parameter names"),
        **{k: (number, "a number") for k in numbers},
        **{k: (lambda v: number(v) and v == int(v), "a whole number") for k in ("n_measurements", "n_free", "n_constrained")},
        "best": (lambda v: each(v, number), "a number for each parameter"),
        "errors": (lambda v: each(v, number), "a number for each parameter"),
        "errors_log10": (lambda v: isinstance(v, dict) and all(map(number, v.values())), "numbers by parameter"),
        "intervals": (lambda v: each(v, interval), "[low, high] for each parameter"),
        "error_status": (lambda v: each(v, lambda q: isinstance(q, str)), "a text for each parameter"),
        "error_reason": (lambda v: each(v, lambda q: isinstance(q, str)), "a text for each parameter"),
        "covariance": (matrix, "a square matrix of numbers"),
        "correlation": (matrix, "a square matrix of numbers"),
        "flat_directions": (lambda v: isinstance(v, list) and all(isinstance(q, dict) for q in v), "a list of tables"),
        "modes": (lambda v: isinstance(v, list) and all(map(mode, v)), "a list of modes"),
        "pulls": (lambda v: isinstance(v, list) and all(map(pull, v)), "a list of pulls"),
        "starts": (counts, "counts"),
        "with_prior": (lambda v: isinstance(v, bool) or v == "gaussian", "true, false or 'gaussian'"),
        "fingerprint": (lambda v: isinstance(v, dict), "a table"),
        "parameters": (about, "a table of texts for each parameter"),
        "notes": (texts, "a list of texts"),
        "complete": (lambda v: isinstance(v, bool), "true or false"),
    }  # fmt: skip
    for key, (good, allowed) in checks.items():
        try:
            fine = good(values[key])
        except (TypeError, ValueError, OverflowError):
            fine = False
        if not fine:
            shown = repr(values[key])
            raise InputError(
                f"{path!r}: {key} = {shown if len(shown) < 60 else shown[:57] + '...'} (allowed: {allowed}, as fit writes)"
            )


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds; ValueError if it is none, or holds halves of characters, which could not be written anywhere."""
    out = json.loads(text)
    json.dumps(out, ensure_ascii=False).encode()
    return out


def load_fit(path: str | os.PathLike) -> FitResult:
    """Read what :meth:`FitResult.save` wrote; InputError if it is not such a file."""
    try:
        raw = parse_json(Path(path).read_text(encoding="utf-8"))
    except OSError as err:
        raise InputError(f"cannot read {str(path)!r}: {err.strerror or err}") from None
    except (ValueError, RecursionError) as err:
        raise InputError(f"{str(path)!r} is not JSON: {err}") from None
    if not isinstance(raw, dict) or raw.get("format") != "fipjax-fit":
        raise InputError(f"{str(path)!r} is not a fit written by fipjax")
    if raw.get("format_version") != 1:
        raise InputError(f"{str(path)!r}: format_version = {raw.get('format_version')!r} (this fipjax reads 1)")
    text = ("error_status", "error_reason", "fingerprint", "parameters", "notes", "names", "with_prior", "complete")
    fields = FitResult.__dataclass_fields__
    raw.setdefault("complete", True)  # files of earlier versions do not say
    missing = [k for k in fields if k not in raw]
    if missing:
        raise InputError(f"{str(path)!r}: missing {', '.join(missing)}")
    values = {k: raw[k] if k in text else _numbers(raw[k]) for k in fields}
    _check_content(str(path), values)
    values["names"] = tuple(values["names"])
    values["covariance"] = np.array(values["covariance"], float)
    values["correlation"] = np.array(values["correlation"], float)
    values["intervals"] = {k: tuple(v) for k, v in values["intervals"].items()}
    return FitResult(**values)


# ---------------------------------------------------------------------------------------------- fit


def check_count(name: str, value, least: int = 1) -> int:
    """``value`` as an int of at least ``least`` and at most what 32 bits hold (a seed: 63), else InputError."""
    most = 2**63 - 1 if name == "seed" else 2**31 - 1
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise InputError(f"{name} = {value!r} (allowed: an integer from {least} to {most})")
    return int(value)


def describe_parameters(like) -> dict[str, dict]:
    """latex, unit and description of each free parameter, as plain strings."""
    table = getattr(like, "parameters", None) or {}
    keys = ("latex", "unit", "description")
    return {k: {a: str(getattr(table.get(k), a, "") or "") for a in keys} for k in like.names}


def fit(
    like,
    starts: int = 512,
    *,
    method: str = "lbfgs",
    maxiter: int = 300,
    seed: int = 0,
    with_prior: bool | str = False,
    progress: bool = True,
    out: str | os.PathLike | None = None,
    resume: bool = False,
) -> FitResult:
    """Global best fit of a likelihood by ``starts`` simultaneous gradient searches.

    Parameters
    ----------
    like: the likelihood (``names``, ``priors``, ``log_prob``, ``sm_chi2``, ``pulls``, ...).
    starts: number of searches; half begin at Sobol points of the prior, the others at variations of what was found.
    method: "lbfgs".
    maxiter: trial points per search.
    seed: of the starting points.  The same seed on the same machine gives the same result.
    with_prior: False minimises chi2 alone; "gaussian" adds ((x - mean)/sigma)^2 of parameters with a Gaussian
        prior (nuisance parameters); True adds -2 log prior(x) of all (maximum a posteriori in x).
    progress: show a line on stderr for fits that take longer than 2 s.
    out: JSON file that the result is written to.  Until then the state of the searches is kept beside it (``out``.state),
        written every few seconds and on Ctrl-C.
    resume: go on from the state that an interrupted fit with this ``out`` left, to the same result; without such a state,
        from the beginning.

    Raises InputError on bad arguments, if no start has a finite likelihood, and if the state is damaged or belongs to another
    fit; FitInterrupted (a KeyboardInterrupt) with the best points so far on Ctrl-C.
    """
    t0 = time.monotonic()
    if method != "lbfgs":
        raise unknown("fit method", method, ["lbfgs"])
    if not (with_prior in (False, True) or with_prior == "gaussian"):
        raise InputError(f"with_prior = {with_prior!r} (allowed: False, True, 'gaussian')")
    starts, maxiter, seed = check_count("starts", starts), check_count("maxiter", maxiter), check_count("seed", seed, 0)
    engine = Engine(Target(like), with_prior)
    settings = {"starts": starts, "maxiter": maxiter, "seed": seed, "with_prior": with_prior}
    keep = Checkpoint(out, run_identity(like, "fit", engine.target.names, engine.rows, settings), resume)
    try:
        ends = multistart(engine, starts, maxiter, seed, progress, keep)
        modes = find_modes(engine, ends)[:MAX_MODES]
        _polish(engine, modes)
        modes.sort(key=lambda m: m["value"])
        if len(modes) > 1:  # Newton may have taken two to the same point
            labels = _join(engine, np.stack([m["u"] for m in modes]), np.array([m["value"] for m in modes]))
            for m, lab in zip(modes, labels, strict=True):
                if modes[lab] is not m:
                    modes[lab]["members"] += m["members"]
            modes = [m for i, m in enumerate(modes) if labels[i] == i]
        result = _result(engine, ends, modes, with_prior, time.monotonic() - t0)
        if out is not None:
            result.save(out)
    except KeyboardInterrupt:
        raise _interrupted(engine, keep, starts, with_prior, out, t0) from None
    keep.remove()
    return result


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C during a fit.  ``result``: the best points so far, without errors and not ``complete``; None if there are none."""

    def __init__(self, message: str, result: FitResult | None):
        super().__init__(message)
        self.result = result


def _interrupted(engine: Engine, keep: Checkpoint, starts: int, kind, out, t0: float) -> FitInterrupted:
    """Keep the state, save the best points so far, and say so."""
    keep.write()
    if keep.state is None:
        return FitInterrupted("fit interrupted before the first step", None)
    runs = [Ends(**e) for e in keep.state["runs"]]
    ended = sum(len(e.u) for e in runs)
    if keep.state["search"] is not None:
        search = _search(engine)
        now = search.unpack(keep.state["search"], len(keep.state["u0"]))
        runs.append(search.so_far(now)[0])
        runs[-1].generation[:] = len(runs) - 1
        ended += now["ended"]
    ends = _together(runs)
    text = f"fit interrupted after {ended:,} of {starts:,} starts"
    how = "the same command with --resume (resume=True) goes on" if out is not None else "give an output file to be able to resume"
    try:
        result = _unfinished(engine, ends, kind, time.monotonic() - t0, text)
        if result is None:
            return FitInterrupted(f"{text}: no finite likelihood so far; {how}", None)
        text += f": the best so far, chi2 = {result.chi2:.4f}"
        if out is not None:
            result.save(out)
            text += f", is in {out}"
    except KeyboardInterrupt:  # impatient
        result = None
    return FitInterrupted(f"{text}; {how}", result)


def _unfinished(engine: Engine, ends: Ends, kind, seconds: float, text: str) -> FitResult | None:
    """The best of the points so far as a result without errors; None if there is none."""
    t = engine.target.t_of_u(ends.u)
    order = _distinct(t, ends.value)
    if not len(order):
        return None
    order = order[ends.value[order] <= ends.value[order[0]] + MODE_WINDOW]
    # what is still on its way down is no minimum, but the best point counts
    order = np.concatenate([order[:1], order[1:][ends.status[order[1:]] == 1]])[:MAX_MODES]
    near = np.argmin(np.abs(t[:, None] - t[order]).max(-1), axis=1)
    n = engine.target.n
    modes = [
        {
            "u": ends.u[i], "value": float(v), "members": np.flatnonzero((near == k) & np.isfinite(ends.value)).tolist(),
            "side": np.zeros(n, int), "hess": np.full((n, n), np.nan), "kink": False,
        }
        for k, (i, v) in enumerate(zip(order, engine.values(ends.u[order]), strict=True))
    ]  # fmt: skip
    return _result(engine, ends, sorted(modes, key=lambda m: m["value"]), kind, seconds, text)


def _result(engine: Engine, ends: Ends, modes: list[dict], kind, seconds: float, stopped: str = "") -> FitResult:
    """``stopped``: what interrupted the fit before the modes were polished; then there are no errors and no pulls."""
    target = engine.target
    like, names, n_free = target.like, target.names, target.n
    top = modes[0]
    u = top["u"]
    named = lambda a: {k: float(v) for k, v in zip(names, a, strict=True)}  # noqa: E731
    at_modes = np.stack([m["u"] for m in modes])
    points = target.points(at_modes)
    columns = engine(at_modes)
    mode_chi2 = columns["chi2"]
    log_prob = float(columns["log_prob"][0])
    best, chi2 = points[0], float(mode_chi2[0])
    err = _hessian_errors(engine, top)
    if stopped:
        err.reason = ["the fit was interrupted"] * n_free
    dx = target.dx_du(u) / target.dt_du(u)
    sigma = np.abs(dx) * err.sigma_t
    cov = err.cov_t * np.outer(dx, dx)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = cov / np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    log10 = np.abs(_reader_slopes(target, u)) * err.sigma_t
    t = target.t_of_u(u)
    width = np.where(np.isfinite(err.sigma_t), err.sigma_t, np.nan)
    edges = np.stack([target.points(np.nan_to_num(target.u_of_t(t + side * width))) for side in (-1.0, 1.0)])
    edges = np.where(np.isfinite(width), np.sort(edges, axis=0), np.nan)
    ends_x = target.points(ends.u)
    listed = []
    for m, x, c in zip(modes, points, mode_chi2, strict=True):
        # the range of the end points within one sigma of this mode shows how far a flat valley was followed
        cloud = np.concatenate([ends_x[[i for i in m["members"] if ends.value[i] <= m["value"] + 1.0]], x[None]])
        spread = {k: (float(a), float(b)) for k, a, b in zip(names, cloud.min(0), cloud.max(0), strict=True)}
        side = {k: int(s) for k, s in zip(names, m["side"], strict=True) if s}
        listed.append(
            {
                "chi2": float(c),
                "objective": m["value"],
                "point": named(x),
                "starts": len(m["members"]),
                "independent": int(np.sum(ends.generation[m["members"]] == 0)),
                "spread": spread,
                "at_limit": side,
            }
        )
    sm = float(like.sm_chi2())
    status = ends.status
    counts = {
        "total": len(status),
        "converged": int(np.sum(status == 1)),
        "moving": int(np.sum(status == 0)),
        "stalled": int(np.sum(status == 2)),
        "invalid": int(np.sum(status == 3)),
        "far": int(np.sum(np.isfinite(ends.value) & (ends.value > top["value"] + MODE_WINDOW))),
    }
    fraction = counts["converged"] / len(status)
    notes = [stopped] if stopped else []
    if fraction < 0.5 and not stopped:
        notes.append(f"only {100 * fraction:.0f}% of the starts converged; raise maxiter (the longest took {ends.trials} steps)")
    if len(status) >= 16 and not stopped and listed[0]["independent"] <= 1:
        notes.append(
            f"{listed[0]['independent']} of {int(np.sum(ends.generation == 0))} independent starts reached the best mode "
            "(the others followed it): there may be a better one, raise starts"
        )
    loose = [k for k, e in zip(names, target.edged, strict=True) if not e]
    if loose and kind is False:
        notes.append(f"Gaussian priors of {', '.join(loose)} were not used; with_prior='gaussian' adds them to chi2")
    if top["kink"]:
        notes.append("the best fit lies on the edge of a constraint: errors are along that edge")
    if err.n_constrained < n_free and not stopped:
        notes.append(f"chi2 constrains {err.n_constrained} of {n_free} directions; {n_free} dof overstate the freedom")
    # the program for the pulls may take a while to compile
    pulls = list(like.pulls(named(best))) if hasattr(like, "pulls") and not stopped else []
    return FitResult(
        names=names,
        best=named(best),
        chi2=chi2,
        log_prob=log_prob,
        objective=float(top["value"]),
        errors=named(sigma),
        errors_log10={k: v for k, v in named(log10).items() if isinstance(like.priors[k], LogFlat | SignedLog)},
        intervals={k: (float(a), float(b)) for k, a, b in zip(names, *edges, strict=True)},
        error_status=dict(zip(names, err.status, strict=True)),
        error_reason=dict(zip(names, err.reason, strict=True)),
        covariance=cov,
        correlation=correlation,
        flat_directions=[named(v) for v in err.flat],
        modes=listed,
        sm_chi2=sm,
        delta_chi2=sm + 2.0 * log_prob,
        n_measurements=int(getattr(like, "n_measurements", 0)),
        n_free=n_free,
        n_constrained=err.n_constrained,
        significance=naive_significance(sm + 2.0 * log_prob, n_free),
        pulls=[{k: plain(v) for k, v in p.items()} for p in pulls],
        converged_fraction=fraction,
        starts=counts,
        longest=ends.trials,
        with_prior=kind,
        seconds=seconds,
        fingerprint=plain(like.fingerprint()) if hasattr(like, "fingerprint") else {},
        parameters=describe_parameters(like),
        notes=notes,
        complete=not stopped,
    )
