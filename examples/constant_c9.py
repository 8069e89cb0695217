"""Constant Wilson coefficients: C9 alone, and C9 = -C10, in b -> s mu mu.

    python examples/constant_c9.py [--quick] [--data 2021 latest] [--out DIR]

Fits both one-parameter models to the data of 2021 and to the latest, with the covariance of all hadronic inputs, prints best fit,
intervals and the pull sqrt(Delta chi2) of the Standard Model, and draws Delta chi2 as a function of the coefficient.
C9 = -C10 is no model of its own in fipjax: it is defined here in a few lines.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import fipjax
from fipjax import Model, Parameter, Theory
from fipjax.plotting import style as st
from fipjax.priors import Flat

RANGE = (-2.0, 1.0)


def left_handed(p):
    """C9 = -C10: new physics that couples to left-handed muons only."""
    return Theory(wc={"C9_bsmumu": p["C"], "C10_bsmumu": -p["C"]})


LEFT = Model(
    "c9-minus-c10",
    "constant C9 = -C10 of b -> s mu mu",
    "arXiv:2103.13370",
    (Parameter("C", r"C_9^{bs\mu\mu}=-C_{10}^{bs\mu\mu}", "", "new physics in C9 = -C10 of b -> s mu mu"),),
    left_handed,
    {"C": Flat(*RANGE)},
)

# name -> model, its free parameter, what is held fixed, axis label, two-sigma range that the fits of 2021 gave (2106.12582, ch. 4)
FITS = {
    "C9": ("wet", "C9_bsmumu", {"C10_bsmumu": 0.0}, r"$C_9^{bs\mu\mu}$", (-1.1, -0.5)),
    "C9=-C10": (LEFT, "C", {}, r"$C_9^{bs\mu\mu}=-C_{10}^{bs\mu\mu}$", (-0.6, -0.3)),
}


def likelihood(name: str, vintage: str, **options) -> fipjax.Likelihood:
    """Everything that fipjax predicts of b -> s l l in a vintage, against one of the two models."""
    model, parameter, fixed, _, _ = FITS[name]
    # the muon g-2 does not know these coefficients
    return fipjax.Likelihood(model, vintage, drop=["a_mu"], priors={parameter: Flat(*RANGE)}, fixed=fixed, **options)


def curve(chi2, sm_chi2: float, points: int = 601) -> dict:
    """chi2 along one coefficient: its minimum, one and two sigma intervals and the pull of the Standard Model.

    chi2: function of an array of coefficients.
    """
    x = np.linspace(*RANGE, points)
    y = np.asarray(chi2(x))
    k = int(np.clip(np.argmin(y), 1, points - 2))
    # parabola through the three lowest points
    a, b, _ = np.polyfit(x[k - 1 : k + 2] - x[k], y[k - 1 : k + 2], 2)
    best = float(x[k] - b / (2 * a))
    low = float(y[k] - b * b / (4 * a))
    delta = y - low
    left, right = x < best, x > best
    interval = {
        sigma: (
            float(np.interp(-float(sigma**2), -delta[left], x[left])),
            float(np.interp(float(sigma**2), delta[right], x[right])),
        )
        for sigma in (1, 2)
    }
    pull = float(np.sqrt(max(0.0, sm_chi2 - low)))
    return {"x": x, "delta": delta, "best": best, "chi2": low, "interval": interval, "sm_chi2": sm_chi2, "pull": pull}


def gains(like: fipjax.Likelihood, best: float) -> list[tuple[str, int, float, float]]:
    """Per publication: numbers, and sum of squared pulls (correlations left out) in the SM and at the best fit."""
    rows: dict[str, list[float]] = {}
    for p in like.pulls({like.names[0]: best}):
        row = rows.setdefault(p["measurement"], [0, 0.0, 0.0])
        row[0] += 1
        row[1] += p["sm_pull"] ** 2
        row[2] += p["pull"] ** 2
    return sorted(((k, *v) for k, v in rows.items()), key=lambda r: r[3] - r[2])


def figure(results: dict):
    """Delta chi2 of both models, one panel each, one curve per vintage."""
    colours = {"2021": st.BLUE, "latest": st.VERMILLION}
    with st.context():
        fig = st.new_figure(st.DOUBLE, 2.6)
        axes = fig.subplots(1, 2, sharey=True)
        for ax, (name, (*_, label, published)) in zip(axes, FITS.items(), strict=True):
            ax.axvspan(*published, color="0.9", lw=0, zorder=0)
            for sigma in (1, 2, 3, 4, 5, 6):
                ax.axhline(sigma**2, color="0.75", lw=0.4, zorder=0.5)
            for (vintage, key), r in results.items():
                if key == name:
                    colour = colours.get(vintage, st.BLACK)
                    ax.plot(r["x"], r["delta"], color=colour, lw=1.3)
                    ax.plot([0], [r["sm_chi2"] - r["chi2"]], "o", ms=4.0, mfc="white", mec=colour, mew=1.0, zorder=5, clip_on=False)
            ax.set_xlim((-1.6, 0.4) if name == "C9" else (-1.0, 0.4))
            ax.set_ylim(0, 60)
            ax.set_xlabel(label)
        axes[0].set_ylabel(r"$\Delta\chi^2$")
        right = axes[1].secondary_yaxis("right", functions=(lambda y: y, lambda y: y))
        right.set_yticks([s * s for s in range(1, 8)], [rf"${s}\sigma$" for s in range(1, 8)])
        right.tick_params(length=0)
        axes[1].tick_params(right=False, which="both")
        handles = [Line2D([], [], color=colours.get(v, st.BLACK), label=f"data {v}") for v in dict.fromkeys(v for v, _ in results)]
        handles.append(Line2D([], [], ls="", marker="o", mfc="white", mec="black", label="Standard Model"))
        handles.append(Patch(color="0.9", label=r"$2\sigma$ range of the fits of 2021"))
        fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=["2021", "latest"], help="vintages (default: 2021 latest)")
    parser.add_argument("--quick", action="store_true", help="theory covariance from 400 draws instead of 4000")
    parser.add_argument("--pulls", action="store_true", help="print which publications gain")
    parser.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for vintage in args.data:
        for name in FITS:
            like = likelihood(name, vintage, draws=400 if args.quick else 4000)
            (parameter,) = like.names
            r = results[vintage, name] = curve(lambda x, like=like, p=parameter: like.chi2({p: x}), like.sm_chi2())
            (a, b), (c, d) = r["interval"][1], r["interval"][2]
            print(f"{name}, data {vintage}: {like.n_measurements} numbers, chi2 {r['chi2']:.2f}, SM {r['sm_chi2']:.2f}")
            print(f"  best fit {r['best']:.3f}, 1 sigma [{a:.3f}, {b:.3f}], 2 sigma [{c:.3f}, {d:.3f}], pull {r['pull']:.2f} sigma")
            if args.pulls:
                for key, n, sm, np_ in gains(like, r["best"]):
                    print(f"    {key:42s} {n:3d} numbers, sum of squared pulls {sm:7.2f} -> {np_:7.2f}")
    for path in st.save(figure(results), args.out / "constant_c9"):
        print(path)


if __name__ == "__main__":
    main()
