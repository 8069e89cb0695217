"""Best fit: many gradient searches at once, local minima told apart, errors from the Hessian.

Every start is an L-BFGS search (Liu & Nocedal, Math. Program. 45 (1989) 503; optax) in the unconstrained
coordinates u of the priors, all starts in one vectorised program.  End points are grouped into modes, the best
modes are polished with damped Newton steps, and the Hessian at the best one gives the errors.  A direction in
which chi2 does not change is reported as such; it gets no number.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fipjax._version import __version__
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
#: candidates per start in the screened half of the starting points.
SCREEN = 16

#: part of its prior range by which a flat direction may move a parameter that still gets an error.
FLAT_MOVE = 0.05
#: chi2 one Hessian error away from the minimum, for an error to be called parabolic.
PARABOLA = (0.5, 2.0)
#: relative change of the objective that counts as rounding.
ROUNDING = 1.0e-10
#: longest search step in u.
MAX_STEP = 2.0

_BLOCK = 25  # iterations between two updates of the progress line
_SHRINK = 8  # the batch is cut by this factor once that few starts are still moving
_PATH = 17  # points on a path between two end points
_NEIGHBOURS = 5
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
        full = {
            k: jnp.asarray(float(x[k]) if k in x else p.from_unit(jnp.asarray(0.5))) for _, (k, p) in self._numbered()
        }
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

    def prior_term(self, u, kind):
        """What is added to chi2: -2 log prior in x (True), the pulls of Gaussian priors ("gaussian"), or 0."""
        total = jnp.zeros(u.shape[:-1], u.dtype)
        for i, (_, p) in self._numbered():
            if kind is True:
                total = total - 2.0 * p.log_prob(p.from_real(u[..., i]))
            elif kind == "gaussian" and not self.edged[i]:
                # without the constant, so that the minimum is the usual chi2
                total = total - 2.0 * (p.log_prob_real(u[..., i]) - p.log_prob_real(jnp.zeros((), u.dtype)))
        return total

    def objective(self, u, kind):
        """chi2 plus the prior's term, shape (...); u beyond the cap counts as at the cap."""
        u = jnp.clip(u, -self.cap, self.cap)
        return -2.0 * self.log_like(u) + self.prior_term(u, kind)


def batched_objective(target: Target, kind, size: int):
    """Objective of any number of points, (N, n) -> (N,), from one compiled program for ``size`` points."""
    compiled = jax.jit(partial(target.objective, kind=kind))

    def run(u: np.ndarray) -> np.ndarray:
        out = np.empty(len(u))
        for a in range(0, len(u), size):
            part = u[a : a + size]
            pad = np.concatenate([part, np.repeat(part[-1:], size - len(part), 0)]) if len(part) < size else part
            out[a : a + size] = np.asarray(compiled(jnp.asarray(pad)))[: len(part)]
        return np.where(np.isfinite(out), out, np.inf)

    return run


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


def _starting_points(target: Target, starts: int, seed: int, values) -> np.ndarray:
    """u of the starts, (starts, n).

    The likelihood's own hints first; then half plain Sobol points, half the best of ``SCREEN`` Sobol points
    each.  Screening finds narrow valleys, the plain half keeps basins whose surroundings look bad.
    """
    hints = [np.clip(target.u_of_x(h), -8.0, 8.0) for h in (getattr(target.like, "start_hints", list)() or [])]
    hints = hints[:starts]
    rest = starts - len(hints)
    plain = (rest + 1) // 2
    screened = rest - plain
    u = target.u_of_s(_sobol(plain + SCREEN * screened, target.n, seed)) if rest else np.zeros((0, target.n))
    parts = [np.array(hints).reshape(-1, target.n), u[:plain]]
    if screened:
        pool = u[plain:].reshape(screened, SCREEN, target.n)
        best = np.argmin(values(u[plain:]).reshape(screened, SCREEN), axis=1)
        parts.append(pool[np.arange(screened), best])
    return np.concatenate(parts)


def _search_program(target: Target, kind, scale: float):
    """(init, block): the vectorised L-BFGS searches.

    The searches minimise scale * asinh(objective / scale): the same minima, but twenty decades of chi2 far from
    them become a gentle slope.  A non-finite value is a wall (large value, zero gradient).
    """

    wall = 1.0e3 * scale  # asinh of the largest float64 is 710

    def evaluate(u):
        """phi and its gradient for all rows of u, (B, n): one batched call, points in the order the kernels like."""
        value, back = jax.vjp(lambda v: scale * jnp.arcsinh(target.objective(v, kind) / scale), u)
        (grad,) = back(jnp.ones_like(value))
        ok = jnp.isfinite(value) & jnp.all(jnp.isfinite(grad), axis=-1)
        return jnp.where(ok, value, wall), jnp.where(ok[:, None], grad, 0.0)

    eps = float(jnp.finfo(jnp.zeros(()).dtype).eps)
    tiny = float(jnp.finfo(jnp.zeros(()).dtype).tiny)
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

    def init_one(u, value, grad):
        zero = jnp.zeros((), jnp.int32)
        step, slope, opt = aim(grad, lbfgs.init(u), u, jnp.array(True))
        # status: 0 moving, 1 converged, 2 stalled, 3 no finite value at the start
        status = jnp.where(value >= wall, 3, jnp.where(jnp.all(grad == 0), 1, 0)).astype(jnp.int32)
        start = {"u": u, "value": value, "grad": grad, "opt": opt, "step": step, "slope": slope,
                 "length": jnp.ones_like(value), "safe_length": jnp.zeros_like(value), "safe_value": value,
                 "safe_grad": grad, "small": zero, "fails": zero, "status": status}  # fmt: skip
        # without weak types the first block would be compiled twice
        return jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), start)

    def step_one(c, value, grad):
        """What one trial point leads to.  Each start is somewhere in its own line search: none waits for another."""
        a = c["length"]
        rounding = max(ROUNDING, 10.0 * eps) * jnp.abs(c["value"])
        lower = value <= c["value"] + 1e-4 * a * c["slope"] + rounding
        slope = jnp.vdot(grad, c["step"])
        steep = slope < 0.9 * c["slope"]  # still falling nearly as fast: try twice the length
        longer = lower & steep & (a < 100.0)
        have_safe = c["safe_length"] > 0
        shorter = ~lower & ~have_safe
        give_up = shorter & (a < 1e-10)
        accept = (lower & ~longer) | (~lower & have_safe)
        use_safe = ~lower & have_safe
        # minimum of the parabola through value, slope and trial value
        lowest = -0.5 * c["slope"] * a / jnp.maximum(value - c["value"] - a * c["slope"], tiny) * a
        cut = jnp.clip(jnp.where(jnp.isfinite(lowest), lowest, 0.0), 0.1 * a, 0.5 * a)

        new_length = jnp.where(use_safe, c["safe_length"], a)
        new_u = c["u"] + new_length * c["step"]
        new_value = jnp.where(use_safe, c["safe_value"], value)
        new_grad = jnp.where(use_safe, c["safe_grad"], grad)
        curvature = jnp.vdot(new_u - c["u"], new_grad - c["grad"])
        # expected distance to the minimum along the search direction, from phi to chi2
        stretch = jnp.cosh(jnp.minimum(jnp.abs(c["value"]) / scale, 80.0))
        edm = 0.5 * jnp.abs(c["slope"]) * stretch
        small = jnp.where(accept, jnp.where(edm < EDM_TOL, c["small"] + 1, 0), c["small"])
        fails = jnp.where(accept, 0, jnp.where(give_up, c["fails"] + 1, c["fails"]))

        u = jnp.where(accept, jnp.clip(new_u, -target.cap, target.cap), c["u"])
        value_now = jnp.where(accept, new_value, c["value"])
        grad_now = jnp.where(accept, new_grad, c["grad"])
        restart = accept | give_up
        step, slope, opt = aim(grad_now, c["opt"], u, give_up | (accept & (curvature <= 0)))
        status = jnp.where(
            (small >= 2) | jnp.all(grad_now == 0), 1, jnp.where(fails >= 2, jnp.where(edm < EDM_STALLED, 1, 2), 0)
        )
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
            "small": small.astype(jnp.int32),
            "fails": fails.astype(jnp.int32),
            "status": status.astype(jnp.int32),
        }
        return jax.tree.map(lambda new, old: jnp.where(c["status"] == 0, new, old), new, c)

    @partial(jax.jit, donate_argnums=0)
    def block(carry, iterations):
        def cond(loop):
            i, c = loop
            return (i < iterations) & jnp.any(c["status"] == 0)

        def body(loop):
            i, c = loop
            value, grad = evaluate(c["u"] + c["length"][:, None] * c["step"])
            return i + 1, jax.vmap(step_one)(c, value, grad)

        return jax.lax.while_loop(cond, body, (jnp.zeros((), jnp.int32), carry))

    def init(u):
        return jax.vmap(init_one)(u, *evaluate(u))

    return jax.jit(init), block


@dataclass
class Ends:
    """Where the starts ended: u (S, n), objective (S,), status (S,): 0 moving, 1 converged, 2 stalled, 3 invalid."""

    u: np.ndarray
    value: np.ndarray
    status: np.ndarray
    iterations: int


def multistart(target: Target, starts: int, maxiter: int, seed: int, kind, values, progress: bool) -> Ends:
    """Run all searches in two generations; blocks of iterations keep the progress line and Ctrl-C alive.

    The second half of the starts begins near the end points of the first: the best of ``SCREEN`` candidates each,
    made by redrawing one coordinate of a good end point or by moving it a little.  This is what finds the narrow
    valley of a resonance in the mass once the couplings are about right.
    """
    scale = 4.0 * max(10.0, float(getattr(target.like, "n_measurements", 10)))
    program = _search_program(target, kind, scale)
    second = starts // 2 if starts >= 16 else 0
    first = starts - second
    u0 = _starting_points(target, first, seed, values)
    bar = Progress("fit", maxiter * (2 if second else 1), "iterations") if progress else None
    try:
        ends = _search(target, program, u0, maxiter, scale, bar)
        ends.value = values(ends.u)
        if second and np.any(np.isfinite(ends.value)):
            u0 = _second_generation(target, ends, first, seed, values)[:second]
            pad = np.concatenate([u0, np.repeat(u0[-1:], first - second, 0)])  # the same compiled program
            more = _search(target, program, pad, maxiter, scale, bar)
            ends = Ends(
                np.concatenate([ends.u, more.u[:second]]),
                np.concatenate([ends.value, values(more.u[:second])]),
                np.concatenate([ends.status, more.status[:second]]),
                max(ends.iterations, more.iterations),
            )
    finally:
        if bar:
            bar.close()
    ends.status = np.where(np.isfinite(ends.value), ends.status, 3)
    return ends


def _second_generation(target: Target, ends: Ends, n: int, seed: int, values) -> np.ndarray:
    """u of ``n`` starts derived from the end points, (n, dim)."""
    rng = np.random.default_rng([seed, 2])
    order = np.argsort(ends.value, kind="stable")
    order = order[np.isfinite(ends.value[order])]
    # parents: the better half, the best most often
    rank = np.minimum(rng.geometric(1.0 / max(1.0, len(order) / 8.0), size=(n, SCREEN)) - 1, len(order) - 1)
    t = target.t_of_u(ends.u)[order[rank]]
    lo, hi = np.where(target.edged, 1e-4, -1.0), np.where(target.edged, 1.0 - 1e-4, 1.0)
    redrawn = rng.integers(target.n, size=rank.shape)[..., None] == np.arange(target.n)
    near = t + rng.normal(size=t.shape) * 10.0 ** rng.uniform(-3.0, -0.5, size=(*rank.shape, 1))
    t = np.where(rng.random(rank.shape)[..., None] < 0.5, np.where(redrawn, rng.uniform(lo, hi, t.shape), t), near)
    u = target.u_of_t(np.clip(t, lo, hi))
    best = np.argmin(values(u.reshape(-1, target.n)).reshape(n, SCREEN), axis=1)
    return u[np.arange(n), best]


def _search(target: Target, program, u0: np.ndarray, maxiter: int, scale: float, bar) -> Ends:
    init, block = program
    gather = jax.jit(lambda tree, rows: jax.tree.map(lambda a: a[rows], tree))
    starts = len(u0)
    carry = init(jnp.asarray(u0))
    where = np.arange(starts)  # the start that each row of the batch belongs to; -1 is padding
    end_u, end_v, end_s = np.array(u0), np.full(starts, np.inf), np.zeros(starts, int)
    size, done = starts, 0
    while done < maxiter:
        ran, carry = block(carry, min(_BLOCK, maxiter - done))
        status = np.asarray(carry["status"])
        rows = where >= 0
        end_u[where[rows]] = np.asarray(carry["u"])[rows]
        end_v[where[rows]] = np.asarray(carry["value"])[rows]
        end_s[where[rows]] = status[rows]
        done += int(ran)
        moving = np.flatnonzero((status == 0) & rows)
        if bar:
            best = scale * math.sinh(min(end_v.min() / scale, 700.0))
            note = f"best chi2 {best:.6g}, {100 * np.mean(end_s == 1):.0f}% of {starts} starts converged"
            bar.update(int(ran) if len(moving) else maxiter - done + int(ran), note=note)
        if not len(moving):
            break
        # few are left: carry on with those alone (sizes are fixed, so results do not depend on timing)
        small = size // _SHRINK
        if small >= 16 and len(moving) <= small:
            size = small
            take = np.concatenate([moving, np.repeat(moving[:1], size - len(moving))])
            where = np.concatenate([where[moving], np.full(size - len(moving), -1)])
            carry = gather(carry, take)
    return Ends(end_u, end_v, end_s, done)


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


def _join(target: Target, u: np.ndarray, value: np.ndarray, values) -> np.ndarray:
    """Mode label of each point, (N,).

    Paths are straight in t or in u, between nearest neighbours, so that a curved flat valley is followed from point
    to point.  A path that this misses leaves one mode listed twice, never two listed as one (unless the barrier
    is narrower than the spacing of the ``_PATH`` points).
    """
    n = len(u)
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
        both = values(np.stack([line_t, line_u]).reshape(-1, target.n)).reshape(2, len(a), -1)
        height = np.maximum(both.max(-1).min(0), np.maximum(value[a], value[b]))
        passes += [(float(h), int(i), int(j)) for h, i, j in zip(height, a, b, strict=True) if np.isfinite(h)]
        label = _watershed(value, passes)
    return label


def find_modes(target: Target, ends: Ends, values) -> list[dict]:
    """Modes among the end points, best first: u of the best member, objective, members (indices of starts)."""
    order = np.argsort(ends.value, kind="stable")
    order = order[np.isfinite(ends.value[order])]
    if not len(order):
        raise InputError("no starting point has a finite likelihood; check the parameter ranges")
    order = order[ends.value[order] <= ends.value[order[0]] + MODE_WINDOW]
    t = target.t_of_u(ends.u)
    unique: list[int] = []
    owner: list[list[int]] = []
    for i in order:
        if unique:
            gap = np.abs(t[unique] - t[i]).max(-1)
            k = int(np.argmin(gap))
            # the same point, or past the first 200 (a flat valley full of end points) the nearest one as good
            if gap[k] < 1e-4 and ends.value[i] < ends.value[unique[k]] + MODE_BARRIER:
                owner[k].append(int(i))
                continue
            if len(unique) >= 200:
                owner[k].append(int(i))
                continue
        unique.append(int(i))
        owner.append([int(i)])
    labels = _join(target, ends.u[unique], ends.value[unique], values)
    modes: dict[int, dict] = {}
    for k, lab in enumerate(labels):
        mode = modes.setdefault(int(lab), {"u": ends.u[unique[k]], "value": ends.value[unique[k]], "members": []})
        mode["members"] += owner[k]
    return sorted(modes.values(), key=lambda m: m["value"])


# ---------------------------------------------------------------------------------------------- Newton, errors


def _newton_program(target: Target, kind):
    """(u (K, n), free (K, n), iterations) -> u, value, gradient, Hessian after damped Newton steps.

    Each round evaluates value, gradient and Hessian at one trial point, the first at u itself.
    """
    n = target.n

    def gradient(u):
        value, back = jax.vjp(lambda v: target.objective(v, kind), u)
        return back(jnp.ones_like(value))[0], value

    def everything(u, free):
        def column(e):
            grad, tangent, value = jax.jvp(gradient, (u,), (jnp.broadcast_to(e, u.shape),), has_aux=True)
            return tangent, (value, grad)

        hess, (value, grad) = jax.vmap(column, out_axes=(-1, None))(jnp.eye(n, dtype=u.dtype))  # points x i x column
        hess = 0.5 * (hess + jnp.swapaxes(hess, -1, -2))
        both = free[:, :, None] & free[:, None, :]
        return value, jnp.where(free, grad, 0.0), jnp.where(both, hess, jnp.eye(n, dtype=u.dtype))

    def propose(u, grad, hess, damp):
        lam, vec = jnp.linalg.eigh(hess)
        size = jnp.abs(lam)
        # below the noise of the Hessian a direction is flat: no step along it
        noise = 10.0 * jnp.finfo(u.dtype).eps * size.max() + 1e-9
        step = -vec @ jnp.where(size > noise, (vec.T @ grad) / (size + damp * size.max()), 0.0)
        step = step * jnp.minimum(1.0, MAX_STEP / jnp.maximum(jnp.linalg.norm(step), jnp.finfo(u.dtype).tiny))
        return jnp.clip(u + step, -target.cap, target.cap)

    def accept(trial, new, g, h, u, value, grad, hess, damp):
        # within rounding of the value the gradient decides: that is where the last digits of u come from
        level = new <= value + 8.0 * jnp.finfo(u.dtype).eps * jnp.abs(value)
        good = (new < value) | (level & (jnp.vdot(g, g) < jnp.vdot(grad, grad)))
        good &= jnp.all(jnp.isfinite(g)) & jnp.all(jnp.isfinite(h))
        pick = lambda a, b: jnp.where(good, a, b)  # noqa: E731
        damp = jnp.where(good, 0.1 * damp, jnp.maximum(10.0 * damp, 1e-12))
        return pick(trial, u), pick(new, value), pick(g, grad), pick(h, hess), damp

    def run(u, free, iterations):
        def body(c):
            i, u, value, grad, hess, damp = c
            trial = jax.vmap(propose)(u, grad, hess, damp)
            return i + 1, *jax.vmap(accept)(trial, *everything(trial, free), u, value, grad, hess, damp)

        inf = jnp.full(u.shape[0], jnp.inf, u.dtype)
        eye = jnp.broadcast_to(jnp.eye(n, dtype=u.dtype), (*u.shape, n))
        start = (jnp.zeros((), jnp.int32), u, inf, jnp.zeros_like(u), eye, jnp.full_like(inf, 1e-6))
        return jax.lax.while_loop(lambda c: c[0] <= iterations, body, start)[1:5]

    return jax.jit(run)


def _at_limit(target: Target, u, grad, value, values) -> np.ndarray:
    """Parameters that chi2 pushes onto an edge of their range: +1 upper, -1 lower, 0 inside; shape (n,)."""
    side = np.zeros(target.n, int)
    for i in range(target.n):
        if not target.edged[i] or abs(u[i]) < 5.0:  # further in than 0.7 percent of the range
            continue
        slope = grad[i] / target.dt_du(u)[i]  # chi2 per prior range; negative: falls towards the upper edge
        if slope * np.sign(u[i]) > -1e-2:
            continue  # flat rather than pushed
        edge = np.array(u)
        edge[i] = np.sign(u[i]) * U_CAP
        if values(edge[None])[0] <= value + 1e-9 * max(1.0, abs(value)):
            side[i] = int(np.sign(u[i]))
    return side


def _polish(target: Target, modes: list[dict], newton, values) -> None:
    """Newton steps on up to MAX_MODES modes, edges included; adds u, value, side, grad, hess to each mode."""
    k = len(modes)
    u = np.stack([m["u"] for m in modes] + [modes[0]["u"]] * (MAX_MODES - k))
    free = np.ones(u.shape, bool)
    side = np.zeros(u.shape, int)
    for _ in range(3):
        u, value, grad, hess = (np.array(a) for a in newton(jnp.asarray(u), jnp.asarray(free), _NEWTON))
        changed = False
        for j in range(k):
            new = np.where(free[j], _at_limit(target, u[j], grad[j], value[j], values), side[j])
            if np.any(new != side[j]):
                side[j] = new
                free[j] = new == 0
                u[j] = np.where(new == 0, u[j], new * U_CAP)
                changed = True
        if not changed:
            break
    for j, m in enumerate(modes):
        if np.isfinite(value[j]) and value[j] <= m["value"] + 1e-6 * max(1.0, abs(m["value"])):
            m.update(u=u[j], value=float(value[j]), side=side[j], grad=grad[j], hess=hess[j])
        else:  # a non-finite Hessian or a rounding cliff: keep the L-BFGS point, claim no curvature
            nan = np.full((target.n, target.n), np.nan)
            m.update(value=float(m["value"]), side=np.zeros(target.n, int), grad=grad[j] * np.nan, hess=nan)


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


def _hessian_errors(target: Target, mode: dict, values) -> _Errors:
    """Covariance in t from the eigenvectors of the Hessian that chi2 constrains.

    In t the prior range has length 1, so a direction whose one-sigma length exceeds 1 is not constrained.  A
    parameter that such a direction moves by more than ``FLAT_MOVE`` of its range has no error; one that it moves
    by less gets that movement added to its error.  An error is tried out: one standard deviation away, with the
    other parameters following, chi2 should be 1 higher.
    """
    n = target.n
    side, hess = mode["side"], mode["hess"]
    status, reason = ["ok"] * n, [""] * n
    inside = np.flatnonzero(side == 0)
    for i in np.flatnonzero(side):
        status[i] = "at_limit"
        reason[i] = f"chi2 still falls at the {'upper' if side[i] > 0 else 'lower'} end of the prior range"
    cov = np.full((n, n), np.nan)
    sigma = np.full(n, np.nan)
    if not np.all(np.isfinite(hess)):
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
        for b, i in enumerate(inside):
            move = abs(along[b])
            if lam[k] < -1.0 and move > 1e-6:
                status[i], reason[i] = "not_a_minimum", f"chi2 falls along ({text})"
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
        rise = values(target.u_of_t(t)) - mode["value"]
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
    for i in range(n):
        if status[i] == "unconstrained":
            sigma[i] = np.inf
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
    prior's term if one was asked.  ``modes`` are sorted by objective: chi2, objective, point, number of starts,
    spread (range of the end points within one sigma), at_limit (side of the edge).
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
    iterations: int
    with_prior: bool | str
    seconds: float
    fingerprint: dict
    parameters: dict[str, dict] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

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

    def summary(self) -> str:
        """Text for people."""
        out = [
            f"best fit: chi2 = {self.chi2:.4f} for {self.n_measurements} measurements, {self.n_free} free parameters",
            f"SM:       chi2 = {self.sm_chi2:.4f}, Delta chi2 = {self.delta_chi2:.4f}, "
            f"{self.significance:.2f} sigma (naive: Wilks, {self.n_free} dof, no look-elsewhere correction)",
        ]
        if self.with_prior:
            kind = "all priors" if self.with_prior is True else "the Gaussian priors"
            out.append(f"minimised: chi2 - 2 log of {kind} = {self.objective:.4f}")
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
            rows = [["mode", "chi2", "starts", *self.names]]
            for i, m in enumerate(self.modes):
                values = [f"{m['point'][k]:.5g}" for k in self.names]
                rows.append([str(i + 1), f"{m['chi2']:.4f}", str(m["starts"]), *values])
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


def load_fit(path: str | os.PathLike) -> FitResult:
    """Read what :meth:`FitResult.save` wrote; InputError if it is not such a file."""
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as err:
        raise InputError(f"cannot read {str(path)!r}: {err.strerror or err}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise InputError(f"{str(path)!r} is not JSON: {err}") from None
    if not isinstance(raw, dict) or raw.get("format") != "fipjax-fit":
        raise InputError(f"{str(path)!r} is not a fit written by fipjax")
    if raw.get("format_version") != 1:
        raise InputError(f"{str(path)!r}: format_version = {raw.get('format_version')!r} (this fipjax reads 1)")
    text = ("error_status", "error_reason", "fingerprint", "parameters", "notes", "names", "with_prior")
    fields = FitResult.__dataclass_fields__
    missing = [k for k in fields if k not in raw]
    if missing:
        raise InputError(f"{str(path)!r}: missing {', '.join(missing)}")
    values = {k: raw[k] if k in text else _numbers(raw[k]) for k in fields}
    values["names"] = tuple(values["names"])
    values["covariance"] = np.array(values["covariance"], float)
    values["correlation"] = np.array(values["correlation"], float)
    values["intervals"] = {k: tuple(v) for k, v in values["intervals"].items()}
    return FitResult(**values)


# ---------------------------------------------------------------------------------------------- fit


def check_count(name: str, value, least: int = 1) -> int:
    """``value`` as an int of at least ``least``, else InputError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} = {value!r} (allowed: an integer >= {least})")
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
) -> FitResult:
    """Global best fit of a likelihood by ``starts`` simultaneous gradient searches.

    Parameters
    ----------
    like: the likelihood (``names``, ``priors``, ``log_prob``, ``sm_chi2``, ``pulls``, ...).
    starts: number of searches; half begin at Sobol points of the prior, half at the best of 16 such points each.
    method: "lbfgs".
    maxiter: iterations per search.
    seed: of the starting points.  The same seed on the same machine gives the same result.
    with_prior: False minimises chi2 alone; "gaussian" adds ((x - mean)/sigma)^2 of parameters with a Gaussian
        prior (nuisance parameters); True adds -2 log prior(x) of all (maximum a posteriori in x).
    progress: show a line on stderr for fits that take longer than 2 s.

    Raises InputError on bad arguments and if no start has a finite likelihood.
    """
    t0 = time.monotonic()
    if method != "lbfgs":
        raise unknown("fit method", method, ["lbfgs"])
    if not (with_prior in (False, True) or with_prior == "gaussian"):
        raise InputError(f"with_prior = {with_prior!r} (allowed: False, True, 'gaussian')")
    starts, maxiter, seed = check_count("starts", starts), check_count("maxiter", maxiter), check_count("seed", seed, 0)
    target = Target(like)
    values = batched_objective(target, with_prior, min(1024, max(starts, 128)))
    ends = multistart(target, starts, maxiter, seed, with_prior, values, progress)
    modes = find_modes(target, ends, values)
    modes = modes[:MAX_MODES]
    newton = _newton_program(target, with_prior)
    _polish(target, modes, newton, values)
    if len(modes) > 1:  # Newton may have taken two to the same point
        labels = _join(target, np.stack([m["u"] for m in modes]), np.array([m["value"] for m in modes]), values)
        merged: dict[int, dict] = {}
        for m, lab in zip(modes, labels, strict=True):
            into = merged.setdefault(int(lab), m)
            if into is not m:
                members = into["members"] + m["members"]
                if m["value"] < into["value"]:
                    merged[int(lab)] = m
                merged[int(lab)]["members"] = members
        modes = sorted(merged.values(), key=lambda m: m["value"])
    return _result(target, ends, modes, with_prior, values, time.monotonic() - t0)


def _result(target: Target, ends: Ends, modes: list[dict], kind, values, seconds: float) -> FitResult:
    like, names, n_free = target.like, target.names, target.n
    top = modes[0]
    u = top["u"]
    named = lambda a: {k: float(v) for k, v in zip(names, a, strict=True)}  # noqa: E731
    points = target.points(np.stack([m["u"] for m in modes] + [u] * (MAX_MODES - len(modes))))
    columns = like.evaluate({k: jnp.asarray(points[:, i]) for i, k in enumerate(names)})
    mode_chi2 = np.asarray(columns["chi2"], float)
    log_prob = float(columns["log_prob"][0])
    best, chi2 = points[0], float(mode_chi2[0])
    err = _hessian_errors(target, top, values)
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
    for m, x, c in zip(modes, points, mode_chi2, strict=False):
        # the range of the end points within one sigma of this mode shows how far a flat valley was followed
        cloud = np.concatenate([ends_x[[i for i in m["members"] if ends.value[i] <= m["value"] + 1.0]], x[None]])
        spread = {k: (float(a), float(b)) for k, a, b in zip(names, cloud.min(0), cloud.max(0), strict=True)}
        side = {k: int(s) for k, s in zip(names, m["side"], strict=True) if s}
        listed.append({"chi2": float(c), "objective": m["value"], "point": named(x), "starts": len(m["members"]),
                       "spread": spread, "at_limit": side})  # fmt: skip
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
    notes = []
    if fraction < 0.5:
        notes.append(
            f"only {100 * fraction:.0f}% of the starts converged; raise maxiter (now {ends.iterations} were run)"
        )
    hits = listed[0]["starts"]
    if len(status) >= 16 and hits <= 2:
        notes.append(f"only {hits} of {len(status)} starts reached the best mode; a better one may exist, raise starts")
    loose = [k for k, e in zip(names, target.edged, strict=True) if not e]
    if loose and kind is False:
        notes.append(f"Gaussian priors of {', '.join(loose)} were not used; with_prior='gaussian' adds them to chi2")
    if err.n_constrained < n_free:
        notes.append(f"chi2 constrains {err.n_constrained} of {n_free} directions; {n_free} dof overstate the freedom")
    pulls = list(like.pulls(named(best))) if hasattr(like, "pulls") else []
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
        iterations=ends.iterations,
        with_prior=kind,
        seconds=seconds,
        fingerprint=plain(like.fingerprint()) if hasattr(like, "fingerprint") else {},
        parameters=describe_parameters(like),
        notes=notes,
    )
