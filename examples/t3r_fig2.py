"""Figure 2 of arXiv:2105.07655: the loop functions C_phi' and C_A' of the muon g-2.

python examples/t3r_fig2.py [--out DIR]
"""

import numpy as np
from _t3r import parser, stem

from fipjax.plotting import style as st
from fipkernels import g2


def main() -> None:
    args = parser(__doc__, quick=False).parse_args()
    r = np.linspace(0.0, 4.0, 400)
    with st.context():
        fig = st.new_figure(st.COLUMN, 2.5)
        ax = fig.subplots()
        ax.plot(r, g2.c_phi(r), color=st.BLUE, label=r"$C_{\phi′}(r_{\phi′})$")
        ax.plot(r, g2.c_a(r), color=st.VERMILLION, ls=(0, (6, 2)), label=r"$C_{A′}(r_{A′})$")
        for y, t in ((0.5, "1/2"), (2 / 3, "2/3")):
            ax.axhline(y, color=st.GREY, lw=0.6, ls=":")
            ax.text(3.95, y + 0.015, t, ha="right", va="bottom", color=st.GREY, fontsize=st.SMALL)
        ax.set(xlim=(0, 4), ylim=(0, 1.55), xlabel=r"$r=m/m_\mu$", ylabel=r"$C(r)$")
        ax.legend(loc="upper right")
    cross = r[np.argmin(np.abs(np.asarray(g2.c_phi(r) - g2.c_a(r))))]
    print(f"ends: C_phi' 3/2 -> 0, C_A' 1/2 -> 2/3; they cross at r = {cross:.2f}, C = {float(g2.c_a(0.787232)):.4f}")
    for path in st.save(fig, stem(args, "t3r_fig2")):
        print(path)


if __name__ == "__main__":
    main()
