"""Writes docs/generated/equations.md: equation of a paper -> what computes it -> tests, from docstrings and comments.

    python docs/generate_equations.py [--bare]

``--bare`` lists public kernels whose docstring, and module, name no source at all.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import source_index
from generate_kernels import write_if_changed

OUT = Path(__file__).resolve().parent / "generated" / "equations.md"

PAPERS = {
    "2106.12582": "Light vectors in b -> s mu mu (dark effective field theory)",
    "2002.11150": "Split dark sector",
    "2210.15662": "Dark photon and dark Z",
    "2105.07655": "U(1)_T3R",
    "2103.13991": "Muoquarks",
}

HEAD = """# Equation index

Which function computes which equation, and which tests use it: read from docstrings, comments and the sources that models,
observables and bounds name, so that an equation nobody cites in the code is not here. A test counts if it imports or calls the
function or, for a function that no test names, its callers; for models and bounds, if it names one that the function belongs to.
Corrections of printed equations: [errata](../errata.md).

The five papers come first, then the literature that the kernels use.
"""


def order(number: str) -> tuple:
    """Sort key of an equation number: chapters, then appendices."""
    parts = re.findall(r"[A-Z]+|\d+|[a-z]+", number)
    return tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts)


def _link(item: source_index.Item) -> str:
    name = item.name
    if name.startswith("fipkernels."):
        if name.count(".") == 1:
            return f"[`{name}`](kernels/{name.rpartition('.')[2]}.md)"
        return f"{{py:obj}}`{name}`" if item.public else f"`{name}`"
    return f"`{name}`"


def rows() -> dict[str, dict[str, list[source_index.Item]]]:
    """Paper -> equation -> items that cite it."""
    out: dict[str, dict[str, list[source_index.Item]]] = {}
    for item in source_index.index().values():
        for paper, equation in item.cites:
            out.setdefault(paper, {}).setdefault(equation, []).append(item)
    return out


def _tests(items) -> str:
    names = sorted(set().union(*(i.tests for i in items)))
    # a module that is tested everywhere says nothing: the nearest ones, shortest list first
    direct = sorted({t for i in items for t in i.tests if len(i.tests) <= 6})
    shown = (direct or names)[:6]
    more = f", and {len(direct or names) - 6} more" if len(direct or names) > 6 else ""
    return ", ".join(f"`{t}`" for t in shown) + more or "none"


def _table(equations: dict[str, list[source_index.Item]]) -> list[str]:
    out = ["| equation | computed by | tests |", "|---|---|---|"]
    for number in sorted(equations, key=order):
        # the functions; the module alone only where no function says it
        items = [i for i in equations[number] if not _is_module(i)] or equations[number]
        out.append(f"| ({number}) | {', '.join(_link(i) for i in items)} | {_tests(items)} |")
    return [*out, ""]


def _is_module(item: source_index.Item) -> bool:
    return item.line == 1


def _url(paper: str) -> str:
    return f"[arXiv:{paper}](https://arxiv.org/abs/{paper})" if re.match(r"\d{4}\.|hep-", paper) else paper


def write() -> Path:
    """The page."""
    found = rows()
    out = [HEAD]
    for paper, title in PAPERS.items():
        out += [f"## {title}, {_url(paper)}", "", *_table(found.get(paper, {}))]
    others = sorted((p for p in found if p not in PAPERS), key=lambda p: (not p.startswith("hep"), p))
    out += ["## Other literature", "", "| source | equations | computed by | tests |", "|---|---|---|---|"]
    for paper in others:
        equations = found[paper]
        items = list({id(i): i for n in equations for i in equations[n]}.values())
        numbers = ", ".join(f"({n})" for n in sorted(equations, key=order))
        out.append(f"| {_url(paper)} | {numbers} | {', '.join(_link(i) for i in items)} | {_tests(items)} |")
    write_if_changed(OUT, "\n".join(out) + "\n")
    return OUT


_LIMITS = re.compile(
    r"approximat|left out|neglect|not included|order of magnitude|\bestimate|\bvalid (?:for|to|in|below|above)|\bgood to\b|is"
    r" a model|"
    r"not available|at leading|leading order|tree level|known for|trusted|does not hold|at most|breaks down",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.;])(?<!eq\.)(?<!eqs\.)(?<!sec\.)(?<!app\.)(?<!e\.g\.)\s+(?=[A-Z(])")
_SKIP = re.compile(r"InputError|linear|interpolat|raises|bits|numpy", re.I)


def _escape(text: str) -> str:
    return re.sub(r"([|*<>\[\]`_$])", r"\\\1", text)


def approximations() -> str:
    """Sentences of docstrings that limit what holds, by module: the second half of docs/approximations.md."""
    out = [
        "## Stated in the code",
        "",
        "Sentences of docstrings of kernels, models and bounds that say what is left out or how far something holds.",
        "",
    ]
    items = list(source_index.index().values())
    for package in ("fipkernels", "fipjax.models", "fipjax.constraints"):
        rows = []
        for item in items:
            if not item.name.startswith(f"{package}.") or not item.public:
                continue
            # paragraphs of text, not of formulas
            text = [" ".join(b.split()) for b in re.split(r"\n\s*\n", item.docstring) if not b.startswith("    ")]
            for sentence in _SENTENCE.split(" ".join(text)):
                if _LIMITS.search(sentence) and not _SKIP.search(sentence) and len(sentence) > 30:
                    rows.append(f"| {_link_from_root(item)} | {_escape(sentence)} |")
        out += [f"### {package}", "", "| where | statement |", "|---|---|", *rows, ""]
    return "\n".join(out)


def _link_from_root(item: source_index.Item) -> str:
    return _link(item).replace("](kernels/", "](generated/kernels/")


def bare() -> list[str]:
    """Public kernels without any source in their own docstring or that of their module."""
    items = source_index.index()
    named = re.compile(source_index.PAPER.pattern + r"|\beqs?\.|\bPhys\.|PDG|standard|exact|by definition", re.I)
    return [
        i.name
        for i in items.values()
        if i.public and i.name.startswith("fipkernels.") and i.name.count(".") == 2
        and not named.search(i.docstring) and not named.search(items[i.name.rpartition(".")[0]].docstring)
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bare", action="store_true")
    if parser.parse_args().bare:
        print("\n".join(bare()))
    else:
        print(write())
