"""Shared by t3r_fig*.py, t3r_tables.py and t3r_fit.py: U(1)_T3R of arXiv:2105.07655."""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.constraints import CONSTRAINTS, Context
from fipjax.constraints import dark_photon as dp
from fipjax.likelihood import build_theory
from fipjax.models import get_model
from fipjax.models import t3r as model  # noqa: F401  (registers itself)

V = 10.0
# Table I: C10^U, C^NU, C_S, C_P, C'^NU
BENCHMARKS = {
    "BMA": (4.85, -0.30, 0.033, 0.0, 0.0),
    "BMB": (-5.86, 3.65, 0.024, 0.030, 0.0),
    "BMC": (2.7, -0.8, 0.011, 0.043, 0.0),
    "BMD": (-5.67, 4.55, 0.0, 0.0, -1.28),
}
COEFFICIENTS = ("C10_U", "C_NU", "CS_NU", "CP_NU", "Cp_NU")
# the paper's three inputs: value, error upwards, error downwards; statistical and systematic in quadrature
INPUTS = {
    "<Rmue>(B+->Kll)[1.1,6.0]": (0.846, np.hypot(0.042, 0.013), np.hypot(0.039, 0.012)),
    "<Rmue>(B0->K*ll)[1.1,6.0]": (0.685, np.hypot(0.11, 0.05), np.hypot(0.07, 0.05)),
    "BR(Bs->mumu)": (3.09e-9, np.hypot(0.46e-9, 0.15e-9), np.hypot(0.43e-9, 0.11e-9)),
}


def parser(doc: str, quick: bool = True) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    p.add_argument("--out", type=Path, default=Path(), help="folder for the figure")
    if quick:
        p.add_argument("--quick", action="store_true", help="coarser")
    return p


def stem(args, name: str) -> Path:
    args.out.mkdir(parents=True, exist_ok=True)
    return args.out / name


def benchmark_points(names=tuple(BENCHMARKS)) -> dict[str, np.ndarray]:
    """Parameters of "t3r_wc", the Standard Model first."""
    rows = np.array([(0.0,) * 5, *(BENCHMARKS[n] for n in names)])
    return {c: rows[:, i] for i, c in enumerate(COEFFICIENTS)}


def chi2(values: dict[str, float]) -> float:
    """chi2 of the three inputs, with the error on the side of the prediction and none of the theory."""
    total = 0.0
    for name, (centre, up, down) in INPUTS.items():
        d = values[name] - centre
        total += (d / (up if d > 0 else down)) ** 2
    return total


def pull(values: dict[str, float], sm: dict[str, float]) -> float:
    """ "SM pull" sqrt(chi2_SM - chi2) of Table I."""
    return float(np.sqrt(chi2(sm) - chi2(values)))


# --- searches ------------------------------------------------------------------------------------------------------------


FASER = (dp.Search("dp_proj_faser_run3", "quark", ("ee", "mumu", "hadrons"), stretch=1 + 1.5 / 478.5),)
FUTURE = (*(s for s in dp.PROJECTIONS if s.lifetime is None), *FASER)


def theory(mass, factor: float = 1.0, invisible: bool = False, conventions: str = "default"):
    """Theory of "t3r" at V = 10 GeV; invisible: a massless sterile neutrino."""
    mass = jnp.asarray(mass, float)
    p = {"m_Ap": mass, "m_phip": jnp.full_like(mass, 0.08), "mixing_factor": jnp.full_like(mass, factor)}
    if invisible:
        p["m_nuS"] = jnp.zeros_like(mass)
    return build_theory(get_model("t3r"), p, conventions)


def recast(mass, factor: float = 1.0, invisible: bool = False) -> dict[str, np.ndarray]:
    """Event number over its limit (> 1: excluded, or within reach) by search, for each m_A'."""

    @jax.jit
    def run(mass):
        t = theory(mass, factor, invisible)
        m = t.mediators[0]
        seen = dp._view(m)
        out = {}
        for searches, of in (
            (dp.PROMPT, dp.prompt_ratios), (dp.BEAM_DUMP, dp.dump_ratios), (dp.INVISIBLE, dp.invisible_ratios),
            (FUTURE, dp.dump_ratios),
        ):  # fmt: skip
            out |= {s.curve: r for s, r in zip(searches, of(searches, seen), strict=True)}
        for name in ("babar_4mu", "na64mu_inv"):
            out[name] = jnp.broadcast_to(CONSTRAINTS[name].ratio(t, Context("latest")), mass.shape)
        return out

    return {k: np.asarray(v) for k, v in run(jnp.asarray(mass, float)).items()}


def intervals(mass, excluded) -> list[tuple[float, float]]:
    """Ranges of mass in which ``excluded`` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(excluded, int), [0]])))
    return [(float(mass[a]), float(mass[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]
