"""Figure 2 of arXiv:2210.15662: width of Z_D into hadrons against its mass.

python examples/dark_z_fig2.py [--quick] [--out DIR] [--conventions as_printed]

The paper does not say which mixing parameters it shows.  As printed (eq. 2.17): R measured in e+ e- times the width to massive
muons; corrected: times the width to massless ones, to which R is normalised.
"""

import numpy as np
from _dark_z import curve_figure, mediator, parser

from fipjax.models import dark_z
from fipjax.plotting import style as st
from fipkernels import hadronic_width

# epsilon, epsilon_Z, colour, dashes
LINES = (
    (1e-3, 0.0, st.BLUE, "-"),
    (1e-3, 1e-3, st.VERMILLION, (0, (6, 2))),
    (1e-4, 1e-3, st.GREEN, (0, (6, 1.5, 1, 1.5))),
    (0.0, 1e-3, st.BLACK, ":"),
)
POINTS = (0.2, 0.3, 0.5, 0.77, 1.0, 1.4, 2.0)


def width(masses, epsilon, epsilon_z, conventions: str) -> np.ndarray:
    """Gamma(Z_D -> hadrons) in GeV."""
    return np.asarray(mediator(conventions, m_V=masses, epsilon=epsilon, epsilon_Z=epsilon_z).partial_widths["hadrons"])


def name(epsilon, epsilon_z) -> str:
    def power(v):
        return "0" if v == 0.0 else f"10^{{{round(np.log10(v))}}}"

    return rf"$\varepsilon={power(epsilon)},\ \varepsilon_Z={power(epsilon_z)}$"


def report(conventions: str) -> None:
    print(f"{conventions}: width to hadrons in GeV at {', '.join(map(str, POINTS))} GeV")
    for eps, eps_z, *_ in LINES:
        w = width(np.array(POINTS), eps, eps_z, conventions)
        print(f"  epsilon {eps:g}, epsilon_Z {eps_z:g}: " + ", ".join(f"{v:.2e}" for v in w), flush=True)
    if conventions == "default":
        k = dark_z.mixing_couplings(1e-3)
        a = np.asarray(hadronic_width.axial_width(np.array([1.0, 1.2, 1.4, 2.0]), k["up_a"], k["down_a"]))
        print("  of it axial at 1, 1.2, 1.4, 2 GeV for epsilon_Z = 1e-3: " + ", ".join(f"{v:.2e}" for v in a))
        one = 3 * k["up_a"] ** 2 * 3 / (12 * np.pi)
        print(f"  axial part with three massless quarks at 1 GeV: {one:.2e} (expected 8.25e-09)")


def main() -> None:
    args = parser(__doc__).parse_args()
    masses = np.unique(np.concatenate([np.geomspace(0.136, 3.0, 400 if args.quick else 1600), np.linspace(0.77, 1.05, 400)]))

    def draw(ax, c):
        report(c)
        for eps, eps_z, colour, dashes in LINES:
            w = width(masses, eps, eps_z, c)
            ax.plot(masses, np.where(w > 0, w, np.nan), color=colour, ls=dashes, lw=1.0, label=name(eps, eps_z))
        ax.set(xscale="log", yscale="log", xlim=(0.136, 3.0), ylim=(1e-17, 1e-5))
        ax.set_xticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"])
        ax.set_xticks([0.15, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1.5, 2.5], [""] * 9, minor=True)
        ax.set_yticks(10.0 ** np.arange(-17, -4), [""] * 13, minor=True)

    curve_figure(args, "dark_z_fig2", r"$\Gamma(Z_D\to\mathrm{hadrons})$ [GeV]", 2.9, draw)


if __name__ == "__main__":
    main()
