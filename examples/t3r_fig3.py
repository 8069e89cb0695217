"""Figure 3 of arXiv:2105.07655: masses of A' and phi' that the muon g-2 allows, with searches for A', V = 10 GeV.

python examples/t3r_fig3.py [--out DIR] [--quick]

Left: A' -> e e; right: A' into sterile neutrinos.  Bars: what each search excludes (black) or would reach (coloured), recast in
production, decays and lifetime; shaded: excluded by any.  Dotted lines: the allowed ranges that the paper states.
"""

import numpy as np
from _t3r import V, intervals, parser, recast, stem

from fipjax.constraints import muon
from fipjax.plotting import style as st
from fipkernels import t3r

X, Y = (0.008, 0.26), (0.066, 0.124)
# name: curves, colour; published, then future ones
VISIBLE = {
    "NuCal": (("dp_nucal_1908.07525",), st.BLACK),
    "E137": (("dp_e137_1209.6083",), st.BLACK),
    "CHARM, Orsay, KEK": (("dp_charm_1908.07525", "dp_kek_1209.6083", "dp_orsay_1209.6083"), st.BLACK),
    "FASER, NA62 dump (2023)": (("dp_faser_2308.05587", "dp_na62_2312.12055"), st.BLACK),
    r"NA48/2, $\pi^0\to\gamma A′$": (("dp_na48_1504.00607",), st.BLACK),
    r"BaBar, $4\mu$": (("babar_4mu",), st.BLACK),
    "FASER, run 3": (("dp_proj_faser_run3",), st.VERMILLION),
    "FASER 2": (("dp_proj_faser2",), st.BLUE),
    "SHiP": (("dp_proj_ship",), st.BLUE),
    "SeaQuest": (("dp_proj_darkquest",), st.GREEN),
}
INVISIBLE = {
    r"NA62, $\pi^0\to\gamma A′$ (2019)": (("dp_na62_1903.08767_inv",), st.BLACK),
    r"NA64$\mu$ (2024)": (("na64mu_inv",), st.BLACK),
}
# what the paper says: allowed ranges, GeV
STATED = {False: (0.056, 0.2), True: (0.01, 0.03)}


def spans(r, mass, curves):
    return intervals(mass, np.max([r[c] for c in curves], axis=0) > 1.0)


def report(mass) -> None:
    """Edges of each search in m_A', for kinetic mixing of a third, one and three times the estimate."""
    for invisible, groups in ((False, VISIBLE), (True, INVISIBLE)):
        print("A' -> sterile neutrinos:" if invisible else "A' -> e e:")
        names = [c for curves, _ in groups.values() for c in curves]
        table = {f: recast(mass, f, invisible) for f in (1 / 3, 1.0, 3.0)}
        for n in names:
            cells = []
            for f, r in table.items():
                found = ", ".join(f"{1e3 * a:.1f}-{1e3 * b:.1f}" for a, b in spans(r, mass, (n,))) or "-"
                cells.append(f"{f:.2f}: {found}")
            print(f"  {n:26s} MeV, by mixing factor  " + "   ".join(cells))
    for vintage in ("2021", "latest"):
        value, error = muon.delta_a_mu(vintage)
        for low, high in (STATED[False], STATED[True]):
            m = np.array([low, high])
            centre, up, down = (1e3 * np.asarray(t3r.phi_mass(m, value + s * error, V)) for s in (0.0, 2.0, -2.0))
            print(f"a_mu: {1e11 * value:.0f}({1e11 * error:.0f})e-11 ({vintage}), m_A' {1e3 * low:.0f}-{1e3 * high:.0f} MeV: "
                  f"m_phi' = {centre[0]:.2f} to {centre[1]:.2f} MeV, 2 sigma {up.min():.1f} to {down.max():.1f}")  # fmt: skip
    m = np.array([0.056, 0.2, 0.01, 0.03])
    print("as printed (2.52e-9, m_mu = 0.105 GeV):", 1e3 * np.round(np.asarray(t3r.phi_mass(m, 2.52e-9, V, t3r.M_MU_PRINTED)), 5))


def main() -> None:
    args = parser(__doc__).parse_args()
    mass = np.geomspace(*X, 300 if args.quick else 1500)
    report(mass)
    value, error = muon.delta_a_mu("2021")
    band = {s: 1e3 * np.asarray(t3r.phi_mass(mass, value + s * error, V)) for s in (-2, 2)}
    now, now_error = muon.delta_a_mu("latest")
    recent = {s: 1e3 * np.asarray(t3r.phi_mass(mass, now + s * now_error, V)) for s in (-2, 2)}
    with st.context():
        fig = st.new_figure(st.DOUBLE, 3.9)
        axes = fig.subplots(1, 2, sharey=True)
        for ax, invisible, groups in zip(axes, (False, True), (VISIBLE, INVISIBLE), strict=True):
            r = recast(mass, 1.0, invisible)
            published = [c for curves, colour in groups.values() for c in curves if colour == st.BLACK]
            for a, b in spans(r, mass, published):
                ax.axvspan(1e3 * a, 1e3 * b, color="#DDDDDD", lw=0)
            for i, (name, (curves, colour)) in enumerate(groups.items()):
                y = 122.6 - 1.75 * i
                found = spans(r, mass, curves)
                for a, b in found:
                    ax.plot([1e3 * a, 1e3 * b], [y, y], color=colour, lw=2.0, solid_capstyle="butt")
                left, right = 1e3 * found[0][0], 1e3 * found[-1][1]
                # the name: right of the bar, left of it, or below
                far = left < 10.0 and right > 110.0
                at, side = (right * 1.04, "left") if right < 110.0 else (right * 0.96 if far else left * 0.96, "right")
                ax.text(at, y - (1.75 if far else 0.0), name, color=colour, va="center", ha=side, fontsize=st.SMALL)
            a, b = STATED[invisible]
            for x in (a, b):
                ax.plot([1e3 * x] * 2, [66.0, 105.5], color=st.GREY, lw=0.8, ls=(0, (1, 2)))
            ax.annotate("", (1e3 * b, 67.3), (1e3 * a, 67.3), arrowprops={"arrowstyle": "<->", "color": st.GREY, "lw": 0.7})
            ax.text(1e3 * np.sqrt(a * b), 67.8, "allowed in\nthe paper", ha="center", va="bottom", color=st.GREY, fontsize=st.SMALL)
            ax.axhline(105.5, color="black", lw=0.6)
            ax.fill_between(1e3 * mass, band[2], band[-2], color=st.BANDS[0], lw=0.4, label=r"$\Delta a_\mu$ 2021, $2\sigma$")
            ax.fill_between(1e3 * mass, recent[2], recent[-2], facecolor="none", edgecolor=st.VERMILLION, lw=0.6,
                            label=r"$\Delta a_\mu$ 2025, $2\sigma$")  # fmt: skip
            st.dress_axis(ax, "x", "log", 1e3 * X[0], 1e3 * X[1])
            ax.set(ylim=(1e3 * Y[0], 1e3 * Y[1]), yticks=range(70, 106, 5))
            ax.set_xlabel(r"$m_{A′}$ [MeV]   (" + (r"$A′\to\nu_S\bar\nu_S$" if invisible else r"$A′\to e^+e^-$") + ")")
            top = ax.secondary_xaxis("top", functions=(lambda x: x / (np.sqrt(2) * V), lambda g: g * np.sqrt(2) * V))
            ticks = [1.0, 2.0, 5.0, 10.0]
            top.set_xticks(ticks, labels=[f"${t:g}$" for t in ticks])
            top.set_xticks([], minor=True)
            top.set_xlabel(r"$10^3\,g_{T3R}$")
            ax.tick_params(top=False, which="both")
        axes[1].legend(loc="upper right", bbox_to_anchor=(1.0, 0.66))
        axes[0].set_ylabel(r"$m_{\phi′}$ [MeV]")
    for path in st.save(fig, stem(args, "t3r_fig3")):
        print(path)


if __name__ == "__main__":
    main()
