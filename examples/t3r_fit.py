"""Wilson coefficients of U(1)_T3R (arXiv:2105.07655, section IV): best fits, posteriors, and regions in (C^NU, C10^U).

python examples/t3r_fit.py [--out DIR] [--quick] [--only scalar]

Data: the three LHCb numbers of the paper (R_K, R_K* in its central bin, Bs -> mu mu), no theory error.  Scenarios: "plain" with
C10^U and C^NU alone, "scalar" with C_S and C_P, "primed" with C'^NU.  The figure profiles over the other coefficients.
"""

import time

import numpy as np
from _t3r import BENCHMARKS, parser, stem
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import fipjax
from fipjax.engines.sample import ess_bulk, rhat
from fipjax.plotting import style as st
from fipjax.priors import Flat

USE = ["LHCb:2103.11769", "LHCb:1705.05802", "LHCb:2108.09284"]
DROP = ["<Rmue>(B0->K*ll)[0.045,1.1]", "BR(B0->mumu)"]
BS = "BR(Bs->mumu)"
# Belle arXiv:1702.03224, B0 -> K*0 nu nu, 90 % CL
KST_NUNU = 1.8e-5
# B+ -> K+ mu mu in [15,22] GeV^2: LHCb arXiv:1403.8044, and 11 % of the prediction for form factors
K_MUMU, K_MUMU_ERROR, K_MUMU_THEORY = 8.5e-8, 0.5e-8, 0.11
LEVELS = (2.30, 6.18)
X, Y = (-8.0, 12.0), (-15.0, 15.0)
DOTS = "#F0E442"


def likelihood(scenario: str, priors=None) -> fipjax.Likelihood:
    return fipjax.Likelihood(
        "t3r_wc", data="2021", use=USE, drop=DROP, constraints="none", uncertainties="none",
        region=None if scenario == "plain" else scenario, priors=priors or {},
    )  # fmt: skip


def fit(like, scenario: str, starts: int):
    """Best fits, printed."""
    best = fipjax.fit(like, starts=starts, progress=False)
    print(f"\n{scenario}: chi2 of the Standard Model {like.sm_chi2():.2f}")
    for mode in best.modes[:4]:
        p = mode["point"]
        c = float(like.chi2({k: np.atleast_1d(v) for k, v in p.items()})[0])
        print(f"  minimum: chi2 {c:.3f} at " + ", ".join(f"{k} = {v:.3g}" for k, v in p.items()) + f" ({mode['starts']} starts), "
              f"pull of the Standard Model {np.sqrt(max(like.sm_chi2() - c, 0.0)):.2f}")  # fmt: skip
    for row in like.pulls(best.modes[0]["point"]):
        print(f"    {row['observable']:28s} {row['value']:.4g}, measured {row['measured']:.4g}, pull {row['pull']:+.2f}")
    return best


# Regions that NUTS does not cross between: the data want C10^U away from 0 on either side
NEGATIVE, POSITIVE = Flat(-15.0, 0.0), Flat(0.0, 15.0)
NEAR, FAR = {"C10_U": POSITIVE, "C_NU": Flat(-2.5, 12.0)}, {"C10_U": POSITIVE, "C_NU": Flat(-12.0, -2.5)}
BOXES = {
    "scalar": {"C10_U < 0": {"C10_U": NEGATIVE}, "C10_U > 0, C_NU > -2.5": NEAR, "C10_U > 0, C_NU < -2.5": FAR},
    "primed": {
        "C10_U < 0": {"C10_U": NEGATIVE},
        "C10_U > 0, C_NU > -2.5": NEAR,
        "C10_U > 0, C_NU < -2.5, Cp_NU < 0": {**FAR, "Cp_NU": Flat(-8.0, 0.0)},
        "C10_U > 0, C_NU < -2.5, Cp_NU > 0": {**FAR, "Cp_NU": Flat(0.0, 8.0)},
    },
}


def width(prior) -> float:
    return prior.support[1] - prior.support[0]


def posterior(scenario: str, quick: bool) -> dict[str, np.ndarray]:
    """Draws of all boxes in proportion to their weights, printed."""
    parts, weights = [], []
    whole = likelihood(scenario).priors
    for side, box in BOXES[scenario].items():
        like = likelihood(scenario, box)
        volume = np.prod([width(p) / width(whole[n]) for n, p in box.items()])
        # weight: mean likelihood over the prior
        rng = np.random.default_rng(1)
        unit = rng.uniform(size=(len(like.names), 100_000 if quick else 2_000_000))
        x = {n: np.asarray(like.priors[n].from_unit(u)) for n, u in zip(like.names, unit, strict=True)}
        step = 500_000
        c = np.concatenate(
            [np.asarray(like.chi2({k: v[i : i + step] for k, v in x.items()})) for i in range(0, unit.shape[1], step)]
        )
        inside = np.exp(-0.5 * c)
        weights.append(volume * inside.mean())
        effective = inside.sum() ** 2 / (inside**2).sum()
        best = fipjax.fit(like, starts=32 if quick else 64, progress=False)
        out = fipjax.sample(
            like, chains=4, warmup=300 if quick else 1000, draws=200 if quick else 2000, seed=1, target_accept=0.97, init=best,
            progress=False,
        )  # fmt: skip
        print(f"  {side}: evidence {weights[-1]:.2e} ({effective:.0f} effective points); NUTS, 4 chains x {out.draws} draws, "
              f"{int(out.stats['diverging'].sum())} divergences, {out.seconds:.0f} s")  # fmt: skip
        for name, v in out.samples.items():
            q = np.quantile(v, [0.5, 0.158655, 0.841345, 0.025, 0.975])
            mean = np.sum(inside * x[name]) / inside.sum()
            print(f"    {name:7s} {q[0]:8.3f}  68 % [{q[1]:7.3f},{q[2]:7.3f}]  95 % [{q[3]:7.3f},{q[4]:7.3f}]  "
                  f"R-hat {rhat(v):.3f}  ESS {ess_bulk(v):.0f}  mean {np.mean(v):.3f} (weighted prior {mean:.3f})")  # fmt: skip
        parts.append({k: np.asarray(v).ravel() for k, v in out.samples.items()})
    share = np.array(weights) / sum(weights)
    print("  shares of the posterior: " + "; ".join(f"{b} {w:.3f}" for b, w in zip(BOXES[scenario], share, strict=True)))
    size = len(parts[0]["C_NU"])
    most = share / share.max()
    return {
        k: np.concatenate([p[k][:: max(1, round(1 / max(w, 1 / size)))] for p, w in zip(parts, most, strict=True)])
        for k in parts[0]
    }


def grid(n: int):
    """C^NU, C10^U as flat arrays."""
    nu, u = np.meshgrid(np.linspace(*X, n), np.linspace(*Y, n), indexing="ij")
    return nu, u


def profile(scenario: str, n: int) -> np.ndarray:
    """chi2 on the grid, smallest over the other coefficients within their priors (grid of them, then parabolas)."""
    like = likelihood(scenario)
    nu, u = (a.ravel() for a in grid(n))
    x = {"C10_U": u, "C_NU": nu}

    def value(**others):
        return np.asarray(like.chi2({**x, **{k: np.broadcast_to(v, u.shape) for k, v in others.items()}}))

    if scenario == "plain":
        return value().reshape(n, n)
    if scenario == "scalar":
        # C_S only adds to the rate and C_P alone can bring it down to 0: C_S = 0 with the best C_P, or C_P at the minimum of the
        # rate with the best C_S.  The rate is a parabola in C_P, and in C_S.
        position = like.dataset.observables.index(BS)
        target = like.dataset.value[position]

        def rate(s, p):
            full = {**x, "CS_NU": np.broadcast_to(s, u.shape), "CP_NU": np.broadcast_to(p, u.shape)}
            return np.asarray(like.predictions(full))[position]

        h = 0.05
        zero, up, down = (rate(0.0, s * h) for s in (0, 1, -1))
        a, b = (up + down - 2 * zero) / (2 * h * h), (up - down) / (2 * h)
        lowest = np.clip(-b / (2 * a), -0.15, 0.15)
        floor = rate(0.0, lowest)
        root = np.sqrt(np.maximum((target - floor) / a, 0.0))
        grow = (rate(h, lowest) - floor) / (h * h)
        scalar = np.clip(np.sqrt(np.maximum(target - floor, 0.0) / grow), 0.0, 0.08)
        every = [value(CS_NU=0.0, CP_NU=np.clip(lowest + s * root, -0.15, 0.15)) for s in (-1, 0, 1)]
        return np.min([*every, value(CS_NU=scalar, CP_NU=lowest)], axis=0).reshape(n, n)
    c = np.linspace(-8.0, 8.0, 65)
    table = np.array([value(Cp_NU=v) for v in c])
    i = np.clip(np.argmin(table, axis=0), 1, len(c) - 2)
    low, mid, high = (np.take_along_axis(table, (i + s)[None], 0)[0] for s in (-1, 0, 1))
    bend = low + high - 2 * mid
    best = c[i] + np.where(bend > 0, 0.5 * (low - high) / np.where(bend > 0, bend, 1.0), 0.0) * (c[1] - c[0])
    return np.minimum(table.min(axis=0), value(Cp_NU=np.clip(best, -8.0, 8.0))).reshape(n, n)


def others(n: int) -> dict[str, np.ndarray]:
    """BR(B0 -> K*0 nu nu) over its limit, and the pull of B+ -> K+ mu mu at high q^2, on the grid, without C_S, C_P, C'^NU."""
    nu, u = grid(n)
    names = ["BR(B0->K*nunu)", "<dBR/dq2>(B+->Kmumu)[15.0,22.0]"]
    p = fipjax.predict("t3r_wc", {"C10_U": u, "C_NU": nu}, names, data="2021")
    k = 7.0 * p[names[1]]
    return {"nunu": p[names[0]] / KST_NUNU, "mumu": (k - K_MUMU) / np.hypot(K_MUMU_ERROR, K_MUMU_THEORY * k)}


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--only", choices=list(BOXES), help="one scenario")
    args = p.parse_args()
    t0 = time.monotonic()
    chosen = [args.only] if args.only else ["scalar", "primed"]
    if args.only is None:
        fit(likelihood("plain"), "plain", 64)
    n = 61 if args.quick else 161
    nu, u = grid(n)
    extra = others(n)
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(chosen) == 2 else st.COLUMN, 3.4)
        axes = np.atleast_1d(fig.subplots(1, len(chosen), sharey=True))
        for ax, scenario in zip(axes, chosen, strict=True):
            like = likelihood(scenario)
            best = float(fit(like, scenario, 32 if args.quick else 128).chi2)
            draws = posterior(scenario, args.quick)
            c = profile(scenario, n)
            print(f"  smallest chi2 on the grid {c.min():.3f}; {time.monotonic() - t0:.0f} s", flush=True)
            ax.contourf(nu, u, c - best, levels=[-1.0, *LEVELS], colors=st.BANDS[:2])
            ax.plot(draws["C_NU"][::4], draws["C10_U"][::4], ".", ms=1.3, mew=0, color=DOTS, alpha=0.6, rasterized=True)
            ax.contourf(nu, u, extra["nunu"], levels=[1.0, 1e9], colors="none", hatches=["////"])
            ax.contour(nu, u, extra["nunu"], levels=[1.0], colors=st.GREY, linewidths=0.7)
            ax.contour(nu, u, np.abs(extra["mumu"]), levels=[3.0], colors=st.VERMILLION, linewidths=0.9, linestyles="--")
            for name, (b_u, b_nu, *_) in BENCHMARKS.items():
                if (name == "BMD") == (scenario == "primed"):
                    ax.plot(b_nu, b_u, "*", ms=8, color=st.ORANGE, mec="black", mew=0.5)
                    ax.annotate(name, (b_nu, b_u), (6, -3), textcoords="offset points", fontsize=st.SMALL)
            ax.plot(0, 0, "o", ms=4, color="white", mec="black", mew=0.7)
            ax.annotate("SM", (0, 0), (5, 2), textcoords="offset points", fontsize=st.SMALL)
            ax.set(xlim=X, ylim=Y, xlabel=r"$C_{9,10}^{NU}$")
            ax.set_title(r"with $C_S$, $C_P$" if scenario == "scalar" else r"with $C_{9,10}^{\prime NU}$")
        axes[0].set_ylabel(r"$C_{10}^{U}$")
        handles = [
            Patch(color=st.BANDS[0], label=r"$R_K$, $R_{K^*}$, $B_s\to\mu\mu$: 68 %"),
            Patch(color=st.BANDS[1], label="95 %"),
            Line2D([], [], ls="", marker=".", ms=5, mec="black", mew=0.3, color=DOTS, label="posterior"),
            Patch(facecolor="none", edgecolor=st.GREY, hatch="////", lw=0.7, label=r"$B\to K^*\nu\nu$ excludes"),
            Line2D([], [], color=st.VERMILLION, ls="--", lw=0.9, label=r"$B^+\to K^+\mu\mu$ at $3\sigma$ (allowed: between)"),
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=5 if len(chosen) == 2 else 2, fontsize=st.SMALL)
    for path in st.save(fig, stem(args, "t3r_fit")):
        print(path)


if __name__ == "__main__":
    main()
