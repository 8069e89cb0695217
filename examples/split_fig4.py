"""Figure 4 of arXiv:2002.11150: V heavier than 2 GeV, in the plane of its mass and vector muon coupling.

python examples/split_fig4.py [--quick] [--out DIR] [--conventions as_printed] [--data 2020] [--fit branching]

Points of Table 1 within 2 sigma of the best fit to R_K, R_K*, B -> K* mu mu and Bs -> mu mu, what B -> K + invisible leaves of
them, and bounds that need no b-s coupling.
"""

import numpy as np
from _split import (
    A_MU_MAX,
    END,
    OTHERS,
    RECAST,
    drell_yan_excluded,
    plane_figure,
    shift,
    span,
    trident_ratio,
    vector_shift,
)  # fmt: skip


def report(_every: dict, x: dict, r: dict, best: float, like, conventions: str, _data: str) -> dict:
    """Prints which stated feature comes out; the numbers by name."""
    m, n = x["m_V"], len(x["m_V"])
    print(f"\nhigh masses, {conventions}: {like.n_measurements} numbers, best chi2 {best:.2f}, {n} points within 2 sigma")
    print(f"  m_V {span(m)} GeV; {100 * np.mean(shift(x) < -1.2e-9):.0f} % of the points with Delta a_mu < -1.2e-9")
    out = {"points": n}
    for name in dict.fromkeys(("BKinv_cleo", *RECAST[conventions], *OTHERS)):
        print(f"  {name:16s} alone excludes {100 * np.mean(r[name] > 1.0):5.1f} %")
    below, lhcb = m < END, r["BKstV_mumu_lhcb"] <= 1.0
    out["below"], out["below passing"] = int(below.sum()), int((below & r["recast"]).sum())
    strongest = np.max([r[k] for k in RECAST[conventions]], axis=0)
    strongest = np.maximum(strongest, r["BKinv_cleo"])
    if below.any():
        print(f"  below M_B - M_K = {END:.3f} GeV: {below.sum()} points, {(below & r['cleo']).sum()} pass CLEO, "
              f"{out['below passing']} everything; smallest ratio {strongest[below].min():.2f}")  # fmt: skip
        left = below & r["recast"]
        if left.any():
            gap = ((m > 2.4) & (m < 3.4)) | (m > 4.0)
            dy = ~drell_yan_excluded(x)
            print(f"    those that pass: m_V {span(m[left])} GeV, g_V {span(x['g_V'][left])}, g_D {span(x['g_D'][left])}; "
                  f"{(left & gap).sum()} between or above the windows of the recast")  # fmt: skip
            print(f"    of them pass B -> K* V(mu mu) {(left & lhcb).sum()}, Drell-Yan {(left & dy).sum()}, both "
                  f"{(left & dy & lhcb).sum()}; untuned {(left & (vector_shift(m, x['g_V']) < A_MU_MAX)).sum()}")  # fmt: skip
        near = (m > 2.3) & (m < 2.7)
        text = f"smallest ratio {strongest[near].min():.2g}" if near.any() else "none"
        print(f"    m_V in 2.3 to 2.7 GeV: {near.sum()} points, {text}")
    green = r["all"]
    out["green"] = int(green.sum())
    flat = vector_shift(m, x["g_V"]) < A_MU_MAX
    out["untuned"] = int((green & flat).sum())
    dy = drell_yan_excluded(x)
    trident = trident_ratio(m, x["g_V"], conventions) <= 1.0
    belle2 = r["belle2_mumu_inv"] <= 1.0
    print(f"  pass B -> K inv and Bs mixing: {green.sum()}, m_V {span(m[green])} GeV, g_V {span(x['g_V'][green])}")
    print(f"    with g_V in or below the g-2 band of g_A = 0: {out['untuned']}, m_V {span(m[green & flat])} GeV, g_V "
          f"{span(x['g_V'][green & flat])}; outside Drell-Yan: {(green & ~dy).sum()}")  # fmt: skip
    t = green & trident
    out["trident"] = int(t.sum())
    print(f"    pass the tridents: {t.sum()}, m_V {span(m[t])} GeV, |r| {span(np.abs(x['r'][t]))}; of 5 to 7 GeV "
          f"{(t & (m > 5) & (m < 7)).sum()}")  # fmt: skip
    print(f"    pass Belle II: {(green & belle2).sum()}", flush=True)
    return out


if __name__ == "__main__":
    plane_figure(__doc__, "split_fig4", "high", np.linspace(2.0, 15.0, 261), (60_000, 500_000), report)
