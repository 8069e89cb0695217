"""Chunked, resumable store of a scan: a Zarr v3 directory.

Layout of ``NAME.zarr``::

    zarr.json                     group, with the run described in its attributes and consolidated metadata
    m_V/zarr.json, m_V/c.0        coordinates of each grid axis (grid scans only)
    log_prob/zarr.json            one array per output column; its dimensions are the grid axes, or "point"
    log_prob/c.3.0                one file per chunk: uncompressed little-endian values in C order
    .fipjax/manifest.json         what was run, in full
    .fipjax/chunks/3.json         completion record of chunk 3: checksum of each column
    .fipjax/lock                  empty; locked while a process writes
    .fipjax/parts                 empty; one byte of it is locked by each process that writes a part

``zarr.open_group`` and ``xarray.open_zarr`` open it as it is.

Chunks are blocks ``(1, ..., 1, b, n, ..., n)`` of the grid, so that each is one contiguous range of point numbers
(C order) and can be computed and written on its own.  Files appear by atomic rename, the completion record
last: a chunk without a valid record has not been computed.  Nothing in the store depends on when, where or in how
many attempts it was written.  So where a file system knows no locks, two processes that write the same chunk by mistake
waste time and nothing else: each writes under a name of its own and renames, and both write the same bytes.

Values are not compressed: the mantissa of a computed double is noise to a codec, and an uncompressed chunk does not
depend on the version of a codec library and can be memory-mapped.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import socket
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fipjax._paths import expand
from fipjax.errors import InputError, MissingDependency, unknown
from fipjax.progress import Progress

FORMAT = 1
MAX_FILES = 2_000_000
"""Files of a store."""
_PRIVATE = ".fipjax"


def _zarr():
    """The zarr package (imported only when a store is used)."""
    try:
        import zarr
    except ImportError:
        raise MissingDependency('a scan store needs zarr (pip install "fipjax[scan]")') from None
    if int(zarr.__version__.split(".")[0]) < 3:
        raise MissingDependency(f'zarr {zarr.__version__} (allowed: >= 3.1; pip install "fipjax[scan]")')
    return zarr


def _reason(err: OSError) -> str:
    return err.strerror or str(err)


def encode_name(name: str) -> str:
    """Name of the array of column ``name``: characters that a Zarr path cannot hold are percent-encoded."""
    out = name.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    if out.startswith((".", "__")):
        out = f"%{ord(out[0]):02X}" + out[1:]
    return out


def to_jsonable(value: Any) -> Any:
    """``value`` as it looks after a round trip through JSON (numpy scalars and arrays, tuples and sets included).

    Raises InputError for something JSON cannot hold.
    """

    def default(obj):
        if isinstance(obj, np.generic):
            return obj.item()
        if hasattr(obj, "tolist"):
            return np.asarray(obj).tolist()
        if isinstance(obj, (set, frozenset)):
            return sorted(obj)
        raise InputError(f"scan manifest: {obj!r} of type {type(obj).__name__} (allowed: what JSON can hold)")

    return json.loads(json.dumps(value, default=default))


# --------------------------------------------------------------------------------------------------------------------
# layout


@dataclass(frozen=True)
class Layout:
    """How the points of a scan are cut into chunks.

    ``dims`` names the dimensions, ``shape`` their lengths; axis ``split`` is cut into blocks of ``block``, the axes
    before it into single values, and those after it are kept whole.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    split: int
    block: int

    @classmethod
    def blocked(cls, dims: tuple[str, ...], shape: tuple[int, ...], chunk: int) -> Layout:
        """Chunks of at most ``chunk`` points (and, for large scans, more than half of that)."""
        split, rest = len(shape) - 1, 1
        while split > 0 and rest * shape[split] <= chunk:
            rest *= shape[split]
            split -= 1
        n = shape[split]
        most = max(1, min(n, chunk // rest))
        # equal blocks leave the least padding in the last one
        block = math.ceil(n / math.ceil(n / most))
        chunk_shape = (1,) * split + (block,) + tuple(shape[split + 1 :])
        return cls.from_description({"dims": dims, "shape": shape, "chunk": chunk_shape})

    @property
    def n_points(self) -> int:
        return math.prod(self.shape)

    @property
    def rest(self) -> int:
        """Points per step of the split axis."""
        return math.prod(self.shape[self.split + 1 :])

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        return (1,) * self.split + (self.block,) + self.shape[self.split + 1 :]

    @property
    def chunk_points(self) -> int:
        """Points per chunk, the padding of the last block included."""
        return self.block * self.rest

    @property
    def blocks(self) -> int:
        """Blocks along the split axis."""
        return math.ceil(self.shape[self.split] / self.block)

    @property
    def n_chunks(self) -> int:
        return math.prod(self.shape[: self.split]) * self.blocks

    def lead(self, k: int) -> tuple[int, ...]:
        """Indices of chunk ``k`` along the axes before the split one."""
        return tuple(int(i) for i in np.unravel_index(k // self.blocks, self.shape[: self.split]))

    def valid(self, k: int) -> int:
        """Number of points of chunk ``k``."""
        b = k % self.blocks
        return (min(self.shape[self.split], (b + 1) * self.block) - b * self.block) * self.rest

    def start(self, k: int) -> int:
        """Number (C order) of the first point of chunk ``k``."""
        lead, b = divmod(k, self.blocks)
        return (lead * self.shape[self.split] + b * self.block) * self.rest

    def slices(self, k: int) -> tuple[slice, ...]:
        """Where chunk ``k`` lies in the N-D array."""
        lo = (k % self.blocks) * self.block
        hi = min(lo + self.block, self.shape[self.split])
        head = tuple(slice(i, i + 1) for i in self.lead(k))
        return (*head, slice(lo, hi), *(slice(0, n) for n in self.shape[self.split + 1 :]))

    def valid_shape(self, k: int) -> tuple[int, ...]:
        """Shape of chunk ``k`` without padding."""
        return tuple(s.stop - s.start for s in self.slices(k))

    def key(self, k: int) -> str:
        """File name of chunk ``k`` inside the directory of an array."""
        index = (*self.lead(k), k % self.blocks, *(0,) * (len(self.shape) - self.split - 1))
        return "c." + ".".join(map(str, index))

    def describe(self) -> dict:
        return {"dims": list(self.dims), "shape": list(self.shape), "chunk": list(self.chunk_shape)}

    @classmethod
    def from_description(cls, d: Mapping) -> Layout:
        shape, chunk = tuple(d["shape"]), tuple(d["chunk"])
        split = next((i for i, c in enumerate(chunk) if c != 1), len(chunk) - 1)
        return cls(tuple(d["dims"]), shape, split, chunk[split])


def _layout_of(manifest: Mapping) -> Layout:
    return Layout.from_description(manifest["layout"])


# --------------------------------------------------------------------------------------------------------------------
# columns


@dataclass(frozen=True)
class Column:
    """One array: its numpy dtype (``"float64"``, ``"bool"``, ...), units and label."""

    dtype: str
    units: str = ""
    long_name: str = ""

    @property
    def np_dtype(self) -> np.dtype:
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def fill(self) -> Any:
        """What a point that has not been computed holds."""
        return float("nan") if np.dtype(self.dtype).kind == "f" else np.dtype(self.dtype).type(0).item()

    def attributes(self, name: str) -> dict:
        out = {"long_name": self.long_name or name}
        if self.units:
            out["units"] = self.units
        if encode_name(name) != name:
            out["name"] = name
        return out

    def describe(self) -> dict:
        return {"dtype": self.dtype, "units": self.units, "long_name": self.long_name}


# --------------------------------------------------------------------------------------------------------------------
# manifest


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(dotted path, JSON text) of every leaf; a list is one leaf unless it holds tables."""
    if isinstance(value, dict) and value:
        for key, v in value.items():
            yield from _leaves(v, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        for i, v in enumerate(value):
            yield from _leaves(v, f"{path}[{i}]")
    else:
        yield path, json.dumps(value)


_SOURCES = {"physics": "the source code of fipjax's physics", "model": "the source code of the model"}


def _short(text: str | None, width: int = 80) -> str:
    if text is None:
        return "absent"
    value = json.loads(text)
    out = repr(value)
    return out if len(out) <= width else out[: width - 3] + "..."


def first_difference(there: Mapping, here: Mapping) -> str | None:
    """``"data = '2021' there, 'latest' here"`` for the first field that differs, or None."""
    a = {p: t for p, t in _leaves(dict(there)) if p != "hash"}
    b = {p: t for p, t in _leaves(dict(here)) if p != "hash"}
    paths = [*b, *(p for p in a if p not in b)]
    # a hash says least about what is different
    for path in sorted(paths, key=lambda p: p.startswith("source.") or p.rpartition(".")[2] in ("hash", "fingerprint", "digest")):
        if a.get(path) != b.get(path):
            name = path.removeprefix("likelihood.")
            if path.startswith("source."):
                name = _SOURCES.get(path.split(".")[1], path)
            return f"{name} = {_short(a.get(path))} there, {_short(b.get(path))} here"
    return None


def _manifest_hash(manifest: Mapping) -> str:
    body = {k: v for k, v in manifest.items() if k != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


# --------------------------------------------------------------------------------------------------------------------
# files


def _fsync_dir(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can sync a directory
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _write_atomic(path: Path, data: Any) -> None:
    """Write bytes so that ``path`` either does not change or holds all of them, on disk."""
    # the name tells who writes: two processes on one chunk do not meet, and a later one can clear up after a killed one
    tmp = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}.tmp")
    try:
        with open(tmp, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(tmp, path)
    except BaseException:
        with contextlib.suppress(OSError):
            tmp.unlink()
        raise


def checksum(data: Any) -> str:
    """CRC-32 of the bytes of ``data``, as 8 hexadecimal digits."""
    return f"{zlib.crc32(data):08x}"


@dataclass(frozen=True)
class Verification:
    """Result of :meth:`ScanStore.verify`."""

    checked: int
    """Completed chunks that were read."""
    missing: int
    """Chunks that have not been computed."""
    damaged: dict[int, str] = field(default_factory=dict)
    """Chunk number -> what is wrong with it."""
    files: dict[str, str] = field(default_factory=dict)
    """Metadata or coordinate file -> what is wrong with it."""
    mended: dict[str, str] = field(default_factory=dict)
    """Metadata or coordinate file -> what was wrong with it before a repair."""

    @property
    def ok(self) -> bool:
        return not self.damaged and not self.files

    def __str__(self) -> str:
        out = f"{self.checked} chunks checked, {len(self.damaged)} damaged, {self.missing} not computed"
        bad = [f"chunk {k}: {why}" for k, why in self.damaged.items()] + [f"{p}: {w}" for p, w in self.files.items()]
        bad += [f"{p}: {w}, mended" for p, w in self.mended.items()]
        return out + "".join("\n" + b for b in bad)


class ChunkedColumns:
    """Columns cut into chunks, some of them done: what a scan on disk and one in memory have in common."""

    manifest: dict
    layout: Layout
    columns: dict[str, Column]
    done: set[int]

    @property
    def complete(self) -> bool:
        """Whether every chunk is done."""
        return len(self.done) == self.layout.n_chunks

    @property
    def done_points(self) -> int:
        """Points in completed chunks."""
        return sum(self.layout.valid(k) for k in self.done)

    @property
    def todo(self) -> list[int]:
        """Numbers of the chunks that are not done, in order."""
        return [k for k in range(self.layout.n_chunks) if k not in self.done]

    def has(self, k: int) -> bool:
        """Whether chunk ``k`` is done; on disk, by this process or another."""
        return k in self.done

    def refresh(self) -> None:
        """Look again which chunks are done."""

    def column(self, name: str) -> Column:
        """Description of a column; InputError when there is none of that name."""
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        return self.columns[name]

    def write_chunk(self, k: int, arrays: Mapping[str, np.ndarray]) -> None:
        raise NotImplementedError

    def read_chunk(self, name: str, k: int) -> np.ndarray:
        raise NotImplementedError

    def to_grid(self, name: str) -> np.ndarray:
        raise NotImplementedError

    def coordinates(self, dim: str) -> np.ndarray:
        raise NotImplementedError

    def close(self) -> None:
        """End writing."""


class ScanStore(ChunkedColumns):
    """A scan on disk.  Use :meth:`create`, :meth:`open` or :meth:`resume`, not the constructor.

    ``check``: whether :meth:`read_chunk` compares a file with its checksum when it reads it for the first time.
    """

    def __init__(self, path: Path, manifest: dict):
        self.check = True
        self._sums: dict[int, dict[str, str]] = {}
        self._checked: set[tuple[str, int]] = set()
        self.path = path
        self.manifest = manifest
        self.layout = _layout_of(manifest)
        self.columns = {name: Column(**c) for name, c in manifest["columns"].items()}
        self.done: set[int] = set()
        self._lock: int | None = None
        self._part: int | None = None

    # ---- create, open, resume ------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | os.PathLike,
        *,
        manifest: Mapping,
        layout: Layout,
        columns: Mapping[str, Column],
        coords: Mapping[str, tuple[np.ndarray, Column]] | None = None,
        title: str = "",
        overwrite: bool = False,
        part: tuple[int, int] | None = None,
    ) -> ScanStore:
        """Make an empty store at ``path`` and lock it for writing.

        ``manifest`` describes the run (JSON-able; layout, columns and a hash are added).  ``coords`` maps the name
        of a dimension to its 1-D values.  ``overwrite`` replaces a scan store, never anything else.  With ``part`` =
        (i, n) this is one of n processes that write it together.

        Raises InputError when ``path`` cannot be created, exists, or has too little room.
        """
        path = expand(path)
        zarr = _zarr()
        full = complete_manifest(manifest, layout, columns, coords)
        if cls.exists(path):
            if part is not None:
                return cls.resume(path, full, part=part)  # another of the processes was first
            if not overwrite:
                raise InputError(f"{path} exists (allowed: a new path, or overwrite)")
            cls._remove(path)
        need = layout.n_chunks * layout.chunk_points * sum(c.np_dtype.itemsize for c in columns.values())
        build = path.with_name(f"{path.name}.new-{socket.gethostname()}-{os.getpid()}")
        for parent in path.parents:
            if parent.exists() and not parent.is_dir():
                raise InputError(f"cannot create {path}: {parent} is not a directory (allowed: a path below one)")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_room(path, path.parent, need)
            _check_files_number(layout, len(columns))
            # the finished skeleton appears in one rename: no half-made store, and the first of several processes wins
            (build / _PRIVATE / "chunks").mkdir(parents=True)
            _write_skeleton(zarr, build, full, layout, columns, coords or {}, title)
            (build / _PRIVATE / "lock").touch()
            (build / _PRIVATE / "parts").touch()
            files = {p: checksum((build / p).read_bytes()) for p in _metadata_files(full)}
            _write_atomic(build / _PRIVATE / "files.json", _dump(files))
            _write_atomic(build / _PRIVATE / "manifest.json", _dump(full))
            try:
                os.rename(build, path)
            except OSError:
                if not (path / _PRIVATE / "manifest.json").is_file():
                    raise
            _fsync_dir(path.parent)
        except OSError as err:
            raise InputError(f"cannot create {path}: {_reason(err)} (allowed: a path that can be written)") from None
        finally:
            shutil.rmtree(build, ignore_errors=True)
        return cls.resume(path, full, part=part)

    @classmethod
    def open(cls, path: str | os.PathLike) -> ScanStore:
        """Open for reading.  Raises InputError when there is no store at ``path`` or its manifest is broken."""
        path = expand(path)
        store = cls(path, cls._read_manifest(path))
        store.refresh()
        return store

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike,
        manifest: Mapping,
        *,
        part: tuple[int, int] | None = None,
    ) -> ScanStore:
        """Open for writing, continuing the run that ``manifest`` (from :func:`complete_manifest`) describes.

        Every completed chunk (with ``part`` = (i, n): every n-th, from the i-th on) is checked; a damaged one counts
        as not done.

        Raises InputError when the store belongs to another run (naming the first field that differs), is being
        written by another process (with ``part``: one that works on the whole, or on the same part), or cannot be
        written.
        """
        _zarr()
        store = cls.open(path)
        difference = first_difference(store.manifest, to_jsonable(dict(manifest)))
        if difference:
            raise InputError(
                f"store {store.path} was written by another run: {difference} "
                "(allowed: the same run; choose another --output or --overwrite)"
            )
        store._lock = _take_lock(store.path, shared=part is not None)
        index, count = part or (0, 1)
        try:
            if part is not None:
                store._part = _take_part(store.path, index, count)
            store.refresh()
            bad = store._check_files()
            if bad:
                name, why = next(iter(bad.items()))
                raise InputError(
                    f"store {store.path}: {name}: {why} (allowed: an intact store, which 'fipjax verify --repair' may make of it, "
                    "or overwrite)"
                )
            mine = sorted(k for k in store.done if k % count == index)
            for k in store._damaged(mine):
                # the record goes first: a chunk being repaired is not done
                store.forget(k)
            store._clear_up()
            left = (store.layout.n_chunks - len(store.done)) * store.chunk_bytes
            _check_room(store.path, store.path, left)
        except OSError as err:
            store.close()
            raise InputError(f"cannot write {store.path}: {_reason(err)}") from None
        except BaseException:
            store.close()
            raise
        return store

    def _clear_up(self) -> None:
        """Remove what killed processes left half written."""
        for place in [_PRIVATE + "/chunks", *map(encode_name, self.columns)]:
            for entry in os.scandir(self.path / place):
                if entry.name.endswith(".tmp") and (self._part is None or _abandoned(entry)):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(entry.path)

    @staticmethod
    def exists(path: str | os.PathLike) -> bool:
        """Whether there is something at ``path`` (an empty directory counts as nothing)."""
        path = expand(path)
        try:
            return path.exists() and not (path.is_dir() and not any(path.iterdir()))
        except OSError as err:
            raise InputError(f"cannot read {path}: {_reason(err)}") from None

    @classmethod
    def _read_manifest(cls, path: Path) -> dict:
        file = path / _PRIVATE / "manifest.json"
        try:
            if not path.exists():
                raise InputError(f"no scan store at {path}")
            if not (path / _PRIVATE).is_dir():
                raise InputError(f"{path} is not a scan store (allowed: a directory written by fipjax scan)")
            manifest = json.loads(file.read_bytes())
            version = manifest["format"]
            if version != FORMAT:
                raise InputError(f"store {path}: format = {version!r} (allowed: {FORMAT}; another fipjax wrote it)")
            if manifest["hash"] != _manifest_hash(manifest):
                raise ValueError("its hash does not match")
            _layout_of(manifest)
            {name: Column(**c) for name, c in manifest["columns"].items()}
        except InputError:
            raise
        except OSError as err:
            raise InputError(f"cannot read {file}: {_reason(err)}") from None
        except (ValueError, KeyError, TypeError, IndexError) as err:
            raise InputError(f"store {path}: broken manifest.json: {err} (allowed: an intact store, or overwrite)") from None
        return manifest

    @classmethod
    def _remove(cls, path: Path) -> None:
        """Delete a scan store, and only that."""
        if not (path / _PRIVATE / "chunks").is_dir():
            raise InputError(f"{path} exists and is not a scan store (allowed: another path; it is not overwritten)")
        old = path.with_name(f"{path.name}.old-{socket.gethostname()}-{os.getpid()}")
        fd = _take_lock(path, shared=False)
        try:
            os.rename(path, old)
            shutil.rmtree(old)
        except OSError as err:
            raise InputError(f"cannot overwrite {path}: {_reason(err)}") from None
        finally:
            if fd is not None:
                os.close(fd)

    # ---- writing --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop writing (releases the locks)."""
        for fd in (self._lock, self._part):
            if fd is not None:
                os.close(fd)
        self._lock = self._part = None

    def __enter__(self) -> ScanStore:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    @property
    def chunk_bytes(self) -> int:
        """Bytes on disk of one chunk of all columns."""
        return self.layout.chunk_points * sum(c.np_dtype.itemsize for c in self.columns.values())

    def write_chunk(self, k: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write chunk ``k``: for each column a 1-D array of at least ``layout.valid(k)`` values (the rest is ignored).

        The chunk counts as done when this returns.  Raises InputError when the disk is full or cannot be written.
        """
        if self._lock is None:
            raise InputError(f"store {self.path} is open for reading (allowed: ScanStore.create or .resume to write)")
        if set(arrays) != set(self.columns):
            raise InputError(f"chunk {k}: columns {sorted(arrays)} (allowed: {sorted(self.columns)})")
        valid, key = self.layout.valid(k), self.layout.key(k)
        sums = {}
        try:
            for name, column in self.columns.items():
                a = np.asarray(arrays[name])
                if valid == self.layout.chunk_points and len(a) >= valid:
                    a = np.ascontiguousarray(a[:valid], dtype=column.np_dtype)
                else:
                    a, part = np.full(self.layout.chunk_points, column.fill, column.np_dtype), a
                    a[:valid] = part[:valid]
                data = a.view(np.uint8).data
                _write_atomic(self.path / encode_name(name) / key, data)
                sums[name] = checksum(data)
            record = {"chunk": k, "start": self.layout.start(k), "points": valid, "crc32": sums}
            _write_atomic(self._record(k), _dump(record))
            self._unread(k)
        except OSError as err:
            raise InputError(
                f"cannot write {self.path}: {_reason(err)} ({self.done_points:,} of {self.layout.n_points:,} points "
                "are stored; run the same command again to resume)"
            ) from None
        self.done.add(k)

    def forget(self, k: int) -> None:
        """Count chunk ``k`` as not computed."""
        with contextlib.suppress(FileNotFoundError):
            self._record(k).unlink()
        self._unread(k)
        self.done.discard(k)

    def _unread(self, k: int) -> None:
        """The files of chunk ``k`` are others from now on."""
        self._sums.pop(k, None)
        self._checked -= {(name, k) for name in self.columns}

    def _record(self, k: int) -> Path:
        return self.path / _PRIVATE / "chunks" / f"{k}.json"

    # ---- reading --------------------------------------------------------------------------------------------------

    def has(self, k: int) -> bool:
        if k not in self.done and self._record(k).exists():
            self.done.add(k)
        return k in self.done

    def refresh(self) -> None:
        done = set()
        try:
            for entry in os.scandir(self.path / _PRIVATE / "chunks"):
                stem, _, suffix = entry.name.partition(".")
                if suffix == "json" and stem.isdecimal() and int(stem) < self.layout.n_chunks:
                    done.add(int(stem))
        except OSError as err:
            raise InputError(f"cannot read {self.path}: {_reason(err)}") from None
        self.done = done

    def read_chunk(self, name: str, k: int) -> np.ndarray:
        """Column ``name`` of chunk ``k``: shape (layout.valid(k),), fill values where it is not done.

        Raises InputError for an unknown column or a damaged file.
        """
        column, valid = self.column(name), self.layout.valid(k)
        if k not in self.done:
            return np.full(valid, column.fill, column.np_dtype)
        file = self.path / encode_name(name) / self.layout.key(k)
        new = self.check and (name, k) not in self._checked
        try:
            out = np.fromfile(file, dtype=column.np_dtype, count=-1 if new else valid)
        except OSError as err:
            raise InputError(f"cannot read {file}: {_reason(err)}") from None
        if len(out) < valid:
            raise InputError(f"{file} is truncated (run the same scan again to repair it)")
        if new:
            # about 1 ms for the usual 2 MB: as long as reading it, once
            if checksum(out.view(np.uint8).data) != self._checksums(k).get(name):
                raise InputError(
                    f"{file} is damaged: wrong checksum (allowed: an intact store; run the same scan again to compute it anew, or "
                    "'fipjax verify' to see what else is)"
                )
            self._checked.add((name, k))
        return out[:valid]

    def _checksums(self, k: int) -> dict[str, str]:
        """Column -> checksum of the completed chunk ``k``."""
        if k not in self._sums:
            try:
                self._sums[k] = dict(json.loads(self._record(k).read_bytes())["crc32"])
            except (OSError, ValueError, KeyError, TypeError) as err:
                raise InputError(
                    f"{self._record(k)} is damaged: {type(err).__name__} (allowed: an intact store; run the same scan again)"
                ) from None
        return self._sums[k]

    def array(self, name: str):
        """Column ``name``, or the coordinates of a dimension, as a ``zarr.Array`` (read when indexed)."""
        if name not in self.manifest["coords"]:
            self.column(name)
        try:
            return self.group()[encode_name(name)]
        except (KeyError, ValueError, OSError) as err:
            raise InputError(f"store {self.path}: cannot read array {name!r}: {err}") from None

    def group(self):
        """The whole store as a read-only ``zarr.Group``."""
        zarr = _zarr()
        try:
            return zarr.open_group(str(self.path), mode="r")
        except Exception as err:  # whatever zarr makes of broken metadata
            raise InputError(f"store {self.path}: zarr cannot open it: {err}") from None

    def to_grid(self, name: str) -> np.ndarray:
        """Column ``name`` in memory, shape ``layout.shape`` (chunks that are not done hold fill values)."""
        column = self.column(name)
        out = np.full(self.layout.shape, column.fill, column.np_dtype)
        for k in self.done:
            out[self.layout.slices(k)] = self.read_chunk(name, k).reshape(self.layout.valid_shape(k))
        return out

    def coordinates(self, dim: str) -> np.ndarray:
        """Values along dimension ``dim`` of a grid, shape (n,)."""
        if dim not in self.manifest["coords"]:
            raise unknown("grid axis", dim, self.manifest["coords"])
        return np.asarray(self.array(dim)[:])

    # ---- checking -------------------------------------------------------------------------------------------------

    def _chunk_fault(self, k: int) -> str | None:
        """What is wrong with the completed chunk ``k``, or None."""
        try:
            record = json.loads(self._record(k).read_bytes())
            sums = dict(record["crc32"])
        except (OSError, ValueError, KeyError, TypeError) as err:
            return f"unreadable record: {err}"
        want = {"chunk": k, "start": self.layout.start(k), "points": self.layout.valid(k), "crc32": sums}
        if record != want or set(sums) != set(self.columns):
            return "the record describes something else"
        for name, column in self.columns.items():
            file = self.path / encode_name(name) / self.layout.key(k)
            try:
                data = np.fromfile(file, np.uint8)
            except OSError as err:
                return f"column {name}: {_reason(err)}"
            if data.size != self.layout.chunk_points * column.np_dtype.itemsize:
                return f"column {name}: {data.size} bytes"
            if checksum(data.data) != sums[name]:
                return f"column {name}: wrong checksum"
        return None

    def _damaged(self, chunks: Sequence[int]) -> dict[int, str]:
        out = {}
        with Progress("checking what is stored", len(chunks), "chunks") as bar:
            for k in chunks:
                fault = self._chunk_fault(k)
                if fault:
                    out[k] = fault
                bar.update()
        return out

    def _check_files(self) -> dict[str, str]:
        """Coordinates and array metadata that are missing or damaged."""
        try:
            sums = json.loads((self.path / _PRIVATE / "files.json").read_bytes())
            expected = {p: str(sums[p]) for p in _metadata_files(self.manifest)}
        except OSError as err:
            return {f"{_PRIVATE}/files.json": f"unreadable ({_reason(err)})"}
        except (ValueError, KeyError, TypeError):
            return {f"{_PRIVATE}/files.json": "damaged"}
        bad = {}
        for p, crc in expected.items():
            try:
                if checksum((self.path / p).read_bytes()) != crc:
                    bad[p] = "damaged or was edited"
            except OSError as err:
                bad[p] = f"unreadable ({_reason(err)})"
        return bad

    def verify(self) -> Verification:
        """Read every completed chunk again and compare with its checksums."""
        self.refresh()
        damaged = self._damaged(sorted(self.done))
        return Verification(len(self.done), self.layout.n_chunks - len(self.done), damaged, self._check_files())

    def repair(self, coords: Mapping[str, np.ndarray] | None = None) -> Verification:
        """Verify; damaged chunks then count as not computed, and damaged metadata is written again.

        ``coords``: values of the grid axes, should their files be damaged.  What is returned says what was found;
        ``files`` holds only what could not be mended.  Raises InputError while another process writes the store.
        """
        self._lock = _take_lock(self.path, shared=False)
        try:
            report = self.verify()
            for k in report.damaged:
                self.forget(k)
            self._clear_up()
            left = self._mend(coords or {}) if report.files else {}
            return replace(report, files=left, mended={p: w for p, w in report.files.items() if p not in left})
        except OSError as err:
            raise InputError(f"cannot write {self.path}: {_reason(err)}") from None
        finally:
            self.close()

    def _mend(self, coords: Mapping[str, np.ndarray]) -> dict[str, str]:
        """Write metadata again, from the manifest; what cannot be mended."""
        about = self.manifest["coords"]
        table = {
            name: (np.asarray(coords.get(name, np.zeros(c["n"]))), Column(c["dtype"], c["units"], c["long_name"]))
            for name, c in about.items()
        }
        bad = self._check_files()
        every = list(bad) == [f"{_PRIVATE}/files.json"]
        build = self.path.with_name(f"{self.path.name}.new-{socket.gethostname()}-{os.getpid()}")
        try:
            build.mkdir()
            title = "fipjax scan"
            _write_skeleton(_zarr(), build, self.manifest, self.layout, self.columns, table, title)
            sums = {} if every else json.loads((self.path / _PRIVATE / "files.json").read_bytes())
            left = {}
            for p in _metadata_files(self.manifest) if every else bad:
                values = p.endswith("/c.0")
                if values and not any(p == f"{encode_name(n)}/c.0" for n in coords):
                    left[p] = "values that the manifest does not hold"
                    continue
                data = (build / p).read_bytes()
                if values and not every and checksum(data) != sums[p]:
                    left[p] = "values that cannot be made again bit for bit"
                    continue
                _write_atomic(self.path / p, data)
                sums[p] = checksum(data)
            if not (every and left):
                _write_atomic(self.path / _PRIVATE / "files.json", _dump(sums))
            return left
        finally:
            shutil.rmtree(build, ignore_errors=True)

    @classmethod
    def mend_manifest(cls, path: str | os.PathLike) -> bool:
        """Restore a broken manifest from its copy in zarr.json; True if that was needed and done."""
        path = expand(path)
        try:
            cls._read_manifest(path)
            return False
        except InputError:
            try:
                manifest = json.loads(json.loads((path / "zarr.json").read_bytes())["attributes"]["manifest"])
                if manifest["hash"] != _manifest_hash(manifest):
                    raise ValueError
                _write_atomic(path / _PRIVATE / "manifest.json", _dump(manifest))
            except (OSError, ValueError, KeyError, TypeError):
                pass  # the copy is broken too: the first error says more
            else:
                return True
            raise


# --------------------------------------------------------------------------------------------------------------------


def complete_manifest(
    manifest: Mapping,
    layout: Layout,
    columns: Mapping[str, Column],
    coords: Mapping[str, tuple[np.ndarray, Column]] | None = None,
) -> dict:
    """``manifest`` with what the store adds: format, columns, coordinates, layout and the hash of everything."""
    full = {
        "format": FORMAT,
        **manifest,
        "coords": {name: {**c.describe(), "n": len(v)} for name, (v, c) in (coords or {}).items()},
        "layout": layout.describe(),
        "columns": {name: c.describe() for name, c in columns.items()},
    }
    full = to_jsonable(full)
    full["hash"] = _manifest_hash(full)
    return full


def _dump(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _check_files_number(layout: Layout, columns: int) -> None:
    files = layout.n_chunks * (columns + 1)
    if files > MAX_FILES:
        least = math.ceil(layout.n_points * (columns + 1) / MAX_FILES)
        raise InputError(
            f"chunks of {layout.chunk_points:,} points make {files:,} files (allowed: {MAX_FILES:,}; "
            f"chunk = {least:,} or more, or leave it out)"
        )


def _check_room(path: Path, place: Path, need: int) -> None:
    free = shutil.disk_usage(place).free
    if need > free:
        raise InputError(
            f"{path}: the scan needs {need / 1e9:,.3g} GB and {free / 1e9:,.3g} GB are free there "
            "(allowed: fewer points or columns, or another --output)"
        )


def _take_lock(path: Path, shared: bool) -> int | None:
    """File descriptor holding the lock of the store; the kernel frees it when the process ends, however it ends."""
    try:
        fd = os.open(path / _PRIVATE / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as err:
        raise InputError(f"cannot write {path}: {_reason(err)}") from None
    if sys.platform == "win32":
        return fd
    import fcntl

    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise InputError(f"store {path} is being written by another process (allowed: one at a time)") from None
    except OSError:
        pass  # a file system without locks
    return fd


def _take_part(path: Path, index: int, count: int) -> int | None:
    """File descriptor that holds the lock of part ``index`` of ``count``.

    One byte per part, of a file of its own: where locks travel over the network they are byte ranges, and the shared
    lock on the whole store covers all bytes of its file.
    """
    try:
        fd = os.open(path / _PRIVATE / "parts", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as err:
        raise InputError(f"cannot write {path}: {_reason(err)}") from None
    if sys.platform == "win32":
        return fd
    import fcntl

    offset = count * (count - 1) // 2 + index
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            # owned by the open file: closing another descriptor of this process does not release it
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
        else:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
    except OSError as err:
        if err.errno in (errno.EAGAIN, errno.EACCES):
            os.close(fd)
            raise InputError(
                f"part {index} of {count} of store {path} is being written by another process (allowed: one process for each part)"
            ) from None
        # a file system without locks
    return fd


def _abandoned(entry: os.DirEntry) -> bool:
    """Whether the temporary file of a process is nobody's any more."""
    host, _, pid = entry.name.removesuffix(".tmp").rpartition("-")
    try:
        if host.endswith("." + socket.gethostname()) and pid.isdecimal():
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                return True
            except OSError:
                return False
            return False
        return time.time() - entry.stat().st_mtime > 86400.0
    except FileNotFoundError:
        return False


def _metadata_files(manifest: Mapping) -> list[str]:
    out = ["zarr.json"]
    for name in [*manifest["coords"], *manifest["columns"]]:
        out.append(f"{encode_name(name)}/zarr.json")
    return out + [f"{encode_name(name)}/c.0" for name in manifest["coords"]]


def _write_skeleton(
    zarr,
    path: Path,
    manifest: Mapping,
    layout: Layout,
    columns: Mapping[str, Column],
    coords: Mapping[str, tuple[np.ndarray, Column]],
    title: str,
) -> None:
    """All metadata and the coordinates.

    ``zarr.json`` carries the manifest as text: a nested attribute would make ``Dataset.to_netcdf`` fail.
    """
    attributes = {"title": title, "manifest": json.dumps(manifest), "hash": manifest["hash"]}
    group = zarr.open_group(str(path), mode="w-", zarr_format=3, attributes=attributes)
    common = {
        "compressors": None,
        "filters": None,
        # one file name per chunk, not one directory level per axis
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }
    for name, (values, column) in coords.items():
        array = group.create_array(
            encode_name(name),
            shape=values.shape,
            chunks=values.shape,
            dtype=column.dtype,
            fill_value=column.fill,
            dimension_names=[name],
            attributes=column.attributes(name),
            **common,
        )
        array[:] = values
        # zarr leaves out a chunk that holds nothing but the fill value
        _write_atomic(path / encode_name(name) / "c.0", values.astype(column.np_dtype).tobytes())
    for name, column in columns.items():
        group.create_array(
            encode_name(name),
            shape=layout.shape,
            chunks=layout.chunk_shape,
            dtype=column.dtype,
            fill_value=column.fill,
            dimension_names=list(layout.dims),
            attributes=column.attributes(name),
            **common,
        )
    with warnings.catch_warnings():
        # xarray and zarr then open it without listing directories; other readers skip the field
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(path), zarr_format=3)
