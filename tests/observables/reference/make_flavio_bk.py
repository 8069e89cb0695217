"""Reference values of B -> K l l, B -> l l and Bs mixing from flavio, written to the JSON files beside this script.

Run with a Python that has flavio (not a dependency of the package):

    python make_flavio_bk.py             # flavio_bk.json, about ten minutes
    python make_flavio_bk.py covariance  # flavio_bk_covariance.json, about half an hour

Bins are integrated to a relative accuracy of 1e-8, with panels split at the kinks of flavio's amplitudes, instead of
flavio's default of one 21-point panel, so that the numbers do not depend on the quadrature.
"""

import itertools
import json
import sys
import warnings
from pathlib import Path

import flavio
import flavio.math.integrate
import numpy as np
from flavio.physics.running import running
from scipy.integrate import quad

HERE = Path(__file__).parent
SCALE = 4.8  # GeV, b -> s l l coefficients
SCALE_MIXING = 4.2  # GeV, Delta B = 2 coefficients: the scale of flavio's matrix elements, no running in between

# bins of arXiv:1403.8044
BINS_BP = [(0.1, 0.98), (1.1, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0), (7.0, 8.0)]
BINS_BP += [(11.0, 11.8), (11.8, 12.5)] + [(float(q), float(q + 1)) for q in range(15, 22)]
BINS_B0 = [(0.1, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), (11.0, 12.5), (15.0, 17.0), (17.0, 22.0)]
WIDE = [(1.1, 6.0), (15.0, 22.0)]
LOW = [(0.045, 1.1), (0.1, 1.1)]
ELECTRON = [*LOW, (0.1, 4.0), (4.0, 8.12), (1.1, 6.0), (15.0, 22.0)]
ANGULAR = [(0.1, 0.98), (1.1, 2.0), (1.1, 6.0), (6.0, 7.0), (11.0, 11.75), (15.0, 16.0), (15.0, 22.0)]
RATIO = [(0.045, 1.1), (0.1, 1.1), (1.1, 6.0), (1.0, 6.0), (4.0, 8.12), (14.18, 19.0), (14.3, 22.9)]
Q2 = [0.05, 0.1, 0.3, 1.0, 2.0, 4.0, 6.0, 8.0, 9.5, 12.0, 15.5, 18.0, 20.0, 22.8]


def tight(parameters):
    """Quadrature for flavio that knows where the integrand of B -> K l l has kinks."""
    mb, mc = running.get_mb_pole(parameters), running.get_mc_pole(parameters)
    kinks = np.sort(np.append(0.03 * mb**2 * np.arange(1, 40), [4 * mc**2, 9.0, 14.0]))

    def integrate(f, a, b, epsrel=None):
        edges = [a, *kinks[(kinks > a) & (kinks < b)], b]
        # the absolute accuracy, 1e-10 of a rate, is for asymmetries that vanish
        return sum(quad(f, x, y, epsabs=1e-30, epsrel=1e-8, limit=200)[0] for x, y in itertools.pairwise(edges))

    return integrate


def observables():
    """(name, flavio arguments) of every observable of b -> s l l."""
    out = []

    def add(name, bins):
        out.extend((f"{name}[{a!r},{b!r}]", (name, a, b)) for a, b in bins)

    for meson, bins in (("B+", BINS_BP), ("B0", BINS_B0)):
        add(f"<dBR/dq2>({meson}->Kmumu)", bins + WIDE + LOW)
        add(f"<dBR/dq2>({meson}->Kee)", ELECTRON)
        for what in ("AFB", "FH", "ACP"):
            add(f"<{what}>({meson}->Kmumu)", ANGULAR)
            add(f"<{what}>({meson}->Kee)", [(1.1, 6.0), (15.0, 22.0)])
        add(f"<Rmue>({meson}->Kll)", RATIO)
        for lepton in ("mumu", "ee"):
            name = f"dBR/dq2({meson}->K{lepton})"
            out.extend((f"{name}[{q2!r}]", (name, q2)) for q2 in Q2)
    out += [(name, (name,)) for name in ("BR(Bs->mumu)", "BR(Bs->ee)", "BR(B0->mumu)", "BR(B0->ee)")]
    out += [(name, (name,)) for name in ("ADeltaGamma(Bs->mumu)", "tau_mumu")]
    return out


MIXING = ["DeltaM_s", "DeltaGamma_s", "S_psiphi", "a_fs_s"]


def points():
    """Ten points of new physics in the flavio basis at 4.8 GeV; scalar coefficients in GeV^-1."""
    rng = np.random.default_rng(20210721)

    def draw(names, lepton, size, imaginary):
        values = size * rng.normal(size=(len(names), 2)) * [1.0, imaginary]
        return {f"{n}_bs{lepton}": complex(*np.round(v, 6) + 0.0) for n, v in zip(names, values, strict=True)}

    vector, primed = ["C9", "C10"], ["C9p", "C10p"]
    scalar = ["CS", "CSp", "CP", "CPp"]
    return [
        draw(vector, "mumu", 1.0, 0),
        draw(vector, "mumu", 1.0, 1),
        draw(primed, "mumu", 1.0, 0),
        draw(primed, "mumu", 1.0, 1),
        draw(vector + primed, "ee", 1.0, 0),
        draw(vector + primed, "mumu", 1.0, 1) | draw(vector + primed, "ee", 1.0, 1),
        draw(scalar, "mumu", 0.05, 0),
        draw(scalar, "mumu", 0.3, 1) | draw(scalar, "ee", 0.3, 1),
        draw(vector + primed, "mumu", 1.0, 0) | draw(scalar, "mumu", 0.2, 0) | draw(scalar, "ee", 0.2, 0),
        draw(vector + primed + scalar, "mumu", 0.4, 1) | draw(vector + primed + scalar, "ee", 0.4, 1),
    ]


def mixing_points():
    """One coefficient at a time, then all of them, complex, in GeV^-2 at 4.2 GeV."""
    rng = np.random.default_rng(4201)
    names = [f"{n}_bsbs" for n in ("CVLL", "CVRR", "CVLR", "CSLL", "CSRR", "CSLR", "CTLL", "CTRR")]

    def number(size):
        return complex(*(float(f"{x:.6g}") for x in size * rng.normal(size=2)))

    return [{n: number(1.5e-11)} for n in names] + [{n: number(5e-12) for n in names}]


def wilson(coefficients, scale):
    w = flavio.WilsonCoefficients()
    w.set_initial(coefficients, scale)
    return w


def digits(x):
    return float(f"{x:.10g}")


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ("flavio", "wilson", "particle", "numpy", "scipy")}


def make_values(path):
    flavio.math.integrate.nintegrate = tight(flavio.default_parameters.get_central_all())
    names, arguments = zip(*observables(), strict=True)

    def block(w, calls):
        return [digits(flavio.sm_prediction(*c) if w is None else flavio.np_prediction(c[0], w, *c[1:])) for c in calls]

    result = {
        "meta": {
            "versions": versions(),
            "parameters": "flavio defaults, central values",
            "wilson": f"flavio basis, WET, mu = {SCALE} GeV (mixing: {SCALE_MIXING} GeV); numbers are [re, im]",
            "integration": "relative accuracy 1e-8",
            "cp": "flavio conjugates with gamma -> -gamma, which is complex conjugation of the CKM factors up to 2e-5",
            "differential": "NAME[q2] is the value at q2 in GeV^2",
        },
        "observables": names,
        "sm": block(None, arguments),
        "points": [],
        "mixing_observables": MIXING,
        "mixing_sm": block(None, [(name,) for name in MIXING]),
        "mixing_points": [],
    }
    for coefficients in points():
        values = block(wilson(coefficients, SCALE), arguments)
        result["points"].append({"wc": {k: [v.real, v.imag] for k, v in coefficients.items()}, "values": values})
        print(f"point {len(result['points'])}", flush=True)
    for coefficients in mixing_points():
        values = block(wilson(coefficients, SCALE_MIXING), [(name,) for name in MIXING])
        result["mixing_points"].append({"wc": {k: [v.real, v.imag] for k, v in coefficients.items()}, "values": values})
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")


def make_covariance(path, samples=500):
    """Standard deviations and correlations of predictions over random draws of all of flavio's parameters."""
    calls = [("<dBR/dq2>(B+->Kmumu)", a, b) for a, b in BINS_BP]
    calls += [("<Rmue>(B+->Kll)", 1.1, 6.0), ("BR(Bs->mumu)",), ("DeltaM_s",)]
    result = {
        "meta": {
            "versions": versions(),
            "samples": samples,
            "varied": "all parameters of flavio, the same draws in both blocks",
            "statistical_error": f"{1 / np.sqrt(2 * samples):.3f} relative on sigma, "
            f"(1 - r^2) {1 / np.sqrt(samples):.3f} on a correlation r",
            "wilson": f"flavio basis, WET, mu = {SCALE} GeV",
        },
        "observables": [c[0] + (f"[{c[1]!r},{c[2]!r}]" if c[1:] else "") for c in calls],
    }
    blocks = {"sm": {}, "np": {"C9_bsmumu": -1.0, "C10_bsmumu": 0.5}}
    coefficients = {key: wilson(wc, SCALE) if wc else flavio.WilsonCoefficients() for key, wc in blocks.items()}

    def predict(parameters, w):
        return [flavio.Observable[c[0]].prediction_par(parameters, w, *c[1:]) for c in calls]

    np.random.seed(12345)  # noqa: NPY002 (flavio draws from the global generator)
    draws = {key: [] for key in blocks}
    for i in range(samples):
        parameters = flavio.default_parameters.get_random_all()
        for key, w in coefficients.items():
            draws[key].append(predict(parameters, w))
        if (i + 1) % 50 == 0:
            print(i + 1, flush=True)
    for key, w in coefficients.items():
        values = np.array(draws[key])
        result[key] = {
            "wc": blocks[key],
            "central": [digits(x) for x in predict(flavio.default_parameters.get_central_all(), w)],
            "sigma": [float(f"{x:.6g}") for x in values.std(axis=0, ddof=1)],
            "correlation": np.round(np.corrcoef(values.T), 8).tolist(),
        }
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["covariance"]:
        make_covariance(HERE / "flavio_bk_covariance.json")
    else:
        make_values(HERE / "flavio_bk.json")
