"""What the bounds leave of a light scalar S with couplings to b-s and to muons.

    python examples/light_scalar_exclusion.py [--quick] [--out DIR] [--data latest] [--muon 1e-3]

The plane of the mass and of the coupling y_R to sbar P_R b, with a fixed scalar coupling to muons and no other decays.  The
searches for B -> K(*) S, S -> mu mu see S on shell, where its coupling to muons drops out; Bs -> mu mu and Bs mixing see its
exchange.  Prints the smallest excluded coupling of each kind of bound at some masses.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.text import Text

from fipjax.constraints import CONSTRAINTS
from fipjax.plotting import exclusion, save

MASS, COUPLING = ("m_S", 0.25, 20.0), ("y_bsR", 1e-11, 3e-5)
SHOWN = (0.3, 0.5, 1.02, 2.5, 3.1, 4.0, 4.7, 5.37, 8.0, 15.0)


def figure(muon: float, data: str, points: int):
    """The exclusion plot; ``fig.ratios`` has the numbers."""
    digits, power = f"{muon:.1e}".replace(".0", "").split("e") if muon < 0.01 else (f"{muon:.2g}", "0")
    number = digits if power == "0" else ("" if digits == "1" else digits + r"\times") + f"10^{{{int(power)}}}"
    title = rf"$y_S^{{\mu\mu}}={number}$, $S\to\mu\mu$ only"
    fig = exclusion("light_scalar", MASS, COUPLING, {"y_muS": muon}, data=data, points=points, title=title)
    for text in fig.findobj(Text):
        # the searches name any light boson V
        text.set_text(text.get_text().replace("V(", "S("))
    return fig


def smallest(fig, points: int) -> list[tuple[float, dict[str, float]]]:
    """Per mass of ``SHOWN``: kind of bound -> smallest excluded coupling of the grid."""
    mass, coupling = (np.geomspace(*axis[1:], points) for axis in (MASS, COUPLING))
    out = []
    for m in SHOWN:
        column = int(np.argmin(np.abs(np.log(mass / m))))
        found: dict[str, float] = {}
        for name, ratio in fig.ratios.items():
            over = ratio[:, column] > 1.0
            if over.any():
                kind = CONSTRAINTS[name].group
                found[kind] = min(found.get(kind, np.inf), float(coupling[np.argmax(over)]))
        out.append((float(mass[column]), found))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a coarse grid")
    parser.add_argument("--out", type=Path, default=Path("."), help="directory for the figure")
    parser.add_argument("--data", default="latest", help="vintage of the data")
    parser.add_argument("--muon", type=float, default=1e-3, help="scalar coupling to muons; narrow S only")
    args = parser.parse_args()
    points = 80 if args.quick else 400
    fig = figure(args.muon, args.data, points)
    for mass, found in smallest(fig, points):
        print(f"m_S = {mass:6.3f} GeV: " + ", ".join(f"{k} {y:.2g}" for k, y in sorted(found.items(), key=lambda t: t[1])))
    args.out.mkdir(parents=True, exist_ok=True)
    for path in save(fig, args.out / "light_scalar_exclusion"):
        print(path)


if __name__ == "__main__":
    main()
