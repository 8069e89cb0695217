"""Values of flavio for ``fipjax compare``.  Runs in a Python that has flavio, without fipjax; never imported.

Reads JSON from standard input: {"calls": [[observable, arguments, point], ...], "points": [{"wc": {name: [re, im]}, "scale": GeV,
"mixing": {...}, "mixing_scale": GeV}, ...]}; point None is the Standard Model.  Prints one JSON line {"flavio": version, "values":
[number or text, ...]}, a text being the reason for no number.
"""

import json
import sys
import warnings


def wilson(point):
    """flavio's coefficients of a point; Delta B = 2 is run to the common scale by the program that will run it back."""
    import flavio
    from wilson import Wilson

    values = {k: complex(*v) for k, v in point["wc"].items()}
    mixing = {k: complex(*v) for k, v in point["mixing"].items()}
    if mixing:
        run = Wilson(mixing, point["mixing_scale"], "WET", "flavio").match_run(point["scale"], "WET", "flavio").dict
        values.update({k: v for k, v in run.items() if k.endswith(("_bsbs", "_bdbd"))})
    w = flavio.WilsonCoefficients()
    if values:
        w.set_initial(values, point["scale"])
    return w


def main():
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    try:
        import flavio
    except ImportError as err:
        print(json.dumps({"missing": str(err)}))
        return
    points = {}
    values: list[float | str] = []
    for name, arguments, index in request["calls"]:
        if name not in flavio.Observable.instances:
            values.append(f"flavio has no observable {name!r}")
            continue
        try:
            if index is None:
                value = flavio.sm_prediction(name, *arguments)
            else:
                if index not in points:
                    points[index] = wilson(request["points"][index])
                value = flavio.np_prediction(name, points[index], *arguments)
            values.append(float(value))
        except Exception as err:  # a number less, with its reason
            values.append(f"flavio: {type(err).__name__}: {err}"[:200])
    print(json.dumps({"flavio": flavio.__version__, "values": values}))


if __name__ == "__main__":
    main()
