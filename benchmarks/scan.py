"""Speed, memory and disk of a grid scan of N points, and what 1e9 points would take.

    python benchmarks/scan.py [--points 1e6 1e7] [--likelihood small|trivial] [--out DIR] [--json FILE]

Each size runs in a process of its own, so that its peak memory is its own.  ``small`` is deft44 (five parameters) with two
measurements, a_mu and BR(Bs -> mu mu); ``trivial`` a parabola, which leaves the cost of making, moving and writing the points.
The scan is written to a store as always, with checksums and fsync; reading back (best point, profile) is timed too.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ROW = 10_000  # points per value of m_V


def likelihood(kind: str):
    """The likelihood to scan."""
    if kind == "small":
        import fipjax

        return fipjax.Likelihood("deft44", "2021", "none", region="high", use=["a_mu", "BR(Bs->mumu)"], draws=200)

    class Parabola:
        names = ("m_V", "gamma_V", "C4_bsV", "C4_mumuV", "C4t_mumuV")
        priors: dict = {}  # noqa: RUF012

        def fingerprint(self):
            return {"model": "parabola"}

        def evaluate(self, x):
            chi2 = (x["m_V"] - 5.0) ** 2 + x["gamma_V"] ** 2 + (1e6 * x["C4_bsV"] - 1.0) ** 2 + x["C4_mumuV"] * x["C4t_mumuV"]
            return {"log_prob": -0.5 * chi2, "chi2": chi2, "allowed": x["m_V"] > 3.0}

    return Parabola()


def axes(points: int) -> dict:
    """A grid of about ``points`` points."""
    return {
        "m_V": {"min": 2.0, "max": 20.0, "n": max(2, round(points / ROW)), "scale": "log"},
        "gamma_V": {"min": 1e-3, "max": 0.5, "n": 5, "scale": "log"},
        "C4_bsV": {"min": 1e-8, "max": 1e-5, "n": 20, "scale": "log"},
        "C4_mumuV": {"min": -0.5, "max": -5e-3, "n": 20, "scale": "log"},
        "C4t_mumuV": {"min": 0.0, "max": 0.05, "n": 5},
    }


def one(kind: str, points: int, out: str) -> dict:
    """Run one scan in this process."""
    import fipjax

    t0 = time.perf_counter()
    like = likelihood(kind)
    build = time.perf_counter() - t0
    first: list[float] = []
    t0 = time.perf_counter()
    scan = fipjax.scan(like, axes(points), out, _after_chunk=lambda k: first.append(time.perf_counter()) if not first else None)
    seconds = time.perf_counter() - t0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    t1 = time.perf_counter()
    best = scan.best()
    best_seconds = time.perf_counter() - t1
    t1 = time.perf_counter()
    scan.profile("m_V", "C4_mumuV")
    profile_seconds = time.perf_counter() - t1
    files = [p for p in Path(out).rglob("*") if p.is_file()]
    return {
        "points": scan.n_points,
        "build_s": build,
        "to_first_chunk_s": first[0] - t0,
        "scan_s": seconds,
        "points_per_s": scan.n_points / seconds,
        "peak_rss_bytes": peak,
        "peak_rss_after_reading_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "chunks": scan.store.layout.n_chunks,
        "chunk_points": scan.store.layout.chunk_points,
        "files": len(files),
        "bytes_on_disk": sum(p.stat().st_size for p in files),
        "best_s": best_seconds,
        "profile_s": profile_seconds,
        "best_chi2": best["chi2"],
    }


def extrapolate(run: dict, points: float = 1e9) -> dict:
    """The largest measured run scaled to more points: time and disk in proportion, memory as measured."""
    from fipjax.engines.scan import _default_chunk
    from fipjax.engines.store import Layout

    row = run["bytes_on_disk"] / run["points"]
    spec = axes(int(points))
    shape = tuple(a["n"] for a in spec.values())
    layout = Layout.blocked(tuple(spec), shape, _default_chunk(int(points), round(row)))
    return {
        "points": points,
        "hours_on_this_machine": points / run["points_per_s"] / 3600.0,
        "bytes_on_disk": points * row,
        "chunks": layout.n_chunks,
        "chunk_points": layout.chunk_points,
        "files": layout.n_chunks * round(run["files"] / run["chunks"]),
        "from_points": run["points"],
    }


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=float, nargs="+", default=[1e5, 1e6])
    parser.add_argument("--likelihood", choices=["small", "trivial"], default="small")
    parser.add_argument("--out", help="directory for the stores, which are removed again (default: a temporary one)")
    parser.add_argument("--json", metavar="FILE", help="also add the numbers to FILE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.one:
        print(json.dumps(one(args.likelihood, int(args.points[0]), args.one)))
        return 0
    runs = []
    for n in args.points:
        folder = tempfile.mkdtemp(prefix="fipjax-bench-", dir=args.out)
        try:
            command = [sys.executable, __file__, "--likelihood", args.likelihood, "--points", str(n), "--one", f"{folder}/a.zarr"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            run = json.loads(done.stdout.splitlines()[-1])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        runs.append(run)
        print(
            f"{args.likelihood}: {run['points']:>13,} points in {run['scan_s']:8.1f} s = {run['points_per_s']:9,.0f}/s, peak "
            f"{run['peak_rss_bytes'] / 2**20:5.0f} MiB, {run['bytes_on_disk'] / 1e6:10,.1f} MB in {run['files']:,} files; "
            f"best {run['best_s']:.2f} s, profile {run['profile_s']:.2f} s",
            flush=True,
        )
    far = extrapolate(runs[-1])
    print(
        f"extrapolated from {far['from_points']:,} to 1e9 points: {far['hours_on_this_machine']:.1f} h here, "
        f"{far['bytes_on_disk'] / 1e9:.1f} GB in {far['files']:,} files, memory as above"
    )
    if args.json:
        import jax

        file = Path(args.json)
        about = json.loads(file.read_text()) if file.exists() else {}
        about |= {
            "date": date.today().isoformat(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load_average_at_end": os.getloadavg()[0],
            "jax": jax.__version__,
            "backend": jax.default_backend(),
        }
        about[args.likelihood] = {"measured": runs, "extrapolated_to_1e9": far}
        file.write_text(json.dumps(about, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
