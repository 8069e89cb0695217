"""Spectator scattering in B -> V l l against direct sums of the formulas of hep-ph/0106067 and hep-ph/0412400, and flavio 2.7.1."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.special import eval_gegenbauer, expi, spence

from fipkernels import qcdf

# inputs of flavio 2.7.1 at mu = 4.8 GeV
C = {
    "C1": -0.26417263048833456,
    "C2": 1.0147763890802286,
    "C3": -0.005069319290501012,
    "C4": -0.07979189179247792,
    "C5": 0.00035175810934491445,
    "C6": 0.0009221879659428547,
    "C8eff": -0.16067314953347073,
}
MU, ALPHA_S, M_B, M_C = 4.8, 0.21679944756894395, 4.797412100434401, 1.683648130387999
LDA_K, LDA_PHI = (0.06, 0.16, 0.04, 0.10), (0.0, 0.23, 0.0, 0.14)


def mode(name, m_bmeson, m_vector, f_bmeson, f_vector, f_perp, lda, m_b=M_B):
    omega_0 = qcdf.omega_0(m_bmeson, m_b)
    return qcdf.Mode(m_bmeson, m_vector, f_bmeson, f_vector, f_perp, *lda, omega_0, *qcdf.SPECTATOR[name])


MODES = {
    "B0->K*0": mode("B0->K*0", 5.27966, 0.89555, 0.192, 0.204, 0.1374453704031563, LDA_K),
    "B+->K*+": mode("B+->K*+", 5.27934, 0.8955, 0.188, 0.204, 0.1374453704031563, LDA_K),
    "Bs->phi": mode("Bs->phi", 5.36692, 1.019461, 0.2303, 0.231, 0.16588234359001625, LDA_PHI),
}
OTHER = MODES["B+->K*+"]._replace(a1_par=0.3, a2_par=-0.4, a1_perp=-0.2, a2_perp=0.5, omega_0=0.25, singlet=1.0)
Q2 = np.array([1e-6, 1e-3, 0.1, 1.0, 2.5, 4.3, 6.0, 7.7, 8.9])

compiled = jax.jit(lambda q2, m, alpha_s, m_b, m_c, mu: qcdf.amplitudes(q2, m, C, alpha_s, m_b, m_c, mu))


def amplitudes(q2, m, *args):
    """Always on 64 points, so that it compiles once; parameters are traced."""
    amp = compiled(np.resize(q2, 64), jax.tree.map(float, m), *map(float, args))
    return qcdf.Amplitudes(*(np.array(a)[: len(q2)] for a in amp))


# --- the formulas of the papers, one q^2 at a time --------------------------------------------------------------------------------


def graded(cuts):
    """Gauss-Legendre nodes on panels that shrink by 8 towards both ends of every interval."""
    edges = []
    grade = 0.5 * 0.125 ** np.arange(8, -1, -1)
    unit = np.concatenate([[0.0], grade, 1.0 - grade[-2::-1]])
    for a, b in zip(cuts[:-1], cuts[1:], strict=True):
        edges += list(a + (b - a) * unit)
    edges = np.array([*edges, cuts[-1]])
    x, w = np.polynomial.legendre.leggauss(16)
    h, m = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (m + h * x).ravel(), (h * w).ravel()


def l1(x):
    return np.log((x - 1) / x) * np.log(1 - x) - np.pi**2 / 6 + spence(1 - x / (x - 1))


def l1_sum(s, m):
    root = np.sqrt(0.25 - m * m / s + 1e-200j)  # m^2 - i eps
    return l1(0.5 + root) + l1(0.5 - root)


def b0(s, m):
    r = np.sqrt(np.maximum(4 * m * m / s - 1, 0))
    ra = np.sqrt(np.maximum(1 - 4 * m * m / s, 0))
    with np.errstate(divide="ignore"):
        return np.where(4 * m * m > s, -2 * r * np.arctan(1 / r), -ra * np.log((1 + ra) / (1 - ra)) + 1j * np.pi * ra)


def h(s, m, mu):
    if m == 0:
        return 8 / 27 + 4j * np.pi / 9 - 4 / 9 * np.log(s / mu**2)
    z = 4 * m * m / s
    return -4 / 9 * (np.log(m * m / mu**2) - 2 / 3 - z) + 2 / 9 * (2 + z) * b0(s, m)


def direct(q2, m, alpha_s, m_b, m_c, mu, c5_bar=4.0):
    """(T_perp,t, T_perp,u, T_par,t, T_par,u); c5_bar: coefficient of -m_b/m_B C5bar in hep-ph/0106067 eq. (23)."""
    c1, c2, c3, c4, c5, c6, c8 = (C[k] for k in ("C1", "C2", "C3", "C4", "C5", "C6", "C8eff"))
    b2, b3, b4 = c2 - c1 / 6, c3 - c4 / 6 + 16 * c5 - 8 / 3 * c6, c4 / 2 + 8 * c6
    b5, b6 = c3 - c4 / 6 + 4 * c5 - 2 / 3 * c6, c4 / 2 + 2 * c6
    e_u, e_d, e_q = 2 / 3, -1 / 3, m.charge
    m2, m_bm = m.m_bmeson**2, m.m_bmeson
    e_v = (m2 - q2 + m.m_vector**2) / (2 * m_bm)
    ubar, w = graded([0.0, (4 * m_c**2 - q2) / (m2 - q2), 1.0])
    u = 1 - ubar
    s1 = ubar * m2 + u * q2

    def phi(a1, a2):
        return 6 * u * ubar * (1 + a1 * eval_gegenbauer(1, 1.5, u - ubar) + a2 * eval_gegenbauer(2, 1.5, u - ubar))

    def t(mq):
        i1, diff = 1.0, -np.log(s1 / q2)
        if mq > 0:
            i1 = 1 + 2 * mq**2 / (ubar * (m2 - q2)) * (l1_sum(s1, mq) - l1_sum(q2, mq))
            diff = b0(s1, mq) - b0(q2, mq)
        lead = 2 * m_bm / (ubar * e_v) * i1
        return lead + q2 / (ubar * e_v) ** 2 * diff, lead + s1 / (ubar * e_v) ** 2 * diff

    (perp_c, par_c), (perp_b, par_b), (perp_0, par_0) = t(m_c), t(m_b), t(0.0)
    h_c, h_b, h_0 = h(s1, m_c, mu), h(s1, m_b, mu), h(s1, 0.0, mu)
    a = alpha_s / (3 * np.pi)
    x = q2 / (m_bm * m.omega_0)
    inv_plus, inv_minus = 1 / m.omega_0, np.exp(-x) / m.omega_0 * (-expi(x) + 1j * np.pi)
    ann = c3 + 4 / 3 * (c4 + 12 * c5 + 16 * c6) + m.singlet * 6 * (c3 + 10 * c5), -3 * m.up * c2
    tensor = c3 + 4 / 3 * (c4 + 3 * c5 + 4 * c6)
    n = np.pi**2 / 3 * m.f_bmeson / m_bm

    loops = e_u * perp_c * (b2 + b4 - b6) + e_d * perp_b * (b3 + b4 - b6 - c5_bar * m_b / m_bm * b5) + e_d * perp_0 * b3
    plus = (
        a * (-4 * e_d * c8 / (u + ubar * q2 / m2) + m_bm / (2 * m_b) * loops),
        a * m_bm / (2 * m_b) * e_u * (perp_c - perp_0) * b2,
    )
    power = -e_q * 4 / m_b * tensor / (ubar + u * q2 / m2), 0.0
    perp = [
        n * m.f_perp * np.sum(w * phi(m.a1_perp, m.a2_perp) * (inv_plus * plus[i] + power[i]))
        + n * m.f_vector * m.m_vector * inv_plus / (1 - q2 / m2) * 2 * e_q / m_b * ann[i]
        for i in range(2)
    ]
    loops = h_c * (b2 + b4 + b6) + h_b * (b3 + b4 + b6) + h_0 * (b3 + 3 * b4 + 3 * b6) - 8 / 27 * (b3 - b5 - 15 * b6)
    minus = 8 * c8 / (ubar + u * q2 / m2) + 6 * m_bm / m_b * loops, 6 * m_bm / m_b * (h_c - h_0) * b2
    plus = e_u * par_c * (b2 + b4 - b6) + e_d * par_b * (b3 + b4 - b6) + e_d * par_0 * b3, e_u * (par_c - par_0) * b2
    par = [
        n
        * m.f_vector
        * (m.m_vector / e_v)
        * np.sum(
            w
            * phi(m.a1_par, m.a2_par)
            * (inv_minus * e_q * (a * minus[i] - 4 * m_bm / m_b * ann[i]) + inv_plus * a * m_bm / m_b * plus[i])
        )
        for i in range(2)
    ]
    return np.array([*perp, *par])


def direct_many(q2, *args):
    return np.stack([direct(s, *args) for s in q2], axis=1)


# --- tests ------------------------------------------------------------------------------------------------------------------------


def test_l1_and_b0():
    """L_1(x+) + L_1(x-) = -2 phi^2 and B_0 = -2 A below and above threshold, at complex mass m^2 - i eps."""
    with mpmath.workdps(30):
        for s in ("0.01", "3", "11", "11.5", "16", "27.8"):
            m2 = mpmath.mpf("2.834671") - mpmath.mpc(0, "1e-25")
            z = 4 * m2 / mpmath.mpf(s)
            root = mpmath.sqrt(mpmath.mpf(1) / 4 - z / 4)

            def one(x):
                return mpmath.log((x - 1) / x) * mpmath.log(1 - x) - mpmath.pi**2 / 6 + mpmath.polylog(2, x / (x - 1))

            phi = mpmath.acos(mpmath.sqrt(1 - 1 / z)) if float(s) < 4 * float(m2.real) else None
            if phi is None:
                phi = mpmath.pi / 2 + 1j * mpmath.asinh(mpmath.sqrt(1 / z - 1))
            assert abs(one(mpmath.mpf(1) / 2 + root) + one(mpmath.mpf(1) / 2 - root) + 2 * phi**2) < 1e-20
            # B_0 up to a constant: -int ln(m^2 - x (1 - x) s)
            cut = [0, 1]
            if float(s) > 4 * float(m2.real):
                cut = [0, mpmath.re(0.5 - root), mpmath.re(0.5 + root), 1]
            b_0 = -mpmath.quad(lambda x, m2=m2, s=s: mpmath.log(1 - x * (1 - x) * mpmath.mpf(s) / m2), cut) - 2
            assert abs(b_0 - complex(b0(float(s), np.sqrt(float(m2.real))))) < 1e-13
            assert abs(b0(float(s), np.sqrt(float(m2.real))) + 2 * complex(mpmath.sqrt(z - 1) * phi)) < 1e-12


@pytest.mark.parametrize("m", [*MODES.values(), OTHER], ids=[*MODES, "other"])
@pytest.mark.parametrize("m_c,m_b", [(M_C, M_B), (1.6, 4.5), (1.8, 4.9)])
def test_direct(m, m_c, m_b):
    """1e-9: the interpolation error; the panels of the direct sum reach 1e-12."""
    got = np.array(amplitudes(Q2, m, ALPHA_S, m_b, m_c, MU))
    want = direct_many(Q2, m, ALPHA_S, m_b, m_c, MU)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=0)


@pytest.mark.parametrize("m_c", [1.2, 1.4, 2.0])
def test_domain(m_c):
    """Up to 0.92 * 4 m_c^2, which for small m_c is below 9 GeV^2."""
    q2 = np.append(Q2, 4 * m_c**2 * np.array([0.5, 0.8, 0.92]))
    q2 = q2[(q2 <= 0.92 * 4 * m_c**2) & (q2 < 9.6)]
    got = np.array(amplitudes(q2, OTHER, ALPHA_S, M_B, m_c, 3.0))
    np.testing.assert_allclose(got, direct_many(q2, OTHER, ALPHA_S, M_B, m_c, 3.0), rtol=1e-7, atol=0)


def test_smooth_between_nodes():
    """The interpolant in y agrees on a fine grid, across the images of its nodes."""
    m = MODES["B0->K*0"]
    nodes = 4 * M_C**2 * (1 - qcdf._Y[:, 0] ** 2)
    q2 = np.sort(np.concatenate([nodes[nodes < 8.9], nodes[nodes < 8.9] * (1 + 1e-9), np.linspace(0.01, 8.9, 40)]))
    got = np.array(amplitudes(q2, m, ALPHA_S, M_B, M_C, MU))
    np.testing.assert_allclose(got, direct_many(q2, m, ALPHA_S, M_B, M_C, MU), rtol=1e-9, atol=0)


PARAMETERS = ["m_bmeson", "m_vector", "f_bmeson", "f_perp", "a1_par", "a2_par", "a1_perp", "a2_perp", "omega_0"]
SCALARS = {"q2": 1.0, "alpha_s": ALPHA_S, "m_b": M_B, "m_c": M_C, "mu": MU}


def test_gradient():
    """Derivatives in every parameter against differences of the direct sum (fourth order, step 1e-3: 1e-8 relative)."""
    q2 = np.array([0.02, 3.0, 8.9])
    m = MODES["B+->K*+"]
    start = {k: getattr(m, k) for k in PARAMETERS} | SCALARS

    def call(function, v):
        return function(q2 * v["q2"], m._replace(**{k: v[k] for k in PARAMETERS}), v["alpha_s"], v["m_b"], v["m_c"], v["mu"])

    gradient = jax.jit(jax.jacfwd(lambda v: jnp.stack(call(lambda q, m, *s: qcdf.amplitudes(q, m, C, *s), v))))(start)
    value = np.abs(call(direct_many, start))
    for name, x in start.items():
        step = 1e-3 * max(abs(x), 0.1)
        near = [call(direct_many, start | {name: x + k * step}) for k in (-2, -1, 1, 2)]
        want = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
        # a derivative may vanish: relative to value/parameter as well
        assert np.all(np.abs(gradient[name] - want) < 1e-7 * (value / x + np.abs(want))), name


def test_ei():
    x = np.concatenate([np.geomspace(1e-8, 20, 200), [0.3725074107813666]])
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(qcdf.ei)))(x)
    want = np.array([float(mpmath.ei(v)) for v in x])
    np.testing.assert_allclose(value, want, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(slope, np.exp(x) / x, rtol=1e-14)
    got = qcdf.inverse_lambda_b_minus(x, 5.28, 0.3)
    want = [np.exp(-v) / 0.3 * (1j * np.pi - float(mpmath.ei(v))) for v in x / (5.28 * 0.3)]
    np.testing.assert_allclose(got, want, rtol=1e-13)


def test_moments():
    """Integrals of massless loops against mpmath, up to the end of the domain."""
    for s in (1e-8, 1e-3, 0.1, 0.33):
        n, j = qcdf._moments(jnp.asarray(s))
        r = (1 - s) / s
        for k in range(6):
            cut = [0, *[c for c in (1e-8, 1e-6, 1e-4, 1e-2) if c > 0.01 / r], 1]
            want = mpmath.quad(lambda x, k=k, r=r: x**k * r / (1 + r * x), cut)
            assert abs(float(n[k]) - want) < 1e-12 * abs(want)
            if k < 5:
                want = mpmath.quad(lambda x, k=k, r=r: x ** (k - 1) * mpmath.log1p(r * x), cut)
                assert abs(float(j[k]) - want) < 1e-12 * abs(want)


# flavio.physics.bdecays.bvll.qcdf.helicity_amps_qcdf of flavio 2.7.1 with its default parameters: q^2, then q^2 H_- and
# sqrt(q^2) H_0 of the decay and its CP conjugate, in 1e-10
FLAVIO = {
    "B0->K*0": [
        (1e-6, 4.742043 - 7.500061j, 7.621464 - 24.59316j, 4.391894 - 7.499279j, 10.27964 - 23.96235j),
        (0.500001, 4.811077 - 6.724156j, 4.114694 + 1.224442j, 4.562543 - 6.723422j, 4.277772 + 1.37283j),
        (2.000001, 5.169434 - 5.549117j, 1.174835 + 2.886054j, 4.992849 - 5.548377j, 1.207872 + 2.920756j),
        (
            6.000001,
            6.534023 - 3.335445j,
            -0.8080409 + 2.040635j,
            6.411758 - 3.334567j,
            -0.7901532 + 2.034759j,
        ),
    ],
    "B+->K*+": [
        (1e-6, 6.97904 - 1.0168j, -48.97507 + 28.68698j, 1.969115 - 1.013211j, 18.4031 + 42.66321j),
        (
            0.500001,
            7.019923 - 1.733655j,
            -7.690893 - 4.75979j,
            2.163024 - 1.730141j,
            -6.190415 + 6.100095j,
        ),
        (
            2.000001,
            7.334961 - 2.572692j,
            -1.267093 - 3.504858j,
            2.620594 - 2.569215j,
            -4.319071 + 0.7748384j,
        ),
        (
            6.000001,
            8.625835 - 2.947751j,
            -0.04497783 - 0.05543751j,
            4.056759 - 2.944197j,
            -1.530381 + 0.3022646j,
        ),
    ],
    "Bs->phi": [
        (1e-6, 6.28022 - 9.574147j, 10.17049 - 31.86944j, 5.858846 - 9.573134j, 13.36824 - 31.10602j),
        (0.500001, 6.35423 - 8.439427j, 5.580118 + 1.00113j, 6.054281 - 8.438472j, 5.779421 + 1.209424j),
        (2.000001, 6.756698 - 6.778461j, 1.99941 + 3.476943j, 6.538589 - 6.777501j, 2.026 + 3.542509j),
        (
            6.000001,
            8.328309 - 3.887844j,
            -0.845599 + 2.587515j,
            8.1688 - 3.886724j,
            -0.8367739 + 2.583568j,
        ),
    ],
}
# 4 G_F/sqrt2 alpha_e/(4 pi); (lambda_t, eps_u) of flavio for the decay and its CP conjugate (not exactly conjugate)
PREFACTOR = 1.9870926785525467e-08
CKM = [
    (-0.04119293936908705 + 0.0007457752431333196j, -0.008428963994030208 + 0.01798378912034765j),
    (-0.04119384144929804 - 0.0007453715369606657j, -0.00845034996303001 - 0.017973273493970238j),
]


def helicities(q2, m, alpha_s, m_b, m_c, ckm, prefactor, c5_bar):
    """q^2 H_-, sqrt(q^2) H_0 for both; with the coefficient of C5bar as asked for."""
    amp = amplitudes(q2, m, alpha_s, m_b, m_c, MU)
    shift = [direct(s, m, alpha_s, m_b, m_c, MU, c5_bar)[0] - direct(s, m, alpha_s, m_b, m_c, MU)[0] for s in q2]
    amp = amp._replace(perp_t=amp.perp_t + np.array(shift))
    out = []
    for lambda_t, eps_u in ckm:
        h_minus, h_zero = qcdf.helicity(q2, amp, eps_u, m.m_bmeson, m.m_vector, m_b)
        out += [prefactor * lambda_t * q2 * h_minus, prefactor * lambda_t * np.sqrt(q2) * h_zero]
    return np.stack(out, axis=1)


@pytest.mark.parametrize("name", FLAVIO)
def test_flavio(name):
    """flavio has -m_b/m_B C5bar where the paper has four times that: the same with its factor, 0.3 % (of H_-) without.

    flavio integrates to 0.5 % nominally, 1e-5 in fact; H_0 of the charged mode nearly vanishes at 6 GeV^2.
    """
    table = np.array(FLAVIO[name])
    q2 = table[:, 0].real
    want = table[:, 1:] * 1e-10
    args = (q2, MODES[name], ALPHA_S, M_B, M_C, CKM, PREFACTOR)
    np.testing.assert_allclose(helicities(*args, 1.0), want, rtol=2e-5)
    np.testing.assert_allclose(helicities(*args, 4.0), want, rtol=3e-3)


# nodes of the table that flavio 2.7.1 interpolates (physics/data/qcdf_interpolate), same columns
TABLE = {
    "B0->K*0": [
        (0.500001, 4.837229 - 6.732965j, 4.10874 + 1.223379j, 4.573777 - 6.732344j, 4.282324 + 1.382228j),
        (6.000001, 6.561644 - 3.310088j, -0.8165523 + 2.047824j, 6.431941 - 3.309233j, -0.7977992 + 2.041637j),
    ],
    "B+->K*+": [
        (0.500001, 7.190463 - 1.945918j, -8.412229 - 5.03232j, 2.029832 - 1.945305j, -6.79019 + 6.570934j),
        (6.000001, 8.791058 - 3.141619j, -0.02454477 - 0.1629881j, 3.937599 - 3.140775j, -1.619505 + 0.2247612j),
    ],
    "Bs->phi": [
        (0.500001, 6.387535 - 8.455207j, 5.573986 + 0.9988024j, 6.069379 - 8.454384j, 5.786368 + 1.221733j),
        (6.000001, 8.365955 - 3.862049j, -0.8536288 + 2.596406j, 8.196583 - 3.86096j, -0.8445882 + 2.592347j),
    ],
}


@pytest.mark.parametrize("name", TABLE)
def test_flavio_table(name):
    """The table is older than flavio 2.7.1: it belongs to the parameters of flavio 2.5.0 and the masses of 2018.

    With those it is reproduced to 1e-4 (charged mode: 1e-3, |V_ub| e^(i gamma) is not known better).  With the parameters of 2.7.1
    the neutral modes differ by up to 1 %, the charged one by 12 % where it is large.
    """
    table = np.array(TABLE[name])
    q2, want = table[:, 0].real, table[:, 1:] * 1e-10
    m_b, m_c, alpha_s = 4.7947145487945875, 1.679794195158307, 0.2161016457429811
    lambda_t = -0.04134042833919909 + 0.0007995906105188104j
    eps_u = (0.0002479101782057036 - 0.0008010177910371381j) / lambda_t
    ckm = [(lambda_t, eps_u), (np.conj(lambda_t), np.conj(eps_u))]
    old = {
        "B0->K*0": mode("B0->K*0", 5.27963, 0.89555, 0.192, 0.204, 0.13747792203373718, LDA_K, m_b),
        "B+->K*+": mode("B+->K*+", 5.27932, 0.89176, 0.188, 0.204, 0.13747792203373718, LDA_K, m_b),
        "Bs->phi": mode("Bs->phi", 5.36689, 1.019461, 0.2303, 0.231, 0.16592163004071728, LDA_PHI, m_b),
    }[name]
    prefactor = PREFACTOR * 0.007569713313035774 / 0.007569084895987922
    got = helicities(q2, old, alpha_s, m_b, m_c, ckm, prefactor, 1.0)
    scale = np.abs(want).max(axis=0)
    assert np.all(np.abs(got - want) < (1e-3 if name == "B+->K*+" else 1e-4) * scale)
    new = helicities(q2, MODES[name], ALPHA_S, M_B, M_C, CKM, PREFACTOR, 1.0)
    assert np.all(np.abs(new - want) < (0.12 if name == "B+->K*+" else 0.01) * scale)


def test_finite():
    """No NaN or infinity in values or gradients, at the charm threshold and above it."""

    def total(q2, m, alpha_s, m_b, m_c, mu):
        amp = qcdf.amplitudes(q2, m, C, alpha_s, m_b, m_c, mu)
        values = jnp.stack([*amp, *qcdf.helicity(q2, amp, 0.01 + 0.02j, m.m_bmeson, m.m_vector, m_b)])
        return jnp.sum(jnp.real(values) + 0.7 * jnp.imag(values))

    function = jax.jit(jax.value_and_grad(total, argnums=tuple(range(6))))
    for m_c in (1.2, np.sqrt(8.9) / 2, M_C):
        nodes = 4 * m_c**2 * (1 - qcdf._Y[:, 0] ** 2)
        q2 = np.concatenate([np.geomspace(1e-6, 8.9, 50), 4 * m_c**2 * np.array([1 - 1e-9, 1.0, 1 + 1e-9]), nodes])
        q2 = np.minimum(q2, 8.9)
        value, gradient = function(q2, jax.tree.map(float, MODES["B+->K*+"]), ALPHA_S, M_B, float(m_c), MU)
        assert np.isfinite(value)
        assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(gradient))


def test_shapes_and_vmap():
    """Scalars, any shape of q^2, several decays at once; complex Wilson coefficients are refused."""
    stacked = jax.tree.map(lambda *x: jnp.array(x), *MODES.values())
    q2 = np.array([[0.3, 1.0], [4.0, 8.0]])
    many = jax.vmap(compiled, in_axes=(None, 0, None, None, None, None))(q2, stacked, ALPHA_S, M_B, M_C, MU)
    single = compiled(0.3, MODES["B0->K*0"], ALPHA_S, M_B, M_C, MU)
    for i, m in enumerate(MODES.values()):
        for a, b in zip(many, amplitudes(q2.ravel(), m, ALPHA_S, M_B, M_C, MU), strict=True):
            np.testing.assert_allclose(a[i].ravel(), b, rtol=1e-10)  # rounding in the sums over powers of t
    for a, b in zip(many, single, strict=True):
        assert b.shape == ()
        np.testing.assert_allclose(a[0, 0, 0], b, rtol=1e-10)
    with pytest.raises(TypeError, match="real"):
        qcdf.amplitudes(q2, MODES["B0->K*0"], C | {"C2": 1.0 + 0.1j}, ALPHA_S, M_B, M_C, MU)
