"""Figure 9 of arXiv:2210.15662: largest epsilon_Z within three standard deviations of the weak charges of Cs and the proton.

python examples/dark_z_fig9.py [--quick] [--out DIR] [--conventions as_printed]

As printed: rho_d and kappa_d of eqs. (4.36)-(4.38) with the one-loop couplings g_AV (the tree-level value printed after (4.35), and
(4.35) itself, exclude the Standard Model).  Corrected: tree-level exchange.  The lines are the contours r = 1, so that allowed
islands show where the two terms cancel.
"""

import numpy as np
from _dark_z import MODEL, TITLES, arrays, chosen, parser, ratios, smallest_excluded, stem, subplots
from matplotlib.lines import Line2D

from fipjax.plotting import style as st

LINES = ((0.0, st.BLACK), (1e-4, st.BLUE), (1e-3, st.GREEN), (1e-2, st.VERMILLION))
STYLES = {"weak_charge_cs": "-", "weak_charge_p": (0, (4, 2))}
MASSES = (0.01, 0.03, 0.1, 0.3)
# expected: first value excluded, by charge and epsilon
CHECK = {
    ("weak_charge_cs", 0.0): (1.38e-5, 3.80e-5, 1.21e-4, 3.57e-4), ("weak_charge_p", 0.0): (7.7e-4, 7.8e-4, 9.1e-4, 1.7e-3),
    ("weak_charge_cs", 1e-4): (2.9e-6, 2.7e-5, 2.06e-4, 4.3e-4), ("weak_charge_p", 1e-4): (2.2e-4, 2.3e-4, 3.0e-4, 8.1e-4),
    ("weak_charge_cs", 1e-3): (2.8e-7, 2.1e-6, 2.2e-5, 2.3e-4), ("weak_charge_cs", 1e-2): (2.8e-8, 2.1e-7, 2.1e-6, 1.9e-5),
}  # fmt: skip


def edges(name: str, epsilon: float, conventions: str, masses=MASSES) -> np.ndarray:
    """Smallest epsilon_Z excluded."""
    return smallest_excluded(name, "epsilon_Z", np.geomspace(1e-8, 1e-2, 2000), masses, conventions, epsilon=epsilon)


def report(conventions: str) -> float:
    """Prints the bounds; the largest difference to the expected numbers."""
    print(f"{conventions}: smallest excluded epsilon_Z at 10, 30, 100, 300 MeV; expected")
    worst = 0.0
    for (name, eps), expected in CHECK.items():
        got = edges(name, eps, conventions)
        worst = max(worst, float(np.max(np.abs(got / expected - 1))))
        print(f"  {name[12:]:2s} epsilon {eps:<6g} {', '.join(f'{v:.2e}' for v in got)}; {', '.join(f'{v:.2e}' for v in expected)}")
    print(f"  largest difference {100 * worst:.0f} %", flush=True)
    return worst


def main() -> None:
    args = parser(__doc__).parse_args()
    n = 80 if args.quick else 400
    masses, values = np.geomspace(0.005, 1.0, n), np.geomspace(1e-8, 1e-2, 4 * n)
    panels = chosen(args)
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.COLUMN, 3.0)
        axes = subplots(fig, len(panels))
        m, z = (a.ravel() for a in np.meshgrid(masses, values))
        for ax, c in zip(axes, panels, strict=True):
            report(c)
            for eps, colour in LINES:
                r = ratios(arrays(m_V=m, epsilon=eps, epsilon_Z=z), tuple(STYLES), c, "latest", MODEL, block=16384)
                for name, dashes in STYLES.items():
                    log = np.log(np.maximum(r[name], 1e-30)).reshape(4 * n, n)
                    lines = ax.contour(masses, values, log, [0.0], linewidths=0.0).allsegs[0]
                    # scraps are where an allowed strip is thinner than the grid
                    for line in lines:
                        if len(line) > 30:
                            ax.plot(*line.T, color=colour, ls=dashes)
                    if name == "weak_charge_cs":
                        ax.contourf(masses, values, log, [0.0, np.inf], colors=[colour], alpha=0.08)
            ax.set(xscale="log", yscale="log", xlim=(0.005, 1.0), ylim=(1e-8, 1e-2), xlabel=r"$m_{Z_D}$ [GeV]", title=TITLES[c])
        axes[0].set_ylabel(r"$\varepsilon_Z$")
        handles = [Line2D([], [], color=c, label=rf"$\varepsilon={'0' if e == 0 else f'10^{{{round(np.log10(e))}}}'}$")
                   for e, c in LINES]  # fmt: skip
        handles += [Line2D([], [], color=st.GREY, ls=s, label={"weak_charge_cs": "caesium", "weak_charge_p": "proton"}[k])
                    for k, s in STYLES.items()]  # fmt: skip
        fig.legend(handles=handles, loc="outside upper center", ncols=6 if len(panels) == 2 else 3)
    for path in st.save(fig, stem(args, "dark_z_fig9")):
        print(path)


if __name__ == "__main__":
    main()
