"""Time flavio. Runs in a Python that has flavio; reads a JSON request from standard input, prints one JSON line."""

import json
import sys
import time
import warnings
from importlib.metadata import version

import flavio
import numpy as np


def arguments(name):
    """'<O>(process)[a,b]' as the arguments of flavio's prediction functions."""
    head, _, inside = name.partition("[")
    return head, [float(x) for x in inside.rstrip("]").split(",")] if inside else []


def main():
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    calls = [arguments(name) for name in request["observables"]]
    asked, calls = len(calls), [c for c in calls if c[0] in flavio.Observable.instances]
    rng = np.random.default_rng(request.get("seed", 1))
    wall, cpu = [], []
    for i in range(request["points"] + 1):
        c9, c10 = rng.normal(size=2)
        parameters = (
            flavio.default_parameters.get_random_all() if request.get("nuisances") else flavio.default_parameters.get_central_all()
        )
        start = time.perf_counter(), time.process_time()
        w = flavio.WilsonCoefficients()
        w.set_initial({"C9_bsmumu": c9, "C10_bsmumu": c10}, 4.8)
        for name, bin_ in calls:
            flavio.Observable[name].prediction_par(parameters, w, *bin_)
        if i:  # the first point fills caches
            wall.append(time.perf_counter() - start[0])
            cpu.append(time.process_time() - start[1])
    result = {
        "peer": "flavio",
        "versions": {name: version(name) for name in ("flavio", "wilson", "numpy")},
        "observables": len(calls),
        "left_out": asked - len(calls),
        "points": len(wall),
        "nuisances": bool(request.get("nuisances")),
        "seconds_per_point": {"median": float(np.median(wall)), "min": min(wall), "cpu_median": float(np.median(cpu))},
        "points_per_second": 1 / float(np.median(wall)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
