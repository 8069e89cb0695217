"""Reference values of b -> s l l (vector, baryon and inclusive modes), b -> s nu nu, Bs -> l l and mixing from flavio,
written to the JSON files beside this script.

Run with a Python that has flavio (not a dependency of the package):

    python make_flavio_bsll.py             # flavio_bsll.json, about twenty minutes
    python make_flavio_bsll.py covariance  # flavio_bsll_covariance.json, about half an hour

Bins are integrated with Gauss rules on panels that end at the kinks of flavio's amplitudes and shrink towards thresholds
and kinematic end points (1e-8), instead of flavio's default of one 21-point panel.  Amplitudes are kept between the
observables of one point.
"""

import itertools
import json
import sys
import warnings
from pathlib import Path

import flavio
import flavio.math.integrate
import flavio.physics.bdecays.bxll as bxll
import flavio.physics.bdecays.lambdablambdall as lambdab
import flavio.physics.mesonmixing.observables as mixing
import numpy as np
from flavio.physics.bdecays.bvll import amplitudes
from flavio.physics.bdecays.bvll.observables import BVllObservable
from flavio.physics.common import conjugate_par
from flavio.physics.running import running

HERE = Path(__file__).parent
SCALE = 4.8  # GeV, Delta B = 1 coefficients
SCALE_MIXING = 4.2  # GeV, Delta B = 2 coefficients: the scale of flavio's matrix elements, no running in between
ORDER = 8  # Gauss points per panel

LOW = [(0.1, 0.98), (1.1, 2.5), (2.5, 4.0), (4.0, 6.0), (6.0, 8.0)]
HIGH = [(11.0, 12.5), (15.0, 17.0), (17.0, 19.0)]
WIDE = [(1.1, 6.0), (15.0, 19.0)]


def observables():
    """(name, flavio arguments) of every observable."""
    out = {}

    def add(names, bins, process):
        for name in names.split():
            for b in bins:
                full = f"{name}({process})"
                out[f"{full}[{','.join(repr(x) for x in b)}]" if b else full] = (full, *b)

    p = "B0->K*mumu"  # bins of LHCb, some of ATLAS and CMS
    add("<dBR/dq2> <FL> <AFB> <S3> <S4> <S5> <S7> <S8> <S9>", LOW + HIGH + WIDE, p)
    add("<FL> <S3> <S4> <S5>", [(0.04, 2.0)], p)
    add("<dBR/dq2> <FL> <AFB>", [(1.0, 2.0), (4.3, 8.68), (10.09, 12.86), (14.18, 16.0), (16.0, 19.0)], p)
    add("<A3> <A4> <A5> <A6s> <A7> <A8> <A9>", [(0.1, 0.98), (1.1, 2.5), (4.0, 6.0), (15.0, 17.0), (1.1, 6.0)], p)
    add("<P1> <P2> <P3> <P4p> <P5p> <P6p> <P8p>", [*LOW, (15.0, 17.0), (17.0, 19.0), (1.1, 6.0)], p)
    add("<P1> <P5p>", [(0.04, 4.0), (2.0, 4.3)], p)
    add("<ACP> <S6c> <AFBCP>", [(0.1, 0.98), (1.1, 6.0), (15.0, 19.0)], p)
    add("dBR/dq2 FL AFB P5p", [(q,) for q in (0.05, 0.5, 2.0, 5.0, 8.95, 12.0, 16.0, 19.0)], p)
    add("S3 S8 P2 A9", [(q,) for q in (1.0, 6.0, 15.5)], p)
    p = "B+->K*mumu"
    add("<dBR/dq2>", [(0.1, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), *HIGH, *WIDE], p)
    add("<FL> <AFB> <S3> <S4> <S5> <S7> <S8> <S9>", [(0.1, 0.98), (4.0, 6.0), (15.0, 17.0), (1.1, 6.0)], p)
    add("<A5> <A8> <A9> <ACP>", [(1.1, 6.0), (15.0, 19.0)], p)
    add("<P1> <P2> <P3> <P4p> <P5p> <P6p> <P8p>", [(1.1, 2.5), (4.0, 6.0), (15.0, 17.0)], p)
    add("dBR/dq2 P5p", [(3.0,), (18.0,)], p)
    p = "B0->K*ee"
    add("<dBR/dq2>", [(0.0009, 1.0), (0.045, 1.1), (1.1, 6.0)], p)
    add("<FL> <P1> <P2> <ATIm>", [(0.000784, 0.257), (0.002, 1.12)], p)
    add("<P5p> <AFB>", [(1.1, 6.0), (14.18, 19.0)], p)
    add("dBR/dq2 FL", [(0.01,), (3.0,)], p)
    ratio = [(0.045, 1.1), (0.1, 1.1), (1.1, 6.0), (15.0, 19.0)]
    add("<Rmue>", [*ratio, (0.1, 8.0)], "B0->K*ll")
    add("<Rmue>", [*ratio, (0.045, 6.0)], "B+->K*ll")
    add("<Dmue_P4p> <Dmue_P5p>", [(1.0, 6.0), (14.18, 19.0)], "B0->K*ll")
    p = "Bs->phimumu"
    bins = [*LOW, *HIGH, *WIDE, (0.1, 2.0), (2.0, 5.0), (5.0, 8.0), (1.0, 6.0)]
    add("<dBR/dq2>", bins, p)
    bins = [(0.1, 0.98), (1.1, 4.0), (4.0, 6.0), (6.0, 8.0), (11.0, 12.5), (15.0, 18.9), (2.0, 5.0), (15.0, 17.0)]
    add("<FL> <S3> <S4> <S7>", [*bins, (17.0, 19.0), (1.1, 6.0)], p)
    add("dBR/dq2 FL", [(q,) for q in (0.1, 3.0, 7.0, 16.0, 18.5)], p)
    add("<Rmue>", ratio, "Bs->phill")
    add("BR", [()], "B+->Knunu")
    add("BR", [()], "B0->Knunu")
    add("BR", [()], "B+->K*nunu")
    add("BR", [()], "B0->K*nunu")
    add("<FL>", [(0.0, 4.0), (4.0, 10.0), (10.0, 19.0)], "B0->K*nunu")
    add("<dBR/dq2>", [(1.0, 6.0)], "B0->K*nunu")
    add("FL", [(1.0,), (10.0,), (18.0,)], "B0->K*nunu")
    for p in ("B+->Knunu", "B0->K*nunu"):
        add("dBR/dq2", [(1.0,), (8.0,), (18.0,)], p)
    for p in ("Bs->mumu", "Bs->ee", "B0->mumu", "B0->ee"):
        add("BR", [()], p)
    return {**out, **one_sided(), **{name: (name,) for name in ("DeltaM_s", "DeltaM_d", "S_psiphi", "a_fs_s")}}


def one_sided():
    """Observables that flavio computes from the b -> s amplitude alone, without the CP-conjugate decay."""
    out = {}

    def add(names, bins, process):
        for name in names.split():
            for b in bins:
                full = f"{name}({process})"
                out[f"{full}[{','.join(repr(x) for x in b)}]"] = (full, *b)

    p = "Lambdab->Lambdamumu"
    add("<dBR/dq2> <FL> <AFBl> <AFBh> <AFBlh>", [(1.1, 6.0), (15.0, 20.0), (15.0, 16.0), (18.0, 20.0)], p)
    add("<dBR/dq2>", [(0.1, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), (11.0, 12.5), (16.0, 18.0)], p)
    add("dBR/dq2 FL AFBl AFBh", [(q,) for q in (0.5, 5.0, 12.0, 16.0, 20.0)], p)
    for p in ("B->Xsmumu", "B->Xsee", "B->Xsll"):
        add("<BR>", [(1.0, 6.0), (14.4, 25.0)], p)
    add("<BR>", [(0.04, 1.0), (0.1, 2.0), (2.0, 4.3), (4.3, 6.8), (14.2, 25.0)], "B->Xsll")
    add("<BR>", [(0.1, 2.0)], "B->Xsee")
    add("<AFB>", [(0.2, 4.3), (1.0, 6.0), (14.3, 25.0)], "B->Xsll")
    add("dBR/dq2", [(q,) for q in (0.5, 2.0, 5.0, 10.0, 16.0, 21.0)], "B->Xsmumu")
    add("dBR/dq2", [(2.0,), (16.0,)], "B->Xsee")
    add("AFB", [(2.0,), (5.0,), (16.0,)], "B->Xsmumu")
    return out


def points():
    """Points of new physics in the flavio basis at 4.8 GeV; scalar coefficients in GeV^-1."""
    rng = np.random.default_rng(20240917)

    def draw(names, suffix, size, imaginary):
        values = size * rng.normal(size=(len(names), 2)) * [1.0, imaginary]
        return {f"{n}_bs{suffix}": complex(*np.round(v, 6) + 0.0) for n, v in zip(names, values, strict=True)}

    left, right = ["C9", "C10"], ["C9p", "C10p"]
    vector, scalar, nunu = left + right, ["CS", "CSp", "CP", "CPp"], ["CL", "CR"]
    flavours = ("nue", "numu", "nutau")
    return [
        {"C9_bsmumu": complex(-1.0)},
        {"C9_bsmumu": complex(-0.7), "C10_bsmumu": complex(0.7)},
        draw(vector, "mumu", 1.0, 0),
        draw(left, "mumu", 1.0, 1),
        draw(right, "mumu", 1.0, 1),
        draw(vector, "mumu", 1.0, 1),
        draw(scalar, "mumu", 0.03, 0),
        draw(scalar, "mumu", 0.1, 1),
        draw(vector, "mumu", 0.7, 0) | draw(scalar, "mumu", 0.05, 0),
        draw(vector, "ee", 1.0, 0),
        draw(vector, "ee", 0.7, 1) | draw(scalar, "ee", 0.1, 1),
        draw(vector + scalar, "mumu", 0.3, 1) | draw(vector + scalar, "ee", 0.3, 1),
        dict(itertools.chain.from_iterable(draw(nunu, 2 * f, 2.0, 0).items() for f in flavours)),
        draw(nunu, "numunumu", 4.0, 1) | draw(nunu, "nutaunue", 4.0, 1),
        dict(itertools.chain.from_iterable(draw(nunu, f + g, 2.0, 1).items() for f in flavours for g in flavours)),
    ]


MIXING = ["DeltaM_s", "DeltaM_d", "S_psiphi", "S_psiK", "a_fs_s", "a_fs_d"]
MIXING += ["<dBR/dq2>(Bs->phimumu)[1.1,6.0]", "<FL>(Bs->phimumu)[1.1,6.0]", "<S7>(Bs->phimumu)[15.0,17.0]"]


def mixing_points():
    """Delta B = 2 coefficients of both mesons in GeV^-2 at 4.2 GeV; the last changes q/p of the Bs strongly."""
    rng = np.random.default_rng(4202)

    def draw(names, meson, size):
        values = [complex(*(float(f"{x:.6g}") for x in size * rng.normal(size=2))) for _ in names]
        return dict(zip([f"{n}_{meson}" for n in names], values, strict=True))

    names = [f"C{k}" for k in ("VLL", "VRR", "VLR", "SLL", "SRR", "SLR", "TLL", "TRR")]
    return [
        draw(["CVLL"], "bsbs", 1.5e-11) | draw(["CVLL"], "bdbd", 1e-12),
        draw(names, "bsbs", 5e-12) | draw(names, "bdbd", 3e-13),
        {"CVLL_bsbs": 3e-11 + 6e-11j},
    ]


def calls(names):
    """Name and arguments of flavio for names with brackets."""
    for name in names:
        head, _, args = name.partition("[")
        yield (head, *(float(x) for x in args.rstrip("]").split(",") if x))


def panels(par):
    """Ends of panels (GeV^2): kinks of interpolated functions, matching points, and geometric series towards the photon
    pole, thresholds and kinematic end points."""
    mb, mc = running.get_mb_pole(par), running.get_mc_pole(par)
    edges = {*(0.03 * mb**2 * np.arange(1, 34)), *(k / 10 for k in range(1, 90)), 9.0, 12.0, 14.0}
    edges |= {0.1 * 2.0**-k for k in range(1, 18)}
    ends = [(par["m_" + a] - par["m_" + b]) ** 2 for a, b in (("B0", "K*0"), ("B+", "K*+"), ("Bs", "phi"))]
    ends += [(par["m_" + a] - par["m_" + b]) ** 2 for a, b in (("Lambdab", "Lambda"), ("B0", "K0"), ("B+", "K+"))]
    ends += [mb**2, 4 * mc**2, 4 * par["m_mu"] ** 2]
    for end in ends:
        edges |= {end, *(end - 0.7 * 2.0 ** -np.arange(15)), *(end + 0.7 * 2.0 ** -np.arange(15))}
    return np.array(sorted(float(e) for e in edges))


def gauss(inner, order=ORDER):
    """Quadrature for flavio: a Gauss rule on each panel."""
    x, w = np.polynomial.legendre.leggauss(order)

    def integrate(f, a, b, epsrel=None):
        edges = [a, *inner[(inner > a) & (inner < b)].tolist(), b]
        total = 0.0
        for lo, hi in itertools.pairwise(edges):
            h = (hi - lo) / 2
            total += h * sum(wi * f(lo + h * (1 + xi)) for xi, wi in zip(x.tolist(), w.tolist(), strict=True))
        return total

    return integrate


class Memory:
    """Keeps flavio's amplitudes between observables with the same parameters and coefficients."""

    def __init__(self):
        self.known = {}
        self.wrap(BVllObservable, "j", lambda o, q2: (o.B, o.V, o.lep, q2))
        self.wrap(BVllObservable, "jbar", lambda o, q2: (o.B, o.V, o.lep, q2))
        for name in ("helicity_amps", "helicity_amps_bar"):
            self.wrap(amplitudes, name, lambda q2, ff, wc, par, b, v, lep: (q2, b, v, lep))
        self.wrap(mixing, "q_over_p", lambda wc, par, meson: meson)
        self.wrap(lambdab, "get_transverity_amps", lambda q2, wc, par, lep, cp_conjugate: (q2, lep, cp_conjugate))
        self.wrap(bxll, "inclusive_wc", lambda q2, wc, par, q, lep, mb: (q2, q, lep))

    def wrap(self, where, name, key):
        function = getattr(where, name)

        def remembered(*args, **kwargs):
            k = (name, key(*args, **kwargs))
            if k not in self.known:
                self.known[k] = function(*args, **kwargs)
            return self.known[k]

        setattr(where, name, remembered)

    def predict(self, requests, par, w):
        self.known.clear()
        return [flavio.Observable[name].prediction_par(par, w, *args) for name, *args in requests]


def wilson(coefficients, scale=SCALE):
    w = flavio.WilsonCoefficients()
    if coefficients:
        w.set_initial(coefficients, scale)
    return w


def digits(values):
    return [float(f"{x:.9g}") + 0.0 for x in values]


def pairs(coefficients):
    return {k: [v.real, v.imag] for k, v in coefficients.items()}


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ("flavio", "wilson", "particle", "numpy", "scipy")}


def make_values(path):
    par = flavio.default_parameters.get_central_all()
    flavio.math.integrate.nintegrate = gauss(panels(par))
    memory = Memory()
    full, half = observables(), one_sided()

    def block(coefficients):
        conjugate = {k: v.conjugate() for k, v in coefficients.items()}
        return (
            digits(memory.predict(full.values(), par, wilson(coefficients))),
            digits(memory.predict(half.values(), conjugate_par(par), wilson(conjugate))),
        )

    def mixing_block(coefficients):
        return digits(memory.predict(calls(MIXING), par, wilson(coefficients, SCALE_MIXING)))

    sm, sm_conjugate = block({})
    result = {
        "meta": {
            "versions": versions(),
            "parameters": "flavio defaults, central values",
            "wilson": f"flavio basis, WET, mu = {SCALE} GeV (mixing: {SCALE_MIXING} GeV); numbers are [re, im]; C_S, C_P "
            "in GeV^-1, mixing in GeV^-2",
            "integration": "relative accuracy 1e-8",
            "cp": "flavio conjugates with gamma -> -gamma, which is complex conjugation of the CKM factors up to 2e-5",
            "conjugate": "Lambda_b and X_s: flavio takes the b -> s amplitude alone. values_conjugate: the same with gamma -> "
            "-gamma and conjugated coefficients (CP average: mean of numerators over mean of denominators)",
            "acp": "B -> K* l l: flavio's A_CP is (G - Gbar)/(2 (G + Gbar)), half of the usual definition (and of its own for "
            "B -> K l l)",
            "differential": "NAME[q2] is the value at q2 in GeV^2",
        },
        "observables": list(full),
        "sm": sm,
        "conjugate_observables": list(half),
        "sm_conjugate": sm_conjugate,
        "mixing_observables": MIXING,
        "mixing_sm": mixing_block({}),
        "mixing_points": [{"wc": pairs(c), "values": mixing_block(c)} for c in mixing_points()],
        "points": [],
    }
    for coefficients in [None, *points()]:
        if coefficients:
            values, conjugate = block(coefficients)
            entry = {"wc": pairs(coefficients), "values": values, "values_conjugate": conjugate}
            result["points"].append(entry)
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
        print(f"{len(result['points'])} points", flush=True)


COVARIANCE = [
    *(
        f"{what}(B0->K*mumu){b}"
        for what in ("<dBR/dq2>", "<FL>", "<AFB>", "<S3>", "<S4>", "<S5>", "<S7>", "<S8>", "<S9>", "<A8>", "<P5p>")
        for b in ("[1.1,2.5]", "[4.0,6.0]", "[15.0,19.0]")
    ),
    *(f"{what}(B0->K*mumu)[4.0,6.0]" for what in ("<P1>", "<P2>", "<P4p>", "<P8p>")),
    "<dBR/dq2>(B0->K*mumu)[0.1,0.98]",
    *(f"{what}(B+->K*mumu){b}" for what in ("<dBR/dq2>", "<P5p>") for b in ("[4.0,6.0]", "[15.0,19.0]")),
    "<dBR/dq2>(B0->K*ee)[0.0009,1.0]",
    "<P1>(B0->K*ee)[0.000784,0.257]",
    "<Rmue>(B0->K*ll)[0.045,1.1]",
    "<Rmue>(B0->K*ll)[1.1,6.0]",
    "<dBR/dq2>(B+->Kmumu)[1.1,6.0]",
    "<dBR/dq2>(B+->Kmumu)[15.0,22.0]",
    "<dBR/dq2>(Bs->phimumu)[1.1,6.0]",
    "<dBR/dq2>(Bs->phimumu)[15.0,17.0]",
    *(f"{what}(Bs->phimumu){b}" for what in ("<FL>", "<S3>", "<S4>") for b in ("[4.0,6.0]", "[15.0,17.0]")),
    *(f"<dBR/dq2>(Lambdab->Lambdamumu){b}" for b in ("[1.1,6.0]", "[15.0,20.0]")),
    *(f"{what}(Lambdab->Lambdamumu)[15.0,20.0]" for what in ("<FL>", "<AFBl>", "<AFBh>", "<AFBlh>")),
    "<BR>(B->Xsmumu)[1.0,6.0]",
    "<BR>(B->Xsee)[14.4,25.0]",
    "<BR>(B->Xsll)[1.0,6.0]",
    "<AFB>(B->Xsll)[1.0,6.0]",
    "BR(B+->Knunu)",
    "BR(B0->K*nunu)",
    "<FL>(B0->K*nunu)[4.0,10.0]",
    "BR(Bs->mumu)",
    "DeltaM_s",
    "DeltaM_d",
]


def make_covariance(path, samples=400):
    """Standard deviations and correlations of predictions over random draws of all of flavio's parameters."""
    memory, w = Memory(), wilson({})
    requests = list(calls(COVARIANCE))
    central = memory.predict(requests, flavio.default_parameters.get_central_all(), w)
    np.random.seed(12345)  # noqa: NPY002 (flavio draws from the global generator)
    draws = []
    for i in range(samples):
        draws.append(memory.predict(requests, flavio.default_parameters.get_random_all(), w))
        if (i + 1) % 50 and i + 1 != samples:
            continue
        values = np.array(draws)
        result = {
            "meta": {
                "versions": versions(),
                "samples": len(values),
                "varied": "all parameters of flavio, the same draws for all observables",
                "integration": "flavio's default",
                "statistical_error": f"{1 / np.sqrt(2 * len(values)):.3f} relative on sigma, "
                f"(1 - r^2) {1 / np.sqrt(len(values)):.3f} on a correlation r",
            },
            "observables": COVARIANCE,
            "sm": {
                "central": digits(central),
                "mean": digits(values.mean(axis=0)),
                "sigma": [float(f"{x:.6g}") for x in values.std(axis=0, ddof=1)],
                "correlation": np.round(np.corrcoef(values.T), 6).tolist(),
            },
        }
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
        print(i + 1, flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["covariance"]:
        make_covariance(HERE / "flavio_bsll_covariance.json")
    else:
        make_values(HERE / "flavio_bsll.json")
