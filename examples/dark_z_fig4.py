"""Figure 4 of arXiv:2210.15662: branching fraction of Bs -> mu mu against the mass of Z_D, for several epsilon_Z.

python examples/dark_z_fig4.py [--quick] [--out DIR] [--conventions as_printed]

As printed: C10 of eq. (2.11) at q^2 = M_Bs^2, no longitudinal part.  Corrected: the whole propagator, which puts -1/m_V^2 in the
place of 1/(M_Bs^2 - m_V^2).  Bands: eq. (4.9), one and three standard deviations.
"""

import numpy as np
from _dark_z import curve_figure, parser, smallest_excluded, theory

from fipjax.constraints import bs
from fipjax.plotting import style as st

LINES = ((1e-4, st.GREEN, ":"), (1e-3, st.VERMILLION, "-"), (1e-2, st.BLUE, (0, (6, 1.5, 1, 1.5))), (2e-2, st.BLACK, (0, (6, 2))))
# eqs. (4.8), (4.9)
SM, MEASURED, UP, DOWN = 3.67e-9, 3.09e-9, 0.484e-9, 0.43e-9


def rate(masses, epsilon_z, conventions: str) -> np.ndarray:
    """BR(Bs -> mu mu), relative to the Standard Model of the paper."""
    t = theory(conventions, m_V=masses, epsilon_Z=epsilon_z)
    return SM * (1.0 + np.asarray(bs.bs_mu_mu_shift(t)))


def report(conventions: str) -> dict:
    """Largest epsilon_Z within three standard deviations, by mass."""
    masses = np.array([0.01, 0.03, 0.1, 0.3, 1.0])
    out = {}
    for vintage in ("datta2022",) if conventions == "as_printed" else ("datta2022", "latest"):
        edge = smallest_excluded("Bs_mumu", "epsilon_Z", np.geomspace(1e-6, 0.1, 400), masses, conventions, vintage)
        print(f"{conventions}, {vintage}: largest epsilon_Z within 3 sigma "
              + ", ".join(f"{v:.2e} ({m:g} GeV)" for m, v in zip(masses, edge, strict=True)), flush=True)  # fmt: skip
        out = dict(zip(masses.tolist(), edge.tolist(), strict=True))
    if conventions == "as_printed":
        # C10 of V over that of the Standard Model grows as epsilon_Z^2
        c10 = 1.0 - np.sqrt(rate(0.05, 1e-2, conventions)[0] / SM)
        edge = 1e-2 * np.sqrt((np.sqrt((MEASURED + 3 * UP) / SM) - 1.0) / c10)
        out["constructive"] = float(edge)
        print(f"  with the sign of g_A that interferes constructively: {edge:.4f} (expected 0.0157)")
    print("  the paper: 0.01 is allowed at any mass" + ("" if conventions == "as_printed" else "; expected 4.1e-4 (m_V/100 MeV)"))
    return out


def main() -> None:
    args = parser(__doc__).parse_args()
    masses = np.geomspace(0.01, 2.0, 100 if args.quick else 400)

    def draw(ax, c):
        report(c)
        ax.axhspan(MEASURED - 3 * DOWN, MEASURED + 3 * UP, color=st.PURPLE, alpha=0.2, lw=0)
        ax.axhspan(MEASURED - DOWN, MEASURED + UP, color=st.PURPLE, alpha=0.35, lw=0)
        for eps_z, colour, dashes in LINES:
            label = rf"$\varepsilon_Z={st.number_text(eps_z, 1)}$"
            ax.plot(masses, rate(masses, eps_z, c), color=colour, ls=dashes, label=label)
        ax.set(xscale="log", yscale="log", xlim=masses[[0, -1]], ylim=(1e-9, 1e-7))

    curve_figure(args, "dark_z_fig4", r"$\mathcal{B}(B_s\to\mu^+\mu^-)$", 2.8, draw)


if __name__ == "__main__":
    main()
