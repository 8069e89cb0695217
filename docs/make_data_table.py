"""Writes data.md: which measurement is in which vintage, and the rules by which a fit takes its numbers.

    python docs/make_data_table.py

Everything is read from fipjax/data/measurements/*.toml and from the code that selects.  tests/cli/test_docs_data.py fails if the
page is not what this script writes.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections import Counter
from importlib import resources
from pathlib import Path

from fipjax.data import VINTAGES, list_sets, select
from fipjax.data import _measurements as rules
from fipjax.observables import FAMILIES

PAGE = Path(__file__).with_name("data.md")

# class of decay -> pattern that the name of an observable matches; the first that fits
CLASSES = (
    ("Lepton-flavour universality", r"<(Rmue|Dmue_\w+)>\(.*\)"),
    ("B -> K(*) nu nu", r".*nunu\)"),
    ("B -> K l l", r".*\(B[+0]->K(mumu|ee)\)"),
    ("B -> K* l l", r".*\(B[+0]->K\*(mumu|ee)\)"),
    ("Bs -> phi l l", r".*\(Bs->phi(mumu|ee)\)"),
    ("Lambda_b -> Lambda l l", r".*\(Lambdab->Lambda(mumu|ee)\)"),
    ("B -> X_s l l", r".*\(B->Xs(mumu|ee|ll)\)"),
    ("Leptonic decays", r"BR\(B[s0]->(mumu|ee)\)|tau_mumu"),
    ("Mixing, muon g-2", r"DeltaM_[sd]|S_psi\w+|a_fs_[sd]|a_mu"),
)
ORDER = (2, 3, 4, 5, 6, 1, 7, 0, 8)

VINTAGE_TEXT = {
    "2021": "what was public in the summer of 2021, for comparison with arXiv:2106.12582",
    "datta2022": "table 1 of arXiv:2210.15662 as printed, one file",
    "latest": "the newest numbers at hand; superseded ones are left out",
}

# What arXiv:2106.12582, sec. 5.1, names as the data of its fit
PAPER_2021 = (
    "LHCb:2103.11769",
    "LHCb:1705.05802",
    "LHCb:2003.04831:S",
    "LHCb:1403.8044:B+->Kmumu",
    "LHCb:1403.8044:B0->Kmumu",
    "LHCb:1403.8044:B+->K*mumu",
    "LHCb:1606.04731",
)

REASONS = {
    "repeats narrower bins": "a wide bin below {high} GeV^2 whose narrow bins are in the fit",
    "covered by a wider bin at high q2": "a narrow bin above {high} GeV^2 inside a wide bin of the same publication, which is used",
    "charmonium region": "a bin that overlaps {low} to {up} GeV^2; `charmonium = true` keeps it",
    "repeats other numbers": "a number without bin that repeats others of its set, such as the two inputs of an average",
    "not predicted": "an observable that fipjax does not compute",
    "unreliable prediction": "a number whose prediction cannot be trusted; the remarks of its set say why",
    "unconfirmed sign": "a number whose sign convention is not certain; the remarks of its set say why",
}


def _class(observable: str) -> str:
    name = observable.split("[")[0]
    for title, pattern in CLASSES:
        if re.fullmatch(pattern, name):
            return title
    raise SystemExit(f"no class of decays for {name}")


def _edge(x: float) -> str:
    return f"{x:g}"


def _bins(bins) -> str:
    """Neighbouring bins are chained: 1.1-2.5-4-6."""
    chains: list[list[float]] = []
    for lo, hi in sorted(bins):
        if chains and chains[-1][-1] == lo:
            chains[-1].append(hi)
        else:
            chains.append([lo, hi])
    return ", ".join("-".join(_edge(x) for x in c) for c in chains)


def _observables(measurements) -> str:
    """Observables of one process with the same bins together; bins that repeat others in parentheses."""
    bins: dict[str, tuple[list, list]] = {}
    for m in measurements:
        plain, wide = bins.setdefault(m.observable.split("[")[0], ([], []))
        if m.bin is not None:
            (wide if m.combines else plain).append(m.bin)
    groups: dict[tuple, list[str]] = {}
    for name, (plain, wide) in bins.items():
        head, process = name[:-1].split("(", 1) if plain or wide else (name, "")
        groups.setdefault((process, tuple(plain), tuple(wide)), []).append(head.strip("<>"))
    parts = []
    for (process, plain, wide), heads in groups.items():
        text = (f"`{process}`: " if process else "") + f"`{' '.join(heads)}`"
        parts.append(text + (f" {_bins(plain)}" if plain else "") + (f" ({_bins(wide)})" if wide else ""))
    return "; ".join(parts)


def _errors(s, measurements) -> str:
    rates = Counter(m.observable.split("[")[0] for m in measurements if rules._is_rate(m.observable) and m.systematic > 0)
    text = "yes" if s.correlation is not None else "common systematic error" if max(rates.values(), default=0) > 1 else "no"
    return text + ("; asymmetric errors" if any(m.plus != m.minus for m in measurements) else "")


def _arxiv(s) -> str:
    ids = re.findall(r"\d{4}\.\d{4,5}|hep-ex/\d{7}", s.arxiv)
    return ", ".join(f"[{i}](https://arxiv.org/abs/{i})" for i in ids) or s.arxiv


def _raw(s) -> dict:
    """The file itself: it also holds upper limits."""
    return tomllib.loads(resources.files("fipjax").joinpath("data", "measurements", s.path).read_text(encoding="utf-8"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _tables(used: dict[str, Counter]) -> list[str]:
    """One table per class of decays; used: vintage -> number of entries of (set, class) in a fit."""
    lines, told = [], set()
    for k in ORDER:
        title = CLASSES[k][0]
        lines += [f"### {title}", ""]
        rows, limits, remarks = [], [], []
        for s in list_sets():
            mine = [m for m in s.measurements if _class(m.observable) == title]
            if mine:
                where = ", ".join(s.vintages) or "none"
                if s.kind == "prediction":
                    where += " (theory)"
                counts = sorted({used[v][s.id, title] for v in s.vintages if s.kind != "prediction"})
                number = f"{len(mine)}" + (f", {' or '.join(map(str, counts))} used" if counts and counts != [len(mine)] else "")
                publication = f"{s.experiment}, {_arxiv(s)}, {s.year}"
                digits = s.source_of_digits
                rows.append([f"`{s.id}`", publication, _observables(mine), number, _errors(s, mine), where, s.grade, digits])
            found = [x["observable"] for x in _raw(s).get("limit", []) if _class(x["observable"]) == title]
            if found:
                limits.append(f"* `{s.id}` ({s.experiment}, {_arxiv(s)}, {s.year}): {', '.join(f'`{o}`' for o in found)}.")
            note = "; ".join(x for x in (s.note, f"superseded by {s.superseded_by}" if s.superseded_by else "") if x)
            if mine and note and s.id not in told:
                told.add(s.id)
                remarks.append(f"* `{s.id}`: {note}.")
        head = ("set", "publication", "observables", "numbers", "correlations", "vintages", "grade", "digits from")
        lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
        lines.append("")
        if limits:
            lines += ["Upper limits, listed with their counts and not part of the Gaussian likelihood:", ""]
            lines += [*limits, ""]
        if remarks:
            lines += ["Remarks:", "", *remarks, ""]
    return lines


def _counts() -> tuple[dict[str, Counter], list[str], dict[str, int]]:
    """(entries of (set, class) in a fit, table of what is used and left out, numbers in a fit) per vintage."""
    used, totals, rows = {}, {}, []
    reasons = list(REASONS)
    for v in VINTAGES:
        d = select(v, FAMILIES)
        used[v] = Counter((label, _class(o)) for o, label in zip(d.observables, d.labels, strict=True))
        totals[v] = len(d.observables)
        left = Counter(reason for _, _, reason in d.left_out)
        unknown = set(left) - set(reasons)
        if unknown:
            raise SystemExit(f"reason without an explanation: {', '.join(unknown)}")
        n_sets = sum(v in s.vintages and s.kind != "prediction" and bool(s.measurements) for s in list_sets())
        rows.append([f"`{v}`", str(n_sets), str(len(d.observables)), *(str(left[r]) for r in reasons)])
    head = ["vintage", "sets", "in a fit", *reasons]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(r) + " |" for r in rows)]
    return used, table, totals


def _sentence(function, start: str) -> str:
    """The sentence of a docstring that begins with ``start``, on one line."""
    text = " ".join(inspect.getdoc(function).split())
    found = re.search(re.escape(start) + r".*?\.(?= [A-Z]|$)", text)
    if not found:
        raise SystemExit(f"the docstring of {function.__name__} has no sentence that begins with {start!r}")
    return found[0]


TEMPLATE = """\
# Data

<!-- Written by docs/make_data_table.py: change the data or the script, then run it again. -->

Measurements come in sets, one file and one publication each, in `fipjax/data/measurements`. A *vintage* is a choice of sets:

{vintages}

`fipjax data` prints the list, `fipjax data --json` every number. A likelihood takes all numbers of its vintage that fipjax can
predict, after the rules below; `use` and `drop` choose among them by set, arXiv number or observable (`*` and `?` are wildcards,
but `K*mumu` is the K*). The id of a set in `use` also brings in one outside the vintage, and so does its arXiv number if the
vintage has nothing of that publication. An entry of `use` that finds no number is an error; one of `drop` is an error if nothing of
that name exists in any vintage. Your own numbers: [own_measurement.md](own_measurement.md).

The fit of arXiv:2106.12582 (sec. 5.1) names R_K, R_K*, the angular observables of B0 -> K*0 mu mu and the branching fractions of
B -> K(*) mu mu. These are {n_paper} of the {n_2021} numbers of `2021`:

    use = [
{paper}
    ]

## How numbers are chosen

* Below {low} GeV^2 narrow bins are used, above {high} GeV^2 wide ones: between the charm resonances and the end of the spectrum
  quark-hadron duality holds only for averages over wide bins (arXiv:1101.5118). A bin is a wide one if its file says that it
  repeats narrow ones (`combines`). Narrow bins above {high} GeV^2 that come without a wide one are used as they are.
* Bins that overlap {low} to {up} GeV^2, the J/psi, the psi(2S) and their flanks, are left out: the predictions have no charm
  resonances.
* Nothing of one publication is used twice: neither a wide bin on top of its narrow ones, nor an average on top of its inputs, nor
  the P basis of an angular analysis on top of the S basis. Where both bases are published the vintages hold the S basis, with F_L
  and A_FB; CMS publishes the P basis only.
* Across publications the choice is made in the files: a superseded set is in no vintage that has its successor, and combinations
  (Bs -> mu mu, muon g-2) stand for the experiments they are made of.
* An observable that `use` names with its bin is used in any case.

In the words of the code: *{rule}*

{table}

{reasons}

## Errors and correlations

* Asymmetric errors: the error on the side of the prediction counts. Statistical and systematic errors are added in quadrature.
* Correlations are those of the total errors, as published. *{systematic}* All other numbers of a set without a matrix are taken as
  uncorrelated; for the angular analysis of ATLAS that is an approximation, see its remark.
* Different publications are independent.
* The Standard-Model value of a_mu and its error belong to the vintage: {a_mu}.

## Sets

* Observables are written `process`: `quantities` bins; the full name is, for instance, `<FL>(B0->K*mumu)[1.1,2.5]`. 1.1-2.5-4
  stands for the bins 1.1 to 2.5 and 2.5 to 4 GeV^2. Bins in parentheses repeat the others.
* Numbers: those of the set, and how many of them a fit uses if not all.
* Correlations: published matrix, or the common systematic error of branching fractions described above.
* Vintage "none": not used unless named.
* Grade A: published number that agrees with a second source, or is carried by flavio. L: read from a likelihood curve of the
  experiment as tabulated in flavio.

{sets}"""


def page() -> str:
    """The whole page."""
    used, table, totals = _counts()
    low, up = rules.CHARMONIUM
    edges = {"low": f"{low:g}", "up": f"{up:g}", "high": f"{rules.HIGH_Q2:g}"}
    a_mu = {v: next(s for s in list_sets() if s.kind == "prediction" and s.arxiv == rules._A_MU_SM[v]) for v in VINTAGES}
    text = TEMPLATE.format(
        vintages="\n".join(f"* `{v}`: {VINTAGE_TEXT[v]} ({totals[v]} numbers in a fit)." for v in VINTAGES),
        n_paper=len(select("2021", FAMILIES, use=PAPER_2021).observables),
        n_2021=totals["2021"],
        paper="\n".join(f'      "{i}",' for i in PAPER_2021),
        rule=_sentence(select, "Of numbers that repeat"),
        table="\n".join(table),
        reasons="\n".join(f"* {reason}: {text.format(**edges)}." for reason, text in REASONS.items()),
        systematic=_sentence(rules._systematic_correlation, "Correlation of"),
        a_mu="; ".join(f"`{v}` {_arxiv(a_mu[v])}" for v in VINTAGES),
        sets="\n".join(_tables(used)),
        **edges,
    )
    return text.rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
