"""Figure 7 of arXiv:2210.15662: K+ -> mu+ nu e+ e- through Z_D in case B, against its mass.

python examples/dark_z_fig7.py [--quick] [--out DIR] [--conventions as_printed]

BR(K+ -> mu+ nu Z_D) BR(Z_D -> e+ e-) for m_V > 145 MeV.  The band ends three standard deviations, 0.93e-8, above the measured rate,
which the Standard Model is taken to explain.
"""

import numpy as np
from _dark_z import CASES, curve_figure, k_to_mu, kaon, parser, smallest_excluded

from fipjax.plotting import style as st

# g_mu, colour, dashes
LINES = ((1e-4, st.GREEN, ":"), (1e-3, st.BLUE, (0, (6, 1.5, 1, 1.5))), (1e-2, st.VERMILLION, "-"), (1e-1, st.BLACK, (0, (6, 2))))
POINTS = (0.15, 0.2, 0.25, 0.3)


def report(conventions: str) -> dict:
    masses = np.array(POINTS)
    values = np.geomspace(1e-5, 0.3, 80)
    m, g = (a.ravel() for a in np.meshgrid(masses, values, indexing="ij"))
    br = k_to_mu(conventions, "ee", m_V=m, **CASES["B"], g_mu=g).reshape(len(masses), len(values))
    at = k_to_mu(conventions, "ee", m_V=masses, **CASES["B"], g_mu=1e-3)
    print(f"{conventions}: case B, g_mu = 1e-3 at 150, 200, 250, 300 MeV: {', '.join(f'{v:.2e}' for v in at)}"
          + (" (expected 1.8e-8, 5.5e-9 for B(ee) = 1)" if conventions == "default" else ""))  # fmt: skip
    limit = 3 * kaon.SIGMA_K_MUNU_EE
    edge = [float(np.exp(np.interp(0.0, np.log(row[row > 0] / limit), np.log(values[row > 0])))) for row in br[:2]]
    print(f"  largest g_mu within 3 sigma at 150, 200 MeV: {', '.join(f'{v:.2e}' for v in edge)}; the paper: 1e-3")
    # epsilon and epsilon_Z alone
    a = k_to_mu(conventions, "ee", m_V=masses, epsilon=1e-3, epsilon_Z=1e-3)
    print(f"  case A, epsilon = epsilon_Z = 1e-3: {', '.join(f'{v:.1e}' for v in a)}, limit {limit:.2e}", flush=True)
    if conventions == "default":
        g = smallest_excluded("Kmunu_ee", "g_mu", np.geomspace(1e-5, 0.3, 300), masses[:2], **CASES["B"])
        print(f"  bound Kmunu_ee: {', '.join(f'{v:.2e}' for v in g)}")
    return {"g=1e-3": at, "edge": edge, "A": a}


def main() -> None:
    args = parser(__doc__).parse_args()
    masses = np.unique(np.concatenate([np.linspace(0.145, 0.387, 80 if args.quick else 300), [0.2113, 0.21132, 0.2114, 0.2115]]))

    def draw(ax, c):
        report(c)
        for g, colour, dashes in LINES:
            y = k_to_mu(c, "ee", m_V=masses, **CASES["B"], g_mu=g)
            ax.plot(masses, y, color=colour, ls=dashes, label=rf"$g_D^\mu=10^{{{round(np.log10(g))}}}$")
        ax.axhspan(3 * kaon.SIGMA_K_MUNU_EE, 1.0, color=st.PURPLE, alpha=0.18, lw=0)
        ax.set(yscale="log", xlim=masses[[0, -1]], ylim=(1e-15, 1e-2))

    curve_figure(args, "dark_z_fig7", r"$\mathcal{B}(K^+\to\mu^+\nu Z_D)\,\mathcal{B}(Z_D\to e^+e^-)$", 2.8, draw)


if __name__ == "__main__":
    main()
