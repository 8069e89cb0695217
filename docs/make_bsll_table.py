"""Writes agreement.md: rare b -> s decays and B_s mixing against flavio 2.7.1, and what the default changes.

    python docs/make_bsll_table.py        # about five minutes on one core

Reference values, and the scripts that made them, are in tests/observables/reference.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.hadronic import derive
from fipjax.likelihood import inputs_for
from fipjax.observables import Predictor
from fipjax.theory import Theory, VectorMediator

PAGE = Path(__file__).with_name("agreement.md")
REFERENCE = Path(__file__).parents[1] / "tests" / "observables" / "reference"

# title, pattern of the name without bin; the first that fits
FAMILIES = (
    ("R_K", r"<Rmue>\(B[+0]->Kll\)"),
    ("R_K*, R_phi", r"<Rmue>\(.*\)"),
    ("rate, B -> K l l", r"<?dBR/dq2>?\(B[+0]->K(mumu|ee)\)"),
    ("rate, B0 -> K*0 l l", r"<?dBR/dq2>?\(B0->K\*(mumu|ee)\)"),
    ("rate, B+ -> K*+ l l", r"<?dBR/dq2>?\(B\+->K\*(mumu|ee)\)"),
    ("rate, Bs -> phi l l", r"<?dBR/dq2>?\(Bs->phi(mumu|ee)\)"),
    ("rate, Lambda_b -> Lambda l l", r"<?dBR/dq2>?\(Lambdab->Lambda(mumu|ee)\)"),
    ("rate, B -> X_s l l", r"<?(BR|dBR/dq2)>?\(B->Xs(mumu|ee|ll)\)"),
    ("rate, B -> K(*) nu nu", r"<?(BR|dBR/dq2)>?\(B[+0]->K\*?nunu\)"),
    ("B_s, B0 -> l l: rate, lifetime", r"BR\(B[s0]->(mumu|ee)\)|tau_mumu"),
    ("Delta M_s", r"DeltaM_s"),
    ("a_fs of B_s", r"a_fs_s"),
    ("S_psiphi, A_DeltaGamma", r"S_psiphi|ADeltaGamma\(Bs->mumu\)"),
    ("F_H, A_FB, A_CP, B -> K l l", r"<?(FH|AFB|ACP)>?\(B[+0]->K(mumu|ee)\)"),
    ("F_L, A_FB, S_i, B0 -> K*0 l l", r"<?(FL|AFB|S\w+)>?\(B0->K\*(mumu|ee)\)"),
    ("F_L, A_FB, S_i, B+ -> K*+ l l", r"<?(FL|AFB|S\w+)>?\(B\+->K\*(mumu|ee)\)"),
    ("P_i, P_i', A_T^Im, B0 -> K*0 l l", r"<?(P\w+|ATIm)>?\(B0->K\*(mumu|ee)\)"),
    ("P_i, P_i', B+ -> K*+ l l", r"<?P\w+>?\(B\+->K\*(mumu|ee)\)"),
    ("Q_4, Q_5", r"<Dmue_P[45]p>\(.*\)"),
    ("A_CP, B -> K* l l", r"<?ACP>?\(B[+0]->K\*(mumu|ee)\)"),
    ("A_i, A_FB^CP, B -> K* l l", r"<?A\w+>?\(B[+0]->K\*(mumu|ee)\)"),
    ("F_L, S_i, Bs -> phi l l", r"<?(FL|S\w+)>?\(Bs->phi(mumu|ee)\)"),
    ("F_L, A_FB, Lambda_b -> Lambda l l", r"<?(FL|AFB\w+)>?\(Lambdab->Lambda(mumu|ee)\)"),
    ("A_FB, B -> X_s l l", r"<?AFB>?\(B->Xs(mumu|ee|ll)\)"),
    ("F_L, B -> K* nu nu", r"<?FL>?\(B[+0]->K\*nunu\)"),
)
RELATIVE = ("rate", "R_", "B_s, B0", "Delta M_s", "a_fs")
TITLES = [title for title, _ in FAMILIES]
UNIT = {title: "relative" if title.startswith(RELATIVE) else "absolute" for title in TITLES}


def _names(quantities: str, process: str, *bins: str) -> list[str]:
    return [f"<{q}>({process})[{b}]" for b in bins for q in quantities.split()]


# Standard-Model values side by side
LISTED = (
    ("Lambda_b -> Lambda mu mu", _names("dBR/dq2 FL AFBl AFBh AFBlh", "Lambdab->Lambdamumu", "1.1,6.0", "15.0,20.0")),
    (
        "B -> X_s l l",
        [
            *_names("BR", "B->Xsmumu", "1.0,6.0", "14.4,25.0"),
            *_names("BR", "B->Xsee", "1.0,6.0", "14.4,25.0"),
            *_names("AFB", "B->Xsll", "0.2,4.3", "1.0,6.0", "14.3,25.0"),
        ],
    ),
)

# A light vector at q^2 = 6 GeV^2: phase of the propagator as it is (strong) and as if it were weak
PHASE = ("dBR/dq2(B0->K*mumu)", "dBR/dq2(Bs->phimumu)", "ACP(B0->K*mumu)", "P5p(B0->K*mumu)")
PHASE += tuple(f"{x}{i}(B0->K*mumu)" for i in (7, 8, 9) for x in "SA")
PHASE_Q2, PHASE_MASS, PHASE_GAMMA, PHASE_SIZE = 6.0, 2.5, 0.1, 2.0

TEMPLATE = """\
# Agreement with flavio, and where the default differs

<!-- Written by docs/make_bsll_table.py. -->

Reference: flavio {flavio} with its default parameters, bins integrated to 1e-8 instead of flavio's single rule of 21 points
(values and scripts: `tests/observables/reference`). Deviations are relative for rates and ratios of rates, absolute for
asymmetries and angular observables. [bsll.md](bsll.md) explains the differences.

## `conventions="flavio"`, constant Wilson coefficients

Standard Model and {n_fixed} points: real and complex C9, C10, C_S, C_P and their primed partners for muons and electrons, C_L, C_R
for neutrinos.

{agree}
Apart, because these conventions do not reproduce flavio there:

{apart}
## `conventions="flavio"`, light vectors

{n_light} points, masses from 0.1 to 10 GeV, Gamma/m from 1e-4 to 0.5, inside, on the edge of and outside the bins, left- and
right-handed b-s couplings, real and complex, against flavio's amplitudes integrated with the resonance.

{light}
## Default against `conventions="flavio"`

The same observables as above, for the Standard Model and {n_bsll} points; with complex coefficients the CP average of Lambda_b and
X_s shows. All other observables are the same in both at the central values of the inputs (spectator scattering in B -> K* l l and
Bs -> phi l l then varies with the inputs by default, and does not in flavio's conventions).

{change}
## Standard Model, default and flavio conventions

{listed}
## Phase of a light mediator

Left-handed b-s and vector muon couplings, real; m = {mass:g} GeV, Gamma/m = {gamma:g}, |C9| = {size:g} at q^2 = {q2:g} GeV^2. "As
if weak": the same complex number as a constant C9, whose phase changes sign in the CP-conjugate decay.

{phase}"""


def family(name: str) -> str:
    """Title of the family of an observable."""
    head = name.split("[")[0]
    for title, pattern in FAMILIES:
        if re.fullmatch(pattern, head):
            return title
    raise SystemExit(f"no family for {name}")


def separate(name: str) -> str | None:
    """Why an observable is listed apart, if it is."""
    x = [float(v) for v in re.findall(r"\[(.*)\]", name)[0].split(",")] if "[" in name else []
    if family(name).startswith("A_FB, B -> X_s") and x[-1] > 8.0:
        return "A_FB(B -> X_s l l) above 8 GeV^2"
    if len(x) == 1 and x[0] < 0.1 and "->K*" in name:
        return "B -> K* l l at single points below 0.1 GeV^2"
    if x and x[0] < 0.01:
        return "B -> K* e e, bins from below 0.01 GeV^2"
    if family(name).startswith("A_CP, B -> K*"):
        return "A_CP(B -> K* l l), against twice flavio's"
    return None


def deviation(name: str, got: float, want: float) -> float:
    """Relative for rates and ratios of rates, absolute for the others."""
    return abs(got / want - 1) if UNIT[family(name)] == "relative" else abs(got - want)


class Book:
    """Deviations by family."""

    def __init__(self):
        self.entries: dict[str, list] = {}

    def add(self, key: str, name: str, value: float, point: str) -> None:
        self.entries.setdefault(key, []).append((value, name, point))

    def table(self, keys, units=None, above=0.0) -> str:
        """Rows of the families whose largest deviation is above ``above``."""
        rows = []
        for k in keys:
            if max(self.entries.get(k, [(0.0,)]))[0] > above:
                values = [v for v, _, _ in self.entries[k]]
                worst, name, point = max(self.entries[k])
                unit = [units[k]] if units else []
                rows.append([k, *unit, str(len(values)), f"{np.median(values):.1e}", f"{worst:.1e}", f"`{name}`, {point}"])
        head = ["observables", *(["deviation"] if units else []), "comparisons", "median", "largest", "where"]
        return markdown(head, rows)


def markdown(head, rows) -> str:
    """A table."""
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(r)} |" for r in rows), ""]
    return "\n".join(lines)


def mediators(point) -> Theory:
    """Light vectors of a reference point: left- and right-handed b-s coupling as two mediators with one pole."""
    m, width = jnp.array([point["m_V"]]), jnp.array([point["m_V"] * point["gamma_V"]])
    one = jnp.array([[1.0 + 0.0j]])
    out = []
    for bs, vector, axial in (("bs_L", "C9", "C10"), ("bs_R", "C9p", "C10p")):
        couplings = {
            k: jnp.array([[complex(*point["products"][c]["a4"])], [complex(*point["products"][c]["b"])]])
            for k, c in (("mu_V", vector), ("mu_A", axial))
            if c in point["products"]
        }
        if couplings:
            out.append(VectorMediator(m, width, **{bs: one}, **couplings))
    return Theory(mediators=tuple(out))


def constants(points) -> dict:
    """Wilson coefficients of all points, stacked."""
    keys = sorted({k for p in points for k in p["wc"]})
    return {n: jnp.array([complex(*p["wc"].get(n, (0.0, 0.0))) for p in points]) for n in keys}


def predict(names, points, par, conventions):
    """Standard Model and all points: (n_observables, 1 + n_points)."""
    p = Predictor(names, conventions)
    t = jax.jit(p.tables)(par)
    sm = np.asarray(jax.jit(lambda x: p(Theory(), x))(t))
    return np.concatenate([sm, np.asarray(jax.jit(lambda c, x: p(Theory(wc=c), x))(constants(points), t))], axis=1)


def phases(par) -> str:
    """Table of a light vector with the phase of its propagator strong and, wrongly, weak."""
    names = [f"{n}[{PHASE_Q2}]" for n in PHASE]
    p = Predictor(names)
    t = jax.jit(p.tables)(par)
    propagator = PHASE_Q2 - PHASE_MASS**2 + 1j * PHASE_GAMMA * PHASE_MASS * np.sqrt(PHASE_Q2)
    n = complex(derive(par)["n"])
    product = -PHASE_SIZE * abs(n * propagator)
    bs, muon = jnp.array([[1.0 + 0.0j]]), jnp.array([[product + 0.0j]])
    light = VectorMediator(jnp.array([PHASE_MASS]), jnp.array([PHASE_GAMMA * PHASE_MASS]), bs_L=bs, mu_V=muon)
    c9 = product / (n * propagator)
    values = [p(th, t) for th in (Theory(), Theory(mediators=(light,)), Theory(wc={"C9_bsmumu": jnp.array([c9])}))]
    sm, strong, weak = (np.asarray(v)[:, 0] for v in values)
    rows = [[f"`{n}`", f"{a:.4g}", f"{b:.4g}", f"{c:.4g}"] for n, a, b, c in zip(names, sm, strong, weak, strict=True)]
    return markdown(["observable", "Standard Model", "light vector", "as if weak"], rows)


def say(text: str) -> None:
    print(f"{time.perf_counter() - START:6.0f} s  {text}", flush=True)


START = time.perf_counter()


def main() -> None:
    par = inputs_for("2021")
    agree, apart, light, change = Book(), Book(), Book(), Book()
    counts = {"fixed": 0, "light": 0}
    for kind in ("bk", "bsll"):
        fixed = json.loads((REFERENCE / f"flavio_{kind}.json").read_text())
        names = [n for n in fixed["observables"] if not n.startswith("DeltaM_d")]
        columns = [("SM", fixed["sm"]), *((f"point {i}", p["values"]) for i, p in enumerate(fixed["points"], 1))]
        as_flavio = predict(names, fixed["points"], par, "flavio")
        # B -> K l l and B -> l l have no conventions
        default = predict(names, fixed["points"], par, "default") if kind == "bsll" else None
        counts["fixed"] += len(fixed["points"])
        for j, (label, column) in enumerate(columns):
            values = dict(zip(fixed["observables"], column, strict=True))
            for i, name in enumerate(names):
                why = separate(name)
                factor = 2.0 if why and why.startswith("A_CP") else 1.0
                book, key = (apart, why) if why else (agree, family(name))
                book.add(key, name, deviation(name, as_flavio[i, j], factor * values[name]), label)
                if default is not None:
                    change.add(family(name), name, deviation(name, default[i, j], as_flavio[i, j]), label)
        say(f"{kind}, constant coefficients")
        resonant = json.loads((REFERENCE / f"q2dependent_{kind}.json").read_text())
        counts["light"] += len(resonant["points"])
        p = Predictor(resonant["observables"], "flavio")
        t = jax.jit(p.tables)(par)
        run = jax.jit(lambda theory, tables, p=p: p(theory, tables))
        for point in resonant["points"]:
            label = f"m = {point['m_V']:g} GeV, Gamma/m = {point['gamma_V']:g}"
            got = np.asarray(run(mediators(point), t))[:, 0]
            for name, g, w in zip(resonant["observables"], got, point["values"], strict=True):
                light.add(family(name), name, deviation(name, g, w), label)
        say(f"{kind}, light vectors")
        if kind == "bsll":
            version, n_bsll = fixed["meta"]["versions"]["flavio"], len(fixed["points"])

    names = [n for _, group in LISTED for n in group]
    sm = {}
    for conventions in ("default", "flavio"):
        p = Predictor(names, conventions)
        values = jax.jit(lambda x, p=p: p(Theory(), p.tables(x)))(par)
        sm[conventions] = dict(zip(names, np.asarray(values)[:, 0], strict=True))
    listed = []
    for title, group in LISTED:
        rows = []
        for n in group:
            d, f = sm["default"][n], sm["flavio"][n]
            relative = UNIT[family(n)] == "relative"
            rows.append([f"`{n}`", f"{d:.4g}", f"{f:.4g}", f"{100 * (d / f - 1):+.2f} %" if relative else f"{d - f:+.4f}"])
        listed += [f"### {title}", "", markdown(["observable", "default", "flavio conventions", "difference"], rows)]
    text = TEMPLATE.format(
        flavio=version, n_fixed=counts["fixed"], n_light=counts["light"], n_bsll=n_bsll,
        agree=agree.table(TITLES, UNIT), apart=apart.table(sorted(apart.entries)), light=light.table(TITLES, UNIT),
        change=change.table(TITLES, UNIT, 1e-12), listed="\n".join(listed), phase=phases(par),
        mass=PHASE_MASS, gamma=PHASE_GAMMA, size=PHASE_SIZE, q2=PHASE_Q2,
    )  # fmt: skip
    PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    say(str(PAGE))


if __name__ == "__main__":
    main()
