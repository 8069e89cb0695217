"""Reads the source of fipjax without importing it: public functions, the equations they cite, the tests that use them.

The equation index and the kernel pages of the documentation are made from it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# package name -> its folder; what the index covers
FOLDERS = {
    "fipkernels": ROOT / "kernels" / "fipkernels",
    "fipjax.models": ROOT / "fipjax" / "models",
    "fipjax.constraints": ROOT / "fipjax" / "constraints",
    "fipjax.analysis": ROOT / "fipjax" / "analysis",
    "fipjax.observables": ROOT / "fipjax" / "observables",
    "fipjax": ROOT / "fipjax",
}
# a module whose first paper is not that of its equation numbers; names of papers that have no arXiv number beside them
NICKNAMES = {
    "Dutta, Ghosh, Huang, Kumar": "2105.07655",
    "BFS01": "hep-ph/0106067",
    "BFS04": "hep-ph/0412400",
    "Inami and Lim": "Prog. Theor. Phys. 65 (1981) 297",
    "PDG review": "PDG, electroweak review of 2022",
    "Gondolo and Gelmini": "Nucl. Phys. B360 (1991) 145",
}
PAPER = re.compile(
    r"(?:arXiv:)?\b(?P<arxiv>\d{4}\.\d{4,5})\b|(?P<old>hep-(?:ph|ex|lat)/\d{7})"
    r"|(?P<journal>\b(?:Phys|Nucl|Eur|Astropart)\.(?: [A-Z][a-z]*\.?)+ ?[A-Z]?\d+ \(\d{4}\) \w+)"
    r"|(?P<nick>" + "|".join(NICKNAMES) + ")"
)
# not the number of a paper
_NUMBER = r"\((?!\d{4}\.)(?:[A-Z]\.)?[A-Z]?\d+(?:\.\d+)?[a-z]?\)|\b(?!\d{4}\.)(?:[A-Z]\.)?\d+(?:\.\d+)?\b"
EQUATIONS = re.compile(rf"\b[Ee]qs?\.\s*(?P<list>(?:{_NUMBER})(?:\s*(?:,|and|to|-|or)\s*(?:{_NUMBER}))*)")
TABLES = re.compile(r"\b(?P<kind>Table|Figure|Fig\.)\s*(?P<list>[IVX]+\b|\d+(?:\([a-z]\))?)")


@dataclass
class Item:
    """A function, class or module: dotted name, file, line, what it cites (paper, equation), tests that use it."""

    name: str
    path: Path
    line: int
    docstring: str
    public: bool
    cites: list[tuple[str, str]] = field(default_factory=list)
    tests: set[str] = field(default_factory=set)


def _one(number: str) -> str:
    return number.strip("()")


def expand(text: str) -> list[str]:
    """Equation numbers of a list such as "(2.5), (2.6) and (3.1)-(3.3)"."""
    parts = re.findall(rf"{_NUMBER}|-|to\b", text)
    out: list[str] = []
    i = 0
    while i < len(parts):
        if parts[i] in ("-", "to") and out and i + 1 < len(parts):
            first, last = out[-1], _one(parts[i + 1])
            head = re.match(r"^(.*?)(\d+)$", first)
            tail = re.match(r"^(.*?)(\d+)$", last)
            if head and tail and head[1] == tail[1]:
                out += [f"{head[1]}{k}" for k in range(int(head[2]) + 1, int(tail[2]) + 1)]
            else:
                out.append(last)
            i += 2
        else:
            if parts[i] not in ("-", "to"):
                out.append(_one(parts[i]))
            i += 1
    return out


def _paper(match: re.Match) -> str:
    if match["nick"]:
        return next(v for k, v in NICKNAMES.items() if k.lower() == match["nick"].lower())
    return match["arxiv"] or match["old"] or match["journal"]


def citations(text: str, default: str | None = None) -> list[tuple[str, str]]:
    """(paper, equation) pairs of a text: an equation belongs to the paper named right behind it, else to the last one named before
    it, else to ``default``."""
    flat = " ".join(text.split())
    papers = [(m.start(), m.end(), _paper(m)) for m in PAPER.finditer(flat)]
    out = []
    for m in EQUATIONS.finditer(flat):
        after = [
            p
            for a, _, p in papers
            if a >= m.end() and re.fullmatch(r"\s*(?:of |in |\()?\s*(?:arXiv:)?\s*", flat[m.end() : a], re.I)
        ]
        earlier = [p for _, b, p in papers if b <= m.start()]
        paper = next(iter([*after[:1], *earlier[-1:], *([default] if default else [])]), None)
        if paper:
            out += [(paper, n) for n in expand(m["list"])]
    return list(dict.fromkeys(out))


def first_paper(text: str) -> str | None:
    """The paper a module is about: the first one its docstring names."""
    m = PAPER.search(" ".join(text.split()))
    return _paper(m) if m else None


def _comments(source: str) -> list[tuple[int, str]]:
    """(line, text) of comments, those of consecutive lines joined."""
    out: list[tuple[int, str]] = []
    last = -2
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("# ")
            if token.start[0] == last + 1 and out:
                out[-1] = (out[-1][0], f"{out[-1][1]} {text}")
            else:
                out.append((token.start[0], text))
            last = token.start[0]
    return out


def _strings(node: ast.AST) -> str:
    """All text constants below a node, but not docstrings."""
    doc = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value != doc]
    return ". ".join(t for t in texts if "eq" in t)


def read_module(package: str, path: Path) -> list[Item]:
    """The module and its functions and classes, in the order of the file; private ones too."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    stem = f"{package}.{path.stem}" if path.stem != "__init__" else package
    text = ast.get_docstring(tree) or ""
    default = first_paper(text)
    module = Item(stem, path, 1, text, True, citations(text, default))
    items = [module]
    spans = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            doc = ast.get_docstring(node) or ""
            item = Item(f"{stem}.{node.name}", path, node.lineno, doc, not node.name.startswith("_"), citations(doc, default))
            for inner in ast.walk(node):
                if inner is not node and isinstance(inner, ast.FunctionDef | ast.ClassDef):
                    item.cites += citations(ast.get_docstring(inner) or "", default)
            items.append(item)
            spans.append((node.lineno, node.end_lineno or node.lineno, item))
        elif isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.For):
            # what registers a bound names its source; that belongs to the function of the bound
            functions = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & {i.name.rpartition(".")[2] for i in items}
            owners = [i for i in items if i.name.rpartition(".")[2] in functions] or [module]
            for owner in owners:
                owner.cites += citations(_strings(node), default)
    for line, comment in _comments(source):
        owner = next((i for a, b, i in spans if a <= line <= b), module)
        owner.cites += citations(comment, default)
    for item in items:
        item.cites = list(dict.fromkeys(item.cites))
    return items


def _resolve(tree: ast.Module) -> dict[str, str]:
    """Names in a test module -> dotted names of what was imported from fipkernels and fipjax."""
    out: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("fipkernels", "fipjax"):
            for a in node.names:
                out[a.asname or a.name] = f"{node.module}.{a.name}".replace("fipjax.kernels", "fipkernels")
        elif isinstance(node, ast.Import):
            for a in node.names:
                if a.name.split(".")[0] in ("fipkernels", "fipjax"):
                    out[a.asname or a.name.split(".")[0]] = a.name if a.asname else a.name.split(".")[0]
    return out


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else None
    return None


@dataclass(frozen=True)
class Used:
    """What a Python file uses: dotted names, and its text constants."""

    names: frozenset[str]
    texts: frozenset[str]


def uses(path: Path) -> Used:
    """What is imported, called or passed on of fipkernels and fipjax in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = _resolve(tree)
    found = set(known.values())
    for node in ast.walk(tree):
        text = _dotted(node) if isinstance(node, ast.Attribute) else None
        if text:
            head, _, rest = text.partition(".")
            if head in known:
                found.add(f"{known[head]}.{rest}")
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and len(n.value) < 60}
    return Used(frozenset(found), frozenset(texts))


def _internal_calls(path: Path, stem: str) -> dict[str, set[str]]:
    """Function of a module -> dotted names that it uses of the same or another module, private helpers included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = _resolve(tree)
    local = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    out: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = set()
            for inner in ast.walk(node):
                text = _dotted(inner) if isinstance(inner, ast.Attribute | ast.Name) else None
                if text:
                    head, _, rest = text.partition(".")
                    if text in local:
                        names.add(f"{stem}.{text}")
                    elif head in known:
                        names.add(f"{known[head]}.{rest}" if rest else known[head])
            out[f"{stem}.{node.name}"] = names - {f"{stem}.{node.name}"}
    return out


@lru_cache(maxsize=1)
def index() -> dict[str, Item]:
    """All items by dotted name, with their tests: those that name them, and for what no test names those of its direct callers."""
    items: dict[str, Item] = {}
    callers: dict[str, set[str]] = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.glob("*.py")):
            if path.stem.startswith("make_"):
                continue
            for item in read_module(package, path):
                items[item.name] = item
            stem = f"{package}.{path.stem}" if path.stem != "__init__" else package
            for caller, used in _internal_calls(path, stem).items():
                for name in used:
                    callers.setdefault(name, set()).add(caller)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        used = uses(path)
        label = path.relative_to(ROOT / "tests").as_posix()
        for name in used.names:
            if name in items:
                items[name].tests.add(label)
        for item in items.values():
            if item.name.startswith("fipjax.constraints.") and _constraint_names(item) & used.texts:
                item.tests.add(label)
            elif item.name.startswith("fipjax.models.") and _mentions(_model_names(item.path), used.texts):
                item.tests.add(label)
    _inherit(items, callers)
    # observables are asked for by name, through Predictor and predict
    by_name = {t for i in items.values() for t in i.tests if t.startswith("observables/")}
    for item in items.values():
        if item.name.startswith("fipjax.observables.") and not item.tests:
            item.tests |= by_name
    return items


def _mentions(names: frozenset[str], texts: frozenset[str]) -> bool:
    return any(t == n or t.startswith(f"{n}_") for n in names for t in texts)


def _inherit(items: Mapping[str, Item], callers: Mapping[str, Iterable[str]]) -> None:
    """What no test names is tested through what calls it."""
    for _ in range(3):
        for name, item in items.items():
            if not item.tests:
                for caller in callers.get(name, ()):
                    if caller in items and caller != name:
                        item.tests |= items[caller].tests
    for name, item in items.items():
        if not item.tests and name.count(".") == 1 + name.startswith("fipjax"):  # a module: the tests of its functions
            item.tests |= set().union(*(i.tests for n, i in items.items() if n.startswith(f"{name}.")))


@lru_cache(maxsize=64)
def _registered(path: Path) -> dict[str, set[str]]:
    """Function -> names of the constraints that a module registers with it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    out: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) in ("Constraint", "register"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)][:1]
            functions = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            for f in functions:
                out.setdefault(f, set()).update(names)
    return out


def _constraint_names(item: Item) -> set[str]:
    return _registered(item.path).get(item.name.rpartition(".")[2], set())


@lru_cache(maxsize=64)
def _model_names(path: Path) -> frozenset[str]:
    """Names of the models that a module registers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) == "Model" and node.args and isinstance(node.args[0], ast.Constant):
            names.add(node.args[0].value)
    # registered in a loop: the family is named as its module
    return frozenset(names or {path.stem})
