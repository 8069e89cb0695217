"""Figure 1(b) of arXiv:2106.12582: dimension six for b-s, four for muons (model 64); model 46 is shown to be the same.

python examples/fig1b.py [--quick] [--out DIR] [--data latest] [--fit high-q2]
"""

import numpy as np
from _deft_fits import COUPLINGS, main, products_only


def compare(draws: dict) -> None:
    """Largest difference in chi2 of models 46 and 64 at points of the posteriors of 64."""
    for region, sign in (("high", -1), ("low", 1)):
        d = draws[region]
        if d is None:
            continue
        pick = slice(None, None, 20)
        chi2 = {}
        for model in ("deft64", "deft46"):
            like = products_only(model)
            _, vector, axial = COUPLINGS[model]
            x = {
                "m_V": d["m_V [GeV]"][pick],
                "gamma_V": 10.0 ** d["log10 gamma_V"][pick],
                vector: sign * 10.0 ** d["log10 |X|"][pick],
                axial: -sign * 10.0 ** d["log10 |Y|"][pick],
            }
            chi2[model] = np.asarray(like.chi2(x))
        worst = np.max(np.abs(chi2["deft64"] - chi2["deft46"]))
        print(f"models 46 and 64, {region}-mass posterior: largest difference in chi2 {worst:.1e}")


if __name__ == "__main__":
    compare(main("deft64", "fig1b", __doc__))
