"""Model 64, high masses: every hadronic input sampled beside the new physics, against a fixed theory covariance.

    python examples/nuisance64.py --out runs/nuisance64            # 20 minutes on two cores
    python examples/nuisance64.py --out runs/nuisance64 --quick    # fewer draws, for a first look

Three posteriors of model 64, m_V above 2 GeV, with the data that arXiv:2106.12582 names (those of Figure 1b):

* NUTS over the model and all hadronic inputs that matter (more than 100 dimensions);
* NUTS over the model alone, theory uncertainties as a fixed covariance of 4000 draws;
* an ensemble sampler (emcee) for the same likelihood, to check NUTS with something that knows no gradients.

Writes the posteriors (netCDF), marginals.png and quantiles.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import _deft_fits
import jax
import numpy as np

import fipjax
from fipjax.plotting import style


def likelihood(uncertainties: str) -> fipjax.Likelihood:
    """The likelihood of the fit with the chosen treatment of theory uncertainties."""
    return _deft_fits.likelihood("deft64", "2021", fit="paper", region="high-paper", uncertainties=uncertainties)


def ensemble(like, start: np.ndarray, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    """emcee draws, name -> (draws,), from walkers around the points ``start`` (n, d) in the unconstrained coordinate."""
    import emcee

    priors = [like.priors[n] for n in like.names]

    @jax.jit
    def log_post(u):
        x = {n: p.from_real(u[:, i]) for i, (n, p) in enumerate(zip(like.names, priors, strict=True))}
        return like.log_prob(x) + sum(p.log_prob_real(u[:, i]) for i, p in enumerate(priors))

    rng = np.random.default_rng(seed)
    walkers = 64
    first = start[rng.integers(len(start), size=walkers)]
    first = first + 1e-2 * rng.normal(size=first.shape)
    moves = [(emcee.moves.DEMove(), 0.7), (emcee.moves.DESnookerMove(), 0.1), (emcee.moves.StretchMove(), 0.2)]
    sampler = emcee.EnsembleSampler(walkers, len(priors), lambda u: np.asarray(log_post(u)), vectorize=True, moves=moves)
    sampler._random.seed(seed)
    sampler.run_mcmc(first, steps)
    u = sampler.get_chain(discard=steps // 4, thin=10, flat=True)
    return {n: np.asarray(p.from_real(u[:, i])) for i, (n, p) in enumerate(zip(like.names, priors, strict=True))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/nuisance64"))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    warmup, draws, steps = (100, 100, 2000) if args.quick else (300, 1000, 40000)

    fixed = likelihood("fixed")
    names = fixed.names
    t = time.monotonic()
    plain = fipjax.sample(fixed, chains=4, warmup=1000, draws=2000, target_accept=0.95)
    plain.save(args.out / "fixed.nc")
    print(plain.summary())
    seconds = {"fixed": time.monotonic() - t}

    t = time.monotonic()
    u = np.stack([np.asarray(fixed.priors[n].to_real(plain.samples[n].reshape(-1))) for n in names], axis=-1)
    check = ensemble(fixed, u, steps)
    seconds["ensemble"] = time.monotonic() - t

    t = time.monotonic()
    full = fipjax.sample(likelihood("nuisance"), chains=4, warmup=warmup, draws=draws, target_accept=0.95)
    full.save(args.out / "nuisance.nc")
    print(full.summary())
    seconds["nuisance"] = time.monotonic() - t

    sets = {
        "inputs sampled (NUTS)": {n: full.samples[n].reshape(-1) for n in names},
        "fixed covariance (NUTS)": {n: plain.samples[n].reshape(-1) for n in names},
        "fixed covariance (ensemble)": check,
    }
    levels = [0.025, 0.16, 0.5, 0.84, 0.975]
    quantiles = {k: {n: np.quantile(v, levels).tolist() for n, v in s.items()} for k, s in sets.items()}
    worst = {k: max(full.diagnostics[n][k] for n in full.names) for k in ("rhat",)}
    worst["ess"] = min(min(full.diagnostics[n]["ess_bulk"], full.diagnostics[n]["ess_tail"]) for n in full.names)
    report = {
        "levels": levels, "quantiles": quantiles, "seconds": seconds, "dimensions": len(full.names), "worst": worst,
        "divergences": int(full.stats["diverging"].sum()), "version": fipjax.__version__,
    }  # fmt: skip
    (args.out / "quantiles.json").write_text(json.dumps(report, indent=1))
    draw(args.out / "marginals.png", fixed, sets)
    print(json.dumps({k: report[k] for k in ("seconds", "dimensions", "worst", "divergences")}))


def draw(path: Path, like, sets) -> None:
    """Marginals of the model's parameters from all posteriors."""
    with style.context():
        fig = style.new_figure(style.DOUBLE, 3.6)
        columns = (len(like.names) + 1) // 2
        grid = fig.subplots(2, columns)
        axes = grid.ravel()[: len(like.names)]
        for ax in grid.ravel()[len(like.names) :]:
            ax.remove()
        for ax, n in zip(axes, like.names, strict=True):
            every = np.concatenate([s[n] for s in sets.values()])
            signed = np.all(every > 0) or np.all(every < 0)
            log = signed and np.max(np.abs(every)) / np.min(np.abs(every)) > 30
            turn = (lambda v: np.log10(np.abs(v))) if log else (lambda v: v)
            edges = np.linspace(*np.quantile(turn(every), [0.001, 0.999]), 26)
            for (label, s), ls in zip(sets.items(), ("-", "--", ":"), strict=False):
                h, _ = np.histogram(turn(s[n]), edges, density=True)
                ax.stairs(h, edges, ls=ls, lw=1.0, label=label)
            p = like.parameters[n]
            size = rf"\log_{{10}}\,|{p.latex}|" if log else p.latex
            ax.set_xlabel(style.with_unit(f"${size}$", p.unit))
            ax.set_yticks([])
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(sets))
        fig.savefig(path, dpi=300)


if __name__ == "__main__":
    main()
