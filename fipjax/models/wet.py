"""Heavy new physics: constant Wilson coefficients in the WCxf "flavio" basis, at 4.8 GeV (Delta F = 2: 4.2 GeV)."""

from __future__ import annotations

from fipjax.models.base import Model, Parameter, register_model
from fipjax.priors import Flat
from fipjax.theory import Theory

_NEUTRINOS = {"e": "e", "mu": r"\mu", "tau": r"\tau"}
_LATEX = {"9": "9", "10": "{10}", "S": "S", "P": "P"}
_UNITS = {"9": "", "10": "", "S": "GeV^-1", "P": "GeV^-1"}


def _parameters():
    out = []
    for lepton, tex in (("mumu", r"\mu\mu"), ("ee", "ee")):
        for op in ("9", "10", "S", "P"):
            for prime in ("", "p"):
                tick = r"^{\prime\," if prime else "^{"
                out.append(
                    Parameter(
                        f"C{op}{prime}_bs{lepton}",
                        rf"C_{_LATEX[op]}{tick}bs{tex}}}",
                        _UNITS[op],
                        f"new physics in C_{op}{prime} of b -> s {lepton}",
                        0.0,
                        complex_allowed=True,
                    )
                )
    for prime in ("", "p"):
        out.append(
            Parameter(
                f"C7{prime}_bs",
                r"C_7^{bs}" if not prime else r"C_7^{\prime\,bs}",
                "",
                f"new physics in C_7{prime} of b -> s gamma",
                0.0,
                complex_allowed=True,
            )
        )
    for chirality in ("L", "R"):
        for a, tex_a in _NEUTRINOS.items():
            for b, tex_b in _NEUTRINOS.items():
                out.append(
                    Parameter(
                        f"C{chirality}_bsnu{a}nu{b}",
                        rf"C_{chirality}^{{bs\nu_{tex_a}\nu_{tex_b}}}",
                        "",
                        f"new physics in C_{chirality} of b -> s nu_{a} nu_{b}",
                        0.0,
                        complex_allowed=True,
                    )
                )
    for op in ("VLL", "VRR", "VLR", "SLL", "SRR", "SLR", "TLL", "TRR"):
        out.append(
            Parameter(
                f"C{op}_bsbs",
                rf"C_{{{op}}}^{{bsbs}}",
                "GeV^-2",
                f"Delta F = 2 coefficient C_{op} (H = -C O)",
                0.0,
                complex_allowed=True,
            )
        )
    return tuple(out)


PARAMETERS = _parameters()


def build(params) -> Theory:
    """Theory with the given coefficients."""
    names = {p.name for p in PARAMETERS}
    return Theory(wc={k: v for k, v in params.items() if k in names})


register_model(
    Model(
        "wet",
        "constant Wilson coefficients of b -> s l l, b -> s gamma, b -> s nu nu and Bs mixing (heavy new physics)",
        "WCxf basis 'flavio' (arXiv:1712.05298)",
        PARAMETERS,
        build,
        {"C9_bsmumu": Flat(-4.0, 4.0), "C10_bsmumu": Flat(-4.0, 4.0)},
    )
)
