"""B -> V l l: form factors, amplitudes and angular coefficients against flavio 2.7.1 (reference/bvll_checkpoints.json), the angular
distribution built from Wigner functions, transversity amplitudes, and the end point."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.hadronic import default_inputs
from fipkernels import bvll, quadratic
from fipkernels.form_factors import b_to_v

DATA = json.loads((Path(__file__).parent / "reference" / "bvll_checkpoints.json").read_text())
PAR = default_inputs().central()
SM = DATA["wilson"]["4.8"]
N, N_BAR = complex(*DATA["N"]), complex(*DATA["N_bar"])
# decay -> (B, V, lepton, form factors)
DECAYS = {
    "B0->K*0mumu": ("m_B0", "m_K*0", "m_mu", "B->K*"),
    "B+->K*+mumu": ("m_B+", "m_K*+", "m_mu", "B->K*"),
    "Bs->phimumu": ("m_Bs", "m_phi", "m_mu", "Bs->phi"),
    "B0->K*0ee": ("m_B0", "m_K*0", "m_e", "B->K*"),
}
FIT_MASSES = {"B->K*": ("m_B0", "m_K*0"), "Bs->phi": ("m_Bs", "m_phi")}
# order of the amplitudes: bvll.VP, VM, V0, AP, AM, A0, P, S
LABELS = ("plV", "miV", "0V", "plA", "miA", "0A", "P", "S")
# above, the reference has no spectator scattering
NO_SPECTATOR = 8.9


def form_factors(q2, family):
    names = [f"a{k}_{f}" for f in ("A0", "A1", "A12", "V", "T1", "T2", "T23") for k in range(3)]
    a = {n: PAR[f"{family} BSZ {n}"] for n in names if n not in ("a0_A12", "a0_T2")}
    m_b, m_v = (PAR[m] for m in FIT_MASSES[family])
    return bvll.FormFactors(*b_to_v(jnp.asarray(q2), a, m_b, m_v))


def m_b_run():
    """The running mass of the reference: its scalar amplitudes are per unit of m_b C_S."""
    point = DATA["amplitudes"]["B0->K*0mumu"]["18.0"]["U_over_N"]
    decay = at("B0->K*0mumu", 18.0, m_b=1.0)
    return float(np.imag(1j * decay.u["S"][bvll.S, 0, 0]) / point["s"]["S"][1])


def at(name, q2, m_b=None, **changes):
    """The decay at q^2 (number or array of reference points) with the reference's c7, c9."""
    parent, daughter, lepton, family = DECAYS[name]
    q2 = np.atleast_1d(q2)[:, None]
    c = {k: np.array([[complex(*DATA["c7_c9"][str(x)][k])] for x in q2[:, 0]]) for k in ("c7", "c7bar", "c9", "c9bar")}
    full = dict(
        m_b=PAR[parent], m_v=PAR[daughter], m_l=PAR[lepton], n_abs=abs(N), c7=c["c7"], c7_bar=c["c7bar"], c9=c["c9"],
        c9_bar=c["c9bar"], c7p=SM["C7effp_bs"][0], c10=SM["C10_bsmumu"][0], m_b_run=M_B_RUN if m_b is None else m_b,
        ff=form_factors(q2, family),
    )  # fmt: skip
    return bvll.process(jnp.sqrt(jnp.asarray(q2)), **{**full, **changes})


M_B_RUN = m_b_run()


def integrand(p, form, h):
    """Re sum number coef H_a H_b^*, (P, n), in numpy."""
    return sum(np.real(number * np.asarray(coef) * h[a] * np.conj(h[b])) for a, b, coef, number in p.forms[form])


def points(name, above=0.0):
    ref = DATA["amplitudes"][name]
    keys = [k for k in ref if float(k) > above]
    return np.array([float(k) for k in keys]), [ref[k] for k in keys]


@pytest.mark.parametrize("family", FIT_MASSES)
def test_form_factors(family):
    """Nine printed digits."""
    ref = DATA["form_factors"][family]
    q2 = np.array([float(k) for k in ref])
    for name, values in zip(("V", "A0", "A1", "A12", "T1", "T2", "T23"), form_factors(q2, family), strict=True):
        np.testing.assert_allclose(values, [ref[k][name] for k in ref], rtol=1e-8)


def test_running_mass():
    """The mass that the reference used is fipjax's to 1e-5 (alpha_s running)."""
    from fipjax.hadronic import derive

    assert float(derive(PAR)["m_b"]) == pytest.approx(M_B_RUN, rel=1e-5)


@pytest.mark.parametrize("name", DECAYS)
def test_amplitudes(name):
    """Helicity amplitudes of decay and conjugate decay: i N s.  1e-8: printed digits; 1e-6 for V+, where C9 and C7 cancel.

    Below 8.9 GeV^2 the reference's V- and V0 contain spectator scattering: not compared."""
    q2, ref = points(name)
    p = at(name, q2)
    high = q2 > NO_SPECTATOR
    assert high.any() and not high.all()
    for key, s, n in (("H_SM", p.s, N), ("Hbar_SM", p.s_bar, N_BAR)):
        for i, label in enumerate(LABELS):
            got = 1j * n * np.asarray(s)[i, :, 0]
            want = np.array([complex(*r[key][label]) for r in ref])
            where = high if label in ("miV", "0V") else np.ones_like(high)
            if label == "S":
                assert (got == 0).all() and (want == 0).all()
            else:
                np.testing.assert_allclose(got[where], want[where], rtol=1e-6 if label == "plV" else 2e-8, err_msg=label)


@pytest.mark.parametrize("name", DECAYS)
def test_responses(name):
    """Change of every amplitude per unit of every coefficient (times i), and nothing else changes; nine digits."""
    q2, ref = points(name)
    p = at(name, q2)
    mass = {"p": M_B_RUN, "s": M_B_RUN}
    for key, ops in {"v": ("9",), "vp": ("9p",), "a": ("10", "H"), "ap": ("10p", "Hp"), "p": ("P",), "s": ("S",)}.items():
        u = sum(np.asarray(p.u[op]) for op in ops)[..., 0]
        for i, label in enumerate(LABELS):
            want = np.array([complex(*r["U_over_N"][key].get(label, (0.0, 0.0))) for r in ref]) * mass.get(key, 1.0)
            np.testing.assert_allclose(1j * u[i], want, rtol=2e-8, err_msg=f"{key} {label}")
    # primed scalar coefficients enter with the opposite sign
    for op in ("P", "S"):
        np.testing.assert_array_equal(p.u[op + "p"], -p.u[op])


def test_dipole_response():
    """C7 shifts c7, C7' shifts c7p: amplitudes are linear in both."""
    q2 = np.array([4.0, 18.0])
    p = at("B0->K*0mumu", q2)
    shift = 0.1 - 0.2j
    c7 = np.array([[complex(*DATA["c7_c9"][str(x)]["c7"])] for x in q2])
    np.testing.assert_allclose(at("B0->K*0mumu", q2, c7=c7 + shift).s - p.s, shift * p.u["7"], rtol=1e-12, atol=1e-14)
    moved = at("B0->K*0mumu", q2, c7p=SM["C7effp_bs"][0] + shift)
    np.testing.assert_allclose(moved.s - p.s, shift * p.u["7p"], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", DECAYS)
def test_angular_coefficients_of_given_amplitudes(name):
    """J_i and their conjugates from the reference's own amplitudes, spectator scattering included, at all q^2; 1e-7 of J_1s + J_1c
    (nine digits, and |N| of decay and conjugate decay differ in flavio by 2e-5)."""
    q2, ref = points(name)
    for key, amplitude, n in (("J_SM", "H_SM", N), ("Jbar_SM", "Hbar_SM", N_BAR)):
        p = at(name, q2, n_abs=abs(n))
        h = [np.array([[complex(*r[amplitude][label])] for r in ref]) / (1j * n) for label in LABELS]
        size = np.array([r[key]["1s"] + r[key]["1c"] for r in ref])
        for form in bvll.ANGULAR:
            # the forms are per dq
            got = integrand(p, form, h)[:, 0] / (2.0 * np.sqrt(q2))
            np.testing.assert_allclose(got / size, [r[key][form[1:]] for r in ref] / size, rtol=0, atol=1e-7, err_msg=form)


@pytest.mark.parametrize("name", DECAYS)
def test_angular_coefficients(name):
    """From coefficients to J_i above 8.9 GeV^2: 1e-6 of each where it is not small."""
    q2, ref = points(name, NO_SPECTATOR)
    for key, n, bar in (("J_SM", N, False), ("Jbar_SM", N_BAR, True)):
        p = at(name, q2, n_abs=abs(n))
        for form in bvll.ANGULAR:
            want = np.array([r[key][form[1:]] for r in ref])
            got = integrand(p, form, np.asarray(p.s_bar if bar else p.s))[:, 0] / (2.0 * np.sqrt(q2))
            # J_7,8,9: from imaginary parts of 1e-3
            loose = 1e-4 if form in ("J7", "J8", "J9") else 1e-6
            np.testing.assert_allclose(got, want, rtol=loose, atol=0, err_msg=form)


# -- the angular distribution, independently -----------------------------------------------------------------------------------

NP = {"9": -1.2 + 0.6j, "10": 0.8 - 0.4j, "9p": -0.6 - 0.7j, "10p": 0.5 + 0.9j, "7": 0.1 - 0.2j, "7p": 0.3j}
SCALAR = {"P": 0.05 - 0.3j, "S": 0.2 + 0.1j, "Sp": 0.1j, "H": 0.4j}


def shifted(p, coefficients):
    return np.asarray(p.s + sum(c * p.u[op] for op, c in coefficients.items()))


def random_decay(m_l, coefficients, q2=(1.5, 7.0, 14.0, 18.8)):
    q2 = np.array(q2)[:, None]
    c7, c9 = -0.37 - 0.013j + 0 * q2, 4.36 + 0.2j + 0 * q2
    p = bvll.process(
        jnp.sqrt(jnp.asarray(q2)), m_b=5.28, m_v=0.896, m_l=m_l, n_abs=8e-10, c7=c7, c7_bar=c7, c9=c9, c9_bar=c9, c7p=-0.006,
        c10=-4.17, m_b_run=4.09, ff=form_factors(q2, "B->K*"),
    )  # fmt: skip
    h = shifted(p, coefficients)
    return p, q2, h, {f: integrand(p, f, h) for f in p.forms}


def angular_functions(theta_k, theta_l, phi):
    """f_i of 0811.1214 eq. (3.10): d^4 Gamma = 9/(32 pi) sum J_i f_i."""
    sk, ck, sl, cl = np.sin(theta_k), np.cos(theta_k), np.sin(theta_l), np.cos(theta_l)
    s2k, s2l, c2l = np.sin(2 * theta_k), np.sin(2 * theta_l), np.cos(2 * theta_l)
    return {
        "J1s": sk**2,
        "J1c": ck**2,
        "J2s": sk**2 * c2l,
        "J2c": ck**2 * c2l,
        "J3": sk**2 * sl**2 * np.cos(2 * phi),
        "J4": s2k * s2l * np.cos(phi),
        "J5": s2k * sl * np.cos(phi),
        "J6s": sk**2 * cl,
        "J6c": ck**2 * cl,
        "J7": s2k * sl * np.sin(phi),
        "J8": s2k * s2l * np.sin(phi),
        "J9": sk**2 * sl**2 * np.sin(2 * phi),
    }


def wigner(theta):
    """d^1_{m m'}(theta), rows m = +1, 0, -1, columns m' = +1, 0, -1."""
    c, s = np.cos(theta), np.sin(theta) / np.sqrt(2)
    return np.array([[(1 + c) / 2, -s, (1 - c) / 2], [s, c, -s], [(1 - c) / 2, s, (1 + c) / 2]])


def kappa_q2(p, q2, m_l):
    """q^2 times the common factor of all forms, from the V+ V+ term of the rate."""
    return np.asarray(p.forms["rate"][0][2]) / (2.0 + 4.0 * m_l**2 / q2)


def left_right(h):
    """Amplitudes (+, 0, -) of left- and right-handed leptons."""
    return ([h[v] + sign * h[a] for v, a in ((bvll.VP, bvll.AP), (bvll.V0, bvll.A0), (bvll.VM, bvll.AM))] for sign in (-1, 1))


def test_angular_distribution_of_massless_leptons():
    """sum_i J_i f_i at random angles is |sum_m H_m d^1_{m0}(theta_K) d^1_{m,+-1}(theta_l) e^{i m phi}|^2, with +1 for left-handed
    leptons and -1 for right-handed ones."""
    p, q2, h, j = random_decay(0.0, NP)
    rng = np.random.default_rng(0)
    for _ in range(20):
        theta_k, theta_l, phi = rng.uniform(0, np.pi), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        got = sum(j[i] * f for i, f in angular_functions(theta_k, theta_l, phi).items())
        want = 0.0
        for amplitudes, column in zip(left_right(h), (0, 2), strict=True):
            rows = zip((1, 0, -1), wigner(theta_k)[:, 1], wigner(theta_l)[:, column], amplitudes, strict=True)
            want = want + np.abs(sum(x * y * np.exp(1j * m * phi) * a for m, x, y, a in rows)) ** 2
        np.testing.assert_allclose(got, 16.0 / 3.0 * kappa_q2(p, q2, 0.0) * want, rtol=1e-12)


def transversity_coefficients(h, q2, m_l, norm):
    """J_i of 0811.1214 eqs. (3.34) to (3.45), lepton masses and scalar amplitudes included.

    A_perp, A_para = (H_+ -+ H_-)/sqrt2, A_0 = -H_0, A_S = -2 S, (2 m_l/q) A_t = 2 P, L and R: V -+ A."""
    b2, m = 1.0 - 4.0 * m_l**2 / q2, m_l / np.sqrt(q2)
    b, (left, right) = np.sqrt(b2), left_right(h)
    perp, para, zero = (
        [norm * f(x) for x in (left, right)]
        for f in (lambda x: (x[0] - x[2]) / np.sqrt(2), lambda x: (x[0] + x[2]) / np.sqrt(2), lambda x: -x[1])
    )
    scalar, time = -2.0 * norm * h[bvll.S], 2.0 * norm * h[bvll.P]

    def total(x):
        return np.abs(x[0]) ** 2 + np.abs(x[1]) ** 2

    def product(x, y, sign):
        return x[0] * np.conj(y[0]) + sign * x[1] * np.conj(y[1])

    return {
        "J1s": (2 + b2) / 4 * (total(perp) + total(para))
        + 4 * m**2 * np.real(perp[0] * np.conj(perp[1]) + para[0] * np.conj(para[1])),
        "J1c": total(zero) + np.abs(time) ** 2 + 8 * m**2 * np.real(zero[0] * np.conj(zero[1])) + b2 * np.abs(scalar) ** 2,
        "J2s": b2 / 4 * (total(perp) + total(para)),
        "J2c": -b2 * total(zero),
        "J3": b2 / 2 * (total(perp) - total(para)),
        "J4": b2 / np.sqrt(2) * np.real(product(zero, para, 1)),
        "J5": np.sqrt(2) * b * np.real(product(zero, perp, -1) - m * (para[0] + para[1]) * np.conj(scalar)),
        "J6s": 2 * b * np.real(product(para, perp, -1)),
        "J6c": 4 * b * m * np.real((zero[0] + zero[1]) * np.conj(scalar)),
        "J7": np.sqrt(2) * b * np.imag(product(zero, para, -1) + m * (perp[0] + perp[1]) * np.conj(scalar)),
        "J8": b2 / np.sqrt(2) * np.imag(product(zero, perp, 1)),
        "J9": b2 * np.imag(product(perp, para, 1)),
    }


@pytest.mark.parametrize("m_l", [0.0, 0.10566, 0.5])
def test_angular_coefficients_of_transversity_amplitudes(m_l):
    """All twelve, and the rate, for all operators: 1506.03970 (what the code uses) against 0811.1214."""
    p, q2, h, j = random_decay(m_l, {**NP, **SCALAR})
    want = transversity_coefficients(h, q2, m_l, np.sqrt(4.0 / 3.0 * kappa_q2(p, q2, m_l)))
    for name in bvll.ANGULAR:
        np.testing.assert_allclose(j[name], want[name], rtol=1e-12, atol=1e-14 * np.abs(j["J1c"]).max(), err_msg=name)
    rate = 0.75 * (2 * j["J1s"] + j["J1c"]) - 0.25 * (2 * j["J2s"] + j["J2c"])
    np.testing.assert_allclose(j["rate"], rate, rtol=1e-13)
    assert np.abs(j["J6c"]).max() > 0 if m_l else np.abs(j["J6c"]).max() == 0


def test_massless_relations_and_bounds():
    """J_1s = 3 J_2s, J_1c = -J_2c without scalars; Cauchy-Schwarz for every interference."""
    _, _, _, j = random_decay(0.0, NP)
    np.testing.assert_allclose(j["J1s"], 3 * j["J2s"], rtol=1e-13)
    np.testing.assert_allclose(j["J1c"], -j["J2c"], rtol=1e-13)
    para, perp, zero = 2 * j["J2s"] - j["J3"], 2 * j["J2s"] + j["J3"], -j["J2c"]  # sums of |A|^2
    assert (para > 0).all() and (perp > 0).all() and (zero > 0).all()
    for name, bound in (
        ("J4", zero * para / 2),
        ("J5", 2 * zero * perp),
        ("J6s", 4 * para * perp),
        ("J7", 2 * zero * para),
        ("J8", zero * perp / 2),
        ("J9", para * perp),
    ):
        assert (j[name] ** 2 < bound).all(), name
    assert (j["J3"] ** 2 + j["J9"] ** 2 < 4 * j["J2s"] ** 2).all()


def exact_form_factors(q2, m_b, m_v):
    """Smooth functions with the exact relation of A12, T23 to A1, A2, T2, T3 (1503.05534 eqs. 2, 4): finite A2, T3 at the end
    point."""
    a1, a2, t2, t3 = (c * (1 + d * q2) for c, d in ((0.3, 0.02), (0.25, 0.03), (0.29, 0.025), (0.2, 0.04)))
    lam = ((m_b - m_v) ** 2 - q2) * ((m_b + m_v) ** 2 - q2)
    a12 = ((m_b + m_v) ** 2 * (m_b**2 - m_v**2 - q2) * a1 - lam * a2) / (16 * m_b * m_v**2 * (m_b + m_v))
    t23 = ((m_b**2 - m_v**2) * (m_b**2 + 3 * m_v**2 - q2) * t2 - lam * t3) / (8 * m_b * m_v**2 * (m_b - m_v))
    return bvll.FormFactors(0.4 + 0.03 * q2, 0.5 + 0 * q2, a1, a12, 0.3 + 0.02 * q2, t2, t23)


def test_end_point():
    """Where the V is at rest no direction is preferred: H_0 = -H_+ = -H_- for each current, which fixes all angular observables
    (1312.1923): F_L = 1/3, P_1 = -1, P_4' = sqrt2, J_5 = J_6s/2 and J_8 = -J_9/2 (all of order sqrt(lambda)), J_7 smaller."""
    m_b, m_v = 5.28, 0.896
    # distance to the end point: corrections of relative order 1 - q^2/q^2_max, and of its square root for A_perp/A_para
    for eps in (1e-6, 1e-8):
        q2 = jnp.array([[(m_b - m_v) ** 2 * (1 - eps)]])
        one = 1.0 + 0j * q2
        p = bvll.process(
            jnp.sqrt(q2), m_b=m_b, m_v=m_v, m_l=0.0, n_abs=8e-10, c7=(-0.37 + 0.1j) * one, c7_bar=one, c9=(4.3 + 0.4j) * one,
            c9_bar=one, c7p=-0.1, c10=-4.2, m_b_run=4.1, ff=exact_form_factors(q2, m_b, m_v),
        )  # fmt: skip
        h = shifted(p, NP)[:, 0, 0]
        root = np.sqrt(eps)
        for plus, minus, zero in ((bvll.VP, bvll.VM, bvll.V0), (bvll.AP, bvll.AM, bvll.A0)):
            assert abs(0.5 * (h[plus] + h[minus]) / h[zero] + 1) < 10 * eps
            assert 0 < abs(h[plus] / h[minus] - 1) < 20 * root
        j = {f: float(integrand(p, f, shifted(p, NP))[0, 0]) for f in p.forms}
        assert -j["J2c"] / j["rate"] == pytest.approx(1 / 3, abs=100 * eps)
        assert j["J3"] / (2 * j["J2s"]) == pytest.approx(-1, abs=100 * eps)
        assert j["J4"] / np.sqrt(-j["J2s"] * j["J2c"]) == pytest.approx(np.sqrt(2), abs=100 * eps)
        assert j["J5"] / j["J6s"] == pytest.approx(0.5, abs=100 * eps)
        assert j["J8"] / j["J9"] == pytest.approx(-0.5, abs=100 * eps)
        assert 0 < abs(j["J6s"]) < 20 * root * j["rate"] and abs(j["J7"]) < 100 * eps * j["rate"]


def test_subleading():
    """Shifts of C9 and C7 in single helicities: equal ones add up to the responses; C7' in V+, C7 in V- and V0."""
    q2 = np.array([1.0, 16.0])[:, None]
    ff = form_factors(q2, "B->K*")
    masses = dict(m_b=5.28, m_v=0.896, m_b_run=4.09)
    none = 0 * q2
    p = bvll.process(
        jnp.sqrt(q2), m_l=0.1, n_abs=1.0, c7=none, c7_bar=none, c9=none, c9_bar=none, c7p=0.0, c10=0.0, ff=ff, **masses
    )
    a, b, c = 0.3 - 0.1j, -0.2 + 0.5j, 0.7j
    got = bvll.subleading(jnp.sqrt(q2), ff=ff, c7=(a, b, c), c9=(0.0, 0.0, 0.0), **masses)
    want = (a * p.u["7p"][bvll.VP], b * p.u["7"][bvll.VM], c * p.u["7"][bvll.V0])
    np.testing.assert_allclose(jnp.stack(got), jnp.stack(want), rtol=1e-14)
    got = bvll.subleading(jnp.sqrt(q2), ff=ff, c9=(a, b, c), **masses)
    np.testing.assert_allclose(jnp.stack(got), jnp.stack([x * u for x, u in zip((a, b, c), p.u["9"], strict=False)]), rtol=1e-14)
    # as an addition to the vector amplitudes
    extra = bvll.subleading(jnp.sqrt(q2), ff=ff, c9=(a, a, a), **masses)
    more = bvll.process(
        jnp.sqrt(q2), m_l=0.1, n_abs=1.0, c7=none, c7_bar=none, c9=none, c9_bar=none, c7p=0.0, c10=0.0, ff=ff, extra=extra,
        extra_bar=extra, **masses,
    )  # fmt: skip
    np.testing.assert_allclose(more.s - p.s, a * p.u["9"], rtol=1e-14)


def test_mixing():
    """Without CP violation A_perp is CP-odd, the rest even, S odd (1502.05509): h of the rate is 2 sum of eta |A|^2, without
    sine."""
    p, q2, h, _ = random_decay(0.10566, {**NP, **SCALAR})
    same = quadratic.Process(jnp.asarray(h), jnp.asarray(h), {}, p.forms)
    outputs = [("rate", "cos"), ("rate", "sin")]
    table = quadratic.contract(same, outputs, (), jnp.ones(q2.shape), jnp.eye(4), 1.0, 1.0, bvll.mixing(1.0))
    cos, sin = np.asarray(table.sm)
    odd = np.array(h)
    even = np.array(h)
    for plus, minus in ((bvll.VP, bvll.VM), (bvll.AP, bvll.AM)):
        even[plus] = even[minus] = 0.5 * (h[plus] + h[minus])
        odd[plus] = 0.5 * (h[plus] - h[minus])
        odd[minus] = -odd[plus]
    even[bvll.S] = 0
    odd[[bvll.V0, bvll.A0, bvll.P]] = 0
    want = 2 * (integrand(p, "rate", even) - integrand(p, "rate", odd))[:, 0]
    np.testing.assert_allclose(cos, want, rtol=1e-12)
    assert np.abs(sin).max() < 1e-14 * np.abs(cos).max()
    # a weak phase of N_bar/N turns one into the other
    turned = quadratic.contract(same, outputs, (), jnp.ones(q2.shape), jnp.eye(4), 1.0, 1.0, bvll.mixing(np.exp(0.3j)))
    np.testing.assert_allclose(turned.sm[0], np.cos(0.3) * cos, rtol=1e-12)
    np.testing.assert_allclose(turned.sm[1], -np.sin(0.3) * cos, rtol=1e-12)


def test_outside_the_physical_region():
    """Forms vanish, with finite values and gradients, below threshold and beyond the end point."""
    for q2 in (0.03, 19.3, 25.0):

        def total(c9, q2=q2):
            s = jnp.array([[q2]])
            one = 1.0 + 0j * s
            p = bvll.process(
                jnp.sqrt(s), m_b=5.28, m_v=0.896, m_l=0.10566, n_abs=8e-10, c7=one, c7_bar=one, c9=c9 * one, c9_bar=one, c7p=0.1,
                c10=-4.2, m_b_run=4.1, ff=exact_form_factors(s, 5.28, 0.896),
            )  # fmt: skip
            terms = [jnp.real(n * c * p.s[a] * jnp.conj(p.s[b])) for f in p.forms.values() for a, b, c, n in f]
            return jnp.sum(jnp.stack(terms))

        value, slope = jax.value_and_grad(total)(4.2)
        assert value == 0 and slope == 0
