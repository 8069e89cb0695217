"""Figure 5 of arXiv:2210.15662: B -> K(*) nu nubar against the mass of Z_D; with K+ -> pi+ nu nubar, which the text calls tiny.

python examples/dark_z_fig5.py [--quick] [--out DIR] [--conventions as_printed]

Standard Model plus BR(-> Z_D) BR(Z_D -> nu nubar), epsilon = 1e-3.  As printed: one flavour of neutrinos in the width (eq. 2.16)
and + in front of the vector form factor in both H_+ and H_- (eq. 4.13).  Where a branching fraction is above 1 the formula has no
meaning: V would dominate the total width.
"""

import numpy as np
from _dark_z import TITLES, chosen, kaon, mediator, parser, production, smallest_excluded, stem
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from fipjax.constraints import b_invisible
from fipjax.hadronic import default_inputs
from fipjax.observables.decays import _FF_K, form_factors_v
from fipjax.plotting import style as st
from fipjax.theory import branching, evaluate_at
from fipkernels.form_factors import b_to_k

EPSILON = 1e-3
LINES = ((1e-5, st.BLUE), (1e-3, st.GREEN), (1e-1, st.VERMILLION))
# Standard Model eqs. (4.14), (4.15), (4.21); bounds (4.16), (4.18); (4.19): upper end of one and of two standard deviations
SM = {"B+->K": 4.4e-6, "B0->K*": 11.6e-6, "K+->pi": 8.4e-11}
LIMIT = {"B+->K": 4.1e-5, "B0->K*": 1.8e-5, "K+->pi": 18.8e-11}
NAMES = {
    "B+->K": r"$B^+\to K^+\nu\bar\nu$", "B0->K*": r"$B^0\to K^{*0}\nu\bar\nu$", "K+->pi": r"$K^+\to\pi^+\nu\bar\nu$",
}  # fmt: skip


def to_z(m, mode: str, conventions: str) -> np.ndarray:
    """BR(-> Z_D)."""
    if mode == "K+->pi":
        return np.asarray(kaon.br_k_pi(m))
    rate = np.asarray(production(m, mode))
    if mode == "B0->K*" and conventions == "as_printed":
        # |H_+|^2 + |H_-|^2 with a + b in both, a ~ A1, b ~ V, is larger by 4 a b
        par, k = default_inputs().central(), b_invisible.mode(mode)
        mass = np.asarray(m.mass)
        ff = form_factors_v(mass**2, par, ["B->K*"])
        e = (k.m_b**2 + k.m_m**2 - mass**2) / (2 * k.m_b)
        p = np.sqrt(np.maximum(e**2 - k.m_m**2, 0.0))
        g2 = np.abs(np.asarray(evaluate_at(m.bs_L, m.mass**2))) ** 2
        extra = 8 * k.m_b * p * np.asarray(ff.a1)[0] * np.asarray(ff.v)[0]
        rate = rate + k.tau * p / (32 * np.pi * k.m_b**2) * g2 * extra
    return rate


def new(masses, epsilon_z, mode: str, conventions: str, epsilon: float = EPSILON) -> np.ndarray:
    """BR(-> Z_D) BR(Z_D -> nu nubar)."""
    m = mediator(conventions, m_V=masses, epsilon=epsilon, epsilon_Z=epsilon_z)
    return to_z(m, mode, conventions) * np.asarray(branching(m, "nunu"))


def dark_photon(mass: float, epsilon: float, conventions: str, dipole: bool = True) -> float:
    """BR(B+ -> K+ Z_D) by kinetic mixing alone, monopole and dipole of the photon penguin; good to its sign in eq. (B.6)."""
    m, k = mediator(conventions, m_V=mass, epsilon=epsilon), b_invisible.mode("B+->K")
    par = default_inputs().central()
    f_plus, _, f_t = (
        float(np.squeeze(f)) for f in b_to_k(mass**2, {n: par["B->K BSZ " + n] for n in _FF_K}, par["m_B0"], par["m_K0"])
    )
    amplitude = complex(evaluate_at(m.bs_L, m.mass**2)[0]) * f_plus
    if dipole:
        amplitude -= 1j * mass**2 * complex((m.bs_dipole_L + m.bs_dipole_R)[0]) * f_t / (k.m_b + k.m_m)
    e = (k.m_b**2 + k.m_m**2 - mass**2) / (2 * k.m_b)
    return k.tau * abs(amplitude) ** 2 * np.sqrt(e**2 - k.m_m**2) ** 3 / (8 * np.pi * mass**2)


def report(conventions: str) -> dict:
    out = {}
    out["dark photon"] = dark_photon(1.0, 1e-3, conventions)
    bare = dark_photon(1.0, 1e-3, conventions, dipole=False)
    print(
        f"{conventions}: BR(B+ -> K+ Z_D) of a dark photon, 1 GeV, epsilon = 1e-3: {out['dark photon']:.2e}, no dipole {bare:.2e}"
    )
    print("  (expected at one loop: 2.60e-11 with +i in (B.6), 2.05e-11 with -i)")
    print(f"{conventions}: BR(-> Z_D) for epsilon_Z = 1e-3, epsilon = 0")
    for mode, points in (("B+->K", (1.0, 0.1)), ("B0->K*", (1.0, 0.1)), ("K+->pi", (0.01, 0.1))):
        m = mediator(conventions, m_V=np.array(points), epsilon_Z=1e-3)
        out[mode] = to_z(m, mode, conventions)
        expected = {"B+->K": "3.118e-3, 0.312", "B0->K*": "3.75e-3, 0.337", "K+->pi": "5.6e-2, 4.8e-4"}[mode]
        print(f"  {mode} at {points[0]:g}, {points[1]:g} GeV: {out[mode][0]:.3e}, {out[mode][1]:.3e} (expected {expected})")
    at = np.array([0.1, 0.5, 1.0, 2.0])
    for mode in SM:
        points = at[at < 0.3] if mode == "K+->pi" else at
        r = new(points, 0.1, mode, conventions) / LIMIT[mode]
        out["worst", mode] = float(r.min())
        print(f"  {mode}: at epsilon_Z = 0.1, epsilon = 1e-3 the new part is {r.min():.1e} to {r.max():.1e} times the bound"
              f" ({', '.join(f'{x:g}' for x in points)} GeV); the paper: {'tiny' if 'pi' in mode else '< 0.1'}")  # fmt: skip
    if conventions == "default":
        values = np.geomspace(1e-9, 1e-2, 200)
        for names, masses, text in (
            (["BKinv_babar", "BKstinv_babar", "BKnunu_belle2", "BKstnunu_total"], [0.1, 0.5, 1.0, 2.0], "B -> K(*) inv"),
            (["Kpi_inv_na62", "Kpi_inv_e949", "Kpi_inv_pi0"], [0.01, 0.05, 0.135, 0.2], "K -> pi inv"),
        ):
            edge = smallest_excluded(names, "epsilon_Z", values, np.array(masses), epsilon=0.0)
            out[text] = dict(zip(masses, edge.tolist(), strict=True))
            print(f"  smallest epsilon_Z excluded by {text} for epsilon = 0: "
                  + ", ".join(f"{v:.2e} ({m:g} GeV)" for m, v in out[text].items()), flush=True)  # fmt: skip
        # (4.16) alone
        scale = np.sqrt(LIMIT["B+->K"] / out["B+->K"][0]) * 1e-3
        out["simple"] = float(scale)
        print(f"  eq. (4.16) alone at 1 GeV: epsilon_Z < {scale:.2e}/sqrt(B(nu nu)) (expected 1.15e-4)")
    return out


def main() -> None:
    args = parser(__doc__).parse_args()
    n = 100 if args.quick else 400
    panels = chosen(args)
    styles = {"default": "-", "as_printed": (0, (4, 2))}
    with st.context():
        fig = st.new_figure(st.DOUBLE, 2.8)
        axes = fig.subplots(1, 3)
        for c in panels:
            report(c)
        for ax, mode in zip(axes, SM, strict=True):
            top = 0.353 if mode == "K+->pi" else 4.7 if mode == "B+->K" else 4.38
            masses = np.geomspace(0.01, top, n)
            for c in panels:
                for eps_z, colour in LINES:
                    ax.plot(masses, SM[mode] + new(masses, eps_z, mode, c), color=colour, ls=styles[c])
            low = 1e-7 if mode != "K+->pi" else 1e-11
            ax.axhspan(LIMIT[mode], 1.0, color=st.PURPLE, alpha=0.18, lw=0)
            ax.axhspan(1.0, 1e8, color=st.GREY, alpha=0.35, lw=0)
            ax.text(0.97, 0.97, r"$\mathcal{B}>1$", transform=ax.transAxes, ha="right", va="top", fontsize=st.SMALL)
            ax.axhline(LIMIT[mode], color=st.PURPLE, lw=0.8)
            ax.axhline(SM[mode], color=st.GREY, lw=0.8, ls=":")
            ax.set(xscale="log", yscale="log", xlim=(0.01, top), ylim=(low, 1e6), xlabel=r"$m_{Z_D}$ [GeV]")
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set_title(NAMES[mode])
        axes[0].set_ylabel("branching fraction")
        handles = [Line2D([], [], color=c, label=rf"$\varepsilon_Z={st.number_text(z, 1)}$") for z, c in LINES]
        handles += [Line2D([], [], color=st.GREY, ls=":", label="Standard Model"),
                    Line2D([], [], color=st.PURPLE, label="bound of the paper")]  # fmt: skip
        if len(panels) == 2:
            handles += [Line2D([], [], color=st.BLACK, ls=styles[c], label=TITLES[c]) for c in panels]
        fig.legend(handles=handles, loc="outside upper center", ncols=4 if len(handles) > 5 else 5)
    for path in st.save(fig, stem(args, "dark_z_fig5")):
        print(path)


if __name__ == "__main__":
    main()
