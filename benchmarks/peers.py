"""Speed of the programs that fipjax is compared with, each in its own process, environment and on one thread.

    python benchmarks/peers.py [--points N] [--evaluations N] [--nuisances] [--json]

The Pythons that have the peers are `.peers/flavio/bin/python` and `.peers/eos/bin/python` below the repository, or
those named by FIPJAX_FLAVIO_PYTHON and FIPJAX_EOS_PYTHON. A peer that is missing is skipped.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

_BINS = [(0.1, 0.98), (1.1, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0), (7.0, 8.0)]
_BINS += [(11.0, 11.8), (11.8, 12.5)] + [(float(q), float(q + 1)) for q in range(15, 22)]
#: the 17 narrow bins of arXiv:1403.8044, R_K, BR(Bs->mumu) and Delta M_s
OBSERVABLES = [f"<dBR/dq2>(B+->Kmumu)[{a!r},{b!r}]" for a, b in _BINS]
OBSERVABLES += ["<Rmue>(B+->Kll)[1.1,6.0]", "BR(Bs->mumu)", "DeltaM_s"]


def peer_python(name: str) -> Path | None:
    """The Python interpreter of a peer, or None, with a message, where there is none."""
    variable = f"FIPJAX_{name.upper()}_PYTHON"
    path = Path(os.environ.get(variable) or ROOT / ".peers" / name / "bin" / "python")
    if path.is_file():
        return path
    print(f"{name}: no Python at {path}; skipped (set {variable}, or see benchmarks/README.md)", file=sys.stderr)
    return None


def _run(name: str, request: dict) -> dict | None:
    python = peer_python(name)
    if python is None:
        return None
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    environment["EOS_MAX_THREADS"] = "1"
    done = subprocess.run(
        [str(python), str(HERE / f"_{name}_peer.py")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name}: failed with exit code {done.returncode}: {last}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def flavio_points_per_second(observables: list[str] = OBSERVABLES, n: int = 10, nuisances: bool = False) -> dict | None:
    """Predictions of `observables` at n random points in C9 and C10 of the muon; median over the points.

    With `nuisances` every parameter of flavio is drawn anew for each point. None where flavio is missing.
    """
    return _run("flavio", {"observables": list(observables), "points": n, "nuisances": nuisances})


def eos_points_per_second(n: int = 50) -> dict | None:
    """Evaluations of a log-posterior of 16 LHCb measurements of B -> K mu mu, all its parameters varied; median.

    None where EOS is missing.
    """
    return _run("eos", {"points": n})


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10, help="points for flavio (default 10)")
    parser.add_argument("--evaluations", type=int, default=50, help="evaluations for EOS (default 50)")
    parser.add_argument("--nuisances", action="store_true", help="draw flavio's parameters anew for each point")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    results = {
        "flavio": flavio_points_per_second(n=options.points, nuisances=options.nuisances),
        "eos": eos_points_per_second(options.evaluations),
    }
    if options.json:
        print(json.dumps(results, indent=1))
        return 0
    if r := results["flavio"]:
        time = r["seconds_per_point"]
        print(
            f"flavio {r['versions']['flavio']}: {r['points_per_second']:.3g} points/s "
            f"({r['observables']} observables, {time['median']:.3g} s a point, median of {r['points']})"
        )
    if r := results["eos"]:
        time = r["seconds_per_evaluation"]
        print(
            f"EOS {r['versions']['eos']}: {r['evaluations_per_second']:.3g} evaluations/s ({r['constraints']} "
            f"measurements, {r['parameters']} parameters, {1e3 * time['median']:.3g} ms each, "
            f"median of {r['evaluations']})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
