r"""Makes ``fipjax/data/z4mu.npz``: Z -> 4 mu within the ATLAS cuts as a function of a light vector's mass and width.

Run with ``python -m fipjax.constraints.make_z4mu`` (a few minutes on one core, seeds fixed).

Method.  Events Z -> mu- mu+ mu- mu+ (on shell, tree level, massless muons, :mod:`fipkernels.z4mu`) are drawn once, without any
light vector, and boosted along the beam.  What they give is spectral: the interference of V with the standard model is an
integral over the mass q of the pair that V turns into, int a(q) q^(2k)/(q^2 - m^2 + i m gamma q) dq, and the square one
over b(q) |1/D|^2 plus a smaller double integral for V in two pairs at once.  The densities a and b are projected on
piecewise linear functions of q and the propagators integrated exactly (:mod:`fipkernels.breit_wigner`), so one sample serves all
masses and any width.

Cuts (ATLAS arXiv:2103.01918): muons p_T > 5 GeV, |eta| < 2.7; the two hardest leptons above 20 and 10 GeV; all opposite-sign
pairs above 5 GeV; all pairs Delta R > 0.05.  Electrons, needed for the share of 4 mu in the measured sum over flavours:
p_T > 7 GeV, |eta| < 2.47.

Simplifications: no transverse momentum of Z; mass of Z fixed (window 60 to 100 GeV not simulated, no non-resonant part); Z
polarised transversely to the beam; rapidity of Z distributed as (1 - |y/4.96|^3)^2, flat in the middle and ending at
ln(sqrt(s)/M_Z) for 13 TeV; no radiation, no detector.  Limits on a coupling change by less than 2 % with another rapidity
distribution, with unpolarised Z, or with a transverse momentum of 15 GeV (`sensitivity`).
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from fipkernels import breit_wigner, z4mu
from fipkernels.panels import Panels

# PDG 2020, as in arXiv:2106.12582; alpha at M_Z
M_Z, GAMMA_Z, SW2, ALPHA = 91.1876, 2.4952, 0.2312, 1.0 / 128.0
E2 = 4.0 * math.pi * ALPHA
_GZ = math.sqrt(E2 / (SW2 * (1.0 - SW2)))
G_L, G_R = _GZ * (SW2 - 0.5), _GZ * SW2
Y_MAX = math.log(13000.0 / M_Z)


@dataclass(frozen=True)
class Setup:
    """Generation and cuts: see the module.  pt_scale: mean p_T of Z in GeV; rapidity: "flat", "gauss" (sigma 1.5) or "none"."""

    m_low: float = 5.0
    pt_min: float = 5.0
    pt_leading: tuple[float, ...] = (20.0, 10.0)
    eta_max: float = 2.7
    dr_min: float = 0.05
    rapidity: str = "flat"
    pt_scale: float = 0.0
    polarisation: str = "transverse"
    cuts: bool = True


def _rapidity(kind: str, u: np.ndarray) -> np.ndarray:
    if kind == "flat":
        y = np.linspace(-1.0, 1.0, 4001)
        density = (1.0 - np.abs(y) ** 3) ** 2
        total = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
        return Y_MAX * np.interp(u, total / total[-1], y)
    if kind == "gauss":
        return 1.5 * math.sqrt(2.0) * np.asarray(jax.scipy.special.erfinv(2.0 * u - 1.0))
    return 0.0 * u


@partial(jax.jit, static_argnums=1)
def _momenta(u, m_low):
    q = z4mu.phase_space(u, M_Z, m_low**2)
    n = u.shape[1] // len(z4mu.CHANNELS)
    parts = [q[np.argsort(c)][:, :, i * n : (i + 1) * n] for i, c in enumerate(z4mu.CHANNELS)]
    p = jnp.concatenate(parts, axis=2)
    return p, 1.0 / z4mu.phase_space_density(p, M_Z, m_low**2), jnp.min(z4mu.pair_mass2(p), axis=0)


@jax.jit
def _lab(p, y, kx, ky):
    """Observables in the laboratory: p_T and eta of each lepton (4, B) and the smallest Delta R (B,)."""
    mt = jnp.sqrt(M_Z**2 + kx**2 + ky**2)
    frame = jnp.stack([mt * jnp.cosh(y), kx, ky, mt * jnp.sinh(y)])
    p = jax.vmap(lambda v: z4mu.boost(v, frame))(p)
    pt = jnp.hypot(p[:, 1], p[:, 2])
    eta = jnp.arcsinh(p[:, 3] / pt)
    phi = jnp.arctan2(p[:, 2], p[:, 1])
    dr = []
    for i in range(4):
        for j in range(i):
            d = jnp.abs(phi[i] - phi[j])
            dr.append(jnp.hypot(jnp.minimum(d, 2.0 * math.pi - d), eta[i] - eta[j]))
    return pt, eta, jnp.min(jnp.stack(dr), axis=0)


_currents = jax.jit(z4mu.currents)
_gram = jax.jit(z4mu.gram, static_argnums=1)


def _accept(setup: Setup, pt, eta, dr, flavours: str = "mmmm"):
    """Mask of the cuts for leptons in the order (l-, l+, l-, l+), "m" muon or "e" electron."""
    if not setup.cuts:
        return np.ones(dr.shape, bool)
    ok = dr > setup.dr_min
    for leg, flavour in enumerate(flavours):
        low, far = (setup.pt_min, setup.eta_max) if flavour == "m" else (max(setup.pt_min, 7.0), min(setup.eta_max, 2.47))
        ok &= (pt[leg] > low) & (np.abs(eta[leg]) < far)
    ordered = -np.sort(-pt, axis=0)
    for k, cut in enumerate(setup.pt_leading):
        ok &= ordered[k] > cut
    return ok


@dataclass
class Sample:
    """Accepted events: squared pair masses s (4, N), Gram matrices times weight (4, 4, N) and (2, 2, N); drawn: events tried."""

    s: np.ndarray
    same: np.ndarray
    mixed: np.ndarray
    drawn: int
    accepted: dict[str, np.ndarray]


def generate(n: int, seed: int, setup: Setup) -> Sample:
    """n events of which some are kept; the weight is that of the phase-space integral (divide sums by ``drawn``)."""
    rng = np.random.default_rng(seed)
    n = 8 * (n // 8)
    p, w, low = (np.asarray(v) for v in _momenta(rng.random((9, n)), setup.m_low))
    y = _rapidity(setup.rapidity, rng.random(n))
    kt, phi = -setup.pt_scale / 2.0 * np.log(rng.random(n) * rng.random(n)), 2.0 * math.pi * rng.random(n)
    ok = low > setup.m_low**2
    pt, eta, dr = (np.asarray(v) for v in _lab(p, y, kt * np.cos(phi), kt * np.sin(phi)))
    # a lepton exactly along the beam has no pseudorapidity: cut
    ok &= np.all(np.isfinite(eta), axis=0) & np.isfinite(w)
    names = ("mmmm", "eeee", "mmee", "eemm")
    masks = {f: ok & _accept(setup, pt, eta, dr, f) for f in names}
    keep = np.logical_or.reduce(list(masks.values()))
    p, w = p[:, :, keep], w[keep]
    pad = -len(w) % 16384  # few shapes to compile
    p = np.concatenate([p, np.repeat(p[:, :, :1], pad, axis=2)], axis=2)
    same, mixed = (np.asarray(_gram(t, setup.polarisation))[..., : len(w)] * w for t in _currents(p))
    s = np.asarray(z4mu.pair_mass2(jnp.asarray(p)))[:, : len(w)]
    return Sample(s, same, mixed, n, {f: m[keep] for f, m in masks.items()})


def _sm(s, a: float, b: float):
    """C_t of photon and Z for a pair of squared mass s; a, b: coupling of Z to the line with the external Z and to the other."""
    return a * (E2 / s + a * b / (s - M_Z**2 + 1j * M_Z * GAMMA_Z))


def sm_terms(sample: Sample):
    """|amplitude|^2 of the standard model per event: same-flavour total, different-flavour total (pairs 0 and 1 alone)."""
    same_flavour = different = 0.0
    for a in (G_L, G_R):
        c = _sm(sample.s, a, a)
        same_flavour = same_flavour + np.einsum("tn,un,tun->n", c, c.conj(), sample.same).real
        different = different + np.einsum("tn,un,tun->n", c[:2], c[:2].conj(), sample.same[:2, :2]).real
    # pair 0 is left-handed, pair 1 right-handed; the external Z couples to the other pair
    c = np.stack([_sm(sample.s[0], G_R, G_L), _sm(sample.s[1], G_L, G_R)])
    mixed = np.einsum("tn,un,tun->n", c, c.conj(), sample.mixed).real
    # LR and RL, and for identical leptons both pairings
    return 4.0 * (same_flavour + 4.0 * mixed), 4.0 * (different + 2.0 * mixed)


def branching(sample: Sample, flavours: str = "mmmm") -> tuple[float, float]:
    """Branching fraction of Z within the cuts and its statistical error; "mmee" stands for both orders of flavours."""
    identical, different = sm_terms(sample)
    if flavours in ("mmmm", "eeee"):
        f = identical * sample.accepted[flavours] / 4.0
    else:
        f = different * 0.5 * (sample.accepted["mmee"].astype(float) + sample.accepted["eemm"])
    # unpolarised: average over three; the Gram matrix of "transverse" is normalised to three as well
    f = f / (3.0 * 2.0 * M_Z * GAMMA_Z)
    mean = f.sum() / sample.drawn
    return mean, math.sqrt(max((f**2).sum() / sample.drawn - mean**2, 0.0) / sample.drawn)


# ---- spectral densities
KNOTS = 97
KNOTS_2D = 25


def knots(m_low: float, n: int) -> np.ndarray:
    """Masses q of the piecewise linear functions: log-spaced over what the cut on the other pair leaves."""
    return np.geomspace(m_low, M_Z - m_low, n)


def _hats(q, grid):
    """Index of the interval of q and position in it."""
    i = np.clip(np.searchsorted(grid, q, side="right") - 1, 0, len(grid) - 2)
    return i, np.clip((q - grid[i]) / (grid[i + 1] - grid[i]), 0.0, 1.0)


def _project(q, weight, grid):
    """Sums of weight times each hat function."""
    i, f = _hats(q, grid)
    n = len(grid)
    return np.bincount(i, weight * (1.0 - f), n) + np.bincount(i + 1, weight * f, n)


def _project_2d(q1, q2, weight, grid):
    (i, f), (j, g), n = _hats(q1, grid), _hats(q2, grid), len(grid)
    out = np.zeros(n * n)
    for di, wi in ((0, 1.0 - f), (1, f)):
        for dj, wj in ((0, 1.0 - g), (1, g)):
            out += np.bincount((i + di) * n + j + dj, weight * wi * wj, n * n)
    return out.reshape(n, n)


def _overlap(grid):
    """Integrals of products of two hat functions."""
    h = np.diff(grid)
    m = np.diag(np.concatenate([h, [0.0]]) / 3.0 + np.concatenate([[0.0], h]) / 3.0)
    return m + np.diag(h / 6.0, 1) + np.diag(h / 6.0, -1)


CONFIGURATIONS = ("LL", "RR", "LR")


@dataclass
class Spectra:
    """Projections summed over events: interference (3, K) complex, square (3, K), double (3, K2, K2); n: events tried."""

    interference: np.ndarray
    square: np.ndarray
    double: np.ndarray
    sm: float
    n: int

    def __add__(self, other: Spectra) -> Spectra:
        return Spectra(
            self.interference + other.interference,
            self.square + other.square,
            self.double + other.double,
            self.sm + other.sm,
            self.n + other.n,
        )


def spectra(sample: Sample, setup: Setup, flavours: str = "mmmm") -> Spectra:
    """Densities in the mass of the pair(s) that V turns into, for the three products of chiral couplings."""
    ok = sample.accepted[flavours]
    s, same, mixed = sample.s[:, ok], sample.same[..., ok], sample.mixed[..., ok]
    q, one, two = np.sqrt(s), knots(setup.m_low, KNOTS), knots(setup.m_low, KNOTS_2D)
    interference, square, double = [], [], []
    diagonal = sum(_project(q[t], same[t, t], one) for t in range(4))
    pairs = sum(_project_2d(q[t], q[u], 2.0 * same[t, u], two) for t in range(4) for u in range(t))
    for a in (G_L, G_R):
        w = 2.0 * a * np.einsum("tun,un->tn", same, _sm(s, a, a).conj())
        interference.append(sum(_project(q[t], w[t].real, one) + 1j * _project(q[t], w[t].imag, one) for t in range(4)))
        square.append(a * a * diagonal)
        double.append(a * a * pairs)
    sm = np.stack([_sm(s[0], G_R, G_L), _sm(s[1], G_L, G_R)])
    outer = (G_R, G_L)
    w = 2.0 * np.array(outer)[:, None] * np.einsum("tun,un->tn", mixed, sm.conj())
    # four equivalent configurations of opposite chiralities
    interference.append(4.0 * sum(_project(q[t], w[t].real, one) + 1j * _project(q[t], w[t].imag, one) for t in range(2)))
    square.append(4.0 * sum(outer[t] ** 2 * _project(q[t], mixed[t, t], one) for t in range(2)))
    double.append(4.0 * outer[0] * outer[1] * _project_2d(q[0], q[1], 2.0 * mixed[0, 1], two))
    # |M|^2 without its factor 4, as in the projections
    total = (sm_terms(sample)[0] * ok).sum() / 4.0
    return Spectra(np.array(interference), np.array(square), np.array(double), float(total), sample.drawn)


def _panels(grid, nodes: int = 8) -> Panels:
    x, w = np.polynomial.legendre.leggauss(nodes)
    center, half = 0.5 * (grid[1:] + grid[:-1]), 0.5 * np.diff(grid)
    kind = np.zeros(len(center), np.int32)
    return Panels(kind, center, half, 0.0 * center, center[:, None] + half[:, None] * x, half[:, None] * w)


@lru_cache
def _weights(lo: float, hi: float, n: int, scheme: str):
    """Panels between log-spaced knots and the propagator weights on them as a function of mass and width."""
    panels = _panels(np.geomspace(lo, hi, n))
    return panels, jax.jit(lambda m, width: breit_wigner.weights(panels, m, width, scheme))


def _moments(grid, m, gamma, scheme):
    """Integrals over each hat of q^(2k)/D, k = 0..2, complex (3, K, B), and of q^(2k)/|D|^2, k = 0..4, (5, K, B)."""
    panels, weights = _weights(grid[0], grid[-1], len(grid), scheme)
    w = weights(jnp.asarray(m), jnp.asarray(m * gamma))
    up = (panels.q - grid[:-1, None]) / np.diff(grid)[:, None]
    linear: list[np.ndarray] = []
    squared: list[np.ndarray] = []
    for k, value, out in [(k, np.asarray(w.re) + 1j * np.asarray(w.im), linear) for k in range(3)] + [
        (k, np.asarray(w.sq), squared) for k in range(5)
    ]:
        f = panels.q ** (2 * k)
        total = np.zeros((len(grid), len(m)), value.dtype)
        total[:-1] += np.einsum("pj,pjb->pb", f * (1.0 - up), value)
        total[1:] += np.einsum("pj,pjb->pb", f * up, value)
        out.append(total)
    return np.array(linear), np.array(squared)


def coefficients(sp: Spectra, setup: Setup, m, gamma, scheme: str = "sqrt_q2"):
    """R - 1 = sum p_k A_k + sum_(k<=l) p_k p_l B_kl: A (3, 3, B) and B (3, 6, B), configurations first, powers as in POWERS.

    m in GeV and gamma = Gamma/m, arrays (B,).  A_k in GeV^(2k), B_kl in GeV^(2k + 2l).
    """
    one, two = knots(setup.m_low, KNOTS), knots(setup.m_low, KNOTS_2D)
    mass_1, mass_2 = np.linalg.inv(_overlap(one)), np.linalg.inv(_overlap(two))
    # statistical noise may not turn a square negative (next to the end of phase space)
    a, b = sp.interference @ mass_1, np.maximum(sp.square @ mass_1, 0.0)
    c = mass_2 @ sp.double @ mass_2
    linear, squared = _moments(one, m, gamma, scheme)
    coarse, _ = _moments(two, m, gamma, scheme)
    out_a = np.einsum("ci,kib->ckb", a, linear).real
    out_b = []
    for k, l in z4mu.POWERS:
        diagonal = np.einsum("ci,ib->cb", b, squared[k + l])
        off = np.einsum("ib,cij,jb->cb", coarse[k], c, coarse[l].conj()).real
        back = np.einsum("ib,cij,jb->cb", coarse[l], c, coarse[k].conj()).real
        out_b.append((diagonal + 0.5 * (off + back)) * (1.0 if k == l else 2.0))
    return out_a / sp.sm, np.array(out_b).transpose(1, 0, 2) / sp.sm


# ---- production
BATCHES, EVENTS, SEED = 24, 1_000_000, 20210301
GAMMA = np.geomspace(1e-3, 1.0, 19)
M_SCALE = 40.0
SCHEMES = ("sqrt_q2", "constant")


def mass_grid() -> np.ndarray:
    """Masses of the table: dense where V resonates, with steps of the size of the narrowest width at the 5 GeV cut."""
    ladder = np.array([0.003, 0.006, 0.012, 0.024, 0.048, 0.096])
    around_cut = 5.0 * np.concatenate([1.0 - ladder[::-1], [1.0], 1.0 + ladder])
    low = [0.01, 0.1, 0.3, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 3.0, 3.3, 3.6, 3.9, 4.2]
    middle = np.geomspace(5.9, 80.0, 56)
    end = M_Z - 5.0
    high = [81.5, 83.0, 84.5, end, 88.0, 89.5, M_Z, 93.0, 95.0, 98.0, 102.0, 107.0, 114.0, 122.0, 132.0, 145.0, 160.0, 180.0, 200.0]
    return np.unique(np.concatenate([low, around_cut, middle, high]))


def table_arrays(sp: Spectra, setup: Setup, scheme: str):
    """A (9, M, G), gamma B (18, M, G) and its limit (18, M) on the grid."""
    m = mass_grid()
    mm, gg = (v.ravel() for v in np.meshgrid(m, GAMMA, indexing="ij"))
    a, b = coefficients(sp, setup, mm, gg, scheme)
    tiny = 1e-10
    # at the cut the limit from above
    nudged = np.where(m == setup.m_low, m * (1.0 + 1e-6), m)
    _, limit = coefficients(sp, setup, nudged, np.full_like(m, tiny), scheme)
    shape = (-1, len(m), len(GAMMA))
    return a.reshape(shape), (b * gg).reshape(shape), (limit * tiny).reshape(-1, len(m))


def produce(path: Path, batches: int = BATCHES, events: int = EVENTS, seed: int = SEED) -> dict[str, float]:
    """Write the table; returns what it reports: statistical errors, branching fractions, shares."""
    setup, start = Setup(), time.time()
    parts, rates = [], []
    for b in range(batches):
        sample = generate(events, seed + b, setup)
        parts.append(spectra(sample, setup))
        rates.append([branching(sample, f)[0] for f in ("mmmm", "eeee", "mmee")])
        print(f"batch {b + 1}/{batches}, {parts[-1].n} events, {time.time() - start:.0f} s", flush=True)
    total = sum(parts[1:], parts[0])
    fid = np.array(rates)
    share = fid[:, 0] / fid.sum(axis=1)
    # statistical error: spread of the batches, for a vector coupling, gamma = 0.01 and 0.5, relative to what moves the limit:
    # A c^2 + B c^4 at the coupling where that is 0.15
    m, gamma = np.tile(np.geomspace(2.0, 80.0, 40), 2), np.repeat([0.01, 0.5], 40)
    limits = []
    for sp in (total, *parts):
        a, b2 = (v[:, 0].sum(axis=0) for v in coefficients(sp, setup, m, gamma))
        limits.append(np.sqrt((-a + np.sqrt(a * a + 4.0 * b2 * 0.15)) / (2.0 * b2)))
    error = np.std(np.array(limits[1:]) / limits[0], axis=0) / math.sqrt(batches)
    report = {
        "events": float(total.n),
        "share_4mu": float(share.mean()),
        "share_4mu_error": float(share.std() / math.sqrt(batches)),
        "br_fiducial_4mu": float(fid[:, 0].mean()),
        "br_fiducial_4l": float(fid.sum(axis=1).mean()),
        "limit_error_max": float(error.max()),
        "limit_error_mean": float(error.mean()),
    }
    write(path, total, report, seed, setup)
    return report


def write(path: Path, total: Spectra, report: dict[str, float], seed: int, setup: Setup) -> None:
    """The file: report, grid, tables for both forms of the propagator, and the spectra they come from."""
    out: dict[str, np.ndarray] = {k: np.array(v) for k, v in report.items()}
    out |= {"seed": np.array(seed), "m": mass_grid(), "gamma": GAMMA, "m_scale": np.array(M_SCALE), "m_cut": np.array(setup.m_low)}
    for scheme in SCHEMES:
        linear, square, limit = table_arrays(total, setup, scheme)
        for name, v in (("linear", linear), ("square", square), ("on_shell", limit)):
            out[f"{name}_{scheme}"] = v.astype(np.float32)
    out |= {"interference": total.interference, "square": total.square, "double": total.double, "sm": np.array(total.sm)}
    np.savez_compressed(path, **out)  # type: ignore[arg-type]


def sensitivity(events: int = 1_600_000, seed: int = 77) -> dict[str, np.ndarray]:
    """Limit on a vector coupling for R < 1.15, gamma = 0.1, m = 3, 5, 10, 20, 40 GeV; other assumptions relative to the default."""
    m = np.array([3.0, 5.0, 10.0, 20.0, 40.0])
    cases = {
        "default": Setup(),
        "unpolarised": Setup(polarisation="unpolarised"),
        "rapidity gauss": Setup(rapidity="gauss"),
        "no rapidity": Setup(rapidity="none"),
        "p_T of Z 15 GeV": Setup(pt_scale=15.0),
        "no p_T > 5 GeV cut": Setup(pt_min=0.0),
    }
    out: dict[str, np.ndarray] = {}
    for name, setup in cases.items():
        a, b = (
            v[:, 0].sum(axis=0) for v in coefficients(spectra(generate(events, seed, setup), setup), setup, m, np.full_like(m, 0.1))
        )
        limit = np.sqrt((-a + np.sqrt(a * a + 4.0 * b * 0.15)) / (2.0 * b))
        out[name] = limit if name == "default" else limit / out["default"]
    return out


def main(argv: list[str]) -> None:
    """Without arguments: write the table.  "--sensitivity": what the simplifications do to the limit."""
    if argv == ["--sensitivity"]:
        for name, v in sensitivity().items():
            print(f"{name:20s}", np.round(v, 4))
        return
    if argv:
        raise SystemExit(f"make_z4mu: argument {argv[0]!r} (allowed: none, or --sensitivity)")
    path = Path(__file__).parent.parent / "data" / "z4mu.npz"
    for name, value in produce(path).items():
        print(f"{name}: {value:.6g}")
    print(f"{path}: {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
