"""State of an unfinished search, kept beside the file that its result will be written to.

One ``.npz`` file, ``OUTPUT.state``: the arrays, and the rest as JSON, with what identifies the run.  It appears by atomic rename,
so that a killed process leaves the last complete one; it is removed when the result is written.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fipjax._version import __version__
from fipjax.engines.store import _abandoned, _reason, _write_atomic, first_difference, to_jsonable
from fipjax.errors import InputError

EVERY = 5.0
"""Seconds between two writes: what a killed process loses at most."""
FORMAT = 1
_ARRAY = "array:"


def state_path(out: str | os.PathLike) -> Path:
    """Where the state of an unfinished run with the output ``out`` lies."""
    path = Path(out)
    return path.with_name(path.name + ".state")


class Checkpoint:
    """The last complete state of a run, in memory and, with an output file, on disk.

    ``identity``: JSON-able, what decides the numbers.  With ``resume``, :attr:`state` is what an earlier run of the same identity
    left, or None if there is none; InputError for one that belongs to another run or is damaged.
    A state holds dicts with text keys, lists, arrays and what JSON can hold.
    """

    def __init__(self, out: str | os.PathLike | None, identity: Mapping[str, Any], resume: bool = False):
        self.path = None if out is None else state_path(out)
        self.identity = to_jsonable({"format": FORMAT, "code": f"fipjax {__version__}", **identity})
        self.state: Any = None
        self._written: Any = None
        self._due = time.monotonic() + EVERY
        if resume and self.path is None:
            raise InputError("resume = True without out (allowed: the output file of the interrupted run)")
        if self.path is not None and self.path.parent.is_dir():
            for entry in os.scandir(self.path.parent):
                if entry.name.startswith(self.path.name + ".") and entry.name.endswith(".tmp") and _abandoned(entry):
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)
        if resume and self.path is not None and self.path.exists():
            self.state = self._written = self._read(self.path)

    def commit(self, state: Any) -> None:
        """Take up a new state, one assignment; written when it is time.  What it holds must not be changed afterwards."""
        self.state = state
        if self.path is not None and time.monotonic() > self._due:
            self.write()

    def write(self) -> None:
        """Write the last state unless that has been done; InputError if the file cannot be written."""
        if self.path is None or self.state is None or self.state is self._written:
            return
        state, began = self.state, time.monotonic()
        arrays: dict[str, Any] = {}

        def plain(x: Any) -> Any:
            if isinstance(x, Mapping):
                return {k: plain(v) for k, v in x.items()}
            if isinstance(x, list | tuple):
                return [plain(v) for v in x]
            if hasattr(x, "__array__") and not isinstance(x, np.generic):
                arrays[f"a{len(arrays)}"] = np.asarray(x)
                return f"{_ARRAY}a{len(arrays) - 1}"
            return x.item() if isinstance(x, np.generic) else x

        text = json.dumps({"identity": self.identity, "state": plain(state)})
        memory = io.BytesIO()
        np.savez(memory, json=np.frombuffer(text.encode(), np.uint8), **arrays)
        try:
            _write_atomic(self.path, memory.getbuffer())
        except OSError as err:
            raise InputError(f"cannot write {str(self.path)!r}: {_reason(err)}") from None
        self._written = state
        now = time.monotonic()
        # large states on slow disks: at most a twentieth of the time
        self._due = now + max(EVERY, 20.0 * (now - began))

    def remove(self) -> None:
        """The result is written: the state is of no use any more."""
        self.state = None
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)

    def damaged(self, why: str) -> InputError:
        """The error for a state that cannot be used."""
        return InputError(f"{str(self.path)!r} is damaged ({why}) (allowed: a run without --resume, from the beginning)")

    def _read(self, path: Path) -> Any:
        try:
            # from memory: given a damaged file, numpy leaves it open
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                arrays = {k: stored[k] for k in stored.files}
            whole = json.loads(arrays.pop("json").tobytes())
            identity = dict(whole["identity"])

            def full(x: Any) -> Any:
                if isinstance(x, dict):
                    return {k: full(v) for k, v in x.items()}
                if isinstance(x, list):
                    return [full(v) for v in x]
                return arrays[x.removeprefix(_ARRAY)] if isinstance(x, str) and x.startswith(_ARRAY) else x

            state = full(whole["state"])
        except OSError as err:
            raise InputError(f"cannot read {str(path)!r}: {_reason(err)}") from None
        except Exception as err:  # whatever numpy makes of damaged bytes
            raise self.damaged(f"{type(err).__name__}: {err}") from None
        difference = first_difference(identity, self.identity)
        if difference:
            raise InputError(
                f"{str(path)!r} was left by another run: {difference} (allowed: the same run; or one without --resume, "
                "from the beginning)"
            )
        return state


def run_identity(like: Any, kind: str, names: tuple[str, ...], rows: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the course of a search, to the last bit on one machine."""
    import jax

    from fipjax.engines.fit import plain
    from fipjax.engines.source import provenance

    return {
        "kind": kind,
        "likelihood": plain(like.fingerprint()) if hasattr(like, "fingerprint") else {},
        **provenance(like),
        "names": list(names),
        "run": dict(settings),
        "device": f"{jax.default_backend()}, {rows} points at a time",
    }
