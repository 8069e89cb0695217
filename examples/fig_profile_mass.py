"""Which masses of the vector the b -> s mu mu data like: chi2 minimised over width and couplings, from 0.05 to 20 GeV.

    python examples/fig_profile_mass.py [--quick] [--out DIR] [--data latest] [--fit high-q2]

For models 44, 64 (46 is the same) and 66 of arXiv:2106.12582, the improvement over the Standard Model is drawn against m_V, for
both
signs of the product of the b-s and the vector muon coupling.  The axial product is free, its sign too.  Thin lines show what
single measurements decide: the fit without R_K* in [0.045, 1.1], without the branching fractions in [0.1, 0.98], and with the
bins above the charmonium resonances.
"""

import numpy as np
from _deft_fits import GREEN, POWER, RED, UNIT, parser, products_only, profile
from matplotlib.lines import Line2D

from fipjax.plotting import style as st

MODELS = ("deft44", "deft64", "deft66")
TITLES = {"deft44": "model 44", "deft64": "models 64 and 46", "deft66": "model 66"}
WIDTHS = np.array([1e-3, 4e-3, 0.015, 0.04, 0.1, 0.2, 0.35, 0.5])
WITHOUT_RKST = ["<Rmue>(B0->K*ll)[0.045,1.1]", "<Rmue>(B0->K*ll)[0.1,1.1]"]
WITHOUT_RATES = ["<dBR/dq2>(B+->Kmumu)[0.1,0.98]", "<dBR/dq2>(B0->K*mumu)[0.1,0.98]"]
# name -> options of the likelihood, sign of X, mass range, line style
VARIANTS = {
    r"without $R_{K^*}$ below 1.1 GeV$^2$": ({"drop": WITHOUT_RKST}, 1, (0.05, 1.6), (0, (4, 1.5))),
    r"without rates below 0.98 GeV$^2$": ({"drop": WITHOUT_RATES}, 1, (0.05, 1.6), (0, (1, 1.2))),
    r"with bins above 15 GeV$^2$": ({"fit": "high-q2"}, -1, (1.6, 20.0), (0, (4, 1.5))),
}


def masses(quick: bool) -> np.ndarray:
    """Denser where the resonance passes through the bins."""
    n = 1 if quick else 2
    return np.unique(np.round(np.concatenate([np.geomspace(0.05, 20.0, 22 * n), np.linspace(0.28, 3.8, 22 * n)]), 4))


def report(name: str, sign: int, p: dict, sm: float) -> None:
    """Best point, and the best of some mass windows."""
    print(f"  {name}, X {'> 0' if sign > 0 else '< 0'}")
    windows = ((0.05, 0.21), (0.21, 0.6), (0.6, 0.9), (0.9, 1.2), (1.2, 2.0), (2.4, 2.6), (2.6, 4.0), (4.0, 8.0), (8.0, 20.0))
    for a, b in windows:
        inside = np.flatnonzero((p["m_V"] >= a) & (p["m_V"] <= b))
        if len(inside):
            k = inside[np.argmin(p["chi2"][inside])]
            unit = UNIT[p["power"]].replace("$", "")
            print(
                f"    m_V in [{a:g}, {b:g}] GeV: SM - chi2 = {sm - p['chi2'][k]:6.2f} at {p['m_V'][k]:.3f} GeV, gamma_V = "
                f"{p['gamma_V'][k]:.3g}, X = {p['X'][k]:.3g}, Y = {p['Y'][k]:.3g} {unit}"
            )


def figure(results: dict):
    """One panel per model."""
    with st.context():
        fig = st.new_figure(st.ONE_AND_A_HALF, 6.3)
        axes = fig.subplots(len(results), 1, sharex=True)
        for ax, (model, curves) in zip(np.atleast_1d(axes), results.items(), strict=True):
            # the bins below and above the resonances that a narrow V could be in, and J/psi and psi(2S)
            ax.axvspan(np.sqrt(0.1), np.sqrt(8.0), color="0.94", lw=0, zorder=0)
            for m in (3.0969, 3.6861):
                ax.axvline(m, color="0.75", lw=0.5, zorder=0.5)
            ax.axhline(0.0, color="0.5", lw=0.5, zorder=0.5)
            for name, (sign, p, sm) in curves.items():
                colour, style = (GREEN if sign > 0 else RED)[0], VARIANTS.get(name, (0, 0, 0, "-"))[3]
                if name in VARIANTS:
                    colour = (GREEN if sign > 0 else RED)[1]
                ax.plot(p["m_V"], sm - p["chi2"], color=colour, ls=style, lw=1.0 if name in VARIANTS else 1.4)
            ax.text(0.015, 0.95, TITLES[model], transform=ax.transAxes, va="top")
            ax.set_ylabel(r"$\chi^2_\mathrm{SM}-\chi^2_\mathrm{min}$")
            ax.set_ylim(-1.5, 1.12 * max(float(np.max(sm - p["chi2"])) for _, p, sm in curves.values()))
        ax.set_xscale("log")
        ax.set_xlim(0.05, 20.0)
        ax.set_xticks([0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20], ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20"])
        ax.set_xlabel(r"$m_V$ [GeV]")
        handles = [
            Line2D([], [], color=GREEN[0], lw=1.4, label=r"$C^{bsV}C^{\mu\mu V}>0$"),
            Line2D([], [], color=RED[0], lw=1.4, label=r"$C^{bsV}C^{\mu\mu V}<0$"),
        ]
        drawn = {n for curves in results.values() for n in curves}
        for name, (_, sign, _, style) in VARIANTS.items():
            if name in drawn:
                handles.append(Line2D([], [], color=(GREEN if sign > 0 else RED)[1], lw=1.0, ls=style, label=name))
        fig.legend(handles=handles, loc="outside upper center", ncols=2, handlelength=2.4)
    return fig


def main():
    p = parser(__doc__.split("\n")[0])
    p.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    p.add_argument("--plain", action="store_true", help="without the thin lines")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    m = masses(args.quick)
    results: dict[str, dict] = {}
    for model in args.models:
        print(f"{TITLES[model]}, data {args.data} ({args.fit})")
        like = products_only(model, args.data, fit=args.fit)
        sm = like.sm_chi2()
        print(f"  {like.n_measurements} numbers, SM chi2 {sm:.2f}")
        curves = results[model] = {}
        for sign, name in ((1, "positive"), (-1, "negative")):
            curves[name] = (sign, profile(like, m, WIDTHS, sign), sm)
        for name, (options, sign, (low, high), _) in VARIANTS.items():
            if not args.plain and args.fit == "paper":
                other = products_only(model, args.data, **options)
                curves[name] = (sign, profile(other, m[(m >= low) & (m <= high)], WIDTHS, sign), other.sm_chi2())
        for name, (sign, curve, s) in curves.items():
            report(name, sign, {**curve, "power": POWER[model]}, s)
    for path in st.save(figure(results), args.out / "fig_profile_mass"):
        print(path)


if __name__ == "__main__":
    main()
