"""Exchange of light scalars: heavy limit against constant coefficients, narrow limit against two-body rates, interference against
direct sums of amplitudes, Bs -> mu mu and mixing against closed formulae, the sign relative to a vector through its Goldstone."""

import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax.errors import InputError
from fipjax.hadronic import MU_B, default_inputs, derive, effective_coefficients
from fipjax.likelihood import inputs_for
from fipjax.observables import Predictor
from fipjax.observables.bsll import coefficients
from fipjax.observables.decays import _FF_K, DECAYS, Stretch, form_factors_v
from fipjax.theory import ScalarMediator, Theory, VectorMediator
from fipkernels import b_to_scalar, g2, mixing, widths
from fipkernels.form_factors import b_to_k

M_MU = 0.1056583755


def quick(function):
    """jit without optimisation, for what runs a few times only."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None)


def one(x):
    """A constant coupling, (1, 1)."""
    return jnp.asarray([[x]])


def scalar(mass, width, **couplings):
    return ScalarMediator(jnp.array([mass]), jnp.array([width]), **{k: one(v) for k, v in couplings.items()})


@pytest.fixture(scope="module")
def par():
    return inputs_for("2021")


@pytest.fixture(scope="module")
def sm(par):
    return jax.tree.map(np.asarray, quick(derive)(par))


class Case:
    """Observables with their tables."""

    def __init__(self, names, par):
        self.names, self.predictor = names, Predictor(names, "flavio")
        self.tables = quick(self.predictor.tables)(par)
        self.run = quick(self.predictor)

    def __call__(self, theory):
        return np.asarray(self.run(theory, self.tables))[:, 0]

    def contracted(self, theory):
        return quick(lambda x, t: self.predictor(x, self.predictor.contract(x, t)))(theory, self.tables)


@pytest.fixture(scope="module")
def everything(par):
    k = [f"<{x}>(B+->Kmumu)[1.1,6.0]" for x in ("dBR/dq2", "FH", "AFB", "ACP")]
    kstar = [f"<{x}>(B0->K*mumu)[15.0,19.0]" for x in ("dBR/dq2", "S5", "S6c", "S7", "A7")]
    other = ["<dBR/dq2>(Bs->phimumu)[15.0,18.9]", "<dBR/dq2>(B+->Kee)[1.1,6.0]", "FH(B+->Kmumu)[3.0]"]
    lepton = ["BR(Bs->mumu)", "ADeltaGamma(Bs->mumu)", "BR(Bs->ee)", "DeltaM_s", "S_psiphi"]
    return Case([*k, *kstar, *other, *lepton, "<dBR/dq2>(Lambdab->Lambdamumu)[15.0,20.0]"], par)


@pytest.fixture(scope="module")
def few(par):
    return Case(["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<AFB>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)", "DeltaM_s"], par)


@pytest.fixture(scope="module")
def leptons(par):
    return Case(["BR(Bs->mumu)", "ADeltaGamma(Bs->mumu)"], par)


def test_heavy_limit(everything, sm):
    """A scalar of 100 TeV is its constant coefficients, up to q^2/m_S^2 = 3e-9, in every observable; their signs are those of WCxf:
    L = N m_b C_S (sbar P_R b)(lbar l), and C_SLL (sbar P_L b)^2, which an S with L = S J gives as J^2/(2 m_S^2)."""
    mass = 1e5
    left, right = 0.045 + 0.015j, -0.03 + 0.007j
    charges = {"mu": (70.0, -40.0), "e": (20.0, 50.0)}
    s = scalar(mass, 0.0, bs_L=left, bs_R=right, mu_S=70.0, mu_P=-40.0, e_S=20.0, e_P=50.0)
    unit = complex(sm["n"]) * float(sm["m_b"]) * mass**2
    wc = {}
    for lepton, (g_s, g_p) in charges.items():
        for prime, bs in (("", right), ("p", left)):
            wc[f"CS{prime}_bs{2 * lepton}"] = jnp.array([bs * g_s / unit])
            wc[f"CP{prime}_bs{2 * lepton}"] = jnp.array([1j * bs * g_p / unit])
    run = float(sm["m_b_mix"] / sm["m_b"])
    wc["CSLL_bsbs"] = jnp.array([(run * left) ** 2 / (2.0 * mass**2)])
    wc["CSRR_bsbs"] = jnp.array([(run * right) ** 2 / (2.0 * mass**2)])
    wc["CSLR_bsbs"] = jnp.array([run**2 * left * right / mass**2])
    # one structure: one compilation
    off = lambda x: jax.tree.map(jnp.zeros_like, x)  # noqa: E731
    idle = ScalarMediator(s.mass, s.width, *(0.0 * c for c in (s.bs_L, s.bs_R, s.mu_S, s.mu_P, s.e_S, s.e_P)))
    standard, want, got = (everything(Theory(wc=c, scalars=(x,))) for c, x in ((off(wc), idle), (wc, idle), (off(wc), s)))
    for name, z, w, g in zip(everything.names, standard, want, got, strict=True):
        if "Lambdab" in name:
            # its kernel has no scalar operators
            assert g == w == z
        else:
            assert abs(w - z) > 1e-6 * abs(z) and abs(w - z) > 0.0, name
            # rounding of the large Standard-Model part, 1e-14, against changes of 1e-6 and more
            assert g - z == pytest.approx(w - z, rel=1e-6, abs=1e-13 * abs(z)), name


def test_many_points(few):
    """Contracted tables for many points against the amplitudes of one."""
    s = scalar(1.9, 0.2, bs_L=3e-8 - 2e-8j, bs_R=1e-8 + 2e-8j, mu_S=0.6, mu_P=-0.4)
    np.testing.assert_allclose(few.contracted(Theory(scalars=(s,)))[:, 0], few(Theory(scalars=(s,))), rtol=1e-11)


def test_no_scalars_no_change(few):
    """Beside a scalar that does not couple to b-s, a vector gives the same numbers to the last bit."""
    v = VectorMediator(jnp.array([2.0]), jnp.array([0.1]), bs_L=one(1e-6 + 1e-6j), mu_V=one(0.01), mu_A=one(0.02))
    assert (few(Theory((v,), scalars=(scalar(3.0, 0.1, mu_S=0.5),))) == few(Theory((v,)))).all()


# -- on shell -----------------------------------------------------------------------------------------------------------


def test_narrow_limit(par, sm):
    """A bin that holds the mass grows by BR(B -> K(*) S) BR(S -> mu mu), from f_0 and A_0 alone (m_s neglected, as in the bins)."""
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<dBR/dq2>(B0->K*mumu)[1.1,6.0]", "<dBR/dq2>(B+->Kmumu)[6.0,8.0]"]
    case = Case(names, par)
    standard = case(Theory())
    left, right, mass = 3e-5 + 1e-5j, -1e-5 + 2e-5j, 1.7
    m_b = float(sm["m_b"])
    f_zero = b_to_k(mass**2, {k: par["B->K BSZ " + k] for k in _FF_K}, par["m_B0"], par["m_K0"])[1]
    a_zero = form_factors_v(jnp.asarray(mass**2), par, ["B->K*"]).a0
    rates = (
        par["tau_B+"] * b_to_scalar.rates_k(mass, par["m_B+"], par["m_K+"], f_zero, m_b)[0] * abs(left + right) ** 2,
        par["tau_B0"] * b_to_scalar.rates_kstar(mass, par["m_B0"], par["m_K*0"], a_zero, m_b)[1] * abs(right - left) ** 2,
    )
    for g_s, g_p in ((1e-3, 0.0), (0.0, 1e-3)):
        muons = float(widths.scalar_to_fermions(mass, M_MU, g_s, g_p))
        width = 1e-7 * mass
        got = case(Theory(scalars=(scalar(mass, width, bs_L=left, bs_R=right, mu_S=g_s, mu_P=g_p),)))
        for i in (0, 1):
            want = float(rates[i]) * muons / width / 4.9
            assert want > 1e3 * standard[i]
            # width, and interference: the square root of Standard Model over peak within one width
            assert got[i] - standard[i] == pytest.approx(want, rel=2e-6)
        # the tail elsewhere is of order width
        assert abs(got[2] - standard[2]) < 1e-4 * got[0]


# -- interference -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def amplitudes(par):
    """(q, w, process) of B+ -> K+ mu mu on nodes of 1.1 < q^2 < 6 GeV^2: with poles 0.05 GeV off the axis, Gauss-Legendre with 400
    nodes is exact to rounding."""
    lo, hi, n = math.sqrt(1.1), math.sqrt(6.0), 400
    x, w = np.polynomial.legendre.leggauss(n)
    q, decay = 0.5 * (hi + lo) + 0.5 * (hi - lo) * x[None], DECAYS["B+->K"]

    def make(par):
        sm = derive(par)
        eff = effective_coefficients(jnp.asarray(q[0] ** 2), par, sm, MU_B).part(0, n, (1, n))
        return decay.build(jnp.asarray(q), [Stretch(decay, "mumu", 1)], par, sm, eff, ("rate", "asym"), "default", None)

    return q, 0.5 * (hi - lo) * w[None], quick(make)(par)


def _direct(amplitudes, sm, theory):
    """Rate and asym of B+ -> K+ mu mu and of the CP-conjugate decay as plain sums over nodes of |amplitudes|^2."""
    q, w, p = amplitudes
    out = {}
    for bar in (False, True):
        norm = complex(sm["n_bar"] if bar else sm["n"])
        h = np.array(p.s_bar if bar else p.s)
        turn = np.conj if bar else (lambda z: z)

        def add(op, c, h=h, p=p):
            h += c * np.asarray(p.u[op])

        for m in theory.mediators:
            d = q**2 - float(m.mass[0]) ** 2 + 1j * float(m.width[0]) * q
            for prime, bs in (("", m.bs_L), ("p", m.bs_R)):
                if bs is not None:
                    c = turn(complex(bs[0, 0])) / norm / d
                    add("9" + prime, c * float(m.mu_V[0, 0]))
                    add("10" + prime, c * float(m.mu_A[0, 0]))
                    add("H" + prime, c * float(m.mu_A[0, 0]) * (1.0 - q**2 / float(m.mass[0]) ** 2))
        for m in theory.scalars:
            width = float(m.width[0])
            d = q**2 - float(m.mass[0]) ** 2 + 1j * width * (q if m.scheme == "sqrt_q2" else float(m.mass[0]))
            for prime, bs in (("", m.bs_R), ("p", m.bs_L)):
                if bs is not None:
                    c = -1.0 / d / norm / float(sm["m_b"])
                    add("S" + prime, c * turn(complex(bs[0, 0])) * float(m.mu_S[0, 0]))
                    add("P" + prime, c * turn(1j * complex(bs[0, 0])) * float(m.mu_P[0, 0]))
        for form, terms in p.forms.items():
            density = sum(np.real(h[a] * np.conj(h[b]) * np.asarray(c) * np.prod(number)) for a, b, c, *number in terms)
            out[form, bar] = float(np.sum(w * density))
    return out


@pytest.mark.parametrize(
    "case", ["vector, scalar", "scalars", *(pytest.param(n, marks=pytest.mark.validate) for n in ("vector", "all"))]
)
def test_interference_of_vector_and_scalars(par, sm, amplitudes, case):
    """A vector and scalars with overlapping peaks and complex couplings: all cross weights, against sums on nodes."""
    v = VectorMediator(jnp.array([1.9]), jnp.array([0.15]), bs_L=one(2e-8 + 1e-8j), mu_V=one(0.5), mu_A=one(-0.3))
    s = scalar(2.0, 0.2, bs_L=3e-8 - 2e-8j, mu_S=0.6, mu_P=-0.4)
    t = ScalarMediator(jnp.array([1.7]), jnp.array([0.1]), bs_R=one(2e-8 + 0.0j), mu_S=one(-0.5), mu_P=one(0.3), scheme="constant")
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<AFB>(B+->Kmumu)[1.1,6.0]", "<ACP>(B+->Kmumu)[1.1,6.0]"]
    predictor = Predictor(names)
    tables = quick(predictor.tables)(par)
    theories = {
        "vector": Theory((v,)),
        "vector, scalar": Theory((v,), scalars=(s,)),
        "all": Theory((v,), scalars=(s, t)),
        "scalars": Theory(scalars=(s, t)),
    }
    theory = theories[case]
    got = np.asarray(quick(predictor)(theory, tables))[:, 0]

    def direct(theory):
        d = _direct(amplitudes, sm, theory)
        total = d["rate", False] + d["rate", True]
        asymmetries = [(d["asym", False] + d["asym", True]) / total, (d["rate", False] - d["rate", True]) / total]
        return np.array([0.5 * par["tau_B+"] * total / 4.9, *asymmetries])

    want = direct(theory)
    # bins: 1e-6 of the rate (tests of the panels)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
    np.testing.assert_allclose(got[1:], want[1:], atol=1e-6)
    if case == "vector, scalar":
        # V and S interfere in A_FB alone, which neither has without the other beyond interference with the Standard Model
        parts = direct(Theory((v,))), direct(Theory(scalars=(s,)))
        assert abs(parts[0][1]) < 1e-12 and abs(want[1]) > 1e-2 > 10.0 * abs(parts[1][1] * parts[1][0] / want[0])
    elif case == "scalars":
        standard, *parts = (direct(Theory(scalars=x))[0] for x in ((), (s,), (t,)))
        assert abs(want[0] - sum(parts) + standard) > 0.05 * want[0]


# -- gradients ----------------------------------------------------------------------------------------------------------


def test_gradients_across_the_resonance(par):
    """Mass below, at both edges of, inside and above the bin, and below 2 m_mu; narrow and wide: reverse mode, forward mode and
    differences."""
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<FH>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)", "DeltaM_s"]
    predictor = Predictor(names)
    edge = math.sqrt(6.0)
    masses = np.array([0.15, 0.9, math.sqrt(1.1), 1.8, edge, edge + 1e-4, 4.0, 5.36, 90.0])
    x = {
        "m": jnp.asarray(np.concatenate([masses, masses])),
        "r": jnp.asarray(np.repeat([1e-3, 0.2], len(masses))),
        "bs": jnp.full(18, 3e-8),
        "g": jnp.full(18, 0.02),
    }

    def theory(x):
        bs = jnp.stack([x["bs"] * (1.0 + 0.5j)])
        return Theory(scalars=(ScalarMediator(x["m"], x["r"] * x["m"], None, bs, x["g"][None], -2.0 * x["g"][None]),))

    with_tables = quick(predictor.tables)(par)
    tables = quick(lambda t: predictor.contract(theory({k: v[:1] for k, v in x.items()}), t))(with_tables)
    plain = lambda x: predictor(theory(x), tables)  # noqa: E731
    value, slope = quick(plain), quick(lambda x, t: jax.jvp(plain, (x,), (t,))[1])
    got = value(x)
    assert np.isfinite(np.asarray(got)).all()
    for key in x:
        tangent = {k: jnp.ones_like(v) if k == key else jnp.zeros_like(v) for k, v in x.items()}
        forward = np.asarray(slope(x, tangent))
        # fourth order in a step far below the width
        h = 1e-4 * (x["r"] * x["m"] if key == "m" else x[key])
        at = lambda c: value({**x, key: x[key] + c * h})  # noqa: B023, E731
        difference = np.asarray((8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * h))
        # rounding: 1e-14 of the value over the step
        noise = 1e-12 * np.abs(np.asarray(got)) / np.asarray(h)
        assert (np.abs(forward - difference) <= 1e-6 * np.abs(difference) + noise).all(), key
    weights = jnp.asarray(np.random.default_rng(1).normal(size=got.shape)) / jnp.abs(got)
    back = quick(jax.grad(lambda x: jnp.sum(weights * plain(x))))(x)
    tangent = {k: jnp.ones_like(v) if k == "m" else jnp.zeros_like(v) for k, v in x.items()}
    forward = jnp.sum(weights * slope(x, tangent), axis=0)
    np.testing.assert_allclose(back["m"], forward, rtol=1e-9)


# -- Bs -> l l, mixing, a_mu ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mass", [0.05, 3.0, 5.36, 60.0])
def test_bs_mu_mu_closed_formula(mass, par, sm, leptons):
    """|P|^2 + |S|^2 with the matrix element of sbar gamma5 b, f m_Bs^2/(m_b + m_s), written out; y from the pole on."""
    left, right, g_s, g_p, width = 2e-9 + 1e-9j, -1e-9 + 3e-9j, 0.01, -0.02, 0.01 * mass
    got = leptons(Theory(scalars=(scalar(mass, width, bs_L=left, bs_R=right, mu_S=g_s, mu_P=g_p),)))[0]
    m, f, n = par["m_Bs"], par["f_Bs"], complex(sm["n"])
    d = m**2 - mass**2 + 1j * width * m
    beta = math.sqrt(1.0 - 4.0 * M_MU**2 / m**2)
    c10 = float(sm["c"]["C10"])
    # amplitude of B -> l l: (f/2) [2 m_l N C10 lbar gamma5 l + m^2/(m_b + m_s) (right - left) lbar (g_s + i g_p gamma5) l (-1/D)]
    br, interference = 0.0, 0.0
    amplitudes = []
    for bar in (False, True):
        turn = np.conj if bar else (lambda z: z)
        current = m**2 / float(sm["m_b"] + sm["m_s"]) * (-1.0 / d)
        p = 2.0 * M_MU * turn(n) * c10 + turn(1j * g_p * (right - left)) * current
        s = turn(g_s * (right - left)) * current
        amplitudes.append((p / turn(n), s / turn(n)))
        # sum over spins: 2 m^2 (|p|^2 + beta^2 |s|^2); two-body phase space beta/(16 pi m)
        br += (
            0.5 * par["tau_Bs"] * (f / 2.0) ** 2 * 2.0 * m**2 * (abs(p) ** 2 + beta**2 * abs(s) ** 2) * beta / (16.0 * math.pi * m)
        )
    (p, s), (p_bar, s_bar) = amplitudes
    interference = 2.0 * np.real(p * np.conj(p_bar)) - 2.0 * beta**2 * np.real(s * np.conj(s_bar))
    interference /= abs(p) ** 2 + abs(p_bar) ** 2 + beta**2 * (abs(s) ** 2 + abs(s_bar) ** 2)
    y = 0.5 * par["DeltaGamma/Gamma_Bs"]
    assert got == pytest.approx(br * (1.0 + y * interference) / (1.0 - y**2), rel=1e-12)


def test_goldstone_of_a_vector(par, sm, leptons):
    """The longitudinal part of axial exchange is that of a pseudoscalar with couplings i m_b g/m, i m_s g/m and 2 m_mu g_A/m: the
    same sign of the propagator as in the vector's own formulae, in b -> s l l, Bs -> mu mu and mixing."""
    mass, g, g_a = 3.0, 2e-9, 0.03
    m_b, m_s, m = float(sm["m_b"]), float(sm["m_s"]), float(par["m_Bs"])
    axial = 2.0 * M_MU * g_a / mass
    s = scalar(mass, 0.0, bs_R=-1j * m_b * g / mass, bs_L=1j * m_s * g / mass, mu_P=axial)
    v = VectorMediator(s.mass, s.width, bs_L=one(g), mu_A=one(g_a))
    # coefficient of q^2 in (2 m_l/q^2) C_H beyond that of a contact interaction
    extra = 2.0 * M_MU * coefficients(Theory((v,)), "mumu").light[0]["H"][1]
    pseudo = coefficients(Theory(scalars=(s,)), "mumu", m_b).light[0]
    assert complex(pseudo["P"][0, 0]) == pytest.approx(float(extra[0]), rel=1e-12)
    assert complex(pseudo["Pp"][0, 0]) == pytest.approx(-m_s / m_b * float(extra[0]), rel=1e-12)
    contact = {"C10_bsmumu": jnp.array([g * g_a / (m**2 - mass**2) / complex(sm["n"])])}
    want = leptons(Theory((v,)))
    np.testing.assert_allclose(leptons(Theory(wc=contact, scalars=(s,))), want, rtol=1e-12)
    assert abs(want[0] / leptons(Theory(wc=contact))[0] - 1.0) > 1e-3
    # mixing: scalar operators of the vector alone
    me = dict.fromkeys(("CVLL", "CVRR", "CVLR"), 0.0) | {"CSLL": 1.1, "CSRR": 1.3, "CSLR": -0.7}
    width = jnp.array([0.2])
    both = [
        mixing.light_vector(one(g + 0.5j * g), None, v.mass, width, m=m, m_b=m_b, m_q=m_s, me=me),
        mixing.light_scalar(
            one(-1j * m_s * (g + 0.5j * g) / mass), one(1j * m_b * (g + 0.5j * g) / mass), v.mass, width, m=m, me=me
        ),
    ]
    np.testing.assert_allclose(np.asarray(both[1]), np.asarray(both[0]), rtol=1e-12)


def test_mixing_has_the_width(par):
    """Dispersive and absorptive parts around m_S = m_Bs: 1/D of the couplings squared, and the sum rule of the width's sign."""
    me = {"CSLL": -0.2, "CSRR": -0.2, "CSLR": 0.4}
    m, y = 5.367, 1e-6
    for mass in (1.0, 5.3, 5.367, 5.4, 80.0):
        for scheme, im in (("sqrt_q2", m), ("constant", mass)):
            dm, dg = mixing.light_scalar(None, one(y), jnp.array([mass]), jnp.array([0.1]), m=m, me=me, scheme=scheme, running=0.9)
            want = 0.5 * (0.9 * y) ** 2 * me["CSRR"] / (m**2 - mass**2 + 0.1j * im)
            assert complex(dm[0] - 0.5j * dg[0]) == pytest.approx(want, rel=1e-12)


def test_a_mu_and_model():
    """The built-in model: a_mu from the loop, widths, what is left of the width, and the b-s couplings in the right places."""
    point = {"m_S": 2.3, "gamma_S": 0.01, "y_bsL": 2e-9, "y_bsR": -1e-9, "y_muS": 1e-3, "y_muP": 2e-3}
    names = ["a_mu", "BR(Bs->mumu)", "BR(Bs->ee)"]
    got = fipjax.predict("light_scalar", point, names)
    # electrons have couplings of their own
    assert got["BR(Bs->ee)"] == got.sm["BR(Bs->ee)"] and abs(got["BR(Bs->mumu)"] / got.sm["BR(Bs->mumu)"] - 1.0) > 1e-5
    # light scalar: y_S^2/(8 pi^2) x^2 (-ln x^2 - 7/6) at leading order in x = m_mu/m_S, y_P^2 (ln x^2 + 11/6)
    x = M_MU / 2.3
    leading = x**2 / (8.0 * math.pi**2) * (1e-6 * (-2 * math.log(x) - 7 / 6) + 4e-6 * (2 * math.log(x) + 11 / 6))
    shift = got["a_mu"] - got.sm["a_mu"]
    assert shift == pytest.approx(leading, rel=0.02)  # corrections x^2 ln x
    assert shift == pytest.approx(float(g2.delta_a_mu_scalar(1e-3, 2e-3, 2.3, M_MU)), rel=1e-6)
    from fipjax.models import get_model

    theory = get_model("light_scalar").build({k: jnp.array([v]) for k, v in point.items()})
    (s,) = theory.scalars
    assert theory.mediators == () and float(s.bs_L[0, 0]) == 2e-9 and float(s.bs_R[0, 0]) == -1e-9
    want = float(widths.scalar_to_fermions(2.3, M_MU, 1e-3, 2e-3))
    assert float(s.partial_widths["mumu"][0]) == pytest.approx(want, rel=1e-12)
    assert float(s.partial_widths["mumu"][0] + s.partial_widths["dark"][0]) == pytest.approx(0.023, rel=1e-12)
    # without a width: muons alone
    alone = get_model("light_scalar").build({k: jnp.array([v]) for k, v in point.items() if k != "gamma_S"}).scalars[0]
    assert float(alone.width[0]) == pytest.approx(want, rel=1e-12) and "dark" not in alone.partial_widths


def test_wilson_coefficients_at_one_q2(sm):
    """Export at q^2: C_S(q^2) with the propagator, its strong phase included."""
    point = {"m_S": 2.0, "gamma_S": 0.1, "y_bsR": 1e-7, "y_muS": 0.1}
    with pytest.raises(InputError, match="light mediator S"):
        fipjax.to_wcxf("light_scalar", point)
    values = fipjax.to_wcxf("light_scalar", point, q2=3.0)[0]["values"]
    sm_now = quick(derive)(default_inputs().central())
    want = -1e-8 / (3.0 - 4.0 + 1j * 0.2 * math.sqrt(3.0)) / complex(sm_now["n"]) / float(sm_now["m_b"])
    got = values["CS_bsmumu"]
    assert complex(got["Re"], got["Im"]) == pytest.approx(want, rel=1e-9)
    assert set(values) == {"CS_bsmumu"}


def test_mistakes(few):
    with pytest.raises(InputError, match=r"scalar 'S': scheme = 'narrow' \(allowed: 'sqrt_q2', 'constant'\)"):
        ScalarMediator(jnp.ones(1), jnp.ones(1), scheme="narrow")
    v = VectorMediator(jnp.ones(1), jnp.array([1e-3]), bs_L=one(1e-9), mu_V=one(1e-3), scheme="narrow")
    with pytest.raises(InputError, match="beside another light state"):
        few.contracted(Theory((v,), scalars=(scalar(1.0, 0.1, bs_R=1e-9, mu_S=1e-3),)))
    with pytest.raises(ValueError, match="m_b"):
        coefficients(Theory(scalars=(scalar(1.0, 0.1, bs_R=1e-9, mu_S=1e-3),)), "mumu")

    mass = fipjax.Parameter("m", "m", "GeV", "", 1.5)

    def model(build):
        return fipjax.Model("mine", "", "", (mass,), build)

    # a scalar among the vectors, and a coupling without powers of q^2
    misplaced = model(lambda p: Theory(mediators=(ScalarMediator(p["m"], 0.1 * p["m"]),)))
    flat = model(lambda p: Theory(scalars=(ScalarMediator(p["m"], 0.1 * p["m"], bs_R=p["m"]),)))
    with pytest.raises(InputError, match=r"mediator 0 is .* \(allowed: fipjax.VectorMediator\)"):
        fipjax.predict(misplaced, {"m": 1.5}, ["a_mu"])
    with pytest.raises(InputError, match=r"scalar 'S': bs_R has shape \(3,\)"):
        fipjax.predict(flat, {"m": 1.5}, ["a_mu"])


def test_model_of_the_documentation(tmp_path, monkeypatch):
    """The example of docs/own_model.md is the built-in model with its width to muons."""
    text = (Path(__file__).parents[2] / "docs" / "own_model.md").read_text(encoding="utf-8")
    (example,) = (b for b in re.findall(r"```python\n(.*?)```", text, flags=re.S) if b.startswith("# myscalar.py"))
    (tmp_path / "myscalar.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    names = ["a_mu", "BR(Bs->mumu)", "DeltaM_s"]
    got = fipjax.predict("myscalar.py:LightScalar", {"m_S": 2.5, "y_bs": 1e-7, "y_mu": -0.1}, names)
    want = fipjax.predict("light_scalar", {"m_S": 2.5, "y_bsR": 1e-7, "y_muS": -0.1}, names)
    np.testing.assert_allclose(list(got.values()), list(want.values()), rtol=1e-12)
    assert got["BR(Bs->mumu)"] != got.sm["BR(Bs->mumu)"]
