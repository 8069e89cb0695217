"""What decides the numbers of a run besides its settings: the source code of the physics, and what the user wrote."""

from __future__ import annotations

import functools
import hashlib
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
