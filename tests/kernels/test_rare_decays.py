"""B -> K l l, B -> l l and mixing kernels against direct evaluation and the numbers of 2106.12582."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from fipjax.observables.bsll import longitudinal
from fipkernels import bkll, leptonic, mixing, quadratic
from fipkernels import breit_wigner as bw
from fipkernels.panels import make_panels

M_B, M_K, M_MU = 5.27934, 0.493677, 0.1056583745
N = -8.2e-10 + 1.5e-11j
C7, C9, C10 = -0.37 - 0.013j, 4.36 + 0.09j, -4.166


def form_factors(q2):
    return 0.33 / (1 - q2 / 29.3), 0.33 / (1 - q2 / 31.7), 0.32 / (1 - q2 / 29.3)


def direct(q2, light, heavy, sign):
    """d(Gamma + sign Gamma_bar)/dq2 and the numerators of F_H and A_FB straight from 1506.03970 / 0709.4174."""
    q = np.sqrt(q2)
    fp, f0, ft = form_factors(q2)
    lam = (M_B**4 + M_K**4 + q2**2) - 2 * (M_B**2 * M_K**2 + M_B**2 * q2 + M_K**2 * q2)
    beta = np.sqrt(1 - 4 * M_MU**2 / q2)
    total = np.zeros(3)
    for conj in (False, True):
        n = np.conj(N) if conj else N
        c = (lambda z: np.conj(z)) if conj else (lambda z: z)
        d = q2 - light["m"] ** 2 + 1j * light["width"] * q
        bs = c(light["bs0"]) + q2 * c(light["bs1"])
        hv = (
            np.sqrt(lam)
            / (2 * q)
            * (n * (2 * 4.09 / (M_B + M_K) * C7 * ft + (C9 + c(heavy["C9"])) * fp) + fp * bs * (light["v0"] + q2 * light["v1"]) / d)
        )
        ha = np.sqrt(lam) / (2 * q) * fp * (n * (C10 + c(heavy["C10"])) + bs * (light["a0"] + q2 * light["a1"]) / d)
        k = (M_B**2 - M_K**2) / 2 * f0
        long = c(light["bs0"]) * light["a0"] * (1 - q2 / light["m"] ** 2) / d
        hp = k * (n * c(heavy["CP"]) + 2 * M_MU / q2 * (n * (C10 + c(heavy["C10"])) + long))
        hs = k * n * c(heavy["CS"])
        kappa = np.sqrt(lam) * beta / (2**9 * np.pi**3 * M_B**3)
        g0 = kappa * (
            2 * q2 / 3 * ((3 - beta**2) * abs(hv) ** 2 + 2 * beta**2 * abs(ha) ** 2)
            + 2 * q2 * (beta**2 * abs(hs) ** 2 + abs(hp) ** 2)
        )
        g1 = -kappa * 8 * q2 * beta * M_MU / q * (hv * np.conj(hs)).real
        g2 = -kappa * 4 / 3 * q2 * beta**2 * (abs(hv) ** 2 + abs(ha) ** 2)
        total += (sign if conj else 1) * np.array([2 * g0, 2 * (g0 + g2), g1])
    return total


POINTS = [
    # real couplings, pole inside [1.1, 6]; complex couplings, broad, below; complex heavy coefficients as well
    ({"m": 1.5, "width": 0.02, "bs0": 3e-8, "bs1": 0.0, "v0": -0.01, "v1": 0.0, "a0": 0.004, "a1": 0.0}, {}),
    (
        {
            "m": 0.4,
            "width": 0.15,
            "bs0": 2e-9 + 1e-9j,
            "bs1": 1e-9 - 2e-9j,
            "v0": 0.3,
            "v1": 0.1,
            "a0": -0.2,
            "a1": 0.05,
        },
        {},
    ),
    (
        {"m": 3.0, "width": 0.3, "bs0": 1e-8j, "bs1": 2e-9, "v0": 0.1, "v1": 0.02, "a0": 0.03, "a1": -0.01},
        {"C9": -0.7 + 0.4j, "C10": 0.5 - 0.3j, "CS": 0.02 + 0.05j, "CP": -0.03 + 0.04j},
    ),
]


@pytest.mark.parametrize("light,heavy", POINTS)
def test_bin_integrals(light, heavy):
    """Rate, CP difference, F_H and A_FB numerators of three bins against adaptive quadrature of the textbook formulas."""
    heavy = {**dict.fromkeys(("C9", "C10", "CS", "CP"), 0.0), **heavy}
    bins = [(0.1, 0.98), (1.1, 6.0), (15.0, 22.0)]
    low, high = 2 * M_MU, M_B - M_K
    panels, sums = make_panels(
        [(np.sqrt(a), np.sqrt(b)) for a, b in bins], singular=[-low, 0, low, high, 5.41], sqrt_points=[low, high]
    )
    one = jnp.ones_like(panels.q)
    process = bkll.process(
        jnp.asarray(panels.q), m_b=M_B, m_k=M_K, m_l=M_MU, n_abs=abs(N), c7=C7 * one, c7_bar=C7 * one, c9=C9 * one,
        c9_bar=C9 * one, c10=C10, m_b_run=4.09, ff=form_factors(panels.q**2),
    )  # fmt: skip
    poly = lambda *c: jnp.array([[x] for x in c])  # noqa: E731
    bs, v, a = poly(light["bs0"], light["bs1"]), poly(light["v0"], light["v1"]), poly(light["a0"], light["a1"])
    m, g = jnp.array([light["m"]]), jnp.array([light["width"]])
    const = {k: jnp.array([z]) for k, z in heavy.items() if z}
    constants = {op: const[k] for op, k in (("9", "C9"), ("10", "C10"), ("H", "C10"), ("S", "CS"), ("P", "CP")) if k in const}
    couplings = {"9": quadratic.multiply(bs, v), "10": quadratic.multiply(bs, a), "H": longitudinal(bs, a, m)}
    c = quadratic.Coefficients(constants, (couplings,))
    lay = quadratic.layout(c)
    outputs = [("rate", "sum"), ("rate", "difference"), ("flat", "sum"), ("asym", "sum")]
    table = quadratic.contract(process, outputs, lay, jnp.asarray(panels.w), jnp.asarray(sums), N, np.conj(N))
    rows = quadratic.rows(c, lay, panels.q**2, (bw.weights(panels, m, g),))
    got = dict(zip(("sum", "difference", "flat", "asym"), np.asarray(quadratic.evaluate(table, rows, sums)), strict=True))
    for i, (lo, hi) in enumerate(bins):
        peak = [x for x in (light["m"] ** 2 + k * light["m"] * light["width"] for k in (-20, -3, 0, 3, 20)) if lo < x < hi]

        def integrate(column, sign, lo=lo, hi=hi, peak=peak):
            f = lambda s: direct(s, light, heavy, sign)[column]  # noqa: E731
            return quad(f, lo, hi, points=peak or None, epsrel=1e-11, limit=400)[0]

        rate = integrate(0, 1)
        # 1e-7: panels; relative to the rate for the differences, which can vanish
        assert abs(got["sum"][i, 0] / rate - 1) < 1e-7
        assert abs(got["difference"][i, 0] - integrate(0, -1)) < 1e-7 * rate
        assert abs(got["flat"][i, 0] - integrate(1, 1)) < 1e-7 * rate
        want = integrate(2, 1)
        value = got["asym"][i, -1]
        assert abs(value - want) < 1e-7 * rate


def test_phase_space_outside():
    """Exactly zero, with zero gradient, below threshold and beyond the endpoint."""
    for q2 in (4 * M_MU**2 * 0.99, 4 * M_MU**2, (M_B - M_K) ** 2, 25.0):
        root, beta = bkll.phase_space(jnp.array(q2), M_B, M_K, M_MU)
        assert root == 0 and beta == 0
        d = jax.grad(lambda s: sum(bkll.phase_space(s, M_B, M_K, M_MU)))(jnp.array(q2))
        assert d == 0


# -- Bs -> mu mu: exact R_Bs of 2106.12582 eq. (A.24), corrected; inputs lambda_t = -0.0404, alpha = 1/133, C10 = -4.31 ------
M_BS = 5.36688
K = 4 * np.pi * 133 / (4 * 1.1663787e-5 / np.sqrt(2) * -0.0404)


@pytest.mark.parametrize(
    "product,mass,width,want",
    [
        (1e-9, 10.0, 1.0, -5.77770e-3),
        (1e-9, 1.0, 0.1, -0.497063),
        (1e-9, 5.3, 0.05, -0.0180539),
        (-1.5e-10, 1.0, 0.0, 0.0891897),
    ],
)
def test_bs_mumu_light_vector(product, mass, width, want):
    n = 1 / K
    re, im = leptonic.light_vector(jnp.array([product]), jnp.array([mass]), jnp.array([width]), M_BS)
    c10 = -4.31 + (re + 1j * im) / n
    ratio = jnp.abs(c10 / -4.31) ** 2 - 1
    # six printed digits
    assert abs(float(ratio[0]) - want) < 2e-6 * max(1, abs(want))


def test_bs_mumu_at_the_pole():
    """The double zero at m_V = M_Bs is exact, in value and gradient, for any width."""
    for width in (0.0, 1e-6, 0.1):
        f = lambda m: leptonic.light_vector(jnp.array([1e-8]), m[None], jnp.array([width]), M_BS)[0][0]  # noqa: E731, B023
        assert float(f(jnp.array(M_BS))) == 0.0
        assert np.isfinite(jax.grad(f)(jnp.array(M_BS)))


def test_time_integration():
    """A_DeltaGamma = 1 without new physics, -1 for a pure scalar amplitude; no amplitude: no NaN."""
    args = dict(n_abs=8e-10, m_b_meson=M_BS, tau=2.3e12, f_b=0.23, m_l=M_MU, y=0.0645)
    one = jnp.array([1.0 + 0.0j])
    br, a, tau = leptonic.branching_ratio(one, one, None, None, **args)
    assert abs(float(a[0]) - 1) < 1e-15 and abs(float(tau[0]) / (2.3e12 / (1 - 0.0645)) - 1) < 1e-12
    br_s, a_s, _ = leptonic.branching_ratio(0 * one, 0 * one, one, one, **args)
    assert abs(float(a_s[0]) + 1) < 1e-15
    # BR ratio (1 + A y): pseudoscalar over scalar
    assert abs(float(br[0] / br_s[0]) - (1 + 0.0645) / (1 - 0.0645)) < 1e-12
    zero = leptonic.branching_ratio(0 * one, 0 * one, None, None, **args)
    assert all(np.isfinite(float(jnp.real(v[0]))) for v in zero)


# -- mixing: R of 2106.12582 appendix A.3 with C1 = 7.2e-11 GeV^-2, R2 = -0.96 (printed), one operator at a time -----------
def _mixing_shift(c4, h6, mass, width, m_b, xi):
    """R from the kernel with matrix elements arranged to give R2 = -0.96 and no O4."""
    me = dict.fromkeys(("CVLL", "CVRR", "CVLR", "CSLR", "CTLL", "CTRR"), 0.0)
    me |= {"CVLL": 1.0, "CSLL": -0.96, "CSRR": -0.96}
    poly = jnp.array([[c4], [h6]])
    m12, g12 = mixing.light_vector(
        poly, None, jnp.array([mass]), jnp.array([width]), m=M_BS, m_b=m_b, m_q=0.0, me=me, symmetry_factor=xi
    )
    total = 7.2e-11 + m12 - 0.5j * g12
    return float(jnp.abs(total / 7.2e-11)[0] - 1)


@pytest.mark.parametrize(
    "c4,h6,mass,width,m_b,want",
    [
        (1e-6, 0.0, 0.3, 0.0, 4.18, 0.0896660),
        (1e-6, 0.0, 0.3, 0.0, 4.80, 0.1183923),
        (1e-5, 0.0, 10.0, 1.0, 4.18, 0.0161446),
        (1e-5, 0.0, 5.0, 0.5, 4.18, -0.0784871),
        (0.0, 1e-6, 0.1, 0.0, 4.18, -0.167140),
        (0.0, 3e-7, 8.0, 0.8, 4.80, 0.00673813),
    ],
)
def test_mixing_as_printed(c4, h6, mass, width, m_b, want):
    """The paper's normalisation (symmetry factor 1): eqs. (A.41), (A.42); half of it is the correct tree matching.

    Digits as derived from the printed formulas; 2e-4 absolute covers |1 + z| against its real part."""
    got = _mixing_shift(c4, h6, mass, width, m_b, 1.0)
    assert abs(got - want) < 2e-4 + 3e-3 * abs(want)
    half = _mixing_shift(c4, h6, mass, width, m_b, 0.5)
    # 5 %: |1 + z| - 1 is not quite linear in z for the largest of them
    assert abs(half / got - 0.5) < 0.05


def test_heavy_vector_limit_of_mixing():
    """m_V -> infinity: M12 = (1/2)(g/m_V)^2 <O_VLL> for left-handed couplings (two Wick contractions of the tree diagram)."""
    me = mixing.matrix_elements(5.36688, 0.23, (0.83, 0.82, 0.83, 1.15, 1.87), 4.19, 0.078)
    g, m = 1e-3, 5e3
    m12, _ = mixing.light_vector(jnp.array([[g]]), None, jnp.array([m]), jnp.array([1.0]), m=5.36688, m_b=4.19, m_q=0.078, me=me)
    assert abs(float(m12[0]) / (0.5 * (g / m) ** 2 * me["CVLL"]) - 1) < 1e-5


def test_mixing_observables():
    """DeltaM = 2 |M12| for real M12 and small Gamma12; sign of DeltaGamma; phases drop out when common."""
    m12, g12 = jnp.array([5.7e-12 + 0j]), jnp.array([-2.7e-14 + 0j])
    dm, dg = mixing.observables(m12, g12)
    assert abs(float(dm[0]) / 1.14e-11 - 1) < 1e-5 and abs(float(dg[0]) - 5.4e-14) < 1e-17
    phase = np.exp(0.7j)
    dm2, dg2 = mixing.observables(m12 * phase, g12 * phase)
    np.testing.assert_allclose([dm2[0], dg2[0]], [dm[0], dg[0]], rtol=1e-12)
    s, a = mixing.asymmetries(m12 * phase, g12 * phase, jnp.array(1.0 + 0j))
    assert abs(float(a[0])) < 1e-15 and abs(abs(float(s[0])) - np.sin(0.7)) < 1e-12
