"""Shared by dark_z_fig2.py to dark_z_fig9.py and dark_z_exclusion.py: dark photon and dark Z, arXiv:2210.15662."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from _split import TITLES, chosen, ratios, stem, subplots
from _split import parser as _parser

from fipjax.constraints import kaon
from fipjax.constraints.b_visible import production
from fipjax.likelihood import build_theory
from fipjax.models import dark_z, get_model
from fipjax.plotting import style as st
from fipjax.theory import Theory, VectorMediator, branching
from fipkernels.dark_photon import E_CHARGE

__all__ = [
    "BEST", "CASES", "MODEL", "TITLES", "arrays", "chosen", "crossing", "curve_figure", "k_to_mu", "kaon", "mediator", "parser",
    "printed_kaon",
    "production", "ratios", "smallest_excluded", "stem", "subplots", "theory",
]  # fmt: skip

MODEL = "dark_z"
# the mixing of the cases B and C, sections 5.2 and 5.3
CASES = {"B": {"epsilon": 1e-4, "epsilon_Z": 1e-5}, "C": {"epsilon": 1e-4, "epsilon_Z": 1e-4, "tuned_e": 1.0}}
# best fits of section 5; g_mu with the sign that the paper gives
BEST = {
    "A": {"m_V": 0.01007, "epsilon": 1.6e-5, "epsilon_Z": 0.002},
    "B": {"m_V": 0.0103, **CASES["B"], "g_mu": 0.28},
    "C": {"m_V": 0.0302, **CASES["C"], "g_mu": 0.033},
}


def parser(text: str):
    """Options of all scripts: --quick, --out, --conventions."""
    return _parser(text, fits=False)


def arrays(**values) -> dict[str, np.ndarray]:
    """Numbers and arrays as arrays of one length."""
    names = list(values)
    return dict(zip(names, (np.array(v) for v in np.broadcast_arrays(*(np.atleast_1d(values[n]) for n in names))), strict=True))


@partial(jax.jit, static_argnames=("conventions", "model"))
def _theory(p, conventions, model):
    return build_theory(get_model(model), p, conventions)


def theory(conventions: str = "default", model: str = MODEL, **values) -> Theory:
    """Theory of a model; numbers broadcast against arrays (B,)."""
    return _theory({k: jnp.asarray(v, float) for k, v in arrays(**values).items()}, conventions, model)


def mediator(conventions: str = "default", **values) -> VectorMediator:
    """The Z_D of :func:`theory`."""
    return theory(conventions, **values).mediators[0]


def printed_kaon(m: VectorMediator, epsilon, epsilon_z, g_mu=0.0):
    """Left and right muon couplings of eq. (4.26), with the sign that the text gives the axial one; no other emission."""
    q = dark_z.mixing_couplings(epsilon_z)
    vector, axial = q["lepton_v"] - E_CHARGE * epsilon + g_mu, -q["lepton_a"]
    zero = jnp.zeros_like(m.mass)
    return vector - axial + zero, vector + axial + zero, zero, zero


def k_to_mu(conventions: str, *channels: str, **values) -> np.ndarray:
    """BR(K+ -> mu+ nu V) times the branching fraction of V to the channels."""
    p = arrays(**{"epsilon": 0.0, "epsilon_Z": 0.0, "g_mu": 0.0, **values})
    m = mediator(conventions, **p)
    printed = conventions == "as_printed"
    couplings = printed_kaon(m, p["epsilon"], p["epsilon_Z"], p["g_mu"]) if printed else kaon.emission_couplings(m)
    unit = kaon.BR_K_MUNU_PRINTED if printed else kaon.BR_K_MUNU
    return np.asarray(kaon.emission("K", m.mass, couplings, printed) * branching(m, *channels)) * unit


def curve_figure(args, name: str, ylabel: str, height: float, draw) -> None:
    """A figure with one panel for each set of formulas, a common legend of its labelled curves; draw(ax, conventions)."""
    panels = chosen(args)
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.COLUMN, height)
        axes = subplots(fig, len(panels))
        for ax, c in zip(axes, panels, strict=True):
            draw(ax, c)
            ax.set(xlabel=r"$m_{Z_D}$ [GeV]", title=TITLES[c])
        axes[0].set_ylabel(ylabel)
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside upper center", ncols=4 if len(panels) == 2 else 2)
    for path in st.save(fig, stem(args, name)):
        print(path)


def crossing(values, r) -> np.ndarray:
    """Smallest value (rows of r, along the last axis) at which r reaches 1, interpolated in logarithms; nan if none."""
    log = np.log(np.maximum(r, 1e-300))
    over = log >= 0.0
    i = np.maximum(np.argmax(over, axis=-1), 1)
    rows = np.arange(len(log))
    a, b = log[rows, i - 1], log[rows, i]
    t = np.clip(-a / np.where(b > a, b - a, 1.0), 0.0, 1.0)
    x = np.log(values)
    out = np.exp(x[i - 1] + t * (x[i] - x[i - 1]))
    return np.where(over.any(axis=-1), np.where(over[:, 0], values[0], out), np.nan)


def smallest_excluded(names, coupling: str, values, masses, conventions="default", vintage="latest", **fixed) -> np.ndarray:
    """Smallest value of a coupling that one of the bounds excludes, for each mass (n,); nan if none.

    Above it there may be allowed values again.
    """
    masses = np.atleast_1d(masses)
    m, v = (a.ravel() for a in np.meshgrid(masses, values, indexing="ij"))
    x = arrays(m_V=m, **fixed, **{coupling: v})
    names = [names] if isinstance(names, str) else names
    r = ratios(x, names, conventions, vintage, MODEL, block=min(len(m), 4096))
    worst = np.max([r[n] for n in names], axis=0).reshape(len(masses), len(values))
    return crossing(np.abs(np.asarray(values)), worst)
