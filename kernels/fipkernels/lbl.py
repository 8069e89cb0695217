r"""Lambda_b -> Lambda(-> p pi) l+ l- of unpolarised Lambda_b: transversity amplitudes and the angular coefficients K.

Amplitudes and angular distribution: arXiv:1410.2115 (Boer, Feldmann, van Dyk); form factors: helicity basis of 1111.1844 in
the z-expansion of arXiv:1602.01399 (Detmold, Meinel).  With s+- = (m_Lb +- m_L)^2 - q^2, everything per unit of N = 4 G_F/sqrt2
lambda_t alpha_e/(4 pi), upper sign for left-handed leptons (L), lower for right-handed (R) (1410.2115 eqs. 3.12 to 3.16):

    A_perp1 = -2 sqrt(s-) [fVperp (c9 + C9' -+ (C10 + C10')) + (2 m_b/q^2)(m_Lb + m_L) fTperp (c7 + c7')],
    A_par1 = 2 sqrt(s+) [fAperp (c9 - C9' -+ (C10 - C10')) + (2 m_b/q^2)(m_Lb - m_L) fT5perp (c7 - c7')],
    A_perp0 = sqrt(2 s-/q^2) [(m_Lb + m_L) fV0 (c9 + C9' -+ (C10 + C10')) + 2 m_b fT0 (c7 + c7')],
    A_par0 = -sqrt(2 s+/q^2) [(m_Lb - m_L) fA0 (c9 - C9' -+ (C10 - C10')) + 2 m_b fT50 (c7 - c7')],

    d^3Gamma/(dq^2 dcos(theta_l) dcos(theta_L)) = 3/4 [K1ss sin^2 + K1cc cos^2 + K1c cos
                                                       + alpha (K2ss sin^2 + K2cc cos^2 + K2c cos) cos(theta_L)],

functions of theta_l where not marked, integrated over the azimuth.  theta_l is the angle between l- and Lambda_b in the rest frame
of the lepton pair, theta_L that between the proton and the flight direction of the Lambda; alpha, the asymmetry parameter of
Lambda -> p pi-, is part of the K2 of the paper and not of those here.

Approximations: massless leptons (the mass enters as the threshold q^2 = 4 m_l^2 only, so not for tau), no (pseudo)scalar or tensor
operators, no spectator scattering, no charm resonances; valid for 4 m_l^2 << q^2 < (m_Lb - m_L)^2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from fipkernels.form_factors import z_variable
from fipkernels.kinematics import sqrt_pos
from fipkernels.quadratic import Process

# order of the amplitudes; L and R: chirality of the leptons
PERP1_L, PAR1_L, PERP0_L, PAR0_L, PERP1_R, PAR1_R, PERP0_R, PAR0_R = range(8)
ANGULAR = ("K1ss", "K1cc", "K1c", "K2ss", "K2cc", "K2c")

# masses of the lightest b-s states with J^P = 1-, 1+ in GeV, as fixed in arXiv:1602.01399
_M_1MINUS, _M_1PLUS = 5.416, 5.750


class FormFactors(NamedTuple):
    """Helicity form factors f^V_perp, f^V_0, f^A_perp, f^A_0, f^T_perp, f^T_0, f^T5_perp, f^T5_0, each (P, n).

    In the notation of 1602.01399: f_perp, f_+, g_perp, g_+, h_perp, h_+, h~_perp, h~_+.
    """

    v_perp: Any
    v_0: Any
    a_perp: Any
    a_0: Any
    t_perp: Any
    t_0: Any
    t5_perp: Any
    t5_0: Any


def form_factors(q2, a: Mapping[str, Any], *, m_lambda_b, m_lambda, m_b, m_k, terms: int) -> FormFactors:
    r"""f(q^2) = [1 - q^2/m_pole^2]^-1 sum_{k < terms} a_k z(q^2)^k, the physical limit of the fits of arXiv:1602.01399.

    a: mapping 'a0_fV0', 'a1_fV0', ... for fV0, fVperp, fA0, fAperp, fT0, fTperp, fT50, fT5perp, without 'a0_fAperp' and
    'a0_fT5perp': the relations at q^2_max (z = 0), fAperp = fA0 and fT5perp = fT50, fix them (eqs. 7, 8).
    t0 = (m_lambda_b - m_lambda)^2, t+ = (m_b + m_k)^2, with m_b, m_k the masses of B+ and K+; all masses in GeV.
    terms: 2 for the nominal fit, 3 for the higher-order fit.  q2 in GeV^2, 0 <= q2 < 5.416^2.
    """
    z = z_variable(q2, (m_b + m_k) ** 2, (m_lambda_b - m_lambda) ** 2)

    def expand(name, leading, m_pole):
        poly = 0.0 * q2
        for k in range(terms - 1, 0, -1):
            poly = (poly + a[f"a{k}_{name}"]) * z
        return (poly + a[f"a0_{leading}"]) / (1.0 - q2 / m_pole**2)

    return FormFactors(
        v_perp=expand("fVperp", "fVperp", _M_1MINUS),
        v_0=expand("fV0", "fV0", _M_1MINUS),
        a_perp=expand("fAperp", "fA0", _M_1PLUS),
        a_0=expand("fA0", "fA0", _M_1PLUS),
        t_perp=expand("fTperp", "fTperp", _M_1MINUS),
        t_0=expand("fT0", "fT0", _M_1MINUS),
        t5_perp=expand("fT5perp", "fT50", _M_1PLUS),
        t5_0=expand("fT50", "fT50", _M_1PLUS),
    )


def subleading(q2, a: Sequence[Any], b: Sequence[Any], c: Sequence[Any]):
    """Shifts (of c7, of c9) per amplitude that stand for neglected hadronic effects.

    delta c7 = a + b q^2 for q^2 <= 9 GeV^2, delta c9 = c for q^2 > 14 GeV^2, no shift elsewhere.
    a, b, c: four scalars each (complex, b in GeV^-2) in the order perp1, par1, perp0, par0; q2 (P, n) in GeV^2.
    """
    low, high = q2 <= 9.0, q2 > 14.0
    shift7 = tuple(jnp.where(low, a_i + b_i * q2, 0.0) for a_i, b_i in zip(a, b, strict=True))
    shift9 = tuple(jnp.where(high, c_i, 0.0) for c_i in c)
    return shift7, shift9


def _forms(coef):
    """Forms of dGamma and of the K (eqs. 3.29-3.32 of 1410.2115); coef turns |A|^2 into the integrand over dq."""
    one_l, one_r, zero_l, zero_r = (PERP1_L, PAR1_L), (PERP1_R, PAR1_R), (PERP0_L, PAR0_L), (PERP0_R, PAR0_R)

    def squares(amplitudes, weight):
        return tuple((i, i, coef, weight) for i in amplitudes)

    return {
        "rate": squares(range(8), 1.0),
        "K1ss": squares(one_l + one_r, 0.25) + squares(zero_l + zero_r, 0.5),
        "K1cc": squares(one_l + one_r, 0.5),
        "K1c": ((*one_l, coef, 1.0), (*one_r, coef, -1.0)),
        "K2ss": ((*one_l, coef, 0.5), (*one_r, coef, 0.5), (*zero_l, coef, 1.0), (*zero_r, coef, 1.0)),
        "K2cc": ((*one_l, coef, 1.0), (*one_r, coef, 1.0)),
        "K2c": squares(one_l, 0.5) + squares(one_r, -0.5),
    }


def process(
    q, *, m_lambda_b, m_lambda, m_l, n_abs, c7, c7_bar, c9, c9_bar, c7p, c10, m_b_run, ff: FormFactors,
    shift7=None, shift9=None,
) -> Process:  # fmt: skip
    r"""Transversity amplitudes on nodes q (P, n) in GeV, and the forms of dGamma and of the angular coefficients.

    m_lambda_b, m_lambda, m_l: masses in GeV; n_abs: |N| in GeV^-2; c7, c9 (and CP conjugates): (P, n) complex, without C7';
    c7p, c10: SM coefficients; m_b_run: MS-bar b mass at their scale, GeV.
    shift7, shift9: optional additions to c7 and c9 in the amplitudes perp1, par1, perp0, par0 (four arrays (P, n) or scalars each,
    see :func:`subleading`); their phases are strong, so the CP conjugate has the same.

    Operators: "7", "7p", "9", "9p", "10", "10p".
    Forms (integrands over dq, GeV): "rate" = dGamma = 2 K1ss + K1cc and the K in :data:`ANGULAR`, K2 without the factor alpha.
    F_L = (2 K1ss - K1cc)/dGamma; A_FB of leptons, hadrons and both: 3/2 K1c, alpha (K2ss + K2cc/2), 3/4 alpha K2c over dGamma.  In
    the CP-conjugate decay alpha is minus the parameter of anti-Lambda, and theta_l belongs to l+.
    Zero outside the physical region, for any finite c7, c9 and form factors.
    """
    ok = (q > 2.0 * m_l) & (q < m_lambda_b - m_lambda)
    # outside, amplitudes are evaluated at a point where they exist and multiplied by zero
    q2 = jnp.where(ok, q * q, 1.0)
    plus, minus = m_lambda_b + m_lambda, m_lambda_b - m_lambda
    root_plus = sqrt_pos(plus * plus - q2)
    root_minus = jnp.where(ok, sqrt_pos(minus * minus - q2), 0.0)
    dipole = 2.0 * m_b_run / q2
    long_plus, long_minus = math.sqrt(2.0) * root_plus / jnp.sqrt(q2), math.sqrt(2.0) * root_minus / jnp.sqrt(q2)
    # (coefficient of the vector and axial currents, of the dipole, sign of the primed operators): perp1, par1, perp0, par0
    current = (
        (-2.0 * root_minus * ff.v_perp, -2.0 * root_minus * dipole * plus * ff.t_perp, 1.0),
        (2.0 * root_plus * ff.a_perp, 2.0 * root_plus * dipole * minus * ff.t5_perp, -1.0),
        (long_minus * plus * ff.v_0, long_minus * dipole * q2 * ff.t_0, 1.0),
        (-long_plus * minus * ff.a_0, -long_plus * dipole * q2 * ff.t5_0, -1.0),
    )

    def sm(c7, c9):
        out = []
        for chirality in (-1.0, 1.0):
            for i, (k9, k7, sign) in enumerate(current):
                c7_i = c7 if shift7 is None else c7 + shift7[i]
                c9_i = c9 if shift9 is None else c9 + shift9[i]
                out.append(k9 * (c9_i + chirality * c10) + k7 * (c7_i + sign * c7p) + 0.0j)
        return jnp.stack(out)

    k9, k7 = jnp.stack([k for k, _, _ in current]), jnp.stack([k for _, k, _ in current])
    u = {"7": jnp.concatenate([k7, k7]), "9": jnp.concatenate([k9, k9]), "10": jnp.concatenate([-k9, k9])}
    primed = jnp.array([sign for _, _, sign in current] * 2).reshape((8,) + (1,) * q.ndim)
    u |= {op + "p": primed * x for op, x in u.items()}
    # N of 1410.2115 over the N used here, squared: q^2 sqrt(lambda)/(3072 pi^3 m_Lb^3); dq^2 = 2 q dq
    coef = jnp.where(ok, 2.0 * q * n_abs**2 * q2 * root_plus * root_minus / (3072.0 * math.pi**3 * m_lambda_b**3), 0.0)
    return Process(sm(c7, c9), sm(c7_bar, c9_bar), u, _forms(coef))
