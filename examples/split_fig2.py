"""Figure 2 of arXiv:2002.11150: size of the b-s coupling of V against the mass of the heavy scalar.

python examples/split_fig2.py [--quick] [--out DIR] [--conventions as_printed]

g_Vbs at q2 = 3.5 GeV^2 for one dark fermion.  As printed: loop factor 1/(32 pi^2), expanded in q2; corrected: 1/(16 pi^2) and the
full dependence on q2, whose absorptive part is a strong phase (the modulus is shown).
"""

import jax.numpy as jnp
import numpy as np
from _split import chosen, parser, stem, subplots
from matplotlib.lines import Line2D

from fipjax.plotting import style as st
from fipkernels import dark_loops

Q2 = 3.5
R = (0.1, 1.0, 10.0)
# expected from an independent calculation: per unit of r, m_chi = 1 MeV and 1 GeV
CHECK = {500: (3.656e-7, 1.615e-7), 1000: (9.653e-8, 4.549e-8), 2000: (2.541e-8, 1.265e-8), 5000: (4.337e-9, 2.295e-9),
         10000: (1.135e-9, 6.25e-10)}  # fmt: skip


def coupling(m_phi, m_chi: float, conventions: str):
    """|g_Vbs(3.5 GeV^2)| for r = 1."""
    m_phi = jnp.asarray(m_phi, float)
    one = jnp.ones_like(m_phi)[None]
    if conventions == "as_printed":
        g = dark_loops.penguin_coupling(one, m_chi * one, m_phi, loop_norm="paper")
    else:
        g = dark_loops.penguin_coupling(one, m_chi * one, m_phi, q2=jnp.full_like(m_phi, Q2))
    return np.abs(np.asarray(g)) * Q2


def report() -> float:
    """Prints the table; largest deviation of the printed values from the expected ones."""
    masses = np.array(list(CHECK), float)
    table = {(c, m): coupling(masses, m, c) for c in ("as_printed", "default") for m in (1e-3, 1.0)}
    print("|g_Vbs(3.5 GeV^2)| per unit of r")
    print("  m_Phi [TeV]   printed: 1 MeV, expected     1 GeV, expected       corrected: 1 MeV      1 GeV")
    worst = 0.0
    for i, m in enumerate(CHECK):
        a, b = table["as_printed", 1e-3][i], table["as_printed", 1.0][i]
        worst = max(worst, abs(a / CHECK[m][0] - 1), abs(b / CHECK[m][1] - 1))
        print(f"  {m / 1000:8g}      {a:.3e}  {CHECK[m][0]:.3e}    {b:.3e}  {CHECK[m][1]:.3e}       "
              f"{table['default', 1e-3][i]:.3e}     {table['default', 1.0][i]:.3e}")  # fmt: skip
    print(f"  largest relative difference {worst:.1e}", flush=True)
    return worst


def main() -> None:
    args = parser(__doc__, fits=False).parse_args()
    report()
    masses = np.geomspace(500.0, 1e4, 40 if args.quick else 120)
    shades = {0.1: st.SKY, 1.0: st.BLUE, 10.0: st.VERMILLION}
    panels = chosen(args)
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.COLUMN, 2.9)
        axes = subplots(fig, len(panels))
        for ax, c in zip(axes, panels, strict=True):
            for r in R:
                for m, style in ((1e-3, "-"), (1.0, (0, (5, 2)))):
                    ax.plot(masses / 1e3, r * coupling(masses, m, c), color=shades[r], ls=style, lw=1.2)
            ax.axvspan(0.5, 1.2, color="#DDDDDD", lw=0, zorder=0)
            ax.text(0.78, 2.2e-10, "LHC", ha="center", color=st.GREY, fontsize=st.SMALL)
            ax.set(xscale="log", yscale="log", xlim=(0.5, 10), ylim=(1e-10, 1e-5), xlabel=r"$m_\Phi$ [TeV]")
            ax.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
            ax.set_title("as printed" if c == "as_printed" else "corrected")
        axes[0].set_ylabel(r"$|g_{Vbs}|$ at $q^2=3.5$ GeV$^2$")
        handles = [Line2D([], [], color=shades[r], label=rf"$|r|={r:g}$") for r in R]
        handles += [Line2D([], [], color="black", ls=s, label=t)
                    for s, t in (("-", r"$m_\chi=1$ MeV"), ((0, (5, 2)), r"$m_\chi=1$ GeV"))]  # fmt: skip
        fig.legend(handles=handles, loc="outside upper center", ncols=5 if len(panels) == 2 else 2)
    for path in st.save(fig, stem(args, "split_fig2")):
        print(path)


if __name__ == "__main__":
    main()
