"""Speed of the programs that fipjax is compared with, each in its own process, environment and on one thread.

The Pythons that have them are named by FIPJAX_FLAVIO_PYTHON and FIPJAX_EOS_PYTHON, or are `.peers/flavio/bin/python` and
`.peers/eos/bin/python` below the working directory.  A peer that is missing is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def peer_python(name: str) -> Path | None:
    """The Python interpreter of a peer, or None, with a message, where there is none."""
    variable = f"FIPJAX_{name.upper()}_PYTHON"
    path = Path(os.environ.get(variable) or Path(".peers") / name / "bin" / "python")
    if path.is_file():
        return path
    print(f"{name}: no Python at {path}; skipped (set {variable}; docs/performance.md)", file=sys.stderr)
    return None


def own_environment() -> dict[str, str]:
    """Environment for another Python: without the module paths of this one."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}


def _run(name: str, request: dict) -> dict | None:
    python = peer_python(name)
    if python is None:
        return None
    environment = own_environment() | {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
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


def flavio_points_per_second(observables: list[str], n: int = 10, nuisances: bool = False) -> dict | None:
    """Predictions of ``observables`` at n random points in C9 and C10 of the muon; median over the points.

    With ``nuisances`` every parameter of flavio is drawn anew for each point.  Names that flavio does not have are left out and
    counted.  None where flavio is missing.
    """
    return _run("flavio", {"observables": list(observables), "points": n, "nuisances": nuisances})


def eos_points_per_second(n: int = 50) -> dict | None:
    """Evaluations of a log-posterior of 16 LHCb measurements of B -> K mu mu, all its parameters varied; median.

    None where EOS is missing.
    """
    return _run("eos", {"points": n})
