"""Cost of all bounds: a scan of the fit likelihood alone against the same scan with every bound, in the same run.

    python benchmarks/constraints.py [--points N] [--model deft64] [--json FILE]

The two are run in turn, block by block, so that other work on the machine falls on both alike.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import jax
import numpy as np

import fipjax


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--points", type=int, default=1_000_000)
    p.add_argument("--model", default="deft64")
    p.add_argument("--data", default="2021")
    p.add_argument("--block", type=int, default=65536, help="points per call")
    p.add_argument("--json", type=Path)
    args = p.parse_args()
    likes = {c: fipjax.Likelihood(args.model, args.data, constraints=c, draws=1000) for c in ("none", "all")}
    names = likes["all"].names
    rng = np.random.default_rng(0)
    seconds, compiled, done = dict.fromkeys(likes, 0.0), {}, 0
    runs = {}
    allowed = 0
    while done < args.points:
        n = args.block
        x = {k: np.asarray(likes["all"].priors[k].from_unit(rng.uniform(size=n))) for k in names}
        for c, like in likes.items():
            if c not in runs:
                t0 = time.perf_counter()
                runs[c] = jax.jit(like.evaluate).lower(x).compile()
                compiled[c] = time.perf_counter() - t0
                jax.block_until_ready(runs[c](x))
            t0 = time.perf_counter()
            out = jax.block_until_ready(runs[c](x))
            seconds[c] += time.perf_counter() - t0
            if c == "all":
                allowed += int(np.sum(out["allowed"]))
        done += n
    result = {
        "model": args.model, "data": args.data, "numbers": likes["all"].n_measurements, "bounds": len(likes["all"].constraints),
        "points": done, "allowed": allowed, "seconds": seconds, "compile_seconds": compiled,
        "points_per_second": {c: done / s for c, s in seconds.items()}, "ratio": seconds["all"] / seconds["none"],
        "jax": jax.__version__, "backend": jax.default_backend(), "machine": platform.machine(), "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
