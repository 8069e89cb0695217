"""Posterior sampling with NUTS, and a judgement of what came out.

The sampler is the No-U-Turn sampler (Hoffman & Gelman, 1111.4246) of numpyro in the unconstrained coordinates u of
the priors.  Convergence is measured with the rank-normalised split R-hat and the bulk and tail effective sample
sizes of Vehtari et al., 1903.08008.  NUTS does not cross deep valleys between modes: then the chains disagree, and
:attr:`Posterior.verdict` says so and what to do.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from fipjax import _arviz
from fipjax._version import __version__
from fipjax.engines.coordinates import Coordinates
from fipjax.engines.fit import (
    Engine,
    FitResult,
    Target,
    check_count,
    describe_parameters,
    find_modes,
    interval_text,
    multistart,
    parse_json,
    plain,
    text_table,
)
from fipjax.errors import InputError, unknown
from fipjax.progress import Progress

#: 1903.08008: with this the chains agree to 1 percent of the posterior width; 1.1 was found too loose.
MAX_RHAT = 1.01
#: 1903.08008: below 400 (100 for each of 4 chains) R-hat and ESS are themselves too noisy to trust.
MIN_ESS = 400.0
#: every divergence marks a region that the trajectories could not enter (1701.02434). Up to one draw in a thousand is
#: remarked on, not judged: that is an eighth of the statistical error of a 2.5% tail at MIN_ESS, sqrt(0.025 0.975/400).
MAX_DIVERGENT_SHARE = 1e-3
#: below this the momentum resampling explores the energy too slowly to reach the tails (1604.00695).
MIN_EBFMI = 0.3
#: a chain whose mean acceptance is this far below what was asked did not finish adapting, or sits in a trap.
MAX_ACCEPT_DEFICIT = 0.25
#: above this share of trajectories cut off at the largest tree, the run is a slow random walk (not a bias).
MAX_SATURATED = 0.05
#: chains whose means differ by more than this many standard deviations do not overlap: separate modes.
GROUP_SEPARATION = 2.0
#: modes up to this chi2 above the best get a chain of their own: a factor exp(-6) in density.
INIT_WINDOW = 12.0

_BUFFER = 256  # iterations kept on the device between two looks at Ctrl-C
_BLOCK_SECONDS = 0.5
STATS = ("diverging", "energy", "num_steps", "accept_prob", "step_size")


# ---------------------------------------------------------------------------------------------- diagnostics


def _split(x: np.ndarray) -> np.ndarray:
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, -half:]])


def _rank_normal(x: np.ndarray) -> np.ndarray:
    """Normal scores of the pooled ranks (Blom's offset 3/8)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return ndtri((rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))


def _plain_rhat(x: np.ndarray) -> float:
    n = x.shape[1]
    within = x.var(axis=1, ddof=1).mean()
    between = x.mean(axis=1).var(ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt((n - 1) / n + between / within))


def rhat(x: np.ndarray) -> float:
    """Rank-normalised split R-hat of (chains, draws), the larger of bulk and folded; 1903.08008.

    nan with fewer than 4 draws or non-finite values; inf if every chain stands still at a different place.
    """
    x = np.asarray(x, float)
    if x.shape[1] < 4 or not np.all(np.isfinite(x)):
        return math.nan
    halves = _split(x)
    if np.ptp(halves) == 0:
        return math.nan
    folded = np.abs(halves - np.median(halves))
    return max(_plain_rhat(_rank_normal(halves)), _plain_rhat(_rank_normal(folded)))


def _ess(x: np.ndarray) -> float:
    """Effective sample size of (chains, draws) from Geyer's initial monotone sequence; 1903.08008."""
    x = np.asarray(x, float)
    chains, n = x.shape
    if n < 4 or not np.all(np.isfinite(x)):
        return math.nan
    if np.ptp(x) < np.finfo(float).resolution:
        return float(x.size)
    centred = x - x.mean(axis=1, keepdims=True)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    autocov = np.fft.irfft(power, size, axis=1)[:, :n].mean(axis=0) / n
    within = autocov[0] * n / (n - 1.0)
    total = autocov[0] + (x.mean(axis=1).var(ddof=1) if chains > 1 else 0.0)
    rho = 1.0 - (within - autocov) / total
    rho[0] = 1.0
    # pairs (0,1), (2,3), ... are positive and decreasing for a reversible chain; cut and smooth where noise says not
    pairs = rho[: 2 * (n // 2)].reshape(-1, 2)
    sums = pairs.sum(axis=1)
    last = (n - 1) // 2 - 1
    noise = np.flatnonzero(sums[:last] <= 0)
    m = int(noise[0]) if len(noise) else last
    tau = -1.0 + 2.0 * np.minimum.accumulate(sums[:m]).sum() if m else -1.0
    if pairs[m, 0] > 0 or sums[m] >= 0:
        tau += pairs[m, 0]
    tau = max(tau, 1.0 / math.log10(chains * n))
    return float(chains * n / tau)


def ess_bulk(x: np.ndarray) -> float:
    """Effective sample size of the rank-normalised draws (chains, draws): trust in mean and median."""
    return _ess(_rank_normal(_split(np.asarray(x, float)))) if np.all(np.isfinite(x)) else math.nan


def ess_tail(x: np.ndarray) -> float:
    """Smaller effective sample size of the 5% and 95% quantiles (chains, draws): trust in the intervals."""
    x = np.asarray(x, float)
    if not np.all(np.isfinite(x)):
        return math.nan
    return min(_ess(_split(x <= np.quantile(x, q))) for q in (0.05, 0.95))


def ebfmi(energy: np.ndarray) -> np.ndarray:
    """Energy Bayesian fraction of missing information per chain, (chains, draws) -> (chains,); 1604.00695."""
    energy = np.asarray(energy, float)
    if energy.shape[1] < 3:
        return np.full(len(energy), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.diff(energy, axis=1) ** 2).mean(axis=1) / energy.var(axis=1, ddof=1)


def chain_groups(samples: dict[str, np.ndarray]) -> list[list[int]]:
    """Chains that overlap, as lists of chain numbers; more than one list means separate modes.

    Two chains overlap if no parameter's means differ by more than ``GROUP_SEPARATION`` standard deviations, in
    rank-normalised values (so that long tails do not hide a gap).
    """
    z = np.stack([_rank_normal(np.asarray(v, float)) for v in samples.values()])  # (parameters, chains, draws)
    mean, var = z.mean(-1), z.var(-1)
    chains = z.shape[1]
    label = list(range(chains))
    for i in range(chains):
        for j in range(i):
            gap = np.abs(mean[:, i] - mean[:, j]) / np.sqrt(np.maximum(0.5 * (var[:, i] + var[:, j]), 1e-12))
            if gap.max() < GROUP_SEPARATION and label[i] != label[j]:
                old, new = label[i], label[j]
                label = [new if k == old else k for k in label]
    groups = [[i for i in range(chains) if label[i] == k] for k in dict.fromkeys(label)]
    return sorted(groups, key=lambda g: (-len(g), g[0]))


# ---------------------------------------------------------------------------------------------- the posterior


@dataclass
class Posterior:
    """Draws and what they are worth.

    ``samples``: name -> (chains, draws); ``log_prob``: log-likelihood (chains, draws); ``stats``: diverging, energy,
    num_steps, accept_prob, step_size, each (chains, draws) after thinning, where ``diverging`` covers the draws that
    thinning dropped; ``ebfmi``: (chains,), from all draws.  ``modes`` are those of the fit that placed the chains.
    """

    names: tuple[str, ...]
    samples: dict[str, np.ndarray]
    log_prob: np.ndarray
    stats: dict[str, np.ndarray]
    ebfmi: np.ndarray
    settings: dict
    fingerprint: dict = field(default_factory=dict)
    parameters: dict[str, dict] = field(default_factory=dict)
    modes: list[dict] = field(default_factory=list)
    complete: bool = True
    seconds: float = math.nan
    version: str = __version__

    @property
    def chains(self) -> int:
        return self.log_prob.shape[0]

    @property
    def draws(self) -> int:
        """Draws kept per chain."""
        return self.log_prob.shape[1]

    @cached_property
    def diagnostics(self) -> dict[str, dict[str, float]]:
        """R-hat, bulk ESS and tail ESS of each parameter."""
        return {k: {"rhat": rhat(v), "ess_bulk": ess_bulk(v), "ess_tail": ess_tail(v)} for k, v in self.samples.items()}

    @cached_property
    def verdict(self) -> list[str]:
        """What is wrong with this posterior, in plain language; empty if nothing was found."""
        return _judge(self)

    @property
    def ok(self) -> bool:
        """True if no diagnostic failed.  It cannot see a mode that no chain has visited."""
        return not self.verdict

    @cached_property
    def notes(self) -> list[str]:
        """What is worth knowing but does not make the draws wrong."""
        return _remarks(self)

    def table(self) -> list[dict]:
        """One dict per parameter: mean, sd, mcse_mean, median, lo68, hi68, lo95, hi95 (equal tails), rhat, ESS."""
        rows = []
        for k in self.names:
            x = np.asarray(self.samples[k], float)
            lo95, lo68, median, hi68, hi95 = np.quantile(x, [0.025, 0.158655, 0.5, 0.841345, 0.975])
            sd = float(x.std(ddof=1)) if x.size > 1 else math.nan
            ess = _ess(_split(x))
            rows.append(
                {
                    "name": k,
                    "mean": float(x.mean()),
                    "sd": sd,
                    "mcse_mean": sd / math.sqrt(ess) if ess > 0 else math.nan,
                    "median": float(median),
                    "lo68": float(lo68),
                    "hi68": float(hi68),
                    "lo95": float(lo95),
                    "hi95": float(hi95),
                    **self.diagnostics[k],
                }
            )
        return rows

    def summary(self) -> str:
        """Text for people: the verdict first, then the table."""
        total = int(np.sum(self.stats["diverging"]))
        head = f"{self.chains} chains x {self.draws} draws, {total} divergences, "
        head += f"acceptance {np.mean(self.stats['accept_prob']):.2f}, took {self.seconds:.1f} s"
        out = [head, "verdict: " + ("ok" if self.ok else "NOT OK")]
        out += [f"  - {text}" for text in self.verdict]
        rows = [["parameter", "mean", "sd", "median", "68%", "95%", "R-hat", "ESS bulk", "ESS tail", "unit"]]
        for r in self.table():
            k = r["name"]
            rows.append(
                [k, f"{r['mean']:.5g}", f"{r['sd']:.3g}", f"{r['median']:.5g}", interval_text(r["lo68"], r["hi68"]),
                 interval_text(r["lo95"], r["hi95"]), f"{r['rhat']:.3f}", f"{r['ess_bulk']:.0f}",
                 f"{r['ess_tail']:.0f}", self.parameters.get(k, {}).get("unit", "") or ""]
            )  # fmt: skip
        out += text_table(rows)
        out += [f"note: {text}" for text in self.notes]
        return "\n".join(out)

    def __str__(self) -> str:
        return self.summary()

    def to_arviz(self):
        """InferenceData (arviz 0.2x) or DataTree (arviz 1.x); needs ``pip install "fipjax[arviz]"``."""
        meta = {
            "format_version": 1,
            "names": list(self.names),
            "settings": self.settings,
            "modes": self.modes,
            "parameters": self.parameters,
            "complete": self.complete,
            "seconds": self.seconds,
            "ebfmi": self.ebfmi,
            "verdict": self.verdict,
        }
        attrs = {
            "fipjax_version": self.version,
            "fipjax_fingerprint": json.dumps(plain(self.fingerprint), allow_nan=False),
            "fipjax_posterior": json.dumps(plain(meta), allow_nan=False),
        }
        var_attrs = {}
        for k in self.names:
            about = self.parameters.get(k, {})
            var_attrs[_variable(k)] = {
                "long_name": about.get("latex") or k,
                "units": about.get("unit", ""),
                "description": about.get("description", ""),
            }
        stats = {**self.stats, "log_prob": self.log_prob}
        return _arviz.build(
            {"posterior": {_variable(k): v for k, v in self.samples.items()}, "sample_stats": stats}, attrs, var_attrs
        )

    def to_pandas(self):
        """DataFrame with one row per draw, index (chain, draw), columns the parameters and ``log_prob``; needs pandas."""
        from fipjax.adapters import to_pandas

        return to_pandas(self)

    def to_getdist(self):
        """``getdist.MCSamples`` with labels and prior ranges; needs getdist."""
        from fipjax.adapters import getdist

        return getdist(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write netCDF that arviz reads, or a zarr store where the name ends in .zarr; InputError if that fails."""
        _arviz.write(path, self.to_arviz())


def _variable(name: str) -> str:
    """A parameter's name in netCDF, where a slash separates groups."""
    return name.replace("/", "_over_")


def load_posterior(path: str | os.PathLike) -> Posterior:
    """Read what :meth:`Posterior.save` wrote; InputError if it is not such a file."""
    groups, attrs = _arviz.read(path)
    if "fipjax_posterior" not in attrs:
        raise InputError(f"{str(path)!r} is not a posterior written by fipjax")
    try:
        meta = parse_json(attrs["fipjax_posterior"])
        names = tuple(meta["names"])
        stats = groups["sample_stats"]
        return Posterior(
            names=names,
            samples={k: groups["posterior"][_variable(k)] for k in names},
            log_prob=stats["log_prob"],
            stats={k: stats[k] for k in STATS},
            ebfmi=np.array(meta["ebfmi"], float),
            settings=meta["settings"],
            fingerprint=parse_json(attrs["fipjax_fingerprint"]),
            parameters=meta["parameters"],
            modes=meta["modes"],
            complete=meta["complete"],
            seconds=float(meta["seconds"]),
            version=str(attrs["fipjax_version"]),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise InputError(f"{str(path)!r}: damaged posterior file ({type(err).__name__}: {err})") from None


class SampleInterrupted(KeyboardInterrupt):
    """Ctrl-C during sampling; ``posterior`` holds the draws so far, labelled incomplete."""

    def __init__(self, posterior: Posterior):
        asked = posterior.settings["draws"]
        super().__init__(f"interrupted after {posterior.draws} of {asked} draws per chain")
        self.posterior = posterior


def _names(keys: list[str], values: list[str]) -> str:
    shown = [f"{k} ({v})" for k, v in zip(keys, values, strict=True)]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


def _judge(p: Posterior) -> list[str]:
    out = []
    asked = p.settings.get("draws", p.draws)
    if not p.complete:
        out.append(f"the run was interrupted after {p.draws} of {asked} draws per chain")
    if p.draws < 4:
        out.append("fewer than 4 draws per chain: nothing can be said about convergence")
        return out
    diag = p.diagnostics
    frozen = [k for k in p.names if np.any(np.ptp(p.samples[k], axis=1) == 0)]
    if frozen:
        out.append(f"at least one chain never moved in {', '.join(frozen[:4])}; give other starting points (init)")
    if p.chains < 2:
        out.append("one chain cannot show that it misses a mode; use chains=4")
    bad = sorted((k for k in p.names if not diag[k]["rhat"] < MAX_RHAT), key=lambda k: -_or_inf(diag[k]["rhat"]))
    groups = chain_groups(p.samples) if p.chains > 1 else [[0]]
    if len(groups) > 1:
        worst = bad[0] if bad else p.names[0]
        where = "; ".join(
            f"chain{'s' if len(g) > 1 else ''} {', '.join(map(str, g))} near {worst} = {np.median(p.samples[worst][g]):.4g}"
            for g in groups
        )
        rh = f"R-hat {diag[worst]['rhat']:.2f}"
        out.append(
            f"chains disagree on {worst} ({rh}): the posterior has separate modes that NUTS does not join ({where}). "
            "Their weights here are only the share of chains that started in each. Sample each mode in its own prior "
            "range and quote them separately, compare them with fit or profile, or use a nested or tempered sampler "
            "on log_prob for their weights"
        )
    elif bad:
        values = [f"R-hat {diag[k]['rhat']:.3f}" for k in bad]
        out.append(
            f"chains disagree on {_names(bad, values)}, below {MAX_RHAT} is wanted: run longer "
            f"(draws={4 * asked}, a longer warmup), or look for a second mode with fit"
        )
    for kind, meaning in (("ess_bulk", "mean and median"), ("ess_tail", "interval ends")):
        few = sorted((k for k in p.names if not diag[k][kind] > MIN_ESS), key=lambda k: diag[k][kind])
        if few and len(groups) == 1:  # separate modes: a small ESS is the same finding once more
            least = diag[few[0]][kind]
            text = f"too few independent draws for the {meaning} of "
            text += _names(few, [f"{diag[k][kind]:.0f}" for k in few]) + f", above {MIN_ESS:.0f} is wanted"
            if least > 0:
                text += f": about {math.ceil(1.2 * MIN_ESS / least * p.draws / 100) * 100} draws per chain would do"
            out.append(text)
    n_div = int(np.sum(p.stats["diverging"]))
    share = 100.0 * n_div / p.stats["diverging"].size
    if share > 100.0 * MAX_DIVERGENT_SHARE:
        out.append(
            f"{n_div} divergences ({share:.2g}% of the draws): part of the posterior is too sharply curved for the "
            "step size and is under-sampled there; raise target_accept (0.95, 0.99) or change the parameters' scale"
        )
    low = [i for i, e in enumerate(p.ebfmi) if e < MIN_EBFMI]
    if low:
        out.append(
            f"energy explored too slowly (E-BFMI {p.ebfmi[low[0]]:.2f} in chain {low[0]}, above {MIN_EBFMI} is "
            "wanted): the tails are not reached; reparametrise or run much longer"
        )
    accept = np.mean(p.stats["accept_prob"], axis=1)
    target = p.settings.get("target_accept", 0.9)
    lazy = np.flatnonzero(accept < target - MAX_ACCEPT_DEFICIT)
    if len(lazy):
        out.append(
            f"chain {lazy[0]} accepts {accept[lazy[0]]:.2f} where {target:g} was asked: the step size did not adapt; "
            "use a longer warmup or other starting points"
        )
    return out


def _remarks(p: Posterior) -> list[str]:
    out = []
    depth = p.settings.get("max_tree_depth", 10)
    full = float(np.mean(p.stats["num_steps"] >= 2**depth - 1))
    if full > MAX_SATURATED:
        out.append(
            f"{100 * full:.0f}% of the trajectories reached the largest tree ({2**depth - 1} steps): slow, not wrong; "
            "a longer warmup or a larger max_tree_depth makes better use of the time"
        )
    n_div = int(np.sum(p.stats["diverging"]))
    if 0 < n_div <= MAX_DIVERGENT_SHARE * p.stats["diverging"].size:
        out.append(f"{n_div} isolated divergence{'s' if n_div > 1 else ''} in {p.stats['diverging'].size:,} draws")
    near = [m for m in p.modes if m["chi2"] <= p.modes[0]["chi2"] + INIT_WINDOW] if p.modes else []
    if len(near) > 1:
        text = f"the fit that placed the chains found {len(near)} modes within Delta chi2 = {INIT_WINDOW:g} of the best"
        if len(near) > p.chains:
            text += f", more than the {p.chains} chains: some had no chain; use chains={len(near)}"
        out.append(text)
    return out


def _or_inf(x: float) -> float:
    return x if math.isfinite(x) else math.inf


# ---------------------------------------------------------------------------------------------- starting points


def _spread_out(u: np.ndarray, reach: np.ndarray, cap: float, energy: Callable, rng) -> np.ndarray:
    """Each point moved in a random direction, at most by ``reach`` (chains,), as far as the energy allows.

    The energy may rise to that of a draw in the tail: INIT_WINDOW/2 plus 1 per dimension above the best point.
    """
    scales = reach[:, None] * 2.0 ** -np.arange(13.0)
    direction = rng.normal(size=u.shape)
    trial = np.clip(u[:, None] + scales[..., None] * direction[:, None], -cap, cap)
    at = energy(u)
    height = np.maximum(at, at.min() + 0.5 * INIT_WINDOW + u.shape[1])
    fine = energy(trial.reshape(-1, u.shape[1])).reshape(len(u), -1) <= height[:, None]
    first = np.argmax(fine, axis=1)
    return np.where(fine.any(axis=1)[:, None], trial[np.arange(len(u)), first], u)


def _starting_points(engine: Engine, chains: int, seed: int, progress: bool, energy: Callable):
    """Over-dispersed starting points (chains, n) and the modes found.

    A quick multi-start fit; every mode within ``INIT_WINDOW`` of the best gets a chain, best first.  The other
    chains go to end points of that fit as far from each other as possible.
    """
    target = engine.target
    rng = np.random.default_rng([seed, 3])
    ends = multistart(engine, max(256, 32 * chains), 200, seed, progress)
    modes = find_modes(engine, ends)
    modes = [m for m in modes if m["value"] <= modes[0]["value"] + INIT_WINDOW]
    u = [m["u"] for m in modes[:chains]]
    pool = np.concatenate([np.array(m["members"]) for m in modes])
    pool = pool[ends.value[pool] <= modes[0]["value"] + INIT_WINDOW]
    t = target.t_of_u(ends.u[pool])
    while len(u) < chains:
        gap = np.min([np.abs(t - target.t_of_u(v)).sum(-1) for v in u], axis=0)
        u.append(ends.u[pool[int(np.argmax(gap))]])
    # at |u| > 4 the prior's own slope would have to bring the chain back
    start = np.clip(np.stack(u), -4.0, 4.0)
    # a chain that was given a mode of its own stays near it
    reach = np.where((np.arange(chains) < len(modes)) & (len(modes) > 1), 0.25, 2.0)
    spread = _spread_out(start, reach, 4.0, energy, rng)
    listed = [
        {"chi2": float(m["value"]), "starts": len(m["members"]),
         "point": dict(zip(target.names, map(float, target.points(m["u"])), strict=True))}
        for m in modes
    ]  # fmt: skip
    return spread, listed


def _start_with_nuisances(like, target: Target, chains: int, seed: int, progress: bool):
    """Where chains over model and nuisances start, and in which metric: from a run with a fixed theory covariance.

    Draws of that run for the model, nuisances near 0; its covariance as metric of the model, unit for the standardised
    nuisances.  Both posteriors are close to each other, so that no long warm-up has to find what is already known.
    """
    simple = like.with_uncertainties("fixed")
    quick = Target(simple)
    coordinates = Coordinates(quick)
    before = sample(simple, chains, warmup=500, draws=500, seed=seed, progress=progress)
    u = np.asarray(quick.u({k: jnp.asarray(v) for k, v in before.samples.items()}))
    w = coordinates.w_of_u(u)
    # the model's parameters come first in the names of both likelihoods
    rng = np.random.default_rng([seed, 5])
    start = np.concatenate([u[:, -1], 0.5 * rng.normal(size=(chains, target.n - quick.n))], axis=1)
    metric = {("model",): np.cov(w.reshape(-1, quick.n), rowvar=False).reshape(quick.n, quick.n),
              ("nuisance",): np.ones(target.n - quick.n)}  # fmt: skip
    return start, before.modes, metric


def _given_points(target: Target, init, chains: int, seed: int, energy: Callable) -> np.ndarray:
    """Starting points (chains, n) from what the user gave: "prior", a FitResult, a dict, or a list of dicts."""
    rng = np.random.default_rng([seed, 3])
    if isinstance(init, str):
        if init != "prior":
            raise unknown("init", init, ["prior"])
        pool = target.u_of_s(rng.uniform(0.02, 0.98, size=(64 * chains, target.n)))
        pool = pool[np.isfinite(energy(pool))]
        if len(pool) < chains:
            raise InputError("init = 'prior': the likelihood is not finite at nearly all points of the prior")
        return pool[:chains]
    if isinstance(init, FitResult):
        points = [m["point"] for m in init.modes if m["objective"] <= init.modes[0]["objective"] + INIT_WINDOW]
        exact = False
    elif isinstance(init, dict):
        points, exact = [init], False
    elif isinstance(init, list | tuple) and init and all(isinstance(d, dict) for d in init):
        points, exact = list(init), len(init) == chains
    else:
        raise InputError(f"init = {init!r} (allowed: None, 'prior', a FitResult, a dict, a list of dicts)")
    u = []
    for point in points:
        for k in point:
            if k not in target.names:
                raise unknown("parameter in init", k, target.names)
        missing = [k for k in target.names if k not in point]
        if missing:
            raise InputError(f"init: missing {', '.join(missing)}")
        u.append(target.u_of_x(point))
    start = np.clip(np.stack([u[i % len(u)] for i in range(chains)]), -8.0, 8.0)
    if exact:
        return start
    return _spread_out(start, np.full(chains, 0.25 if len(u) > 1 else 2.0), 8.0, energy, rng)


# ---------------------------------------------------------------------------------------------- NUTS


def _potential(target: Target, coordinates: Coordinates):
    """Potential of one point w (n,).

    Under vmap it is one batched call of the likelihood, which keeps points where its kernels want them.
    """

    def energies(w):
        log_like = target.log_like(coordinates.u_of_w(w))
        # nan counts as outside: the trajectory ends there as a divergence
        return -jnp.where(jnp.isnan(log_like), -jnp.inf, log_like) - coordinates.log_prior(w)

    def batch(u):
        value, back = jax.vjp(energies, u)
        return value, back(jnp.ones_like(value))[0]

    @jax.custom_batching.custom_vmap
    def value_and_grad(u):
        value, grad = batch(u[None])
        return value[0], grad[0]

    @value_and_grad.def_vmap
    def _(size, batched, u):
        return batch(u), (True, True)

    @jax.custom_vjp
    def potential(u):
        return value_and_grad(u)[0]

    potential.defvjp(lambda u: value_and_grad(u), lambda grad, ct: (ct * grad,))
    return potential


class _Run:
    """One compiled NUTS program that advances one chain, or all chains in one vectorised call."""

    def __init__(self, potential, warmup: int, vectorized: bool, options: dict, n_model: int | None = None):
        from numpyro.infer import NUTS
        from numpyro.infer.util import ParamInfo

        # nuisances, standardised and nearly uncorrelated with everything, get a diagonal mass matrix: a dense one of hundreds of
        # dimensions would need a much longer warm-up
        self.n_model = n_model
        if n_model is not None:
            of_vector = potential
            potential = lambda parts: of_vector(jnp.concatenate([parts["model"], parts["nuisance"]]))  # noqa: E731
            dense = options["dense_mass"] or "inverse_mass_matrix" in options
            options = {**options, "dense_mass": [("model",)] if dense else False}
        self.kernel = NUTS(potential_fn=potential, **options)
        self.warmup = warmup
        self.vectorized = vectorized
        # with potential and gradient given, the start compiles no likelihood
        self._init = jax.jit(lambda key, *point: self.kernel.init(key, warmup, init_params=ParamInfo(*point)))
        self._block = jax.jit(self._advance, donate_argnums=1)

    def start(self, key, w, potential, grad):
        return self._init(key, self._parts(jnp.asarray(w)), jnp.asarray(potential), self._parts(jnp.asarray(grad)))

    def _parts(self, w):
        n = self.n_model
        return w if n is None else {"model": w[..., :n], "nuisance": w[..., n:]}

    def _kept(self, state) -> dict:
        z = state.z
        return {
            "w": z if self.n_model is None else jnp.concatenate([z["model"], z["nuisance"]], axis=-1),
            "potential": state.potential_energy,
            "diverging": state.diverging,
            "energy": state.energy,
            "num_steps": state.num_steps,
            "accept_prob": state.accept_prob,
            "step_size": state.adapt_state.step_size,
        }

    def _advance(self, state, buffer, n):
        def body(i, carry):
            state, buffer = carry
            state = self.kernel.sample(state, (), {})
            return state, jax.tree.map(lambda b, v: b.at[i].set(v), buffer, self._kept(state))

        return jax.lax.fori_loop(0, n, body, (state, buffer))

    def advance(self, state, n: int) -> tuple:
        """(state, dict of (n, ...) arrays) after ``n`` iterations, n <= _BUFFER."""
        buffer = jax.tree.map(lambda v: jnp.zeros((_BUFFER, *v.shape), v.dtype), self._kept(state))
        state, buffer = self._block(state, buffer, n)
        return state, {k: np.asarray(v)[:n] for k, v in buffer.items()}


def sample(
    like,
    chains: int = 4,
    *,
    warmup: int = 1000,
    draws: int = 1000,
    seed: int = 0,
    init=None,
    thin: int = 1,
    target_accept: float = 0.9,
    dense_mass: bool = True,
    max_tree_depth: int = 10,
    chain_method: str = "auto",
    progress: bool = True,
    method: str = "nuts",
    **tempered,
) -> Posterior:
    """Draw from prior x likelihood with NUTS, or with tempered Monte Carlo.

    Parameters
    ----------
    like: the likelihood (``names``, ``priors``, ``log_prob``, ...).
    chains, warmup, draws: chains, adaptation steps and kept draws per chain; ``thin`` x ``draws`` steps are made.
    seed: the same seed on the same machine gives the same draws.
    init: where chains start.  None: a quick multi-start fit, one chain per mode first; "prior"; a FitResult (its
        modes); a dict (one point) or a list of dicts.  Points are spread out at random, except a list with exactly
        one point per chain, which is used as it is.
    target_accept, dense_mass, max_tree_depth: as in numpyro.
    chain_method: "threads" runs each chain in a thread of its own, "vectorized" all in one program, in which every
        chain waits for the longest trajectory.  "auto": threads on a CPU, vectorized elsewhere.
    method: "nuts", or "smc": the same as :func:`fipjax.smc`, with its arguments and ``seed``, ``progress`` of these.

    Raises InputError on bad arguments and SampleInterrupted (a KeyboardInterrupt) with the draws so far on Ctrl-C.
    """
    given = {
        "chains": chains, "warmup": warmup, "draws": draws, "init": init, "thin": thin, "target_accept": target_accept,
        "dense_mass": dense_mass, "max_tree_depth": max_tree_depth, "chain_method": chain_method,
    }  # fmt: skip
    if method == "smc":
        return _tempered(like, given, {**tempered, "seed": seed, "progress": progress})
    if method != "nuts":
        raise unknown("sampling method", method, ["nuts", "smc"])
    for key in tempered:
        raise unknown("argument of sample", key, [*given, "seed", "progress", "method"], "other methods have others")
    t0 = time.monotonic()
    chains, draws, thin = check_count("chains", chains), check_count("draws", draws, 4), check_count("thin", thin)
    warmup, seed = check_count("warmup", warmup, 20), check_count("seed", seed, 0)
    max_tree_depth = check_count("max_tree_depth", max_tree_depth)
    if not (isinstance(target_accept, float) and 0.0 < target_accept < 1.0):
        raise InputError(f"target_accept = {target_accept!r} (allowed: a number between 0 and 1)")
    if chain_method not in ("auto", "threads", "vectorized"):
        raise unknown("chain_method", chain_method, ["auto", "threads", "vectorized"])
    if chain_method == "auto":
        chain_method = "threads" if jax.default_backend() == "cpu" else "vectorized"
    target = Target(like)

    coordinates = Coordinates(target)

    engine = Engine(target, "gaussian")
    prior = jax.jit(target.log_prior_real)
    prior_w = jax.jit(jax.vmap(jax.value_and_grad(coordinates.log_prior)))
    back = jax.jit(lambda w, grad: jax.vjp(coordinates.u_of_w, w)[1](grad)[0])

    def potential_at(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Potential (N,) in w, inf where it is not finite, and its gradient (N, n) at the points u (N, n)."""
        like_part = engine(u)
        w = jnp.asarray(coordinates.w_of_u(u))
        value, grad = (np.asarray(a) for a in prior_w(w))
        value = -like_part["log_prob"] - value
        return np.where(np.isfinite(value), value, np.inf), -np.asarray(back(w, like_part["grad_log_prob"])) - grad

    def energy(u: np.ndarray) -> np.ndarray:
        value = -engine(u)["log_prob"] - np.asarray(prior(jnp.asarray(u)))
        return np.where(np.isfinite(value), value, np.inf)

    modes: list[dict] = []
    metric = None
    if init is None and getattr(like, "nuisances", None):
        u0, modes, metric = _start_with_nuisances(like, target, chains, seed, progress)
    elif init is None:
        u0, modes = _starting_points(engine, chains, seed, progress, energy)
    else:
        u0 = _given_points(target, init, chains, seed, energy)
    start = (coordinates.w_of_u(u0), *potential_at(u0))
    bad = np.flatnonzero(~np.isfinite(start[1]))
    if len(bad):
        raise InputError(f"init: the likelihood is not finite at the start of chain {bad[0]}")

    options = {
        "target_accept_prob": target_accept,
        "dense_mass": bool(dense_mass),
        "max_tree_depth": max_tree_depth,
    }
    if metric is not None:
        # hundreds of dimensions: a metric from a short warm-up would be noisier than the known one
        options |= {"inverse_mass_matrix": metric, "adapt_mass_matrix": False}
    settings = {"chains": chains, "warmup": warmup, "draws": draws, "thin": thin, "seed": seed,
                "chain_method": chain_method, "target_accept": target_accept, "dense_mass": bool(dense_mass),
                "max_tree_depth": max_tree_depth, "init": "fit" if init is None else type(init).__name__}  # fmt: skip
    blocks, complete = _drive(target, coordinates, start, warmup, draws * thin, chain_method, options, seed, progress)
    kept = {k: np.concatenate([b[k] for b in blocks], axis=1) for k in blocks[0]} if blocks else None
    n = kept["energy"].shape[1] // thin if kept else 0
    if kept is None or n == 0:
        raise KeyboardInterrupt("interrupted before the first draw")
    posterior = _collect(target, coordinates, kept, n, thin, settings, modes, complete, time.monotonic() - t0)
    if not complete:
        raise SampleInterrupted(posterior)
    return posterior


def _tempered(like, given: dict, options: dict) -> Posterior:
    from fipjax.engines.smc import smc

    defaults, own = inspect.signature(sample).parameters, list(inspect.signature(smc).parameters)[1:]
    for key, value in given.items():
        usual = defaults[key].default
        if value is not usual and not (isinstance(value, int | float | str) and value == usual):
            raise InputError(f"{key} = {value!r} does not belong to method 'smc' (allowed: {', '.join(own)})")
    for key in options:
        if key not in own:
            raise unknown("argument of method 'smc'", key, own)
    return smc(like, **options)


def _drive(
    target: Target, coordinates: Coordinates, start: tuple, warmup: int, steps: int, method: str, options: dict, seed: int,
    progress: bool,
):  # fmt: skip
    """Run all chains in blocks; list of blocks name -> (chains, n, ...) after warm-up, and whether all was run.

    ``start``: points w (chains, n), their potentials (chains,) and gradients (chains, n).
    """
    chains = len(start[0])
    vectorized = method == "vectorized"
    n_model = len(target.names) - len(getattr(target.like, "nuisances", ()))
    run = _Run(_potential(target, coordinates), warmup, vectorized, options, None if n_model == len(target.names) else n_model)
    keys = jax.random.split(jax.random.PRNGKey(seed), chains)
    states = [run.start(keys, *start)] if vectorized else [run.start(*c) for c in zip(keys, *start, strict=True)]
    blocks: list[dict] = []
    done, total, n = 0, warmup + steps, 1  # the first call compiles: one step
    divergent = 0
    stop = False
    bar: Progress | None = None
    workers = 1 if vectorized else min(chains, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers)
    try:
        while done < total and not stop:
            n = min(n, _BUFFER, total - done if done >= warmup else warmup - done)
            t0 = time.monotonic()
            jobs = [pool.submit(run.advance, states[0], n)]
            try:
                if done == 0:
                    wait(jobs)  # compiles; the other chains would compile again beside it
                jobs += [pool.submit(run.advance, s, n) for s in states[1:]]
                wait(jobs)
            except KeyboardInterrupt:
                stop = True  # let this block finish, so that all chains have the same length
                jobs += [pool.submit(run.advance, s, n) for s in states[len(jobs) :]]
                wait(jobs)
            results = [j.result() for j in jobs]
            states = [r[0] for r in results]
            warming = done < warmup
            done += n
            if vectorized:
                block = {k: np.swapaxes(v, 0, 1) for k, v in results[0][1].items()}
            else:
                block = {k: np.stack([r[1][k] for r in results]) for k in results[0][1]}
            if not warming:
                blocks.append(block)
                divergent += int(block["diverging"].sum())
            if progress and bar is None:  # not before the first block: its compilation would spoil the time left
                bar = Progress(f"sample, {chains} chains", total, "steps", start=done)
            elif bar:
                steps_each = block["num_steps"].mean()
                note = "warm-up" if warming else f"{divergent} divergences"
                bar.update(n, note=f"{note}, {steps_each:.0f} gradients a step")
            seconds = max(time.monotonic() - t0, 1e-4)
            n = max(1, min(int(n * _BLOCK_SECONDS / seconds), 8 * n))
    except KeyboardInterrupt:
        stop = True
    finally:
        pool.shutdown(wait=True)
        if bar:
            bar.close()
    return blocks, done >= total


def _describe(like, samples) -> dict[str, dict]:
    about = describe_parameters(like)
    for z, name in getattr(like, "nuisances", {}).items():
        info = like.inputs.info.get(name, {})
        about.pop(z, None)
        about[name] = {k: info.get(k, "") for k in ("latex", "unit")} | {"description": f"input, {info.get('source', '')}"}
    return {k: v for k, v in about.items() if k in samples}


def _collect(
    target: Target, coordinates: Coordinates, kept: dict, n: int, thin: int, settings, modes, complete, seconds
) -> Posterior:
    """Posterior of every ``thin``-th step; ``kept``: name -> (chains, steps, ...)."""
    use = slice(thin - 1, n * thin, thin)
    w = jnp.asarray(kept["w"][:, use])
    x = target.points(np.asarray(jax.jit(coordinates.u_of_w)(w)))
    prior = jax.jit(coordinates.log_prior)
    stats = {k: np.asarray(kept[k][:, use]) for k in STATS}
    stats["diverging"] = kept["diverging"][:, : n * thin].reshape(len(w), n, thin).any(axis=2)
    like = target.like
    samples = {k: np.ascontiguousarray(x[..., i]) for i, k in enumerate(target.names)}
    if getattr(like, "nuisances", None):
        # inputs themselves instead of their standardised combinations
        samples = {k: np.asarray(v) for k, v in like.physical(samples).items()}
    return Posterior(
        names=tuple(samples),
        samples=samples,
        # the potential holds the likelihood already: no second evaluation
        log_prob=-kept["potential"][:, use] - np.asarray(prior(w)),
        stats=stats,
        ebfmi=ebfmi(kept["energy"]),
        settings=settings,
        fingerprint=plain(like.fingerprint()) if hasattr(like, "fingerprint") else {},
        parameters=_describe(like, samples),
        modes=modes,
        complete=complete,
        seconds=seconds,
    )
