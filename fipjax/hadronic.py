"""Hadronic and Standard-Model inputs: central values, correlations, and what follows from them.

``derive(par)`` turns the inputs into running couplings, masses, CKM factors and Wilson coefficients at mu = 4.8 GeV.  It is pure
JAX in the values of ``par``, so inputs can be constants (fast scans), draws (theory covariance) or sampled parameters.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.errors import InputError, unknown
from fipkernels import charm, ckm, loops, qcd
from fipkernels.indexing import take

# Scale of the b -> s l l Wilson coefficients and of the bag parameters, GeV
MU_B = 4.8
MU_MIX = 4.2
# Scale of the inclusive decays, GeV
MU_XS = 5.0


@dataclass(frozen=True)
class Inputs:
    """Inputs with a correlated Gaussian uncertainty.

    names: all of them; value, sigma: arrays in that order (sigma 0: fixed); blocks: (indices, correlation matrix).
    """

    names: tuple[str, ...]
    value: np.ndarray
    sigma: np.ndarray
    blocks: tuple[tuple[np.ndarray, np.ndarray], ...]
    info: Mapping[str, Mapping[str, Any]]

    def central(self) -> dict[str, float]:
        """Name -> central value."""
        return {n: float(v) for n, v in zip(self.names, self.value, strict=True)}

    def index(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise unknown("input", name, self.names) from None

    def correlation(self, names: Iterable[str] | None = None) -> np.ndarray:
        """Correlation matrix of the chosen inputs (default: all)."""
        n = len(self.names)
        c = np.eye(n)
        for idx, m in self.blocks:
            c[np.ix_(idx, idx)] = m
        if names is None:
            return c
        pick = [self.index(x) for x in names]
        return c[np.ix_(pick, pick)]

    def covariance(self, names: Iterable[str] | None = None) -> np.ndarray:
        """Covariance matrix of the chosen inputs."""
        names = self.names if names is None else tuple(names)
        s = self.sigma[[self.index(x) for x in names]]
        return self.correlation(names) * np.outer(s, s)

    def draw(self, n: int, seed: int = 0) -> dict[str, np.ndarray]:
        """n correlated draws, name -> (n,)."""
        rng = np.random.default_rng(seed)
        unit = rng.standard_normal((n, len(self.names)))
        for idx, m in self.blocks:
            vals, vecs = np.linalg.eigh(m)
            root = vecs * np.sqrt(np.clip(vals, 0.0, None))
            unit[:, idx] = unit[:, idx] @ root.T
        x = self.value + unit * self.sigma
        return {name: x[:, i] for i, name in enumerate(self.names)}

    def replace(self, **changes: float | tuple[float, float]) -> Inputs:
        """Copy with other central values, or (value, sigma) pairs."""
        value, sigma = self.value.copy(), self.sigma.copy()
        for name, new in changes.items():
            i = self.index(name)
            if isinstance(new, tuple):
                value[i], sigma[i] = new
            else:
                value[i] = new
        return Inputs(self.names, value, sigma, self.blocks, self.info)


def _data(name: str):
    return resources.files("fipjax").joinpath("data", name)


_INPUT_FILES = ("inputs.toml", "form_factors_kstar.toml", "form_factors_phi.toml", "form_factors_lambda.toml")


@lru_cache(maxsize=1)
def default_inputs() -> Inputs:
    """The inputs that ship with fipjax (fipjax/data/inputs.toml and form_factors_*.toml list each with its source)."""
    info: dict[str, dict[str, Any]] = {}
    correlations = []
    for file in _INPUT_FILES:
        raw = tomllib.loads(_data(file).read_text(encoding="utf-8"))
        if twice := info.keys() & raw["parameters"].keys():
            raise InputError(f"{file}: parameter {min(twice)!r} is defined twice")
        info |= raw["parameters"]
        correlations += [(file, block) for block in raw.get("correlations", [])]
    names = tuple(info)
    value = np.array([info[n]["value"] for n in names], dtype=float)

    def sym(s):
        # asymmetric errors of an input enter the Gaussian draws as their mean
        return 0.5 * (s[0] + s[1]) if isinstance(s, list) else float(s)

    sigma = np.array([sym(info[n]["sigma"]) for n in names])
    blocks = []
    for file, block in correlations:
        idx = np.array([names.index(n) for n in block["names"]])
        m = np.array(block["matrix"], dtype=float)
        if not np.allclose(m, m.T) or np.linalg.eigvalsh(m).min() < -1e-8:
            raise InputError(f"{file}: correlation of {block['names'][0]!r}... is not positive semi-definite")
        blocks.append((idx, m))
    return Inputs(names, value, sigma, tuple(blocks), info)


@lru_cache(maxsize=1)
def two_loop_table() -> dict[str, np.ndarray]:
    """Charm two-loop functions of arXiv:0810.4077, as host arrays."""
    with resources.as_file(_data("two_loop.npz")) as path, np.load(path) as f:
        table = {k: f[k] for k in ("muhat", "z", "shat", "F17", "F27", "F19", "F29")}
    charm.check_table(table)
    return table


@lru_cache(maxsize=8)
def sm_wilson(mu: float) -> dict[str, float]:
    """SM Wilson coefficients at mu (GeV, 2 to 5.5): C1..C6, C7eff, C8eff, C9, C10, and C7 (non-effective)."""
    raw = tomllib.loads(_data("wilson_sm.toml").read_text(encoding="utf-8"))
    grid = np.array(raw["mu"])
    if not grid[0] <= mu <= grid[-1]:
        raise InputError(f"scale mu = {mu} (allowed: {grid[0]} to {grid[-1]} GeV)")
    c = {k: float(np.interp(mu, grid, v)) for k, v in raw["coefficients"].items()}
    y = raw["effective"]["y"]
    c["C7"] = c["C7eff"] - sum(yi * c[f"C{i + 1}"] for i, yi in enumerate(y))
    return c


# C10 scales with the top mass, arXiv:1311.0903 eq. (4)
_MT_REFERENCE, _MT_POWER = 173.1, 1.53


def derive(par: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that observables need and that depends on inputs only (scalars; complex where so marked).

    alpha_s, alpha_e, m_b, m_s at mu_b; alpha_s_mix, m_b_mix, m_s_mix at 4.2 GeV; m_b_pole, m_c_pole; lambda_t, eps_u (complex);
    n, n_bar = 4 G_F/sqrt2 lambda_t alpha_e/(4 pi) and its CP conjugate; c: SM Wilson coefficients at mu_b.
    """
    a_s = qcd.alpha_s_5(par["alpha_s"], MU_B, par["m_Z"])
    a_e = qcd.alpha_e_5(par["alpha_e"], MU_B, par["m_Z"])
    m_b = qcd.m_b_msbar(par["m_b"], MU_B, par["alpha_s"])
    m_s = qcd.m_s_msbar(par["m_s"], MU_B, par["m_b"], par["alpha_s"])
    a_mb = qcd.alpha_s_5(par["alpha_s"], par["m_b"], par["m_Z"])
    m_b_pole = qcd.pole_from_msbar(par["m_b"], a_mb, 4)
    # four flavours below the b pole mass
    a4 = qcd.match_alpha_s_down(qcd.alpha_s_5(par["alpha_s"], m_b_pole, par["m_Z"]))
    m_c_pole = qcd.pole_from_msbar(par["m_c"], qcd.run(a4, m_b_pole, par["m_c"], 4)[0], 3)
    v = ckm.tree(par["Vus"], par["Vcb"], par["Vub"], par["gamma"])
    lam_t, lam_u = ckm.lambdas(v)
    lam_td, _ = ckm.lambdas(v, "d")
    common = 4.0 * par["GF"] / math.sqrt(2.0) * a_e / (4.0 * math.pi)
    c = dict(sm_wilson(MU_B))
    c["C10"] = c["C10"] * (par["m_t"] / _MT_REFERENCE) ** _MT_POWER
    c["C7p"] = m_s / m_b * c["C7"]
    c_xs = dict(sm_wilson(MU_XS))
    c_xs["C10"] = c_xs["C10"] * (par["m_t"] / _MT_REFERENCE) ** _MT_POWER
    m_b_xs = qcd.m_b_msbar(par["m_b"], MU_XS, par["alpha_s"])
    c_xs["C7p"] = qcd.m_s_msbar(par["m_s"], MU_XS, par["m_b"], par["alpha_s"]) / m_b_xs * c_xs["C7"]
    x_t = (qcd.top_msbar(par["m_t"], par["alpha_s"], par["m_Z"]) / par["m_W"]) ** 2
    return {
        "alpha_s": a_s,
        "alpha_e": a_e,
        "m_b": m_b,
        "m_s": m_s,
        "m_b_pole": m_b_pole,
        "m_c_pole": m_c_pole,
        "lambda_t": lam_t,
        "v_cb_cs": v["Vcb"] * jnp.conj(v["Vcs"]),
        "eps_u": lam_u / lam_t,
        "n": common * lam_t,
        "n_bar": common * jnp.conj(lam_t),
        "n_d": common * lam_td,
        "c": c,
        "c_xs": c_xs,
        "m_b_xs": m_b_xs,
        "alpha_s_xs": qcd.alpha_s_5(par["alpha_s"], MU_XS, par["m_Z"]),
        "alpha_e_xs": qcd.alpha_e_5(par["alpha_e"], MU_XS, par["m_Z"]),
        "v_cb": v["Vcb"],
        "run_f_perp": _run_f_perp(a4, m_b_pole),
        "alpha_s_mix": qcd.alpha_s_5(par["alpha_s"], MU_MIX, par["m_Z"]),
        "m_b_mix": qcd.m_b_msbar(par["m_b"], MU_MIX, par["alpha_s"]),
        "m_s_mix": qcd.m_s_msbar(par["m_s"], MU_MIX, par["m_b"], par["alpha_s"]),
        "s0": loops.inami_lim_s0(x_t),
    }


def _run_f_perp(a4, m_b_pole):
    """f_perp(4.8 GeV)/f_perp(2 GeV) at leading order: (alpha_s(mu)/alpha_s(mu_0))^(C_F/beta_0), four flavours up to the b pole
    mass,
    which is 4.8 GeV (arXiv:hep-ph/9805422)."""
    a_2 = qcd.run(a4, m_b_pole, 2.0, 4)[0]
    return (a4 / a_2) ** ((4.0 / 3.0) / (11.0 - 2.0 / 3.0 * 4))


@lru_cache(maxsize=1)
def central_derived() -> dict[str, float]:
    """The real scalars of :func:`derive` at the central values of the default inputs, as floats (host code)."""
    out = jax.jit(lambda p: {k: v for k, v in derive(p).items() if k in _REAL})(default_inputs().central())
    return {k: float(v) for k, v in out.items()}


_REAL = ("alpha_s", "alpha_e", "m_b", "m_s", "m_b_pole", "m_c_pole", "s0")


@dataclass(frozen=True)
class Effective:
    """c7 and c9 as functions of q^2, complex: c_i = t_i + eps_u u_i (``c7``, ``c9``) and the CP conjugates (``c7_bar``,
    ``c9_bar``)."""

    c7: Any
    c7_bar: Any
    c9: Any
    c9_bar: Any

    def take(self, index) -> Effective:
        """The functions on a subset of the panels (first axis, static index)."""
        return Effective(*(take(x, index) for x in (self.c7, self.c7_bar, self.c9, self.c9_bar)))

    def part(self, start: int, stop: int, shape: tuple[int, ...]) -> Effective:
        """Entries start to stop of flat arrays, in a shape."""
        return Effective(*(x[start:stop].reshape(shape) for x in (self.c7, self.c7_bar, self.c9, self.c9_bar)))

    @staticmethod
    def join(parts: Iterable[Effective]) -> Effective:
        """The functions on several sets of nodes, one after the other (first axis)."""
        rows = zip(*((p.c7, p.c7_bar, p.c9, p.c9_bar) for p in parts), strict=True)
        return Effective(*(jnp.concatenate(x) for x in rows))


jax.tree_util.register_dataclass(Effective, data_fields=["c7", "c7_bar", "c9", "c9_bar"], meta_fields=[])


def effective_coefficients(q2, par: Mapping[str, Any], sm: Mapping[str, Any], mu: float = MU_B) -> Effective:
    """C7eff + delta C7 and C9 + Y + eps_u Y_u + delta C9 at q2 (GeV^2), without C7'.

    mu: 4.8 GeV (exclusive decays) or 5 GeV (B -> X_s); delta C7 uses the charm mass 'm_c BVgamma', the rest the pole mass.
    """
    c = sm["c"] if mu == MU_B else sm["c_xs"]
    alpha_s = sm["alpha_s"] if mu == MU_B else sm["alpha_s_xs"]
    args = (sm["m_b_pole"], par["m_c BVgamma"], sm["m_c_pole"], mu, two_loop_table())
    t7, u7, t9, u9 = charm.delta_c7_c9(q2, c, alpha_s, *args)
    t7 = c["C7eff"] + t7
    t9 = c["C9"] + charm.y_function(q2, c, sm["m_c_pole"], sm["m_b_pole"], mu) + t9
    u9 = u9 + charm.y_u_function(q2, c, sm["m_c_pole"], mu)
    eps, eps_bar = sm["eps_u"], jnp.conj(sm["eps_u"])
    return Effective(t7 + eps * u7, t7 + eps_bar * u7, t9 + eps * u9, t9 + eps_bar * u9)
