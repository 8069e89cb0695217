"""The fit of arXiv:2002.11150, section 4: parameters of Table 1, one range of m_V above and one below the data.

python examples/split_fit.py [--quick] [--out DIR] [--conventions as_printed] [--data 2020] [--fit branching] [--only high]

Prints the priors, the best fits and the posteriors (NUTS, four chains), and draws the posteriors of m_V and the couplings.
"""

import time

import numpy as np
from _split import TITLES, chosen, draw, likelihood, minus_two_log, parser, shift, stem
from matplotlib.lines import Line2D

import fipjax
from fipjax.engines.sample import ess_bulk, rhat
from fipjax.plotting import style as st

# draws of the high and the low range
COLOURS = {"high": st.VERMILLION, "low": st.BLUE}


def priors(like) -> None:
    for name, prior in like.priors.items():
        low, high = prior.support
        print(f"    {name:5s} [{low:g}, {high:g}] {'log-flat' if type(prior).__name__ == 'LogFlat' else 'flat'}")


def best_fit(like, starts: int):
    """Best fit, printed."""
    best = fipjax.fit(like, starts=starts, progress=False)
    # the Standard Model with its bounds: all couplings next to 0
    sm = {k: np.full(1, 1e-9 if k not in ("m_V", "g_D") else 1.0) for k in like.names}
    sm["m_V"] = np.full(1, 10.0)
    zero = minus_two_log(like, sm)[0]
    print(f"  {like.n_measurements} numbers; chi2 with the bounds: Standard Model {zero:.2f}")
    for mode in best.modes[:3]:
        p = mode["point"]
        x = {k: np.atleast_1d(v) for k, v in p.items()}
        c = minus_two_log(like, x)[0]
        print(f"  minimum: chi2 {c:.2f} (Delta chi2 {zero - c:.1f}) at " + ", ".join(f"{k} = {v:.3g}" for k, v in p.items())
              + f"; Delta a_mu = {shift(x)[0]:.2e} ({mode['starts']} starts)")  # fmt: skip
    names = ("<Rmue>(B+->Kll)[1.1,6.0]", "<Rmue>(B0->K*ll)[0.045,1.1]", "<Rmue>(B0->K*ll)[1.1,6.0]", "BR(Bs->mumu)")
    for row in like.pulls(best.modes[0]["point"]):
        if row["observable"] in names:
            print(f"    {row['observable']:30s} {row['value']:.4g} (SM {row['sm']:.4g}), measured {row['measured']:.4g}, "
                  f"pull {row['pull']:+.1f}")  # fmt: skip
    return best


def quantiles(v, weight, at):
    """Quantiles of weighted points."""
    order = np.argsort(v)
    total = np.cumsum(weight[order])
    return v[order][np.searchsorted(total, np.array(at) * total[-1])]


def posterior(like, best, quick: bool) -> dict[str, np.ndarray]:
    """Draws of m_V and of logarithms of couplings from four chains, printed."""
    out = fipjax.sample(like, chains=4, warmup=250 if quick else 700, draws=150 if quick else 1500, seed=1, target_accept=0.97,
                        init=best, progress=False)  # fmt: skip
    x = out.samples
    size, g_v = np.abs(x["r"]), x["g_V"]
    draws = {"m_V": x["m_V"], "log10 |r|": np.log10(size), "log10 g_V": np.log10(g_v), "r_AV": x["r_AV"], "g_D": x["g_D"]}
    draws["log10 |r g_V|"] = np.log10(size * g_v)
    print(f"  NUTS, 4 chains x {out.draws} draws, {int(out.stats['diverging'].sum())} divergences, {out.seconds:.0f} s")
    print(f"    {'':14s}{'median':>9s}{'68 %':>19s}{'95 %':>19s}   R-hat    ESS")
    for name, v in draws.items():
        q = np.quantile(v, [0.5, 0.158655, 0.841345, 0.025, 0.975])
        print(f"    {name:14s}{q[0]:9.3f}  [{q[1]:7.3f},{q[2]:7.3f}]  [{q[3]:7.3f},{q[4]:7.3f}]   {rhat(v):.3f} {ess_bulk(v):6.0f}")
    # no chain involved: points of the prior, weighted with the likelihood
    y = draw(like, 50_000 if quick else 400_000, 2)
    weight = np.concatenate(
        [minus_two_log(like, {k: v[i : i + 50_000] for k, v in y.items()}) for i in range(0, len(y["r"]), 50_000)]
    )
    weight = np.exp(-0.5 * (weight - weight.min()))
    print(f"    medians and 95 % of weighted points of the prior ({weight.sum() ** 2 / (weight**2).sum():.0f} effective): ", end="")
    values = {"m_V": y["m_V"], "log10 |r|": np.log10(np.abs(y["r"])), "log10 g_V": np.log10(y["g_V"]), "r_AV": y["r_AV"]}
    print(", ".join("{} {:.2f} [{:.2f}, {:.2f}]".format(k, *quantiles(v, weight, (0.5, 0.025, 0.975))) for k, v in values.items()))
    return {k: v.ravel() for k, v in draws.items()}


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--only", choices=["high", "low"], help="one range of m_V")
    p.set_defaults(conventions="default")
    args = p.parse_args()
    t0 = time.monotonic()
    panels = chosen(args)
    with st.context():
        fig = st.new_figure(st.DOUBLE, 2.5 * len(panels) + 0.2)
        axes = fig.subplots(len(panels), 3, squeeze=False)
        for line, c in zip(axes, panels, strict=True):
            for region in ("high", "low") if args.only is None else (args.only,):
                like = likelihood(c, args.data, region, fit=args.fit)
                print(f"\n{region} masses, {TITLES[c]}, data {args.data} ({args.fit})")
                priors(like)
                best = best_fit(like, 48 if args.quick else 96)
                draws = posterior(like, best, args.quick)
                print(f"  {time.monotonic() - t0:.0f} s", flush=True)
                for ax, (a, b) in zip(line, (("m_V", "log10 g_V"), ("m_V", "log10 |r|"), ("log10 g_V", "r_AV")), strict=True):
                    ax.plot(draws[a], draws[b], ".", ms=1.5, mew=0, alpha=0.5, color=COLOURS[region], rasterized=True)
            line[0].set(xlabel=r"$m_V$ [GeV]", ylabel=r"$\log_{10} g_\mu^V$", xlim=(0, 15), ylim=(-3, -0.7))
            line[1].set(xlabel=r"$m_V$ [GeV]", ylabel=r"$\log_{10}|r|$", xlim=(0, 15), ylim=(-1.55, 1.0), title=TITLES[c])
            line[2].set(xlabel=r"$\log_{10} g_\mu^V$", ylabel=r"$g_\mu^A/g_\mu^V$", xlim=(-3, -0.7), ylim=(-1, 0))
        handles = [
            Line2D([], [], ls="", marker=".", ms=6, color=COLOURS[k], label=t)
            for k, t in (("high", r"$m_V$ of 2 to 15 GeV, $r\,g_\mu^V<0$"), ("low", r"0.6 to 2 GeV, $r\,g_\mu^V>0$"))
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=2)
    for path in st.save(fig, stem(args, "split_fit")):
        print(path)


if __name__ == "__main__":
    main()
