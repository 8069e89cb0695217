r"""Z -> l- l+ l- l+ with photon, Z and light-vector exchange at tree level, massless leptons.

Momenta p have shape (4, 4, B): leg (l-, l+, l-, l+), component (E, x, y, z), point.  A neutral boson X with couplings g to the
lepton's chirality and propagator 1/D(s) is emitted from one lepton line and produces the other: the amplitude of the lepton pair
t that X turns into is C_t T_t^mu, with C_t = g_Z g_X g_X'/D(s_t) summed over X and T_t^mu free of couplings.  With both lines of
one chirality there are four such pairs, (l1 l2), (l3 l4), (l1 l4), (l3 l2), the last two with the minus sign of identical
leptons; with opposite chiralities two.

|amplitude|^2 summed over the Z polarisations is 4 sum_tt' Re(C_t C_t'^*) Re G_tt', G_tt' = -T_t.T_t'^* (up to terms odd under
parity, which vanish in any integral over symmetric cuts), so four Gram matrices hold all of the physics and any coupling is
a matter of propagators.  Chirality RR has the Gram matrix of LL.

Rates within cuts need a Monte Carlo; its result is a :class:`Table` over the mass and width of V, from which :func:`relative_rate`
takes any couplings.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

# legs (bra, ket) of the pair that X turns into, and of the line that couples to the external Z
PAIRS = ((0, 1), (2, 3), (0, 3), (2, 1))


def spinors(p):
    """Two-component spinors (4, 2, B) of light-like momenta (4, 4, B): lambda lambda^dagger = E + sigma.p; not along -z."""
    # E + p_z without its cancellation
    backward = p[:, 3] < 0.0
    apart = jnp.where(backward, p[:, 0] - p[:, 3], 1.0)
    plus = jnp.where(backward, (p[:, 1] ** 2 + p[:, 2] ** 2) / apart, p[:, 0] + p[:, 3])
    root = jnp.sqrt(plus)
    return jnp.stack([root + 0.0j, (p[:, 1] + 1j * p[:, 2]) / root], axis=1)


def _vector(row, column):
    """Cartesian components (4, B) of <i|gamma^mu|j] for spinors (2, B)."""
    c = jnp.conj(column)
    m00, m01, m10, m11 = row[0] * c[0], row[0] * c[1], row[1] * c[0], row[1] * c[1]
    return jnp.stack([m00 + m11, m01 + m10, 1j * (m01 - m10), m00 - m11])


def exchange(p, lam, a, b, c, d):
    """T^mu (4, B) in GeV^0 for the line <a| ... |b] that couples to Z and emits X -> <c| ... |d]; lam from `spinors`.

    From the identity <a|gamma^r|b] <c|gamma_r|d] = 2 <ac>[db], with that factor 2 left out.  Satisfies P_mu T^mu = 0.
    """

    def angle(i, j):
        return lam[i, 0] * lam[j, 1] - lam[i, 1] * lam[j, 0]

    def square(i, j):
        return jnp.conj(angle(j, i))

    def mass2(*legs):
        q = sum(p[i] for i in legs)
        return q[0] ** 2 - q[1] ** 2 - q[2] ** 2 - q[3] ** 2

    straight = _vector(lam[a], lam[b])
    first = angle(a, c) * (square(d, a) * straight + square(d, c) * _vector(lam[c], lam[b])) / mass2(a, c, d)
    second = square(d, b) * (angle(b, c) * straight + angle(d, c) * _vector(lam[a], lam[d])) / mass2(b, c, d)
    return first - second


def currents(p):
    """Coupling-free amplitudes: equal chiralities (4, 4, B), pairs as in PAIRS; opposite ones (2, 4, B), pairs 0 (L) and 1 (R).

    Axes: pair t, Lorentz component, point.
    """
    lam = spinors(p)
    same = jnp.stack(
        [
            exchange(p, lam, 2, 3, 0, 1),
            exchange(p, lam, 0, 1, 2, 3),
            -exchange(p, lam, 2, 1, 0, 3),
            -exchange(p, lam, 0, 3, 2, 1),
        ]
    )
    # line (l1 l2) left-handed, line (l3 l4) right-handed: read backwards, where two vertices change sign and one does not
    mixed = jnp.stack([-exchange(p, lam, 3, 2, 0, 1), exchange(p, lam, 0, 1, 3, 2)])
    return same, mixed


def gram(t, polarisation: str = "unpolarised"):
    """Real Gram matrices (T, T, B) of currents (T, 4, B), summed over three polarisations of Z at rest.

    "unpolarised", or "transverse" to the z axis (as produced by a quark pair along it), normalised to three all the same.
    """
    if polarisation == "unpolarised":
        parts: tuple[int, ...] = (1, 2, 3)
        factor = 1.0
    elif polarisation == "transverse":
        parts, factor = (1, 2), 1.5
    else:
        raise ValueError(f"polarisation {polarisation!r} (allowed: 'unpolarised', 'transverse')")
    # P.T = 0 with Z at rest: the time component vanishes
    return factor * sum(jnp.real(t[:, None, i] * jnp.conj(t[None, :, i])) for i in parts)


def pair_mass2(p):
    """Squared masses (4, B) of the pairs in PAIRS."""

    def dot(i, j):
        return p[i, 0] * p[j, 0] - p[i, 1] * p[j, 1] - p[i, 2] * p[j, 2] - p[i, 3] * p[j, 3]

    return jnp.stack([2.0 * dot(i, j) for i, j in PAIRS])


# ---- phase space: 8 channels, Z -> l + (k + (i j)) with (i j) one of PAIRS and k, l the others in either order
def _channels():
    out = []
    for i, j in PAIRS:
        k, l = (x for x in range(4) if x not in (i, j))
        out += [(i, j, k, l), (i, j, l, k)]
    return tuple(out)


CHANNELS = _channels()


def _two_body(s, s1, s2, cos, phi):
    """Momenta (4, B) of two bodies of squared masses s1, s2 in the rest frame of s."""
    root = jnp.sqrt(s)
    e1 = 0.5 * (s + s1 - s2) / root
    k = jnp.sqrt(jnp.maximum(e1 * e1 - s1, 0.0))
    sin = jnp.sqrt(jnp.maximum(1.0 - cos * cos, 0.0))
    x, y, z = k * sin * jnp.cos(phi), k * sin * jnp.sin(phi), k * cos
    return jnp.stack([e1, x, y, z]), jnp.stack([root - e1, -x, -y, -z])


def boost(p, frame):
    """Momenta p (4, B) given in the rest frame of ``frame`` (4, B), seen in the frame in which ``frame`` is given."""
    m = jnp.sqrt(frame[0] ** 2 - frame[1] ** 2 - frame[2] ** 2 - frame[3] ** 2)
    along = frame[1] * p[1] + frame[2] * p[2] + frame[3] * p[3]
    e = (frame[0] * p[0] + along) / m
    f = (p[0] + e) / (frame[0] + m)
    return jnp.stack([e, p[1] + f * frame[1], p[2] + f * frame[2], p[3] + f * frame[3]])


def _split(s_low, m, u, which):
    """Squared mass in (s_low, m^2), log-flat (which < 1/2) or flat in the mass."""
    lo, hi = math.sqrt(s_low), m
    q = jnp.where(which < 0.5, lo * jnp.exp(u * math.log(hi / lo)), lo + u * (hi - lo))
    return q * q


def phase_space(u, m, s_low):
    """Momenta (4, 4, B) of Z at rest -> (i, j, k, l) in the order of a channel, from uniform numbers u (9, B).

    m: Z mass in GeV; s_low: smallest squared mass of the pair (i j).  u: choice, pair mass, triple mass, three pairs of angles.
    """
    s2 = _split(s_low, m, u[1], u[0])
    s3 = s2 * jnp.exp(u[2] * jnp.log(m * m / s2))
    zero = jnp.zeros_like(s2)
    c, f = 2.0 * u[3::2] - 1.0, 2.0 * math.pi * u[4::2]
    triple, last = _two_body(m * m + zero, s3, zero, c[0], f[0])
    pair, third = _two_body(s3, s2, zero, c[1], f[1])
    one, two = _two_body(s2, zero, zero, c[2], f[2])
    pair, third = boost(pair, triple), boost(third, triple)
    return jnp.stack([boost(one, pair), boost(two, pair), third, last])


def phase_space_density(p, m, s_low):
    """Density (B,) of `phase_space`, all CHANNELS taken equally often, with respect to four-body phase space at the momenta p.

    Phase space: product of d^3p/((2 pi)^3 2E) times (2 pi)^4 delta^4, of total massless volume m^4/(24576 pi^5).
    """
    total = jnp.zeros_like(p[0, 0])
    for i, j, k, _ in CHANNELS:
        q2 = p[i] + p[j]
        q3 = q2 + p[k]
        s2 = q2[0] ** 2 - q2[1] ** 2 - q2[2] ** 2 - q2[3] ** 2
        s3 = q3[0] ** 2 - q3[1] ** 2 - q3[2] ** 2 - q3[3] ** 2
        inside = s2 > s_low
        s2 = jnp.where(inside, s2, s_low)
        root, lo = jnp.sqrt(s2), math.sqrt(s_low)
        # dq/ds = 1/(2 q)
        pair = 0.5 * (1.0 / (s2 * 2.0 * math.log(m / lo)) + 1.0 / (2.0 * root * (m - lo)))
        triple = 1.0 / (s3 * jnp.log(m * m / s2))
        bodies = (1.0 - s3 / (m * m)) * (1.0 - s2 / s3) / (8.0 * math.pi) ** 3 / (2.0 * math.pi) ** 2
        total = total + jnp.where(inside, pair * triple / bodies, 0.0)
    return total / len(CHANNELS)


# ---- tabulated rates
POWERS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_CONFIGURATIONS = 3
_N_LINEAR = 3 * _CONFIGURATIONS
_N_SQUARE = len(POWERS) * _CONFIGURATIONS


class Table(NamedTuple):
    """What :func:`relative_rate` needs: host (NumPy) arrays, made once by :func:`make_table`.

    log_m (M,), log_gamma (G,): knots, the second equidistant.  nodes (M G, 4 F): value, its slopes in both and the mixed one.
    on_shell (M, 2 F_square): gamma B at gamma -> 0 and its slope in log m.  m_scale: GeV, where V decouples.
    m_cut: GeV, a knot; pairs of smaller mass are cut away, so nothing is on shell below it.
    """

    log_m: np.ndarray
    log_gamma: np.ndarray
    nodes: np.ndarray
    on_shell: np.ndarray
    m_scale: float
    m_cut: float


def make_table(m, gamma, linear, square, on_shell, m_scale: float, m_cut: float) -> Table:
    """Table from A (9, M, G), gamma B (18, M, G) and its limit gamma -> 0 (18, M); m (M,) in GeV, gamma (G,), both ascending.

    Configurations (LL, RR, LR) outermost, then powers of q^2 (k for A, POWERS for B); gamma log-spaced.  Runs once, on the host.
    """
    x, y = np.log(m), np.log(gamma)
    heavy = 1.0 + (np.asarray(m) / m_scale) ** 2
    square, on_shell = square * (heavy**2)[:, None], on_shell * heavy**2
    value = np.concatenate([linear * heavy[:, None], square])
    dx = np.concatenate([np.gradient(value[:_N_LINEAR], x, axis=1, edge_order=2), _monotone_slopes(x, square)])
    dy = np.gradient(value, y, axis=2, edge_order=2)
    dxy = np.gradient(dx, y, axis=2, edge_order=2)
    nodes = np.stack([value, dx, dy, dxy]).transpose(2, 3, 0, 1).reshape(len(x) * len(y), -1)
    above = np.asarray(m) >= m_cut
    limit = np.where(above, on_shell, 0.0)
    slopes = np.zeros_like(limit)
    slopes[:, above] = _monotone_slopes(x[above], limit[:, above])
    both = np.stack([limit, slopes]).transpose(2, 0, 1).reshape(len(x), -1)
    return Table(x, y, np.ascontiguousarray(nodes), np.ascontiguousarray(both), float(m_scale), float(m_cut))


def _monotone_slopes(x, f):
    """Slopes (F, N, ...) of f along axis 1 at knots x (N,) with which a cubic does not overshoot (Fritsch and Butland 1984)."""
    h = np.diff(x).reshape((-1,) + (1,) * (f.ndim - 2))
    d = np.diff(f, axis=1) / h
    slopes = np.zeros_like(f)
    w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    left, right = d[:, :-1], d[:, 1:]
    rising = left * right > 0.0
    safe_l, safe_r = np.where(rising, left, 1.0), np.where(rising, right, 1.0)
    slopes[:, 1:-1] = np.where(rising, (w1 + w2) / (w1 / safe_l + w2 / safe_r), 0.0)
    slopes[:, 0], slopes[:, -1] = d[:, 0], d[:, -1]
    return slopes


def _hermite(t, h):
    """Weights of value and slope (times the step h) at the two ends of an interval, t in [0, 1]."""
    u = 1.0 - t
    return ((1.0 + 2.0 * t) * u * u, t * u * u * h), ((3.0 - 2.0 * t) * t * t, -u * t * t * h)


def coefficients(table: Table, m, gamma, highest: int = 2):
    """A (3, highest + 1, B) and gamma B (3, 1 or 6, B) of :func:`relative_rate` at m (B,) in GeV and gamma = Gamma/m (B,) > 0.

    Bicubic in (ln m, ln gamma).  Below the first mass, constant; above the last, A ~ 1/m^2 and B ~ 1/m^4.  Below the first gamma, A
    is constant and gamma B linear in gamma down to its limit, which has a step at m_cut; above the last (gamma = 1) constant.
    highest: largest power of q^2 wanted in a product of two couplings, 0 or 2.
    """
    m, gamma = jnp.broadcast_arrays(1.0 * jnp.asarray(m), 1.0 * jnp.asarray(gamma))
    n_x, n_y = len(table.log_m), len(table.log_gamma)
    powers = [n for n, pair in enumerate(POWERS) if max(pair) <= highest]
    first = [3 * c + k for c in range(_CONFIGURATIONS) for k in range(highest + 1)]
    second = [len(POWERS) * c + n for c in range(_CONFIGURATIONS) for n in powers]
    columns = np.array(first + [_N_LINEAR + n for n in second])
    # only what is needed: memory traffic decides the cost
    nodes = table.nodes.reshape(n_x * n_y, 4, -1)[:, :, columns].reshape(n_x * n_y, -1)
    limits = table.on_shell.reshape(n_x, 2, -1)[:, :, second].reshape(n_x, -1)
    x_grid, rows, edge = (jnp.asarray(v, m.dtype) for v in (table.log_m, nodes, limits))
    y0, step = float(table.log_gamma[0]), float(table.log_gamma[1] - table.log_gamma[0])
    x = jnp.clip(jnp.log(m), x_grid[0], x_grid[-1])
    y = jnp.clip((jnp.log(gamma) - y0) / step, 0.0, n_y - 1.0)
    i = jnp.clip(jnp.searchsorted(x_grid, x, side="right") - 1, 0, n_x - 2)
    j = jnp.clip(y.astype(jnp.int32), 0, n_y - 2)
    h = x_grid[i + 1] - x_grid[i]
    wx = _hermite((x - x_grid[i]) / h, h)
    wy = _hermite(y - j, step)
    n, n_sq = len(columns), len(second)
    value, limit = jnp.zeros((n, *m.shape), m.dtype), jnp.zeros((n_sq, *m.shape), m.dtype)
    for di in (0, 1):
        a, b = wx[di]
        r = jnp.moveaxis(edge[i + di], -1, 0)
        limit = limit + a * r[:n_sq] + b * r[n_sq:]
        for dj in (0, 1):
            c, d = wy[dj]
            r = jnp.moveaxis(rows[(i + di) * n_y + j + dj], -1, 0)
            value = value + a * c * r[:n] + b * c * r[n : 2 * n] + a * d * r[2 * n : 3 * n] + b * d * r[3 * n :]
    limit = jnp.where(m >= table.m_cut, limit, 0.0)
    heavy = 1.0 + (m / table.m_scale) ** 2
    linear = value[: len(first)] / heavy
    fraction = jnp.minimum(gamma * math.exp(-y0), 1.0)
    square = (limit + fraction * (value[len(first) :] - limit)) / (heavy * heavy)
    shape = (_CONFIGURATIONS, -1, *m.shape)
    return linear.reshape(shape), square.reshape(shape)


def _product(a, b):
    """Coefficients of 1, q^2, q^4 of the product of two polynomials of degree at most one, (K, B) each."""
    if max(a.shape[0], b.shape[0]) > 2:
        raise ValueError(f"couplings of degree {max(a.shape[0], b.shape[0]) - 1} in q^2 (allowed: 0 and 1)")
    zero = jnp.zeros_like(a[0] * b[0])
    a1, b1 = (p[1] if p.shape[0] > 1 else zero for p in (a, b))
    return a[0] * b[0] + zero, a[0] * b1 + a1 * b[0], a1 * b1


def relative_rate(table: Table, m, gamma, left, right):
    """Change of the rate relative to the standard model, R - 1 (B,), from V_mu lbar gamma^mu (g_L P_L + g_R P_R) l.

    m (B,) in GeV > 0, gamma = Gamma/m (B,) >= 0; left, right (K, B): real polynomials in q^2 (GeV^(-2k)), K = 1 or 2.
    R - 1 = sum_c [sum_k p_k A_k + sum_(k<=l) p_k p_l B_kl], p = g_L^2, g_R^2, g_L g_R for c = LL, RR, LR.  B ~ 1/gamma where V is
    on shell: with p^2/gamma this is the branching fraction of V.  gamma below 1e-15 counts as 1e-15.
    """
    gamma = jnp.maximum(gamma, 1e-15)
    highest = 0 if left.shape[0] == right.shape[0] == 1 else 2
    linear, square = coefficients(table, m, gamma, highest)
    products = [_product(left, left), _product(right, right), _product(left, right)]
    p = jnp.stack([jnp.stack(c[: highest + 1]) for c in products])
    first, second = zip(*(pair for pair in POWERS if max(pair) <= highest), strict=True)
    pp = p[:, jnp.array(first)] * p[:, jnp.array(second)]
    return jnp.sum(p * linear, axis=(0, 1)) + jnp.sum(pp * square, axis=(0, 1)) / gamma
