"""Time EOS. Runs in a Python that has EOS; reads a JSON request from standard input, prints one JSON line.

The likelihood holds 16 measurements of LHCb: branching fractions of B+ -> K+ mu mu and B0 -> K0 mu mu in disjoint bins,
and R_K. Two Wilson coefficients and all nuisance parameters that matter are varied from one evaluation to the next.
"""

import json
import sys
import time

import eos
import numpy as np

BINS_BP = ["0.10,0.98", "1.10,2.00", "2.00,3.00", "3.00,4.00", "4.00,5.00", "5.00,6.00", "6.00,7.00", "7.00,8.00"]
BINS_BP += ["15.00,22.00"]
BINS_B0 = ["0.10,2.00", "2.00,4.00", "4.00,6.00", "6.00,8.00", "15.00,17.00", "17.00,22.00"]
LIKELIHOOD = [f"B^+->K^+mu^+mu^-::BR[{b}]@LHCb:2014A" for b in BINS_BP]
LIKELIHOOD += [f"B^0->K^0mu^+mu^-::BR[{b}]@LHCb:2014A" for b in BINS_B0]
LIKELIHOOD += ["B^+->K^+l^+l^-::R_K[1.10,6.00]@LHCb:2021A"]

COEFFICIENTS = {"b->smumu::Re{c9}": (2.0, 6.0), "b->smumu::Re{c10}": (-6.0, -2.0)}
FORM_FACTORS = "B->K::FormFactors[parametric,BFW]@GRvDV:2023A"
GAUSSIAN = {
    "CKM::abs(V_ts)": 5e-4,
    "CKM::abs(V_ub)": 1.6e-4,
    "CKM::abs(V_us)": 6e-4,
    "mass::b(MSbar)": 0.02,
    "mass::c": 0.02,
    "QCD::alpha_s(MZ)": 8e-4,
    "B::1/lambda_B_p": 0.4,
    "K::a_1@1GeV": 0.03,
    "K::a_2@1GeV": 0.1,
    "decay-constant::B_u": 0.0014,
    "decay-constant::B_d": 0.0014,
    "decay-constant::K_u": 0.001,
    "decay-constant::K_d": 0.001,
    "life_time::B_u": 4e-15,
    "life_time::B_d": 4e-15,
    "B->Pll::Lambda_pseudo@LargeRecoil": 0.25,
}
FLAT = {"B->Pll::sl_phase_pseudo@LargeRecoil": (-1.57, 1.57), "sb::mu": (2.4, 9.6)}


def analysis():
    defaults = eos.Parameters.Defaults()
    ranges = {**COEFFICIENTS, **FLAT}
    priors = [{"parameter": n, "type": "uniform", "min": a, "max": b} for n, (a, b) in ranges.items()]
    priors += [{"parameter": n, "type": "gaussian", "central": defaults[n].evaluate(), "sigma": s} for n, s in GAUSSIAN.items()]
    priors += [{"constraint": FORM_FACTORS, "type": "constraint"}]
    options = {"model": "WET", "form-factors": "BFW2010"}
    return eos.Analysis(priors=priors, likelihood=LIKELIHOOD, global_options=options)


def main():
    request = json.load(sys.stdin)
    a = analysis()
    rng = np.random.default_rng(request.get("seed", 1))
    # unit-cube coordinates, not too far in the tails
    points = rng.uniform(0.2, 0.8, size=(request["points"] + 1, len(a.varied_parameters)))
    wall, cpu, values = [], [], []
    for point in points:
        start = time.perf_counter(), time.process_time()
        values.append(a.log_pdf(point))
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    wall, cpu = wall[1:], cpu[1:]
    result = {
        "peer": "EOS",
        "versions": {"eos": eos.__version__, "numpy": np.__version__},
        "constraints": len(LIKELIHOOD),
        "parameters": len(a.varied_parameters),
        "evaluations": len(wall),
        "finite": int(np.isfinite(values).sum()),
        "seconds_per_evaluation": {
            "median": float(np.median(wall)),
            "min": min(wall),
            "cpu_median": float(np.median(cpu)),
        },
        "evaluations_per_second": 1 / float(np.median(wall)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
