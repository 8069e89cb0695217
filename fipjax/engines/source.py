"""What decides the numbers of a run besides its settings: the source code of the physics, and what the user wrote."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PARTS = ("hadronic.py", "likelihood.py", "priors.py", "theory.py", "constraints", "data", "models", "observables")


@functools.cache
def physics_source() -> str:
    """Hash of the files that a likelihood is made of (kernels, models, observables, constraints, data), 16 hexadecimal digits.

    Engines, pictures and the command line do not count: they can change between two halves of a run.
    """
    import fipjax
    import fipkernels

    digest = hashlib.sha256()
    package = Path(fipjax.__file__).parent
    for root in (Path(fipkernels.__file__).parent, *(package / p for p in _PARTS)):
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        for file in files:
            if file.name.startswith(("make_", ".")) or file.suffix == ".md":
                continue  # scripts that made a table, and what is said about it
            digest.update(f"{file.relative_to(root.parent).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _imports(source: bytes, package: Path | None, root: Path) -> Iterator[Path]:
    """Places (without suffix) of the modules that a source names in its import statements, wherever they stand."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return  # running it says more
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            base = root
        elif isinstance(node, ast.ImportFrom):
            first = node.module.split(".") if node.module else []
            # what is imported from a package may be a module of it
            names = [[*first, *([] if alias.name == "*" else [alias.name])] for alias in node.names]
            base = root
            if node.level:
                if package is None:
                    continue
                base = package.joinpath(*[".."] * (node.level - 1)).resolve()
        else:
            continue
        for name in names:
            if base == root and name and name[0] in ("fipjax", "fipkernels"):
                continue  # with a hash of their own
            for n in range(len(name) + 1):
                yield base.joinpath(*name[:n])


def local_modules(file: Path) -> dict[Path, bytes]:
    """Content of the modules beside ``file``, in its folder and below, that it imports, and that those import; sorted by path.

    Found in the import statements, not in what happens to be loaded: the same files give the same answer.  A module whose name is
    put together at run time is not seen.
    """
    root = file.parent
    seen: dict[Path, bytes] = {}
    todo: list[tuple[bytes, Path | None]] = [(file.read_bytes(), None)]
    while todo:
        source, package = todo.pop()
        for place in _imports(source, package, root):
            for found in (place.with_name(place.name + ".py"), place / "__init__.py"):
                inside = found.is_relative_to(root) and "site-packages" not in found.relative_to(root).parts
                if not inside or found == file or found in seen or not found.is_file():
                    continue
                try:
                    seen[found] = found.read_bytes()
                except OSError:
                    continue
                todo.append((seen[found], found.parent))
    return dict(sorted(seen.items()))


def provenance(like: Any) -> dict[str, Any]:
    """``{"source": {...}, "settings": {...}}`` of a fipjax likelihood, {} of anything else (its ``fingerprint()`` is its own)."""
    from fipjax.likelihood import Likelihood

    if not isinstance(like, Likelihood):
        return {}
    arguments = like._arguments
    at = arguments.get("covariance_at")
    settings = {
        "conventions": arguments.get("conventions", "default"),
        "covariance_at": None if at is None else {k: repr(complex(v)) for k, v in sorted(at.items())},
    }
    return {"source": {"physics": physics_source()}, "settings": settings}
