r"""Kaons and a light vector with an s-d coupling: K+ -> pi+ V, K_L -> pi0 V, K -> pi nu nubar, DeltaM_K.

L = V_mu [dbar gamma^mu g P_L s + h.c.], g real or complex; a right-handed coupling adds, g -> g_L + g_R.  Masses in GeV,
elementwise.  K -> pi V is two-body, V on shell: a V much narrower than the missing-mass resolution interferes with the standard
model's K -> pi nu nubar only within its width, so rates add.  Phases as in the PDG form of the CKM matrix, where K_L is odd under
CP up to epsilon_K = 2e-3, whose indirect contribution is left out.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels import b_to_v, mixing

# PDG, GeV; lifetimes in GeV^-1
M_KP, M_K0, M_PIP, M_PI0 = 0.493677, 0.497611, 0.13957039, 0.1349768
_HBAR = 6.582119569e-25
TAU_KP, TAU_KL = 1.238e-8 / _HBAR, 5.116e-8 / _HBAR
# f_+(0) of K0 -> pi-, FLAG 2021 (N_f = 2 + 1 + 1); pole form, slope 0.0256 per m_pi^2 of K_l3 data, arXiv:2210.15662 eq. (A.9)
F_PLUS, SLOPE = 0.9698, 0.32
# K_L -> pi0 over K+ -> pi+ from pi0-eta mixing, Phys. Rev. D53 (1996) R1, eq. (A.10) there
ISOSPIN = 1.0 / 1.0231


def f_plus(q2, m_k, f_0=F_PLUS, slope=SLOPE):
    """f_+(q^2) = f_+(0)/(1 - slope q^2/m_K^2); held at its value at m_K^2 above.

    q2 <= m_K^2 in GeV^2.  arXiv:2210.15662 prints f_+(0) = 0.57 and a momentum for the slope in eqs. (A.6), (A.7): not used.
    """
    z = q2 / (m_k * m_k)
    return f_0 / (1.0 - slope * jnp.where(z < 1.0, z, 1.0))


def charged_width(m_v, g, m_k=M_KP, m_pi=M_PIP, f_0=F_PLUS, slope=SLOPE):
    """Gamma(K+ -> pi+ V) = |g|^2 f_+^2 p^3/(8 pi m_V^2) in GeV, arXiv:2210.15662 eq. (4.10) for kaons; g at q^2 = m_v^2.

    Exactly 0 with zero derivatives for m_v >= m_k - m_pi; grows as 1/m_v^2 (longitudinal V).
    """
    s = jnp.asarray(m_v) ** 2
    return b_to_v.width_k(s, g, m_k, m_pi, f_plus(s, m_k, f_0, slope))


def neutral_width(m_v, g, m_k=M_K0, m_pi=M_PI0, f_0=F_PLUS * ISOSPIN, slope=SLOPE):
    """Gamma(K_L -> pi0 V) in GeV: as charged_width with Im g for |g|, CP violation in the decay alone.

    Hence BR(K_L) <= (tau_L/tau_+) BR(K+) times isospin breaking, the bound of Grossman and Nir (hep-ph/9701313).
    """
    return charged_width(m_v, jnp.imag(jnp.asarray(g) + 0.0j), m_k, m_pi, f_0, slope)


def grossman_nir(br_charged):
    """Upper limit on BR(K_L -> pi0 V) from BR(K+ -> pi+ V): 4.3 times it."""
    return 4.3 * br_charged


def standard_model_nunu(lambda_c, lambda_t, v_us, x_t=1.481, p_c=0.404):
    """BR(K+ -> pi+ nu nubar) and BR(K_L -> pi0 nu nubar) of the standard model, arXiv:1503.02693.

    lambda_i = V_is^* V_id, v_us = |V_us|; X(x_t) and P_c(X) of that paper.  Good to 4 % beside the CKM matrix.
    """
    scale = (v_us / 0.225) ** 8
    v5 = v_us**5
    top_im = jnp.imag(lambda_t) / v5 * x_t
    real = jnp.real(lambda_c) / v_us * p_c + jnp.real(lambda_t) / v5 * x_t
    # isospin-breaking and electromagnetic factors in kappa, Delta_EM = -0.003
    charged = 5.173e-11 * scale * (1.0 - 0.003) * (top_im**2 + real**2)
    return charged, 2.231e-10 * scale * top_im**2


def delta_m(g, m_v, *, m_k=M_K0, f_k=0.1557, bag=0.717, m_s=0.093, chiral=None, smear=0.05):
    r"""Contribution of V to DeltaM_K = 2 Re M12 in GeV, local s-channel exchange at q^2 = m_K^2: an order of magnitude.

    g: polynomial (K, B), lowest power first; m_v (B,) in GeV.  For a constant g

        DeltaM = -g^2 f_K^2 B m_K/[3 (m_K^2 - m_V^2)] [1 - (5/8) r m_s^2/m_V^2]   (real part),

    arXiv:2210.15662 eq. (4.24) with the opposite sign: the printed one belongs to exchange at small or space-like q^2, and which of
    them describes a light V, whose exchange is not local on the scale of the kaon, is not settled.  Neither is the matrix element
    (no short distances below 1 GeV).  Use the magnitude.  bag: the same for all operators.
    chiral: r, (m_K/(m_s + m_d))^2 by default; 1 as printed.  smear: least width in GeV, which hides the pole at m_K (an artefact:
    spin 1 does not couple to the vacuum quantum numbers of K0 -> K0bar there).
    """
    m_d = 0.0047  # PDG, 2 GeV
    r = (m_k / (m_s + m_d)) ** 2 if chiral is None else chiral
    # matrix_elements takes the chiral factor from quark masses
    me = mixing.matrix_elements(m_k, f_k, (bag,) * 5, m_k / math.sqrt(r), 0.0)
    width = jnp.full_like(m_v, smear)
    m12, _ = mixing.light_vector(jnp.asarray(g) + 0.0j, None, m_v, width, m=m_k, m_b=m_s, m_q=0.0, me=me)
    return 2.0 * jnp.real(m12)
