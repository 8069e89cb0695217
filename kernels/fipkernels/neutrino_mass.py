r"""Type-I seesaw and the diagonalisation of a Majorana mass matrix (Takagi), arXiv:2103.13991 eq. (8).

Matrices are (3, 3, B) or (3, 3), complex or real, batch last; masses in any one unit.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from fipkernels.kinematics import sqrt_pos


def majorana_matrix(m_r, y_phi, v_phi, printed: bool = False):
    """Majorana matrix M = 2 (M_R + y_phi v_phi) of L = -(1/2) nubar^c M nu + h.c., from L = -nubar^c (M_R + y_phi Phi) nu (eq. 2).

    ``printed``: without the 2, as eq. (8) takes it.  y_phi, m_r symmetric.
    """
    total = m_r + y_phi * v_phi
    return total if printed else 2.0 * total


def texture(electron_tau, muon):
    """Symmetric (3, 3, B) matrix with the zeros that U(1)_(B - 3 L_mu) imposes: M_R from ``electron_tau``, y_Phi from ``muon``.

    electron_tau: entries (1,1), (1,3), (3,3); muon: (1,2), (2,3); (2,2) is zero.  Either may be None.
    """
    entries: dict[tuple[int, int], Any] = {}
    if electron_tau is not None:
        entries |= dict(zip([(0, 0), (0, 2), (2, 2)], electron_tau, strict=True))
    if muon is not None:
        entries |= dict(zip([(0, 1), (1, 2)], muon, strict=True))
    zero = jnp.zeros_like(jnp.asarray(next(iter(entries.values()))))
    return jnp.stack([jnp.stack([entries.get((min(i, j), max(i, j)), zero) for j in range(3)]) for i in range(3)])


def inverse(m):
    """Inverse of a 3 x 3 matrix by cofactors; (3, 3, ...).  Infinite for a singular matrix."""
    minor = lambda i, j: (  # noqa: E731
        m[(i + 1) % 3, (j + 1) % 3] * m[(i + 2) % 3, (j + 2) % 3] - m[(i + 1) % 3, (j + 2) % 3] * m[(i + 2) % 3, (j + 1) % 3]
    )
    adjugate = jnp.stack([jnp.stack([minor(j, i) for j in range(3)]) for i in range(3)])
    return adjugate / (m[0, 0] * adjugate[0, 0] + m[0, 1] * adjugate[1, 0] + m[0, 2] * adjugate[2, 0])


def seesaw(y_nu, majorana, v=174.1):
    """Light mass matrix m_nu = -v^2 y_nu M^-1 y_nu^T, (3, 3, B), of L = -(1/2) nubar m_nu nu^c + h.c.; y_nu (3, 3, B), v = <H>.

    Leading order in v y_nu/M (next: relative v^2 y^2/M^2, 1e-10 for TeV masses).  In the unit of v and M, GeV.
    """
    return -v * v * jnp.einsum("ij...,jk...,lk...->il...", y_nu, inverse(majorana), y_nu)


def light_neutrinos(y_nu, majorana, v=174.1, order: str = "normal"):
    """Masses (3, B) and mixing matrix U (3, 3, B), nu_flavour = U nu_mass, of the seesaw; charged leptons diagonal."""
    # -(1/2) nubar m nu^c + h.c. = -(1/2) nu^T conj(m) nu + h.c.
    return takagi(jnp.conj(seesaw(y_nu, majorana, v)), order)


def seesaw_yukawa(m_nu, heavy, v=174.1):
    """|y_nu| of one generation for a light mass m_nu and a Majorana mass ``heavy``: sqrt(m_nu M)/v; one common unit."""
    return jnp.sqrt(m_nu * heavy) / v


def _vectors(m):
    """(masses descending, columns u with u^T m u = diag) of a symmetric complex (..., 3, 3) matrix."""
    a, b = jnp.real(m), jnp.imag(m)
    # conj(m u) = sigma u in real form: eigenvalues +-sigma, orthonormal also where masses coincide
    real = jnp.concatenate([jnp.concatenate([a, -b], -1), jnp.concatenate([-b, -a], -1)], -2)
    _, vec = jnp.linalg.eigh(real)
    u = vec[..., :3, ::-1] + 1j * vec[..., 3:, ::-1]
    first, second = u[..., :, 0], u[..., :, 1]
    first = first / jnp.linalg.norm(first, axis=-1, keepdims=True)
    second = second - first * jnp.sum(jnp.conj(first) * second, -1, keepdims=True)
    second = second / jnp.linalg.norm(second, axis=-1, keepdims=True)
    # orthogonal to both: also where the smallest mass vanishes and its two real eigenvectors mix
    third = jnp.conj(jnp.cross(first, second))
    phase = jnp.einsum("...i,...ij,...j->...", third, m, third)
    size = jnp.abs(phase)
    unit = jnp.where(size > 0.0, phase / jnp.where(size > 0.0, size, 1.0), 1.0)
    third = third * jnp.conj(jnp.sqrt(unit))[..., None]
    u = jnp.stack([first, second, third], axis=-1)
    masses = jnp.real(jnp.einsum("...ia,...ij,...ja->...a", u, m, u))
    return jnp.maximum(masses, 0.0), u


@jax.custom_jvp
def _takagi(m):
    return _vectors(m)


@_takagi.defjvp
def _takagi_jvp(primals, tangents):
    (m,), (dm,) = primals, tangents
    s, u = _takagi(m)
    a = jnp.einsum("...ia,...ij,...jb->...ab", u, dm, u)
    ds = jnp.real(jnp.diagonal(a, axis1=-2, axis2=-1))
    # dU = U X with X antihermitian, X^T Sigma + Sigma X + A = d Sigma
    tiny = jnp.finfo(s.dtype).eps * s[..., :1, None]

    def over(x):
        # rotations inside a degenerate space are a choice: none
        small = jnp.abs(x) <= 8.0 * tiny
        return jnp.where(small, 0.0, 1.0 / jnp.where(small, 1.0, x))

    minus, plus = s[..., None, :] - s[..., :, None], s[..., None, :] + s[..., :, None]
    x = jnp.real(a) * over(minus) - 1j * jnp.imag(a) * over(plus)
    return (s, u), (ds, jnp.einsum("...ij,...jk->...ik", u, x))


def takagi(m, order: str = "normal"):
    """Takagi factorisation U^T m U = diag(masses) of a symmetric matrix: masses (3, B) >= 0 and unitary U (3, 3, B).

    Differentiable; for coinciding masses the derivatives of U leave out rotations inside the degenerate space, which are
    arbitrary, and those of the masses are along the basis that was found.  With two or three massless states U is unitary but
    arbitrary in their space.  order: "normal" (ascending) or "inverted" (columns 1, 2 the heavier pair, as 3 < 1 < 2).
    Accuracy: rounding relative to the largest mass.
    """
    m = jnp.asarray(m)
    m = m + 0j if not jnp.iscomplexobj(m) else m
    m = jnp.moveaxis(0.5 * (m + jnp.swapaxes(m, 0, 1)), (0, 1), (-2, -1))
    s, u = _takagi(m)
    index = {"normal": [2, 1, 0], "inverted": [1, 0, 2]}[order]
    pick = jnp.array(index)
    return jnp.moveaxis(s[..., pick], -1, 0), jnp.moveaxis(u[..., pick], (-2, -1), (0, 1))


def _arg(z):
    """Phase of z; 0 with zero derivative at z = 0."""
    zero = (jnp.real(z) == 0.0) & (jnp.imag(z) == 0.0)
    return jnp.arctan2(jnp.where(zero, 0.0, jnp.imag(z)), jnp.where(zero, 1.0, jnp.real(z)))


def mixing_parameters(u):
    """Angles and phases (rad) of a unitary matrix (3, 3, B): dict theta12, theta13, theta23, delta, alpha21, alpha31, jarlskog.

    PDG convention: U = (rotations with delta) diag(1, exp(i alpha21/2), exp(i alpha31/2)) up to phases of the charged leptons.
    Angles in [0, pi/2], delta and alphas in (-pi, pi].  With a vanishing angle delta is not defined and comes out as 0 or pi.
    """
    p = jnp.real(u * jnp.conj(u))
    s13 = sqrt_pos(p[0, 2])
    c13 = sqrt_pos(p[0, 0] + p[0, 1])
    angle = lambda a, b: jnp.arctan2(sqrt_pos(a), jnp.where((a == 0.0) & (b == 0.0), 1.0, sqrt_pos(b)))  # noqa: E731
    quartet = u[0, 0] * u[1, 2] * jnp.conj(u[0, 2]) * jnp.conj(u[1, 0])
    # = -c12 s12 c23 s23 s13 c13^2 exp(i delta) - |Ue1 Umu3 Ue3|^2/c13^2
    safe = jnp.where(c13 > 0.0, c13, 1.0)
    delta = _arg(-quartet - p[0, 0] * p[1, 2] * p[0, 2] / safe**2)
    wrap = lambda x: jnp.pi - jnp.mod(jnp.pi - x, 2.0 * jnp.pi)  # noqa: E731
    return {
        "theta12": angle(p[0, 1], p[0, 0]),
        "theta13": jnp.arctan2(s13, c13),
        "theta23": angle(p[1, 2], p[2, 2]),
        "delta": delta,
        "alpha21": wrap(2.0 * _arg(u[0, 1] * jnp.conj(u[0, 0]))),
        "alpha31": wrap(2.0 * (_arg(u[0, 2] * jnp.conj(u[0, 0])) + delta)),
        "jarlskog": jnp.imag(u[0, 0] * u[1, 1] * jnp.conj(u[0, 1]) * jnp.conj(u[1, 0])),
    }


def pmns(theta12, theta13, theta23, delta, alpha21=0.0, alpha31=0.0):
    """The matrix with these angles and phases (rad, scalars or (B,)), PDG convention; (3, 3, ...)."""
    parts = jnp.broadcast_arrays(*(jnp.asarray(v, dtype=float) for v in (theta12, theta13, theta23, delta, alpha21, alpha31)))
    t12, t13, t23, d, a, b = parts
    s12, c12, s13, c13, s23, c23 = jnp.sin(t12), jnp.cos(t12), jnp.sin(t13), jnp.cos(t13), jnp.sin(t23), jnp.cos(t23)
    e = jnp.exp(1j * d)
    rows = [
        [c12 * c13 + 0j, s12 * c13 + 0j, s13 * jnp.conj(e)],
        [-s12 * c23 - c12 * s23 * s13 * e, c12 * c23 - s12 * s23 * s13 * e, s23 * c13 + 0j],
        [s12 * s23 - c12 * c23 * s13 * e, -c12 * s23 - s12 * c23 * s13 * e, c23 * c13 + 0j],
    ]
    phases = [jnp.ones_like(e), jnp.exp(0.5j * a), jnp.exp(0.5j * b)]
    return jnp.stack([jnp.stack([x * f for x, f in zip(row, phases, strict=True)]) for row in rows])


def effective_mass(m_nu):
    """|m_ee| of neutrinoless double beta decay: |(1,1) entry| for diagonal charged leptons."""
    z = m_nu[0, 0]
    return sqrt_pos(jnp.real(z * jnp.conj(z)))
