"""Points per second of the full likelihood, value and value-and-gradient, next to flavio and EOS in the same run.

    python benchmarks/likelihood.py [--points N] [--no-peers] [--json FILE]

fipjax evaluates the same observables as flavio (17 narrow bins of B+ -> K+ mu mu, R_K, BR(Bs -> mu mu), Delta M_s) for random
light vectors with the whole chain: model, amplitudes through the resonance, covariance, chi2 and constraints.  flavio predicts
them at random constant Wilson coefficients.  Compilation is timed separately.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import jax
import jax.numpy as jnp
import numpy as np
import peers

import fipjax
from fipjax.observables.base import parse


def _time(function, x, repeat):
    """(compile seconds, points per second) of a jitted function of a dict of (B,) arrays; best of ``repeat`` runs."""
    t0 = time.perf_counter()
    compiled = jax.jit(function).lower(x).compile()
    seconds = time.perf_counter() - t0
    jax.block_until_ready(compiled(x))
    best = np.inf
    for _ in range(repeat):
        t0 = time.perf_counter()
        jax.block_until_ready(compiled(x))
        best = min(best, time.perf_counter() - t0)
    return seconds, len(next(iter(x.values()))) / best


def fipjax_speed(model: str, points: int, repeat: int, use: list[str] | None) -> dict:
    """Compile time and points/s of log_prob, and of its gradient with respect to all parameters."""
    t0 = time.perf_counter()
    like = fipjax.Likelihood(model, "2021", use=use, charmonium=True, draws=1000)
    build = time.perf_counter() - t0
    rng = np.random.default_rng(0)
    x = {n: jnp.asarray(like.priors[n].from_unit(jnp.asarray(rng.uniform(size=points)))) for n in like.names}

    def value_and_gradient(y):
        def block(z):
            value, back = jax.vjp(lambda w: like._block(w)["log_prob"], z)
            return value, back(jnp.ones_like(value))[0]

        from fipjax.likelihood import block_size, in_blocks

        return in_blocks(block, y, block_size())

    c_value, value = _time(lambda y: like.evaluate(y)["log_prob"], x, repeat)
    c_grad, grad = _time(value_and_gradient, x, repeat)
    return {
        "model": model,
        "measurements": like.n_measurements,
        "observables": [parse(o).name for o in like.dataset.observables],
        "build_s": build,
        "compile_value_s": c_value,
        "compile_gradient_s": c_grad,
        "value_per_s": value,
        "value_and_gradient_per_s": grad,
        "gradient_cost": value / grad,
    }


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=65536)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="also write the numbers to FILE")
    options = parser.parse_args(arguments)
    device = jax.devices()[0]
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "device": f"{device.platform} {device.device_kind}, {os.cpu_count()} cores, {platform.machine()}",
        "jax": jax.__version__,
        "fipjax": fipjax.__version__,
        "load_average": os.getloadavg()[0],
    }
    print(f"{report['device']}, jax {report['jax']}, load average at start {report['load_average']:.1f}")
    # the observables of the flavio benchmark: all bins of the publication, R_K, Bs -> mu mu and mixing
    same = [*peers.OBSERVABLES]
    report["fipjax_same"] = fipjax_speed("deft44", options.points, options.repeat, same)
    report["fipjax_full"] = fipjax_speed("deft44", options.points, options.repeat, None)
    for key, title in (("fipjax_same", "fipjax, flavio's list"), ("fipjax_full", "fipjax, all of 2021")):
        r = report[key]
        print(
            f"{title:24s} {r['measurements']:3d} observables: {r['value_per_s']:12,.0f} points/s, with gradient "
            f"{r['value_and_gradient_per_s']:12,.0f} points/s (x {r['gradient_cost']:.2f}); "
            f"compilation {r['compile_value_s']:.1f} s and {r['compile_gradient_s']:.1f} s"
        )
    if not options.no_peers:
        flavio = peers.flavio_points_per_second(n=10)
        if flavio:
            report["flavio"] = flavio
            speed = flavio["points_per_second"]
            print(f"{'flavio, one core':24s} {len(peers.OBSERVABLES):3d} observables: {speed:12.2f} points/s")
            print(f"  fipjax / flavio: {report['fipjax_same']['value_per_s'] / speed:,.0f}")
        eos = peers.eos_points_per_second(n=30)
        if eos:
            report["eos"] = eos
            speed = eos["evaluations_per_second"]
            print(f"{'EOS, one core':24s}  16 constraints, all nuisances moved: {speed:8.2f} evaluations/s")
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
