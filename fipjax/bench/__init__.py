"""Points per second of the likelihood here, beside the machine's ceilings and the programs that are installed for comparison.

Every number is measured in the same run: value, value and gradient, in float64 and float32 (a process of its own), flavio and EOS
(one core each), a matrix product and a copy in memory.  Operations and bytes per point are those that the compiler counts for one
block.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax._version import __version__
from fipjax.bench import peers
from fipjax.errors import unknown
from fipjax.likelihood import Likelihood, in_blocks
from fipjax.priors import Flat

_LHCB_BP = ["0.1,0.98", "1.1,2.0", "2.0,3.0", "3.0,4.0", "4.0,5.0", "5.0,6.0", "6.0,7.0", "7.0,8.0", "15.0,22.0"]
_LHCB_B0 = ["0.1,2.0", "2.0,4.0", "4.0,6.0", "6.0,8.0", "15.0,17.0", "17.0,22.0"]
#: 16 measurements of LHCb, those of the EOS peer
EOS_OBSERVABLES = [f"<dBR/dq2>(B+->Kmumu)[{b}]" for b in _LHCB_BP] + [f"<dBR/dq2>(B0->Kmumu)[{b}]" for b in _LHCB_B0]
EOS_OBSERVABLES += ["<Rmue>(B+->Kll)[1.1,6.0]"]


@dataclass(frozen=True)
class Case:
    """A likelihood to time.  goal: points/s over those of its peer."""

    title: str
    arguments: Mapping[str, Any]
    peer: str = "flavio"
    goal: float = 1e5


CASES: dict[str, Case] = {
    "table1": Case(
        "27 observables of 2210.15662 Table 1, light vector with real couplings", {"model": "deft44", "data": "datta2022"}
    ),
    "dark_z": Case("the same, dark Z of case C with loop-induced complex couplings", {"model": "dark_z_C", "data": "datta2022"}),
    "deft64": Case("all of 2021 for model 64 of 2106.12582", {"model": "deft64", "data": "2021"}),
    "eos": Case(
        "16 measurements of LHCb in C9, C10 with every hadronic input that matters free",
        {
            "model": "wet",
            "data": "2021",
            "use": EOS_OBSERVABLES,
            "uncertainties": "nuisance",
            "charmonium": True,
            "priors": {n: Flat(-2.0, 2.0) for n in ("C9_bsmumu", "C10_bsmumu")},
        },
        "eos",
        100.0,
    ),
}  # fmt: skip


def likelihood(case: str, draws: int = 1000) -> Likelihood:
    """The likelihood of a case, data alone (bounds: benchmarks/constraints.py)."""
    if case not in CASES:
        raise unknown("benchmark", case, CASES)
    return Likelihood(constraints="none", draws=draws, **CASES[case].arguments)


def points(like: Likelihood, n: int, seed: int = 0) -> dict[str, Any]:
    """n random points of the prior: name -> (n,)."""
    rng = np.random.default_rng(seed)
    return {k: jnp.asarray(like.priors[k].from_unit(jnp.asarray(rng.uniform(1e-6, 1.0 - 1e-6, n)))) for k in like.names}


def value(like: Likelihood) -> Callable:
    """log_prob of one block of points: dict of (B,) -> (B,)."""
    return lambda x: like._block(x)["log_prob"]


def value_and_gradient(like: Likelihood) -> Callable:
    """(log_prob, gradient in every parameter) of one block."""

    def block(x):
        out, back = jax.vjp(value(like), x)
        return out, back(jnp.ones_like(out))[0]

    return block


def _seconds(run: Callable, repeat: int) -> float:
    """Best of several runs."""
    best = np.inf
    for _ in range(repeat):
        start = time.perf_counter()
        jax.block_until_ready(run())
        best = min(best, time.perf_counter() - start)
    return best


def _count(block: Callable, x: Mapping[str, Any], size: int) -> dict[str, float]:
    """Floating-point operations and bytes moved per point, as the compiler counts them for one block."""
    some = {k: v[:size] for k, v in x.items()}
    cost: Any = None
    with contextlib.suppress(Exception):  # not every back end counts
        cost = jax.jit(block).lower(some).compile().cost_analysis()
    if isinstance(cost, (list, tuple)):
        cost = cost[0] if cost else None
    if not cost:
        return {}
    return {"flops": cost.get("flops", 0.0) / size, "bytes": cost.get("bytes accessed", 0.0) / size}


def speed(like: Likelihood, n: int, repeat: int = 5) -> dict[str, Any]:
    """Points per second of value, and of value and gradient; seconds of compilation; operations and bytes per point."""
    x = points(like, n)
    out: dict[str, Any] = {"points": n, "measurements": like.n_measurements, "free": len(like.names), "block": like.batch}
    for key, block in (("value", value(like)), ("gradient", value_and_gradient(like))):
        start = time.perf_counter()
        run = jax.jit(lambda y, block=block: in_blocks(block, y, like.batch)).lower(x).compile()
        out[f"compile_{key}_s"] = time.perf_counter() - start
        jax.block_until_ready(run(x))
        out[f"{key}_per_s"] = n / _seconds(lambda run=run: run(x), repeat)
        out |= {f"{k}_{key}": v for k, v in _count(block, x, min(like.batch, n)).items()}
    out["gradient_cost"] = out["value_per_s"] / out["gradient_per_s"]
    return out


def ceilings(repeat: int = 5) -> dict[str, float]:
    """What the machine can do in the present precision: operations/s of a matrix product, bytes/s of a copy."""
    n = 2048 if jax.default_backend() == "cpu" else 8192
    a = jnp.ones((n, n))
    product = jax.jit(lambda m: jnp.matmul(m, m, precision="highest")).lower(a).compile()
    jax.block_until_ready(product(a))
    big = jnp.ones(1 << 25)
    copy = jax.jit(lambda v: v + 1.0).lower(big).compile()
    jax.block_until_ready(copy(big))
    return {
        "flops_per_s": 2.0 * n**3 / _seconds(lambda: product(a), repeat),
        "bytes_per_s": 2.0 * big.nbytes / _seconds(lambda: copy(big), repeat),
    }


def machine() -> dict[str, Any]:
    """Date, device, versions, and how busy the machine is."""
    device = jax.devices()[0]
    out: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "device": f"{device.platform} {device.device_kind}",
        "devices": len(jax.devices()),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "fipjax": __version__,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    if device.platform == "gpu":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
            out["gpu"] = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    return out


def _single(case: str, n: int, x_file: str) -> dict[str, Any]:
    """What the float32 process does: its speed, ceilings, and chi2 at the points of a file."""
    like = likelihood(case)
    stored = np.load(x_file)
    chi2 = np.asarray(like.chi2({k: jnp.asarray(stored[f"x {k}"]) for k in like.names}))
    return {**speed(like, n), "ceilings": ceilings(), "chi2": chi2.tolist(), "sm_chi2": like.sm_chi2()}


# chi2 of the points where accuracy is asked for, above the best of them
ALLOWED_REGION = 25.0


def single_precision(case: str, like: Likelihood, n: int, compare: int = 4096) -> dict[str, Any]:
    """The same likelihood in float32, in a process of its own: speed, and errors of chi2 up to 25 above the best point."""
    x = points(like, compare, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "x.npz")
        np.savez(file, allow_pickle=False, **{f"x {k}": np.asarray(v) for k, v in x.items()})
        command = [sys.executable, "-W", "ignore", "-m", "fipjax.bench", case, str(n), file]
        environment = {**os.environ, "FIPJAX_PRECISION": "float32", "FIPJAX_PROGRESS": "0"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        warnings.warn(f"float32: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", stacklevel=2)
        return {}
    out = json.loads(done.stdout.strip().splitlines()[-1])
    exact = np.asarray(like.chi2(x))
    region = exact < exact.min() + ALLOWED_REGION
    error = np.abs(np.array(out.pop("chi2")) - exact)
    out["chi2_error"] = {
        "points": int(region.sum()), "max": float(error[region].max()), "median": float(np.median(error[region])),
        "sm": abs(out["sm_chi2"] - like.sm_chi2()),
    }  # fmt: skip
    return out


def run(cases: list[str], n: int, *, with_peers: bool = True, single: bool = True, say: Callable[[str], None] = print) -> dict:
    """Measure the named cases; returns what was measured, and says it line by line."""
    report: dict[str, Any] = {**machine(), "ceilings": ceilings(), "cases": {}}
    top = report["ceilings"]
    say(
        f"{report['device']}, {report['cores']} cores, jax {report['jax']}, load {report['load_average']:.1f}: matrix product "
        f"{top['flops_per_s'] / 1e9:.0f} Gflop/s, copy {top['bytes_per_s'] / 1e9:.1f} GB/s in float64"
    )
    for name in cases:
        case = CASES[name]
        start = time.perf_counter()
        like = likelihood(name)
        row = {"title": case.title, "build_s": time.perf_counter() - start}
        few = max(like.batch, n // 256) if like.nuisances else n
        row |= speed(like, few)
        report["cases"][name] = row
        say(f"\n{name}: {case.title} ({row['measurements']} measurements, {row['free']} free parameters)")
        say(f"  float64  {_line(row, top)}")
        if single:
            row["float32"] = low = single_precision(name, like, few)
            if low:
                gain = low["value_per_s"] / row["value_per_s"]
                error = low["chi2_error"]
                say(f"  float32  {_line(low, low['ceilings'])}")
                say(
                    f"           {gain:.2f} x float64 (goal 1.7 on a CPU); chi2 off by {error['max']:.1g} at most over "
                    f"{error['points']} points of the allowed region (goal 0.05)"
                )
        if with_peers:
            _peer(case, like, row, say)
    return report


def _line(row: Mapping[str, Any], top: Mapping[str, float]) -> str:
    text = (
        f"{row['value_per_s']:12,.0f} points/s, with gradient {row['gradient_per_s']:12,.0f} "
        f"(x {row['gradient_cost']:.2f}, goal 3); compilation {row['compile_value_s']:.1f} and {row['compile_gradient_s']:.1f} s"
    )
    if "flops_value" in row:
        share = row["flops_value"] * row["value_per_s"] / top["flops_per_s"]
        text += f"; {row['flops_value'] / 1e3:.0f} kflop a point, {share:.0%} of the matrix product's speed"
    return text


def _peer(case: Case, like: Likelihood, row: dict[str, Any], say: Callable[[str], None]) -> None:
    if case.peer == "flavio":
        found = peers.flavio_points_per_second(list(dict.fromkeys(like.dataset.observables)), n=3)
        if found:
            speed, ours = found["points_per_second"], row["value_per_s"]
            what = f"flavio {found['versions']['flavio']}, one core, {found['observables']} observables"
    else:
        found = peers.eos_points_per_second(n=30)
        if found:
            speed, ours = found["evaluations_per_second"], row["gradient_per_s"]
            what = f"EOS {found['versions']['eos']}, one core, {found['parameters']} parameters, ours with gradient"
    if found:
        row[case.peer] = found
        row["over_peer"] = ours / speed
        say(f"  {what}: {speed:.3g} points/s; fipjax is {ours / speed:,.0f} times faster (goal {case.goal:,.0f})")
