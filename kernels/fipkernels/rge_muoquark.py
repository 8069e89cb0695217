r"""One-loop renormalisation group of the muoquark model, arXiv:2103.13991: U(1)_X with X = B - 3 L_mu, leptoquarks S1 and S3.

Fields and charges (y hypercharge, x charge under X): q (1/6, 1/3), u (2/3, 1/3), d (-1/3, 1/3), l_2 (-1/2, -3), mu_R (-1, -3),
nu_muR (0, -3), H (1/2, 0), Phi (0, q_Phi), S1 and S3 (1/3, 8/3): colour antitriplets, SU(2) singlet and triplet.  Potential:

    V = m_H^2 |H|^2 + m_Phi^2 |Phi|^2 + M_1^2 |S1|^2 + M_3^2 |S3|^2 + lH |H|^4/2 + lPhi |Phi|^4/4 + lPhiH |Phi|^2 |H|^2
      + lPhi1 |Phi|^2 |S1|^2 + lPhi3 |Phi|^2 |S3|^2 + l1 |S1|^4/2 + lH1 |H|^2 |S1|^2 + lH3 |H|^2 |S3|^2
      + kH3 (H^+ s^I s^J H)(S3^I+ S3^J) + [kH13 (H^+ s^I H)(S1^+ S3^I) + h.c.] + l3 |S3|^4/2
      + k3 (S3^I+ S3^J)(S3^J+ S3^I)/2 + n3 (S3^I+ S3^J)(S3^I+ S3^J)/2 + l13 |S1|^2 |S3|^2 + k13 (S3^I+ S1)(S1^+ S3^I)
      + [n13 (S1^+ S3^I)(S1^+ S3^I) + h.c.] + [s13 i eps_IJK (S1^+ S3^I)(S3^J+ S3^K) + h.c.]

The last term is missing from the paper's eq. (5); kH3 kH13 and the Yukawa couplings generate it.  Yukawa couplings:

    -L = eta3_i qbar^c_i (i s2 s^I) l_2 S3^I + eta1L_i qbar^c_i (i s2) l_2 S1 + eta1R_i ubar^c_i mu_R S1 + etat_i dbar^c_i nu_muR S1
         + qbar y_u (i s2 H^*) u + qbar y_d H d + y_mu lbar_2 H mu_R + y_nu lbar_2 (i s2 H^*) nu_muR + h.c.

Gauge fields: L = -B^2/4 - X^2/4 + (eps/2) B X, covariant derivatives with gY y B + gX x X.  All couplings are real: complex phases
of kH13, n13, s13 are not covered, nor are the couplings y_Phi and those of the other leptons.  Right-handed neutrinos, Phi and X
take part at all scales: for mu above their masses.  Range of validity: one loop, couplings well below 4 pi, |eps| < 1.

Couplings travel in a dict with the keys ``GAUGE + YUKAWA + QUARTIC`` (and ``MASSES``, GeV^2): "y_u", "y_d" (3, 3, ...), "eta3",
"eta1L", "eta1R", "etat" (3, ...), all others (...), the batch last.  Checked against the one-loop effective potential with 30 real
scalars and the general formula for Yukawa couplings in tests/kernels/test_rge_muoquark.py.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

GAUGE = ("g3", "g2", "gY", "gX", "eps")
YUKAWA = ("y_u", "y_d", "y_mu", "y_nu", "eta3", "eta1L", "eta1R", "etat")
QUARTIC = (
    "lH", "lPhi", "lPhiH", "lPhi1", "lPhi3", "l1", "lH1", "lH3", "kH3", "kH13", "l3", "k3", "n3", "l13", "k13", "n13", "s13",
)  # fmt: skip
MASSES = ("mH2", "mPhi2", "M1_2", "M3_2")
LOOP = 16.0 * math.pi**2

# (y, x) of each field
CHARGES = {
    "q": (1 / 6, 1 / 3), "u": (2 / 3, 1 / 3), "d": (-1 / 3, 1 / 3), "l": (-1 / 2, -3.0), "e": (-1.0, -3.0), "nu": (0.0, -3.0),
    "H": (1 / 2, 0.0), "S": (1 / 3, 8 / 3),
}  # fmt: skip


def abelian_sums(q_phi: float = 3.0, s1: bool = True) -> tuple[float, float, float]:
    """(S_YY, S_YX, S_XX): sums of charge products that drive gY, eps and gX; ``s1`` False: the model without S1.

    2/3 per Weyl fermion, 1/3 per complex scalar, all three generations with right-handed neutrinos of which the muon's is charged.
    """
    return (131 / 18, 80 / 9, 496 / 9 + q_phi**2 / 3) if s1 else (43 / 6, 8.0, 48.0 + q_phi**2 / 3)


def charge_product(a, b, g_y, g_x, eps):
    """w_ab: product of the abelian charges a = (y, x) and b with couplings and the mixed propagator, elementwise.

    w = [y y' gY^2 + x x' gX^2 + eps gY gX (y x' + x y')]/(1 - eps^2); |eps| < 1.
    """
    (y1, x1), (y2, x2) = a, b
    mixed = y1 * x2 + x1 * y2
    return (y1 * y2 * g_y * g_y + x1 * x2 * g_x * g_x + mixed * eps * g_y * g_x) / (1.0 - eps * eps)


def beta_gauge(c, q_phi: float = 3.0, s1: bool = True):
    """16 pi^2 d/dln(mu) of g3, g2, gY, gX, eps.

    The paper's footnote 6 (model without S1) has 577 gX^2, which is right for q_Phi = 1/2; its q_Phi = 3 gives 612.
    """
    yy, yx, xx = abelian_sums(q_phi, s1)
    g3, g2, g_y, g_x, eps = (c[k] for k in GAUGE)
    # S1 and S3 are four colour triplets, S3 one SU(2) triplet per colour
    return {
        "g3": (-7.0 + (4 if s1 else 3) / 6) * g3**3,
        "g2": (-19 / 6 + 2.0) * g2**3,
        "gY": yy * g_y**3,
        "gX": xx * g_x**3,
        "eps": 2.0 * yx * g_y * g_x + eps * (yy * g_y * g_y + xx * g_x * g_x),
    }


# Weyl fermions and complex scalars: (number of copies, SU(3), SU(2) dimension, y, x); x of Phi is a parameter
FERMIONS = (
    (3, 3, 2, 1 / 6, 1 / 3), (3, 3, 1, 2 / 3, 1 / 3), (3, 3, 1, -1 / 3, 1 / 3),
    (1, 1, 2, -1 / 2, -3.0), (1, 1, 1, -1.0, -3.0), (1, 1, 1, 0.0, -3.0), (2, 1, 2, -1 / 2, 0.0), (2, 1, 1, -1.0, 0.0),
)  # fmt: skip
SCALARS = ((1, 1, 2, 1 / 2, 0.0), (1, 1, 1, 0.0, math.nan), (1, 3, 1, 1 / 3, 8 / 3), (1, 3, 3, 1 / 3, 8 / 3))
_CASIMIR3, _CASIMIR2 = {1: 0.0, 3: 4 / 3}, {1: 0.0, 2: 3 / 4, 3: 2.0}
# fermions of a Yukawa coupling and its number of components, sum |y_abc|^2 for y = 1
_VERTICES = {
    "y_u": ("q", "u", 6), "y_d": ("q", "d", 6), "y_mu": ("l", "e", 2), "y_nu": ("l", "nu", 2),
    "eta3": ("q", "l", 18), "eta1L": ("q", "l", 6), "eta1R": ("u", "e", 3), "etat": ("d", "nu", 3),
}  # fmt: skip
_GROUPS = {"q": (3, 2), "u": (3, 1), "d": (3, 1), "l": (1, 2), "e": (1, 1), "nu": (1, 1)}


def beta_gauge_two_loop(c, q_phi: float = 3.0, *, fermions=FERMIONS, scalars=SCALARS):
    """(16 pi^2)^2 times the two-loop part of d/dln(mu) of g3, g2, gY, gX, eps, in MS-bar.

    Machacek, Vaughn, Nucl. Phys. B222 (1983) 83, eq. (6.1): gauge and Yukawa couplings; quartic ones enter at three loops.  With
    kinetic mixing the self-energies of two abelian fields carry the product of charges of both, and abelian exchange inside the
    loop that of :func:`charge_product`.  fermions, scalars: the content, rows (copies, SU(3) and SU(2) dimension, y, x).
    """
    g3, g2, g_y, g_x, eps = (c[k] for k in GAUGE)
    s3 = s2 = yy = yx = xx = jnp.zeros_like(g3)
    own3, own2 = -34 / 3 * 9 * g3 * g3, -34 / 3 * 4 * g2 * g2
    # per multiplet: 4 kappa C for a Weyl fermion (kappa = 1/2), 4 C for a complex scalar; then the parts with C of the gauge field
    for weight, adjoint, rows in ((2.0, 10 / 3, fermions), (4.0, 2 / 3, scalars)):
        for copies, d3, d2, y, x in rows:
            x = q_phi if math.isnan(x) else x
            c3, c2 = _CASIMIR3[d3], _CASIMIR2[d2]
            inside = weight * copies * d3 * d2 * (c3 * g3 * g3 + c2 * g2 * g2 + charge_product((y, x), (y, x), g_y, g_x, eps))
            own = copies * d3 * d2 * adjoint
            # index of a multiplet: dimension x Casimir/dimension of the group
            s3 = s3 + (inside + 3 * own * g3 * g3) * c3 / 8
            s2 = s2 + (inside + 2 * own * g2 * g2) * c2 / 3
            yy, yx, xx = yy + y * y * inside, yx + y * x * inside, xx + x * x * inside
    for name, (one, two, components) in _VERTICES.items():
        if name in c:
            square = components * jnp.sum(c[name] ** 2, axis=tuple(range({"y_u": 2, "y_d": 2, "y_mu": 0, "y_nu": 0}.get(name, 1))))
            for f in (one, two):
                (y, x), (d3, d2) = CHARGES[f], _GROUPS[f]
                s3, s2 = s3 - _CASIMIR3[d3] / 8 * square, s2 - _CASIMIR2[d2] / 3 * square
                yy, yx, xx = yy - y * y * square, yx - y * x * square, xx - x * x * square
    return {
        "g3": g3**3 * (own3 + s3),
        "g2": g2**3 * (own2 + s2),
        "gY": yy * g_y**3,
        "gX": xx * g_x**3,
        "eps": 2.0 * yx * g_y * g_x + eps * (yy * g_y * g_y + xx * g_x * g_x),
    }


def exact_abelian(ln_ratio, g_y, g_x, eps, q_phi: float = 3.0, s1: bool = True):
    """(gY, gX, eps) at mu from their values at mu0, ln_ratio = ln(mu/mu0): exact solution of the one-loop equations, elementwise.

    Valid below the poles, 1/g^2 > 0 (NaN beyond).
    """
    yy, yx, xx = abelian_sums(q_phi, s1)
    t = ln_ratio / (8.0 * math.pi**2)
    y = g_y / jnp.sqrt(1.0 - yy * t * g_y * g_y)
    x = g_x / jnp.sqrt(1.0 - xx * t * g_x * g_x)
    return y, x, (eps / (g_y * g_x) + yx * t) * y * x


def exact_nonabelian(ln_ratio, g, b: float):
    """g at mu from its value at mu0 for 16 pi^2 dg/dln(mu) = b g^3, elementwise; NaN beyond a pole."""
    return g / jnp.sqrt(1.0 - b * ln_ratio / (8.0 * math.pi**2) * g * g)


def _mv(m, v):
    return jnp.einsum("ij...,j...->i...", m, v)


def _mm(a, b):
    return jnp.einsum("ij...,jk...->ik...", a, b)


def _t(m):
    return jnp.swapaxes(m, 0, 1)


def _dot(a, b):
    return jnp.sum(a * b, axis=0)


def _outer(a, b):
    return a[:, None] * b[None, :]


def _trace(m):
    return m[0, 0] + m[1, 1] + m[2, 2]


def _squares(c):
    """A = y_u y_u^T, B = y_d y_d^T and Tr = 3 tr A + 3 tr B + y_mu^2 + y_nu^2."""
    a, b = _mm(c["y_u"], _t(c["y_u"])), _mm(c["y_d"], _t(c["y_d"]))
    return a, b, 3.0 * (_trace(a) + _trace(b)) + c["y_mu"] ** 2 + c["y_nu"] ** 2


def _own(c):
    """w_f of every field with itself."""
    return {f: charge_product(q, q, c["gY"], c["gX"], c["eps"]) for f, q in CHARGES.items()}


def beta_yukawa(c):
    """16 pi^2 d/dln(mu) of the Yukawa couplings of eq. (2), real and flavour general; shapes as the couplings."""
    a, b, tr = _squares(c)
    w = _own(c)
    y_u, y_d, y_mu, y_nu = c["y_u"], c["y_d"], c["y_mu"], c["y_nu"]
    e, left, r, t = c["eta3"], c["eta1L"], c["eta1R"], c["etat"]
    ee, ll, rr, tt = _dot(e, e), _dot(left, left), _dot(r, r), _dot(t, t)
    lep = 0.5 * (y_mu**2 + y_nu**2)
    qcd, weak = 8.0 * c["g3"] ** 2, 2.25 * c["g2"] ** 2
    left_leg = 1.5 * _outer(e, e) + 0.5 * _outer(left, left)
    strong_lq = 4.0 * c["g3"] ** 2
    # wave functions of q and mixing of the two left-handed couplings
    both = lambda v: 0.5 * _mv(a + b, v)  # noqa: E731
    left_gauge = strong_lq + 4.5 * c["g2"] ** 2 + 3.0 * (w["q"] + w["l"])
    return {
        "y_u": 1.5 * _mm(a - b, y_u) + _mm(left_leg, y_u) + 0.5 * _mm(y_u, _outer(r, r)) + 2.0 * y_mu * _outer(left, r)
        + y_u * (tr - qcd - weak - 3.0 * (w["q"] + w["u"])),
        "y_d": 1.5 * _mm(b - a, y_d) + _mm(left_leg, y_d) + 0.5 * _mm(y_d, _outer(t, t)) - 2.0 * y_nu * _outer(left, t)
        + y_d * (tr - qcd - weak - 3.0 * (w["q"] + w["d"])),
        "y_mu": y_mu * (tr + 1.5 * (y_mu**2 - y_nu**2) + 4.5 * ee + 1.5 * (ll + rr) - weak - 3.0 * (w["l"] + w["e"]))
        + 6.0 * _dot(left, _mv(y_u, r)),
        "y_nu": y_nu * (tr + 1.5 * (y_nu**2 - y_mu**2) + 4.5 * ee + 1.5 * (ll + tt) - weak - 3.0 * (w["l"] + w["nu"]))
        - 6.0 * _dot(left, _mv(y_d, t)),
        "eta3": e * (8.0 * ee + 1.5 * ll + lep - left_gauge) + 0.5 * left * _dot(left, e) + both(e),
        "eta1L": left * (4.0 * ll + rr + tt + 4.5 * ee + lep - left_gauge) + 1.5 * e * _dot(e, left) + both(left)
        + 2.0 * y_mu * _mv(y_u, r) - 2.0 * y_nu * _mv(y_d, t),
        "eta1R": r * (3.0 * rr + 2.0 * ll + tt + y_mu**2 - strong_lq - 3.0 * (w["u"] + w["e"])) + _mv(_t(y_u), _mv(y_u, r))
        + 4.0 * y_mu * _mv(_t(y_u), left),
        "etat": t * (3.0 * tt + 2.0 * ll + rr + y_nu**2 - strong_lq - 3.0 * (w["d"] + w["nu"])) + _mv(_t(y_d), _mv(y_d, t))
        - 4.0 * y_nu * _mv(_t(y_d), left),
    }  # fmt: skip


def legs(c, q_phi: float = 3.0):
    """Wave-function factors A_H, A_Phi, A_1, A_3 per pair of legs |field|^2 (Landau gauge), times 16 pi^2."""
    *_, tr = _squares(c)
    w = _own(c)
    phi = (0.0, q_phi)
    w_phi = charge_product(phi, phi, c["gY"], c["gX"], c["eps"])
    e, left, r, t = c["eta3"], c["eta1L"], c["eta1R"], c["etat"]
    strong = 8.0 * c["g3"] ** 2 + 6.0 * w["S"]
    return {
        "H": 2.0 * tr - 4.5 * c["g2"] ** 2 - 6.0 * w["H"],
        "Phi": -6.0 * w_phi,
        "1": 2.0 * (2.0 * _dot(left, left) + _dot(r, r) + _dot(t, t)) - strong,
        "3": 4.0 * _dot(e, e) - strong - 12.0 * c["g2"] ** 2,
    }


def beta_quartic_scalar(c):
    """16 pi^2 d/dln(mu) of the 17 quartic couplings from quartic couplings alone."""
    l_h, l_p, l_ph, l_p1, l_p3, l1, l_h1, l_h3, k_h3, k_h13, l3, k3, n3, l13, k13, n13, s13 = (c[k] for k in QUARTIC)
    h3 = l_h3 + k_h3
    triplet = 20.0 * l3 + 12.0 * k3 + 8.0 * n3
    m13, m31 = 18.0 * l13 + 6.0 * k13, 6.0 * l13 + 2.0 * k13
    return {
        "lH": 12.0 * l_h**2 + 2.0 * l_ph**2 + 6.0 * l_h1**2 + 18.0 * l_h3**2 + 36.0 * l_h3 * k_h3 + 30.0 * k_h3**2
        + 12.0 * k_h13**2,
        "lPhi": 5.0 * l_p**2 + 8.0 * l_ph**2 + 12.0 * l_p1**2 + 36.0 * l_p3**2,
        "lPhiH": l_ph * (6.0 * l_h + 2.0 * l_p + 4.0 * l_ph) + 6.0 * l_p1 * l_h1 + 18.0 * l_p3 * h3,
        "lPhi1": l_p1 * (2.0 * l_p + 4.0 * l_p1 + 8.0 * l1) + 4.0 * l_ph * l_h1 + l_p3 * m13,
        "lPhi3": l_p3 * (2.0 * l_p + 4.0 * l_p3 + triplet) + 4.0 * l_ph * h3 + l_p1 * m31,
        "l1": 2.0 * l_p1**2 + 14.0 * l1**2 + 4.0 * l_h1**2 + 18.0 * l13**2 + 12.0 * l13 * k13 + 6.0 * k13**2 + 24.0 * n13**2,
        "lH1": l_h1 * (6.0 * l_h + 8.0 * l1 + 4.0 * l_h1) + 2.0 * l_ph * l_p1 + h3 * m13 + 12.0 * k_h13**2,
        "lH3": l_h * (6.0 * l_h3 + 4.0 * k_h3) + 2.0 * l_ph * l_p3 + l_h1 * m31 + 4.0 * l_h3**2 + l_h3 * triplet + 4.0 * k_h3**2
        + k_h3 * (18.0 * l3 + 6.0 * k3 + 16.0 * n3) + 4.0 * k_h13**2 - 8.0 * k_h13 * s13,
        "kH3": k_h3 * (2.0 * l_h + 8.0 * l_h3 + 8.0 * k_h3 + 2.0 * l3 + 6.0 * k3 - 8.0 * n3) + 8.0 * k_h13 * s13,
        "kH13": k_h13 * (2.0 * l_h + 4.0 * l_h1 + 4.0 * h3 + 2.0 * l13 + 6.0 * k13 + 16.0 * n13) + 8.0 * k_h3 * s13,
        "l3": 2.0 * l_p3**2 + 4.0 * h3**2 + 26.0 * l3**2 + 24.0 * l3 * k3 + 16.0 * l3 * n3 + 6.0 * k3**2 + 4.0 * k3 * n3
        + 2.0 * n3**2 + 6.0 * l13**2 + 4.0 * l13 * k13 + 8.0 * s13**2,
        "k3": 4.0 * k_h3**2 + 12.0 * l3 * k3 + 12.0 * k3**2 + 4.0 * k3 * n3 + 10.0 * n3**2 + 2.0 * k13**2,
        "n3": -4.0 * k_h3**2 + 12.0 * l3 * n3 + 20.0 * k3 * n3 + 6.0 * n3**2 + 8.0 * n13**2 - 8.0 * s13**2,
        "l13": 2.0 * l_p1 * l_p3 + 8.0 * l1 * l13 + 2.0 * l1 * k13 + 4.0 * l_h1 * h3 + l13 * triplet
        + k13 * (6.0 * l3 + 2.0 * k3 + 2.0 * n3) + 4.0 * l13**2 + 2.0 * k13**2 + 8.0 * n13**2 + 8.0 * s13**2,
        "k13": 2.0 * l1 * k13 + 4.0 * k_h13**2 + k13 * (2.0 * l3 + 6.0 * k3 + 2.0 * n3) + 8.0 * l13 * k13 + 6.0 * k13**2
        + 40.0 * n13**2,
        "n13": n13 * (2.0 * l1 + 2.0 * l3 + 2.0 * k3 + 6.0 * n3 + 8.0 * l13 + 16.0 * k13) + 2.0 * k_h13**2 + 4.0 * s13**2,
        "s13": 4.0 * k_h3 * k_h13 + s13 * (6.0 * l3 + 2.0 * k3 - 8.0 * n3 + 6.0 * l13 + 2.0 * k13 + 16.0 * n13),
    }  # fmt: skip


def beta_quartic_gauge(c, q_phi: float = 3.0):
    """16 pi^2 d/dln(mu) of the quartic couplings of fourth order in gauge couplings; couplings that get none are left out."""
    f3, f2 = c["g3"] ** 2, c["g2"] ** 2
    phi, h, s = (0.0, q_phi), CHARGES["H"], CHARGES["S"]
    w = lambda a, b: charge_product(a, b, c["gY"], c["gX"], c["eps"])  # noqa: E731
    w_h, w_s, w_hs, w_ps = w(h, h), w(s, s), w(h, s), w(phi, s)
    colour_l, colour_k = 11 / 6 * f3**2 - 4.0 * f3 * w_s, 2.5 * f3**2 + 12.0 * f3 * w_s
    return {
        "lH": 2.25 * f2**2 + 6.0 * f2 * w_h + 12.0 * w_h**2,
        "lPhi": 24.0 * w(phi, phi) ** 2,
        "lPhiH": 12.0 * w(h, phi) ** 2,
        "lPhi1": 12.0 * w_ps**2,
        "lPhi3": 12.0 * w_ps**2,
        "l1": 13 / 3 * f3**2 + 8.0 * f3 * w_s + 12.0 * w_s**2,
        "lH1": 12.0 * w_hs**2,
        "lH3": 6.0 * f2**2 + 12.0 * f2 * w_hs + 12.0 * w_hs**2,
        "kH3": -12.0 * f2 * w_hs,
        "l3": colour_l + 12.0 * f2**2 + 12.0 * f3 * f2 + 12.0 * w_s**2,
        "k3": colour_k + 6.0 * f2**2 - 4.0 * f3 * f2 + 24.0 * f2 * w_s,
        "n3": 6.0 * f2**2 - 8.0 * f3 * f2 - 24.0 * f2 * w_s,
        "l13": colour_l + 12.0 * w_s**2,
        "k13": colour_k,
    }


def beta_quartic_yukawa(c):
    """16 pi^2 d/dln(mu) of the quartic couplings of fourth order in Yukawa couplings; couplings that get none are left out."""
    a, b, _ = _squares(c)
    y_u, y_d, m2, n2 = c["y_u"], c["y_d"], c["y_mu"] ** 2, c["y_nu"] ** 2
    e, left, r, t = c["eta3"], c["eta1L"], c["eta1R"], c["etat"]
    ee, ll, rr, tt, el = _dot(e, e), _dot(left, left), _dot(r, r), _dot(t, t), _dot(e, left)
    u_r, d_t = _mv(y_u, r), _mv(y_d, t)
    return {
        "lH": -4.0 * (3.0 * _trace(_mm(a, a)) + 3.0 * _trace(_mm(b, b)) + m2**2 + n2**2),
        "l1": -8.0 * ll**2 - 4.0 * rr**2 - 4.0 * tt**2,
        "lH1": -4.0
        * (_dot(left, _mv(a + b, left)) + _dot(u_r, u_r) + _dot(d_t, d_t) + m2 * (ll + rr) + n2 * (ll + tt))
        - 8.0 * c["y_mu"] * _dot(left, u_r) + 8.0 * c["y_nu"] * _dot(left, d_t),
        "lH3": -8.0 * _dot(e, _mv(a, e)) - 8.0 * n2 * ee,
        "kH3": 4.0 * _dot(e, _mv(a - b, e)) + 4.0 * (n2 - m2) * ee,
        "kH13": -4.0 * _dot(e, _mv(a - b, left)) - 4.0 * (m2 - n2) * el - 4.0 * c["y_mu"] * _dot(e, u_r)
        - 4.0 * c["y_nu"] * _dot(e, d_t),
        "l3": -8.0 * ee**2,
        "k3": -8.0 * ee**2,
        "n3": 8.0 * ee**2,
        "l13": -8.0 * ee * ll,
        "k13": -8.0 * el**2,
        "n13": -4.0 * el**2,
        "s13": -8.0 * ee * el,
    }  # fmt: skip


# legs of each quartic coupling: number of pairs |H|^2, |Phi|^2, |S1|^2, |S3|^2
LEGS: dict[str, dict[str, float]] = {
    "lH": {"H": 2}, "lPhi": {"Phi": 2}, "lPhiH": {"Phi": 1, "H": 1}, "lPhi1": {"Phi": 1, "1": 1}, "lPhi3": {"Phi": 1, "3": 1},
    "l1": {"1": 2}, "lH1": {"H": 1, "1": 1}, "lH3": {"H": 1, "3": 1}, "kH3": {"H": 1, "3": 1}, "kH13": {"H": 1, "1": 0.5, "3": 0.5},
    "l3": {"3": 2}, "k3": {"3": 2}, "n3": {"3": 2}, "l13": {"1": 1, "3": 1}, "k13": {"1": 1, "3": 1}, "n13": {"1": 1, "3": 1},
    "s13": {"1": 0.5, "3": 1.5},
}  # fmt: skip


def beta_quartic(c, q_phi: float = 3.0):
    """16 pi^2 d/dln(mu) of the 17 quartic couplings, complete at one loop."""
    scalar, gauge, yukawa = beta_quartic_scalar(c), beta_quartic_gauge(c, q_phi), beta_quartic_yukawa(c)
    leg = legs(c, q_phi)
    out = {}
    for name in QUARTIC:
        value = scalar[name] + c[name] * sum(n * leg[f] for f, n in LEGS[name].items())
        for part in (gauge, yukawa):
            if name in part:
                value = value + part[name]
        out[name] = value
    return out


def beta_masses(c, q_phi: float = 3.0):
    """16 pi^2 d/dln(mu) of m_H^2, m_Phi^2, M_1^2, M_3^2 (V contains + m_a^2 |a|^2), keys ``MASSES``."""
    m_h, m_p, m1, m3 = (c[k] for k in MASSES)
    leg = legs(c, q_phi)
    h3 = c["lH3"] + c["kH3"]
    m13, m31 = 18.0 * c["l13"] + 6.0 * c["k13"], 6.0 * c["l13"] + 2.0 * c["k13"]
    triplet = 20.0 * c["l3"] + 12.0 * c["k3"] + 8.0 * c["n3"]
    return {
        "mH2": 6.0 * c["lH"] * m_h + 2.0 * c["lPhiH"] * m_p + 6.0 * c["lH1"] * m1 + 18.0 * h3 * m3 + leg["H"] * m_h,
        "mPhi2": 2.0 * c["lPhi"] * m_p + 4.0 * c["lPhiH"] * m_h + 6.0 * c["lPhi1"] * m1 + 18.0 * c["lPhi3"] * m3 + leg["Phi"] * m_p,
        "M1_2": 8.0 * c["l1"] * m1 + 4.0 * c["lH1"] * m_h + 2.0 * c["lPhi1"] * m_p + m13 * m3 + leg["1"] * m1,
        "M3_2": triplet * m3 + 4.0 * h3 * m_h + 2.0 * c["lPhi3"] * m_p + m31 * m1 + leg["3"] * m3,
    }


def beta(c, q_phi: float = 3.0, loops: int = 1):
    """d/dln(mu) of every coupling in ``c`` (masses only if they are there), same keys and shapes.

    loops = 2: the gauge couplings at two loops (:func:`beta_gauge_two_loop`), all others at one.
    """
    out = {**beta_gauge(c, q_phi), **beta_yukawa(c), **beta_quartic(c, q_phi)}
    if loops == 2:
        out |= {k: out[k] + v / LOOP for k, v in beta_gauge_two_loop(c, q_phi).items()}
    if MASSES[0] in c:
        out |= beta_masses(c, q_phi)
    return {k: v / LOOP for k, v in out.items()}


def stability(c):
    """Smallest of the necessary conditions for a potential bounded from below (negative: unstable), elementwise.

    Self-couplings of each field and, in the S3 block, l3 + k3 + n3 (one real component), l3 + k3 (S3 ~ (1, i, 0)) and
    3 l3 + k3 + n3 (S3^I_c ~ delta_Ic).  The paper states the first of these.  Mixed directions are not covered.
    """
    conditions = [c["lH"], c["lPhi"], c["l1"], c["l3"] + c["k3"] + c["n3"], c["l3"] + c["k3"], 3.0 * c["l3"] + c["k3"] + c["n3"]]
    out = conditions[0]
    for v in conditions[1:]:
        out = jnp.minimum(out, v)
    return out
