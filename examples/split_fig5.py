"""Figure 5 of arXiv:2002.11150: V of 0.6 to 2 GeV, in the plane of its mass and vector muon coupling.

python examples/split_fig5.py [--quick] [--out DIR] [--conventions as_printed] [--data 2020] [--fit branching]

As split_fig4.py, with the other sign of the product of couplings.
"""

import numpy as np
from _split import (
    A_MU_MAX,
    OTHERS,
    RECAST,
    applied,
    drell_yan_excluded,
    minus_two_log,
    plane_figure,
    profile,
    span,
    trident_ratio,
    vector_shift,
)  # fmt: skip

EDGES = [0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0]


def report(every: dict, x: dict, r: dict, best: float, like, conventions: str, data: str) -> dict:
    """Prints which stated feature comes out; the numbers by name."""
    m, n = x["m_V"], len(x["m_V"])
    print(
        f"\nlow masses, {conventions}: {like.n_measurements} numbers, best chi2 {best:.2f}, of the Standard Model "
        f"{like.sm_chi2():.2f}{' without Bs -> mu mu' if conventions == 'as_printed' else ''}; {n} points within 2 sigma"
    )
    if not n:
        return {"points": 0}
    print(f"  m_V {span(m)} GeV.  Smallest chi2 of ranges of m_V, relative to the best fit:")
    needs = vector_shift(every["m_V"], every["g_V"]) > A_MU_MAX
    for text, keep in (("all points", np.ones_like(needs)), ("g_V that needs tuning", needs), ("g_V that needs none", ~needs)):
        print(f"    {text:22s} {profile(every, keep, EDGES, best)}")
    print(f"    of the 2 sigma points need tuning: {(vector_shift(m, x['g_V']) > A_MU_MAX).sum()}; |r_AV| {span(-x['r_AV'])}")
    i = like.dataset.observables.index("<Rmue>(B+->Kll)[1.1,6.0]")
    few = np.argsort(x["chi2"])[:: max(1, n // 500)]
    r_k = np.asarray(like.predictions({k: x[k][few] for k in like.names}))[i]
    measured, error = like.dataset.value[i], np.sqrt(like.dataset.covariance[i, i])
    q = np.quantile(r_k, [0.05, 0.5, 0.95])
    print(
        f"  R_K of the points {q[1]:.3f} (5 to 95 %: {q[0]:.3f} to {q[2]:.3f}), measured {measured:.3f}: "
        f"{(q[1] - measured) / error:+.1f} sigma, {(q[0] - measured) / error:+.1f} to {(q[2] - measured) / error:+.1f}"
    )
    # another criterion, for comparison: better than the Standard Model, and g_V that needs tuning
    none = {k: np.full(1, 1e-9 if k != "m_V" else 10.0) for k in like.names}
    keep = needs & (every["chi2"] < minus_two_log(like, none)[0] - 2.0)
    if keep.any():
        y = {k: v[keep] for k, v in every.items()}
        pull = (np.asarray(like.predictions({k: y[k] for k in like.names}))[i] - measured) / error
        passes = applied(y, conventions, data)["recast"]
        print(f"  tuned and better than the Standard Model by 2 in chi2: {keep.sum()} points, m_V {span(y['m_V'])} GeV, "
              f"{(y['m_V'] > 1.4).sum()} above 1.4 GeV, R_K {np.median(pull):+.1f} sigma, "
              f"{passes.sum()} pass B -> K inv")  # fmt: skip
    for name in dict.fromkeys(("BKinv_cleo", *RECAST[conventions], *OTHERS)):
        print(f"  {name:16s} alone excludes {100 * np.mean(r[name] > 1.0):5.1f} %")
    green = r["all"]
    flat = vector_shift(m, x["g_V"]) < A_MU_MAX
    print(f"  pass CLEO: {r['cleo'].sum()}; B -> K inv and Bs mixing: {green.sum()}, m_V {span(m[green])} GeV, "
          f"g_V {span(x['g_V'][green])}, g_D {span(x['g_D'][green])}")  # fmt: skip
    dy = drell_yan_excluded(x)
    tuning = A_MU_MAX / vector_shift(m, x["g_V"])
    print(f"    tuning of the points that pass: {span(tuning[green])}; untuned: {(green & flat).sum()}; outside Drell-Yan: "
          f"{(green & ~dy).sum()}")  # fmt: skip
    lhcb, tri = r["BKstV_mumu_lhcb"] <= 1.0, trident_ratio(m, x["g_V"], conventions) <= 1.0
    print(
        f"    pass B -> K* V(mu mu) also: {(green & lhcb).sum()}, of them outside Drell-Yan {(green & lhcb & ~dy).sum()}; "
        f"pass the tridents: {(green & tri).sum()}; Belle II: {(green & (r['belle2_mumu_inv'] <= 1)).sum()}"
    )
    return {"points": n, "green": int(green.sum()), "untuned": int((green & flat).sum()), "lowest": float(m.min())}


if __name__ == "__main__":
    plane_figure(__doc__, "split_fig5", "low", np.linspace(0.6, 2.0, 141), (100_000, 1_000_000), report, False)
