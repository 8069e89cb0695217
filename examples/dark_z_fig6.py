"""Figure 6 of arXiv:2210.15662: K+ -> mu+ + invisible against the mass of Z_D, case A (mixing) and case B (direct coupling).

python examples/dark_z_fig6.py [--quick] [--out DIR] [--conventions as_printed]

BR(K+ -> mu+ nu Z_D) BR(Z_D -> nu nubar).  As printed: eq. (4.27), emission from the muon alone at half the rate, one flavour of
neutrinos.  Corrected: emission from muon, neutrino, kaon and contact term: no growth as 1/m_V^2 by epsilon; by epsilon_Z that which
the muon mass leaves, the axial current.  The bound is eq. (4.31), 1e-6; with the acceptance divided out once more, as the paper's
numbers need, it is 9.7e-6.
"""

import numpy as np
from _dark_z import CASES, TITLES, chosen, k_to_mu, kaon, mediator, parser, smallest_excluded, stem
from matplotlib.lines import Line2D

from fipjax.plotting import style as st
from fipjax.theory import branching

# epsilon, epsilon_Z
LEFT = ((1e-3, 1e-3, st.VERMILLION), (1e-3, 1e-2, st.BLUE), (1e-4, 1e-1, st.GREEN))
RIGHT = ((1e-3, st.GREEN), (1e-2, st.BLUE), (1e-1, st.VERMILLION))
PRINTED_LIMIT = kaon.LIMIT_K_MU_INV / kaon.ACCEPTANCE


def largest(masses, case: str, conventions: str, limit: float) -> np.ndarray:
    """Largest g_mu with BR B(nu nu) below the limit (the mixing counts little)."""
    values = np.geomspace(1e-4, 1.0, 60)
    fixed = CASES[case]
    m, g = (a.ravel() for a in np.meshgrid(masses, values, indexing="ij"))
    br = k_to_mu(conventions, "nunu", m_V=m, **fixed, g_mu=g).reshape(len(masses), len(values))
    return np.exp([np.interp(0.0, np.log(row / limit), np.log(values)) for row in br])


def report(conventions: str) -> dict:
    out = {}
    printed = conventions == "as_printed"
    masses = np.array([0.01, 0.03, 0.1])
    m = mediator(conventions, m_V=masses, **CASES["B"], g_mu=1e-3)
    print(f"{conventions}: case B, B(nu nu) {100 * float(branching(m, 'nunu')[0]):.2f} %")
    for limit, text in ((kaon.LIMIT_K_MU_INV, "1e-6"), (PRINTED_LIMIT, "1e-6/0.103")):
        g = largest(masses, "B", conventions, limit)
        out["B", text] = g
        print(f"  largest g_mu at 10, 30, 100 MeV, limit {text}: {', '.join(f'{v:.2e}' for v in g)}"
              + (" (expected 2.3e-3, 7.2e-3, 2.8e-2)" if text == "1e-6" and not printed else ""))  # fmt: skip
    masses = np.array([0.0302, 0.1, 0.15, 0.2])
    for limit, text in ((kaon.LIMIT_K_MU_INV, "1e-6"), (PRINTED_LIMIT, "1e-6/0.103")):
        g = largest(masses, "C", conventions, limit)
        out["C", text] = g
        print(f"  case C, at 30.2, 100, 150, 200 MeV, limit {text}: {', '.join(f'{v:.2e}' for v in g)}")
    a = k_to_mu(conventions, "nunu", m_V=np.array([0.002, 0.01, 0.1]), epsilon=1e-3, epsilon_Z=1e-3)
    out["A"] = a
    print(f"  case A, epsilon = epsilon_Z = 1e-3, at 2, 10, 100 MeV: {', '.join(f'{v:.2e}' for v in a)}")
    if not printed:
        g = smallest_excluded("Kmunu_inv", "g_mu", np.geomspace(1e-5, 1.0, 300), masses, **CASES["C"])
        print(f"  bound Kmunu_inv, case C: {', '.join(f'{v:.2e}' for v in g)}; the paper leaves 0.015 to 0.035 at 0.1 to 0.2 GeV")
    return out


def main() -> None:
    args = parser(__doc__).parse_args()
    masses = np.geomspace(0.002, 0.387, 80 if args.quick else 300)
    panels = chosen(args)
    styles = {"default": "-", "as_printed": (0, (4, 2))}
    with st.context():
        fig = st.new_figure(st.DOUBLE, 2.9)
        axes = fig.subplots(1, 2, sharey=True)
        for c in panels:
            report(c)
            for eps, eps_z, colour in LEFT:
                axes[0].plot(masses, k_to_mu(c, "nunu", m_V=masses, epsilon=eps, epsilon_Z=eps_z), color=colour, ls=styles[c])
            for g, colour in RIGHT:
                axes[1].plot(masses, k_to_mu(c, "nunu", m_V=masses, **CASES["B"], g_mu=g), color=colour, ls=styles[c])
        for ax, handles in (
            (axes[0], [Line2D([], [], color=c, label=rf"$\varepsilon=10^{{{round(np.log10(e))}}},\ "
                              rf"\varepsilon_Z=10^{{{round(np.log10(z))}}}$") for e, z, c in LEFT]),
            (axes[1], [Line2D([], [], color=c, label=rf"$g_D^\mu=10^{{{round(np.log10(g))}}}$") for g, c in RIGHT]),
        ):  # fmt: skip
            ax.axhspan(kaon.LIMIT_K_MU_INV, 1e4, color=st.PURPLE, alpha=0.18, lw=0)
            ax.axhline(PRINTED_LIMIT, color=st.PURPLE, lw=0.8, ls=(0, (4, 2)))
            ax.set(xscale="log", yscale="log", xlim=masses[[0, -1]], ylim=(1e-16, 1e2), xlabel=r"$m_{Z_D}$ [GeV]")
            ax.legend(handles=handles, loc="lower left")
        axes[0].set_title("case A")
        axes[1].set_title(r"case B, $\varepsilon=10^{-4}$, $\varepsilon_Z=10^{-5}$")
        axes[0].set_ylabel(r"$\mathcal{B}(K^+\to\mu^+\nu Z_D)\,\mathcal{B}(Z_D\to\nu\bar\nu)$")
        if len(panels) == 2:
            fig.legend(handles=[Line2D([], [], color=st.BLACK, ls=styles[c], label=TITLES[c]) for c in panels],
                       loc="outside upper center", ncols=2)  # fmt: skip
    for path in st.save(fig, stem(args, "dark_z_fig6")):
        print(path)


if __name__ == "__main__":
    main()
