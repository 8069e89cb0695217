"""Figure 11 of arXiv:2210.15662: the fit of case A (mixing alone) to Table 1, three parameters.

python examples/dark_z_fig11.py [--quick] [--out DIR] [--conventions as_printed] [--sample]

Above: mass against mass mixing, minimised over the kinetic mixing; below: against the kinetic mixing, minimised over the mass
mixing.  A grid of a million points, a gradient search from many starts and (--sample) an ensemble sampler with priors flat in the
logarithms.
"""

import numpy as np
from _dark_z_fits import (
    CASES,
    TITLES,
    bounds,
    chi2_of,
    chosen,
    clock,
    finish,
    fit,
    likelihood,
    marks,
    parser,
    regions,
    report,
    stem,
)

from fipjax.plotting import style as st

NAMES = ("m_V", "epsilon", "epsilon_Z")
BOUNDS = {
    "weak_charge_cs": r"$Q_W$(Cs)", "weak_charge_p": r"$Q_W$(p)", "Bs_mixing": r"$B_s$ mixing", "Bs_mumu": r"$B_s\to\mu\mu$",
    "BKinv_babar": r"$B\to K$ inv",
}  # fmt: skip


def grid(quick: bool) -> dict[str, np.ndarray]:
    """Logarithmic in the mass and, but for a zero, in the mixings; the paper's ranges."""
    n = (60, 16, 20) if quick else (250, 50, 80)
    return {
        "m_V": np.geomspace(0.01, 2.0, n[0]),
        "epsilon": np.concatenate([[0.0], np.geomspace(1e-6, 1e-3, n[1] - 1)]),
        "epsilon_Z": np.concatenate([[0.0], np.geomspace(1e-7, 2e-3, n[2] - 1)]),
    }


def ensemble(like, quick: bool) -> np.ndarray:
    """Draws (n, 3) of the logarithms of the parameters, flat priors in them, by an ensemble with differential evolution moves."""
    import emcee

    low, high = (np.log([like.priors[n].support[k] for n in NAMES]) for k in (0, 1))

    def log_prob(x):
        inside = np.all((x > low) & (x < high), axis=1)
        y = np.exp(np.clip(x, low, high))
        return np.where(inside, -0.5 * chi2_of(like, **dict(zip(NAMES, y.T, strict=True))), -np.inf)

    walkers, steps = (64, 400) if quick else (256, 2000)
    rng = np.random.default_rng(2)
    # start where there is weight: points of the prior, weighted
    x = rng.uniform(low, high, (20000, 3))
    weight = np.exp(log_prob(x) + 0.5 * like.sm_chi2())
    start = x[rng.choice(len(x), walkers, p=weight / weight.sum())] + 1e-3 * rng.standard_normal((walkers, 3))
    # wide steps connect the mode at light masses with the plateau of small mixings
    wide = emcee.moves.GaussianMove((0.5 * (high - low)) ** 2)
    moves = [(emcee.moves.DEMove(), 0.5), (emcee.moves.DESnookerMove(), 0.2), (wide, 0.3)]
    sampler = emcee.EnsembleSampler(walkers, 3, log_prob, vectorize=True, moves=moves)
    sampler.run_mcmc(np.clip(start, low + 1e-6, high - 1e-6), steps)
    tau, accepted = np.round(sampler.get_autocorr_time(quiet=True)), np.mean(sampler.acceptance_fraction)
    print(f"  ensemble: {walkers} x {steps}, acceptance {accepted:.2f}, correlation times {tau}")
    return sampler.get_chain(discard=steps // 4, flat=True)


def compare(grids: dict, values: np.ndarray, chain: np.ndarray) -> None:
    """Quantiles of the same posterior from the grid and from the ensemble."""
    inner = values[:, 1:, 1:]
    weight = np.exp(-0.5 * (inner - inner.min()))
    # half a cell at either end of the logarithmic grid
    for axis in range(3):
        edge = np.ones(inner.shape[axis])
        edge[[0, -1]] = 0.5
        weight = weight * np.expand_dims(edge, tuple(i for i in range(3) if i != axis))
    light = grids["m_V"] < 0.03
    by_grid, by_chain = weight[light].sum() / weight.sum(), np.mean(chain[:, 0] < np.log(0.03))
    print(f"  posterior below 30 MeV, grid | ensemble: {by_grid:.3f} | {by_chain:.3f}")
    for i, n in enumerate(NAMES):
        share = np.cumsum(weight.sum(axis=tuple(j for j in range(3) if j != i)))
        g = np.log(grids[n] if i == 0 else grids[n][1:])
        middle = (share - 0.5 * np.diff(share, prepend=0.0)) / share[-1]
        levels = (0.05, 0.5, 0.95)
        by_grid = np.exp(np.interp(levels, middle, g))
        by_chain = np.exp(np.quantile(chain[:, i], levels))
        text = "  ".join(f"{a:.3g} | {b:.3g}" for a, b in zip(by_grid, by_chain, strict=True))
        print(f"  5, 50, 95 % of {n}, grid | ensemble: {text}")


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--sample", action="store_true", help="also draw from the posterior with emcee")
    args = p.parse_args()
    case, since, panels, handles = CASES["A"], clock(), chosen(args), []
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.ONE_AND_A_HALF, 5.6)
        axes = fig.subplots(2, len(panels), squeeze=False, sharex=True)
        for column, c in enumerate(panels):
            like = likelihood(case, c)
            g = grid(args.quick)
            values = chi2_of(like, **dict(zip(NAMES, np.meshgrid(*g.values(), indexing="ij"), strict=True)))
            best, low = fit(like, 64 if args.quick else 512)
            report(case, like, f"case A, {TITLES[c]}", g, values, best, low)
            if args.sample:
                compare(g, values, ensemble(like, args.quick))
            low = min(low, values.min())
            for ax, (y, other) in zip(axes[:, column], (("epsilon_Z", 1), ("epsilon", 2)), strict=True):
                plane = np.min(values, axis=other)[:, 1:].T
                gy = g[y][1:]
                regions(ax, g["m_V"], gy, plane, low)
                fixed = {"epsilon": 1e-4} if y == "epsilon_Z" else {"epsilon_Z": 1e-4}
                fine = (np.geomspace(0.01, 2.0, 120), np.geomspace(gy[0], gy[-1], 100))
                handles += bounds(ax, case.model, ("m_V", fine[0]), (y, fine[1]), fixed, BOUNDS, c)
                marks(ax, (best["m_V"], max(best[y], gy[0])), (case.best["m_V"], case.best[y]))
                ax.set(xscale="log", yscale="log", xlim=(0.01, 2.0), ylim=gy[[0, -1]])
            axes[0, column].set_title(TITLES[c])
            axes[1, column].set_xlabel(r"$m_{Z_D}$ [GeV]")
            print(f"  {since()}", flush=True)
        axes[0, 0].set_ylabel(r"$\epsilon_Z$")
        axes[1, 0].set_ylabel(r"$\epsilon$")
        finish(fig, handles, stem(args, "dark_z_fig11"))


if __name__ == "__main__":
    main()
