"""Figure 6 of arXiv:2105.07655: the d/ln N that an experiment needs to see A' -> e e, against the energy of A'.

python examples/t3r_fig6.py [--out DIR]

N exp(-d/d_dec) >= 1 means d/ln N <= d_dec: the curve of 200 MeV for all masses from 110 to 200 MeV, that of 110 MeV for the
easiest.
"""

import numpy as np
from _t3r import V, parser, stem

from fipjax.plotting import style as st
from fipkernels import t3r

# largest energy that a beam particle has: an upper end for A' (the paper's own markers are not given as numbers)
BEAMS = {"SeaQuest": 120.0, "SHiP": 400.0, "FASER": 7000.0}


def main() -> None:
    args = parser(__doc__, quick=False).parse_args()
    e = np.geomspace(1.0, 1e4, 200)
    d = {m: np.asarray(t3r.needed_displacement(e, m, V)) for m in (0.11, 0.15, 0.2)}
    for m in d:
        at = ", ".join(f"{float(t3r.needed_displacement(x, m, V)):.3g} m at {x:g} GeV" for x in (1.0, 10.0, 100.0, 1000.0))
        print(f"m_A' = {1e3 * m:.0f} MeV: {at}")
    with st.context():
        fig = st.new_figure(st.COLUMN, 2.6)
        ax = fig.subplots()
        ax.fill_between(e, d[0.2], d[0.11], color=st.BLUE, alpha=0.2, lw=0)
        for m, dash in ((0.11, "-"), (0.15, (0, (6, 2))), (0.2, (0, (2, 1.5)))):
            ax.plot(e, d[m], color=st.BLUE, ls=dash, label=rf"$m_{{A′}}={1e3 * m:.0f}$ MeV")
        for name, x in BEAMS.items():
            ax.axvline(x, color=st.GREY, lw=0.6, ls=":")
            ax.text(x * 0.9, 1.6e-4, f"{name} beam", rotation=90, ha="right", va="bottom", color=st.GREY, fontsize=st.SMALL)
        ax.set(xscale="log", yscale="log", xlim=(1, 1e4), ylim=(1e-4, 30), xlabel=r"$E_{A′}$ [GeV]", ylabel=r"$d/\ln N_{A′}$ [m]")
        ax.legend(loc="upper left")
    for path in st.save(fig, stem(args, "t3r_fig6")):
        print(path)


if __name__ == "__main__":
    main()
