"""Posteriors with several modes, and the evidence: tempered sequential Monte Carlo.

Particles drawn from the prior are taken to the posterior through prior x likelihood^lambda, lambda from 0 to 1 (Del Moral,
Doucet & Jasra, J. R. Stat. Soc. B 68 (2006) 411).  Every step of lambda is as large as the effective sample size allows; then the
particles are resampled and moved at the new lambda (blackjax).  Modes are populated while the likelihood is still flat enough to
move between them, so their weights come out; the mean weights of all steps multiply to the evidence

    Z = integral of exp(log_prob(x)) prior(x) dx        (log_prob = -chi2/2 + constraints: chi2 is not normalised by its errors).

The moves are Metropolis steps whose proposals are fitted to the particles: these are divided into cells (k-means), and a step is a
Gaussian of the covariance of its cell, or, every few steps, a jump to a draw of the sum of all cells.  Gradients are not used.
That is good for up to about twenty parameters; beyond, NUTS (:func:`fipjax.sample`) is the sampler.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.engines import sample as _nuts
from fipjax.engines.coordinates import Coordinates
from fipjax.engines.fit import Target, check_count, interval_text, text_table
from fipjax.engines.sample import Posterior, SampleInterrupted, _collect
from fipjax.errors import InputError, MissingDependency
from fipjax.progress import Progress

#: repeats agree if their R-hat is below this: the spread of their means is then below a third of a standard deviation.  The 1.01 of
#: 1903.08008 is for chains, which can be run longer.
MAX_RHAT = 1.05
#: standard deviation of log Z between repeats above which they missed parts of the posterior: runs with a scatter of 0.23
#: had log Z too low by 0.36 (docs/samplers.md).
MAX_LOG_Z_SPREAD = 0.2
#: last move: share of proposals that must be accepted for the particles to have moved at all.
MIN_ACCEPT = 0.05
#: more parameters than this are refused: random walks take longer than NUTS.
MAX_DIM = 40

_ACCEPT = 0.25  # wanted acceptance of the local moves: between the optima of one and of many dimensions
_CYCLE = 5  # every fifth move is a jump
_WIDER = 1.2  # standard deviations of the jumps' proposal over those of the particles, so that tails are reached
_MAX_TEMPERATURES = 1000
STATS = _nuts.STATS


def _blackjax():
    try:
        import blackjax.smc.base
        import blackjax.smc.resampling
        from blackjax.mcmc import random_walk
    except ImportError as err:
        raise MissingDependency(f'tempered sampling needs blackjax ({err}): pip install "fipjax[smc]"') from None
    return blackjax.smc, random_walk


# ---------------------------------------------------------------------------------------------- the posterior


class SMCPosterior(Posterior):
    """Draws of ``repeats`` independent runs: a chain is a run, its draws are the particles, all of equal weight.

    Neighbouring particles are relatives, so the effective sample sizes are those of families.
    """

    @property
    def log_z(self) -> float:
        """Natural logarithm of the evidence, from the mean of the repeats' Z."""
        z = np.asarray(self.settings["log_z"], float)
        return float(z.max() + math.log(np.mean(np.exp(z - z.max()))))

    @property
    def log_z_error(self) -> float:
        """Standard error of :attr:`log_z` from the scatter of the repeats; nan for one."""
        z = np.asarray(self.settings["log_z"], float)
        return float(z.std(ddof=1) / math.sqrt(len(z))) if len(z) > 1 else math.nan

    def share(self, condition: Callable[[dict[str, np.ndarray]], np.ndarray]) -> tuple[float, float]:
        """Posterior probability of a region and its standard error from the repeats.

        ``condition``: samples (name -> (repeats, particles)) -> bool of the same shape, such as ``lambda x: x["m_V"] < 2``.
        """
        each = np.mean(np.asarray(condition(self.samples), bool), axis=1)
        error = each.std(ddof=1) / math.sqrt(len(each)) if len(each) > 1 else math.nan
        return float(each.mean()), float(error)

    @cached_property
    def verdict(self) -> list[str]:
        """What is wrong with this posterior, in plain language; empty if nothing was found."""
        s, out = self.settings, []
        z = np.asarray(s["log_z"], float)
        more = f"raise particles (now {self.draws}) or moves (now {s['moves']:g})"
        if not self.complete:
            out.append(f"the run was interrupted after {self.chains} of {s['repeats']} repeats")
        if self.chains < 2:
            out.append("one run cannot show its own error; use repeats=4")
        elif z.std(ddof=1) > MAX_LOG_Z_SPREAD:
            out.append(
                f"log Z differs between repeats (standard deviation {z.std(ddof=1):.2f}, {MAX_LOG_Z_SPREAD} allowed): {more}"
            )
        bad = [k for k in self.names if self.chains > 1 and not self.diagnostics[k]["rhat"] < MAX_RHAT]
        if bad:
            worst = max(bad, key=lambda k: np.nan_to_num(self.diagnostics[k]["rhat"], nan=np.inf))
            out.append(f"repeats disagree on {', '.join(bad[:4])} (R-hat {self.diagnostics[worst]['rhat']:.3f} of {worst}): {more}")
        accept = float(np.min(np.mean(self.stats["accept_prob"], axis=1)))
        if accept < MIN_ACCEPT:
            out.append(f"the last moves were hardly ever accepted ({accept:.3f}): particles repeat each other; {more}")
        return out

    @cached_property
    def notes(self) -> list[str]:
        """What is worth knowing but does not make the draws wrong."""
        few = min(self.settings["ancestors"])
        if few < 0.02 * self.draws:
            return [f"all particles of a run descend from as few as {few} of its {self.draws} draws of the prior"]
        return []

    def summary(self) -> str:
        """Text for people: the verdict first, then the evidence and the table."""
        s = self.settings
        steps = ", ".join(str(n) for n in s["temperatures"])
        out = [f"{self.chains} repeats x {self.draws} particles, {steps} temperatures, took {self.seconds:.1f} s"]
        out += ["verdict: " + ("ok" if self.ok else "NOT OK"), *(f"  - {text}" for text in self.verdict)]
        out.append(f"log Z = {self.log_z:.3f} +- {self.log_z_error:.3f} (natural logarithm; exp(-chi2/2) over the prior)")
        rows = [["parameter", "mean", "sd", "median", "68%", "95%", "R-hat", "ESS bulk", "unit"]]
        for r in self.table():
            k = r["name"]
            rows.append(
                [k, f"{r['mean']:.5g}", f"{r['sd']:.3g}", f"{r['median']:.5g}", interval_text(r["lo68"], r["hi68"]),
                 interval_text(r["lo95"], r["hi95"]), f"{r['rhat']:.3f}", f"{r['ess_bulk']:.0f}",
                 self.parameters.get(k, {}).get("unit", "") or ""]
            )  # fmt: skip
        return "\n".join([*out, *text_table(rows), *(f"note: {text}" for text in self.notes)])


def _tempered(p: Posterior) -> SMCPosterior:
    return SMCPosterior(**{f.name: getattr(p, f.name) for f in fields(Posterior)})


def load_posterior(path) -> Posterior:
    """Read what :meth:`Posterior.save` wrote, of either sampler; InputError if it is not such a file."""
    p = _nuts.load_posterior(path)
    return _tempered(p) if p.settings.get("method") == "smc" else p


# ---------------------------------------------------------------------------------------------- temperatures, cells


def next_lambda(log_like: np.ndarray, now: float, target: float) -> float:
    """Largest lambda up to 1 at which the weights exp((lambda - now) log_like) have an effective size of ``target``.

    log_like (N,), -inf allowed; ``target`` counts particles and must be below the number of finite ones.
    """
    centred = log_like - np.max(log_like)

    def size(step: float) -> float:
        w = np.where(np.isneginf(centred), 0.0, np.exp(step * np.maximum(centred, -1e300)))
        return float(w.sum() ** 2 / (w * w).sum())

    if size(1.0 - now) >= target:
        return 1.0
    # log_like reaches -1e15 at draws of the prior: bisection in the logarithm of the step
    low, high = math.log(1e-300), math.log(1.0 - now)
    for _ in range(200):
        mid = 0.5 * (low + high)
        low, high = (mid, high) if size(math.exp(mid)) >= target else (low, mid)
        if high - low < 1e-6:
            break
    # with lambda near 1 the step may be lost in rounding: then the particles stand still, and so must the caller
    return min(1.0, now + math.exp(low))


def fit_cells(w: np.ndarray, cells: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Gaussians of the cells of points w (N, n).

    log_weight (C,), mean (C, n), root (C, n, n) with root root^T = covariance, its inverse, and log_det (C,) of the root.  A cell
    with too few points for a covariance is joined to the others; the arrays keep the length ``cells``, with log_weight -inf where
    nothing is left.
    """
    from scipy.cluster.vq import kmeans2

    count, n = w.shape
    centre = np.median(w, axis=0)
    width = np.maximum(np.std(w, axis=0), 1e-12 * np.maximum(1.0, np.abs(centre)))
    z = (w - centre) / width
    means, label = kmeans2(z, min(cells, max(1, count // (4 * (n + 1)))), iter=15, minit="++", rng=rng, missing="warn")
    while True:
        sizes = np.bincount(label, minlength=len(means))
        if sizes.min() >= 3 * (n + 1) or len(means) == 1:
            break
        # the smallest goes first: its points may make another one large enough
        means = np.delete(means, np.argmin(sizes), axis=0)
        label = np.argmin(((z[:, None] - means) ** 2).sum(-1), axis=1)
    out = {
        "log_weight": np.full(cells, -np.inf),
        "mean": np.tile(centre, (cells, 1)),
        "root": np.tile(np.diag(width), (cells, 1, 1)),
    }
    for c in range(len(means)):
        part = z[label == c]
        if len(part) < 2:
            continue
        # duplicates after resampling may leave a direction empty
        cov = np.atleast_2d(np.cov(part.T)) + 1e-8 * np.eye(n)
        out["log_weight"][c] = math.log(len(part) / count)
        out["mean"][c] = centre + width * part.mean(0)
        out["root"][c] = width[:, None] * np.linalg.cholesky(cov)
    out["inverse"] = np.linalg.inv(out["root"])
    out["log_det"] = np.linalg.slogdet(out["root"])[1]
    return out


class _Moves:
    """One compiled program: resample, then any number of Metropolis moves at one lambda."""

    def __init__(self, target: Target, coordinates: Coordinates):
        smc, random_walk = _blackjax()
        kernel = random_walk.build_rmh()

        def batch(w):
            value = target.log_like(coordinates.u_of_w(w))
            return jnp.where(jnp.isnan(value), -jnp.inf, value)

        # under vmap one batched call, which keeps points where the kernels of the likelihood want them
        @jax.custom_batching.custom_vmap
        def log_like(w):
            return batch(w[None])[0]

        @log_like.def_vmap
        def _(size, batched, w):
            return batch(w), True

        def cell_terms(cells, w, wider):
            """Log densities of w (n,) under each Gaussian, (C,)."""
            y = jnp.einsum("cij,cj->ci", cells["inverse"], w - cells["mean"])
            return -0.5 * jnp.sum(y * y, axis=1) / wider**2 - cells["log_det"] - w.shape[0] * math.log(wider)

        def home(cells, w):
            """Cell of w: the Gaussian with the largest share of the density there."""
            return jnp.argmax(cells["log_weight"] + cell_terms(cells, w, 1.0))

        def move(key, state, lam, cells, scale, jump):
            """One Metropolis step of one particle; ``jump`` decides on the proposal for all particles alike."""

            def propose(key, position):
                k1, k2 = jax.random.split(key)
                w = position["w"]
                normal = jax.random.normal(k1, w.shape, w.dtype)
                c = jnp.where(jump, jax.random.categorical(k2, cells["log_weight"]), position["cell"])
                step = cells["root"][c] @ normal
                new = jnp.where(jump, cells["mean"][c] + _WIDER * step, w + scale[c] * step)
                # the likelihood travels with the position: one evaluation a step, and no division by lambda to get it back
                return {**position, "w": new, "log_like": log_like(new), "cell": home(cells, new)}

            def log_q(a, b):
                a, b = a.position, b.position
                c = a["cell"]
                y = cells["inverse"][c] @ (b["w"] - a["w"]) / scale[c]
                local = -0.5 * jnp.sum(y * y) - cells["log_det"][c] - y.shape[0] * jnp.log(scale[c])
                far = jax.scipy.special.logsumexp(cells["log_weight"] + cell_terms(cells, b["w"], _WIDER))
                return jnp.where(jump, far, local)

            def density(position):
                return coordinates.log_prior(position["w"]) + lam * position["log_like"]

            return kernel(key, state, density, propose, log_q)

        def update(keys, particles, p):
            cells, lam = p["cells"], p["lam"]
            particles = {**particles, "cell": jax.vmap(lambda w: home(cells, w))(particles["w"])}
            density = coordinates.log_prior(particles["w"]) + lam * particles["log_like"]
            state = random_walk.RWState(particles, density)
            count = cells["log_weight"].shape[0]

            def body(i, carry):
                state, log_scale, accept, number = carry
                jump = i % _CYCLE == _CYCLE - 1
                step = jax.vmap(move, in_axes=(0, 0, None, None, None, None))
                here = state.position["cell"]
                k = jax.vmap(lambda key: jax.random.fold_in(key, i))(keys)
                state, info = step(k, state, lam, cells, jnp.exp(log_scale), jump)
                # the steps of each cell grow or shrink towards the wanted acceptance
                members = jax.ops.segment_sum(jnp.ones_like(density), here, count)
                mean = jax.ops.segment_sum(info.acceptance_rate, here, count) / jnp.maximum(members, 1.0)
                gain = jnp.where(jump | (members < 10), 0.0, 1.0)
                log_scale = jnp.clip(log_scale + gain * (mean - _ACCEPT), -12.0, 1.0)
                kind = jnp.where(jump, 1, 0)
                accept = accept.at[kind].add(info.acceptance_rate)
                return state, log_scale, accept, number.at[kind].add(1.0)

            zero = jnp.zeros((2, *density.shape), density.dtype)
            start = (state, jnp.log(p["scale"]), zero, jnp.zeros(2, density.dtype))
            state, log_scale, accept, number = jax.lax.fori_loop(0, p["moves"], body, start)
            accept = accept / jnp.maximum(number, 1.0)[:, None]
            return state.position, {"accept": accept, "scale": jnp.exp(log_scale)}

        @jax.jit
        def step(key, particles, weights, parameters):
            state = smc.base.SMCState(particles, weights, parameters)
            state, info = smc.base.step(key, state, update, lambda x: jnp.zeros_like(x["log_like"]), smc.resampling.systematic)
            return state.particles, info.update_info

        self.step = step
        self.log_like = jax.jit(batch)


# ---------------------------------------------------------------------------------------------- runs


class SMCInterrupted(SampleInterrupted):
    """Ctrl-C; ``posterior`` holds the finished repeats, labelled incomplete."""

    def __init__(self, posterior: SMCPosterior):
        KeyboardInterrupt.__init__(self, f"interrupted after {posterior.chains} of {posterior.settings['repeats']} repeats")
        self.posterior = posterior


def _one_run(program: _Moves, target: Target, coordinates: Coordinates, particles: int, moves: float, share: float, cells: int,
             seed: list[int], report: Callable) -> dict:  # fmt: skip
    """One run from the prior to the posterior; particles, log Z and what happened on the way."""
    rng = np.random.default_rng(seed)
    dim = target.n
    w = coordinates.w_of_u(target.u_of_s(rng.random((particles, dim))))
    ll = np.asarray(program.log_like(jnp.asarray(w)))
    finite = int(np.sum(np.isfinite(ll)))
    if finite < max(20, 4 * (dim + 1)):
        raise InputError(
            f"the likelihood is finite at {finite} of {particles} draws of the prior (raise particles, or narrow the prior)"
        )
    state = {
        "w": jnp.asarray(w),
        "log_like": jnp.asarray(ll),
        "root": jnp.arange(particles),
        "cell": jnp.zeros(particles, int),
    }
    # 2.4/sqrt(n) is the best scale for a Gaussian (Roberts, Gelman & Gilks 1997); each cell then finds its own
    lam, log_z, first_scale = 0.0, 0.0, 2.4 / math.sqrt(dim)
    scale = np.full(cells, 0.5 * first_scale)
    ladder: list[dict] = []
    acceptance = 0.25
    accept = np.zeros((2, particles))
    while lam < 1.0:
        if len(ladder) == _MAX_TEMPERATURES:
            raise InputError(
                f"lambda = {lam:.3g} after {len(ladder)} temperatures: the likelihood is too steep for {particles} particles"
            )
        wanted = share * min(particles, int(np.sum(np.isfinite(ll))))
        new = next_lambda(ll, lam, wanted)
        if not new > lam:
            raise InputError(
                f"lambda cannot grow beyond {lam:.3g}: too few particles ({particles}) for the width of this likelihood"
            )
        top = float(np.max(ll))
        weight = np.exp((new - lam) * np.maximum(ll - top, -1e300))
        log_z += (new - lam) * top + math.log(np.mean(weight))
        weight /= weight.sum()
        lam = new
        where = np.asarray(state["w"])
        fitted = fit_cells(where[rng.choice(particles, particles, p=weight)], cells, rng)
        # the cells are new at every temperature; what is kept is the typical scale
        scale = np.full(cells, float(np.clip(np.median(scale), 0.02, first_scale)))
        number = int(np.clip(round(moves / max(acceptance, 1e-3)), 2 * _CYCLE, 12 * moves))
        if lam == 1.0:
            number *= 2  # nothing is gained by being frugal with the last
        parameters = {"lam": lam, "cells": fitted, "scale": scale, "moves": number}
        key = jax.random.PRNGKey(int(rng.integers(2**31)))
        state, info = program.step(key, state, jnp.asarray(weight), jax.tree.map(jnp.asarray, parameters))
        ll = np.asarray(state["log_like"])
        accept = np.asarray(info["accept"])
        used = np.isfinite(fitted["log_weight"])
        scale = np.asarray(info["scale"])[used]
        acceptance = float(accept[0].mean())
        ladder.append(
            {
                "lambda": lam,
                "accept": acceptance,
                "accept_jump": float(accept[1].mean()),
                "cells": int(used.sum()),
                "moves": number,
            }
        )
        report(lam, len(ladder), log_z)
    return {
        "w": np.asarray(state["w"]),
        "log_like": ll,
        "accept": accept[0],
        "ancestors": len(np.unique(np.asarray(state["root"]))),
        "scale": float(np.median(scale)),
        "log_z": log_z,
        "ladder": ladder,
    }


def smc(
    like,
    particles: int = 4096,
    *,
    repeats: int = 4,
    moves: int = 25,
    target_ess: float = 0.5,
    cells: int = 24,
    seed: int = 0,
    progress: bool = True,
) -> SMCPosterior:
    """Draw from prior x likelihood with tempered sequential Monte Carlo: several modes with their weights, and the evidence.

    Parameters
    ----------
    like: the likelihood (``names``, ``priors``, ``log_prob``, ...), up to ``MAX_DIM`` parameters.
    particles: per run; the error of log Z and of the modes' weights falls with the square root.
    repeats: independent runs, from whose differences the errors are estimated.
    moves: accepted moves per particle and temperature.
    target_ess: share of the particles that each step of lambda leaves effective.
    cells: largest number of Gaussians that the proposals are made of; more than the modes that are expected.
    seed: the same seed on the same machine gives the same draws.

    Raises InputError on bad arguments, MissingDependency without blackjax, and SMCInterrupted (a KeyboardInterrupt) with the
    repeats so far on Ctrl-C.
    """
    t0 = time.monotonic()
    particles, repeats = check_count("particles", particles, 100), check_count("repeats", repeats)
    moves, cells, seed = check_count("moves", moves), check_count("cells", cells), check_count("seed", seed, 0)
    if not (isinstance(target_ess, int | float) and 0.0 < target_ess < 1.0):
        raise InputError(f"target_ess = {target_ess!r} (allowed: a number between 0 and 1)")
    target = Target(like)
    if target.n > MAX_DIM:
        raise InputError(
            f"{target.n} free parameters are too many for tempered sampling (allowed: up to {MAX_DIM}; use method nuts)"
        )
    coordinates = Coordinates(target)
    program = _Moves(target, coordinates)
    runs: list[dict] = []
    bar = Progress("smc", 1000 * repeats, "steps") if progress else None

    def report(lam: float, steps: int, log_z: float) -> None:
        if bar:
            # log_like spans many decades: half of the line is for lambda below 1e-2
            part = 0.5 * (1.0 + math.log10(max(lam, 1e-12)) / 10.0) + 0.5 * lam if lam < 1.0 else 1.0
            done = int(1000 * (len(runs) + min(max(part, 0.0), 1.0)))
            bar.update(max(done - bar.done, 0), note=f"repeat {len(runs) + 1}, lambda {lam:.2g}, log Z {log_z:.2f}")

    try:
        for r in range(repeats):
            runs.append(_one_run(program, target, coordinates, particles, moves, target_ess, cells, [seed, 11, r], report))
    except KeyboardInterrupt:
        if not runs:
            raise KeyboardInterrupt("interrupted before the end of the first repeat") from None
    finally:
        if bar:
            bar.close()
    posterior = _posterior(target, coordinates, runs, particles, repeats, moves, target_ess, cells, seed, t0)
    if not posterior.complete:
        raise SMCInterrupted(posterior)
    return posterior


def _posterior(target, coordinates, runs, particles, repeats, moves, target_ess, cells, seed, t0) -> SMCPosterior:
    stack = {k: np.stack([run[k] for run in runs]) for k in ("w", "log_like", "accept")}
    prior = np.asarray(jax.jit(coordinates.log_prior)(jnp.asarray(stack["w"])))
    shape = stack["log_like"].shape
    steps = np.array([run["ladder"][-1]["moves"] for run in runs])
    kept = {
        "w": stack["w"],
        "potential": -stack["log_like"] - prior,
        "energy": -stack["log_like"] - prior,
        "diverging": np.zeros(shape, bool),
        "num_steps": np.broadcast_to(steps[:, None], shape),
        "accept_prob": stack["accept"],
        "step_size": np.broadcast_to(np.array([run["scale"] for run in runs])[:, None], shape),
    }
    settings = {
        "method": "smc",
        "chains": len(runs),
        "draws": particles,
        "repeats": repeats,
        "moves": moves,
        "target_ess": float(target_ess),
        "cells": cells,
        "seed": seed,
        "log_z": [run["log_z"] for run in runs],
        "ancestors": [run["ancestors"] for run in runs],
        "temperatures": [len(run["ladder"]) for run in runs],
        "ladders": [run["ladder"] for run in runs],
    }
    complete = len(runs) == repeats
    return _tempered(_collect(target, coordinates, kept, particles, 1, settings, [], complete, time.monotonic() - t0))
