"""Tables I and II of arXiv:2105.07655 from fipjax, and observables that the paper does not check.

python examples/t3r_tables.py [--conventions flavio] [--m-ap 0.1]
"""

import argparse

import numpy as np
from _t3r import BENCHMARKS, V, benchmark_points, pull

import fipjax
from fipjax.constraints import CONSTRAINTS, Context
from fipkernels import t3r

# observable: factor to the unit of the paper, label; the paper's values for BMA to BMD, what flavio 2.2.0 gives at 160 GeV
TABLE_1 = {
    "<Rmue>(B+->Kll)[1.1,6.0]": (1.0, "R_K [1.1,6]", (0.82, 0.87, 0.86, 0.87), (0.819, 0.870, 0.855, 0.870)),
    "<Rmue>(B0->K*ll)[1.1,6.0]": (1.0, "R_K* [1.1,6]", (0.83, 0.78, 0.97, 0.89), (0.834, 0.780, 0.976, 0.894)),
    "BR(Bs->mumu)": (1e9, "10^9 BR(Bs->mumu)", (3.36, 3.05, 2.67, 3.34), (3.41, 3.05, 2.65, 3.335)),
}
PULLS = (4.4, 4.6, 3.8, 4.2)
# BMA of the last row: the paper prints 2.19
TABLE_2 = {
    "<dBR/dq2>(B+->K*mumu)[15,19]": (4e8, "10^8 BR(B+->K*+mumu) [15,19]", (7.80, 82.9, 10.4, 92.4), (7.81, 83.05, 10.42, 92.4)),
    "<dBR/dq2>(B0->Kmumu)[15,22]": (7e8, "10^8 BR(B0->K0mumu) [15,22]", (3.31, 30.4, 4.15, 29.4), (3.316, 30.45, 4.15, 29.46)),
    "<dBR/dq2>(B+->Kmumu)[15,22]": (7e8, "10^8 BR(B+->K+mumu) [15,22]", (3.59, 33.0, 4.5, 32.0), (3.599, 33.05, 4.505, 31.98)),
    "<dBR/dq2>(Bs->phimumu)[1,6]": (1e8, "10^8 dBR/dq2(Bs->phimumu) [1,6]", (1.60, 16.8, 2.28, 18.7), (1.598, 16.86, 2.283, 18.74)),
    "<dBR/dq2>(Lambdab->Lambdamumu)[15,20]": (
        1e7, "10^7 dBR/dq2(Lb->Lmumu) [15,20]", (0.219, 2.28, 0.29, 2.48), (0.2194, 2.281, 0.2903, 2.485),
    ),
}  # fmt: skip
FURTHER = {
    "<Rmue>(B0->K*ll)[0.045,1.1]": (1.0, "R_K* [0.045,1.1]"),
    "<dBR/dq2>(B+->Kee)[1.1,6.0]": (1e9, "10^9 dBR/dq2(B+->K+ee) [1.1,6]"),
    "BR(B0->K*nunu)": (1e6, "10^6 BR(B0->K*0 nu nu)"),
    "BR(B+->Knunu)": (1e6, "10^6 BR(B+->K+ nu nu)"),
}


def predictions(conventions: str = "default", names=None, points=None) -> fipjax.Prediction:
    """Values for the Standard Model and BMA to BMD, with the paper's sin^2(theta_W) = 0.23."""
    names = [*TABLE_1, *TABLE_2, *FURTHER] if names is None else names
    points = benchmark_points() if points is None else points
    return fipjax.predict("t3r_wc", {**points, "s2w": 0.23}, names, data="2021", conventions=conventions)


def pulls(p) -> list[float]:
    """SM pull of each benchmark."""
    at = lambda i: {n: float(p[n][i]) for n in TABLE_1}  # noqa: E731
    return [pull(at(i), at(0)) for i in range(1, len(BENCHMARKS) + 1)]


def on_shell(m_ap: float, c_nu: float, cp_nu: float = 0.0) -> tuple[float, float]:
    """BR(B+ -> K+ A') and BR(B0 -> K*0 A') for the mixing products that give C^NU and C'^NU by eq. (10)."""
    import jax.numpy as jnp

    from fipjax.constraints import b_visible
    from fipjax.likelihood import build_theory
    from fipjax.models import get_model

    n = (t3r.PRESETS["paper"]["alpha"], t3r.PRESETS["paper"]["vtb_vts"])
    unit = float(t3r.non_universal(1.0, m_ap, V, *n))
    one = jnp.ones(1)
    p = {"m_Ap": m_ap * one, "m_phip": 0.08 * one, "LL": c_nu / unit * one, "RR": cp_nu / unit * one}
    m = build_theory(get_model("t3r"), p).mediators[0]
    return tuple(float(b_visible.production(m, key)[0]) for key in ("B+->K", "B0->K*"))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--conventions", choices=["default", "flavio"], default="default")
    p.add_argument("--m-ap", type=float, default=0.1, help="m_A' in GeV for on-shell decays")
    args = p.parse_args()
    values = predictions(args.conventions)
    head = f"{'':34s}{'SM':>9s}" + "".join(f"{n:>9s}" for n in BENCHMARKS)
    for title, rows in (("Table I", TABLE_1), ("Table II", TABLE_2)):
        print(f"\n{title}, conventions {args.conventions}\n{head}")
        for name, (factor, label, paper, flavio) in rows.items():
            print(f"{label:34s}" + "".join(f"{factor * v:9.4g}" for v in values[name]))
            print(f"{'  paper':43s}" + "".join(f"{v:9.4g}" for v in paper))
            off = [100 * (factor * v / f - 1) for v, f in zip(values[name][1:], flavio, strict=True)]
            print(f"{'  over flavio 2.2.0':43s}" + "".join(f"{v:+8.1f}%" for v in off))
        if rows is TABLE_1:
            print(f"{'SM pull':43s}" + "".join(f"{v:9.2f}" for v in pulls(values)))
            print(f"{'  paper':43s}" + "".join(f"{v:9.1f}" for v in PULLS))
    print(f"\nnot in the paper\n{head}")
    for name, (factor, label) in FURTHER.items():
        print(f"{label:34s}" + "".join(f"{factor * v:9.4g}" for v in values[name]))
    from fipjax.likelihood import build_theory
    from fipjax.models import get_model

    theory = build_theory(get_model("t3r_wc"), {k: np.asarray(v) for k, v in benchmark_points().items()})
    for name in ("BKstnunu_total", "BKnunu_total"):
        r = CONSTRAINTS[name].ratio(theory, Context("latest"))
        print(f"{name + ' (ratio, > 1: excluded)':34s}" + "".join(f"{v:9.3g}" for v in np.asarray(r)))
    found = [on_shell(args.m_ap, v[1], v[4]) for v in BENCHMARKS.values()]
    for i, label in enumerate(("BR(B+ -> K+ A')", "BR(B0 -> K*0 A')")):
        print(f"{label + f', m_A = {1e3 * args.m_ap:.0f} MeV':43s}" + "".join(f"{v[i]:9.3g}" for v in found))


if __name__ == "__main__":
    main()
