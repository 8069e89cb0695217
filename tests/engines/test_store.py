"""The scan store: layout, atomic chunks, checksums, and refusal of what is not its own."""

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fipjax.engines import store as store_module
from fipjax.engines.store import Column, Layout, ScanStore, complete_manifest, encode_name, first_difference
from fipjax.errors import InputError, MissingDependency

zarr = pytest.importorskip("zarr")

COLUMNS = {
    "log_prob": Column("float64", "", r"$\ln L$"),
    "<dBR/dq2>(B+->Kmumu)[1.1,6.0]": Column("float64", "GeV^-2", "rate"),
    "allowed": Column("bool"),
}
COORDS = {
    "m_V": (np.linspace(0.0, 1.0, 7), Column("float64", "GeV", "$m_V$")),
    "g": (np.arange(5.0), Column("float64")),
}
LAYOUT = Layout.blocked(("m_V", "g"), (7, 5), 10)
MANIFEST = {"likelihood": {"model": "toy", "data": "latest"}, "names": ["m_V", "g"]}


def make(path, **kwargs) -> ScanStore:
    return ScanStore.create(path, manifest=MANIFEST, layout=LAYOUT, columns=COLUMNS, coords=COORDS, **kwargs)


def resume(path) -> ScanStore:
    return ScanStore.resume(path, complete_manifest(MANIFEST, LAYOUT, COLUMNS, COORDS))


def chunk(k: int, padding: int = 0) -> dict[str, np.ndarray]:
    """Values that are a function of the point number."""
    i = np.arange(LAYOUT.start(k), LAYOUT.start(k) + LAYOUT.valid(k) + padding)
    return dict(zip(COLUMNS, (np.sin(i), 1e-9 * i, i % 3 == 0), strict=True))


def fill(store: ScanStore) -> None:
    with store:
        for k in store.todo:
            store.write_chunk(k, chunk(k))


def tree(path: Path) -> dict[str, bytes]:
    """Every file below ``path`` with its content."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("shape", [(1,), (17,), (4, 5), (7, 5), (3, 1, 4), (2, 3, 5, 7), (1, 1, 9), (5, 1, 1)])
@pytest.mark.parametrize("target", [1, 2, 5, 6, 10, 35, 1000])
def test_chunks_cut_the_points_into_contiguous_ranges(shape, target):
    layout = Layout.blocked(tuple("abcd"[: len(shape)]), shape, target)
    assert layout.chunk_points <= max(target, 1)
    assert Layout.from_description(json.loads(json.dumps(layout.describe()))) == layout
    numbers = np.arange(layout.n_points).reshape(shape)
    seen, keys = [], set()
    for k in range(layout.n_chunks):
        part = numbers[layout.slices(k)]
        assert part.shape == layout.valid_shape(k)
        np.testing.assert_array_equal(part.ravel(), layout.start(k) + np.arange(layout.valid(k)))
        seen += part.ravel().tolist()
        keys.add(layout.key(k))
    assert seen == list(range(layout.n_points))
    assert len(keys) == layout.n_chunks


def test_large_scans_use_more_than_half_of_the_chunk():
    for shape in [(1000, 1000), (10**6, 3, 3), (7, 100_000), (2, 10**9), (101, 101, 101, 101)]:
        layout = Layout.blocked(tuple("abcd"[: len(shape)]), shape, 2**16)
        assert 2**15 < layout.chunk_points <= 2**16
        assert layout.n_chunks * layout.chunk_points < 1.1 * layout.n_points


def test_what_zarr_reads_is_what_was_written(tmp_path):
    store = make(tmp_path / "a.zarr")
    assert store.layout.n_chunks == 4
    fill(store)
    store = ScanStore.open(tmp_path / "a.zarr")
    assert store.complete and store.done_points == 35
    i = np.arange(35).reshape(7, 5)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    name = "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"
    np.testing.assert_array_equal(group["log_prob"][...], np.sin(i))
    np.testing.assert_array_equal(group[encode_name(name)][...], 1e-9 * i)
    np.testing.assert_array_equal(group["allowed"][...], i % 3 == 0)
    np.testing.assert_array_equal(group["m_V"][...], COORDS["m_V"][0])
    assert group["log_prob"].metadata.dimension_names == ("m_V", "g")
    assert json.loads(group.attrs["manifest"]) == store.manifest
    assert {n for n, _ in group.members()} == {encode_name(n) for n in [*COLUMNS, *COORDS]}
    for n in COLUMNS:
        np.testing.assert_array_equal(store.to_grid(n), store.array(n)[...])
        np.testing.assert_array_equal(np.concatenate([store.read_chunk(n, k) for k in range(4)]), store.to_grid(n).ravel())
    np.testing.assert_array_equal(store.coordinates("g"), np.arange(5.0))


def test_an_axis_of_nan_free_zeros_and_an_empty_chunk_are_files_too(tmp_path):
    """zarr itself leaves out chunks that hold the fill value only; a checksum needs a file."""
    coords = {"x": (np.zeros(1), Column("float64"))}
    layout = Layout.blocked(("x",), (1,), 4)
    column = {"allowed": Column("bool")}
    store = ScanStore.create(tmp_path / "a.zarr", manifest={}, layout=layout, columns=column, coords=coords)
    with store:
        store.write_chunk(0, {"allowed": np.array([False])})
    assert store.verify().ok
    assert store.coordinates("x") == [0.0]


def test_xarray_opens_it_with_named_dimensions_units_and_labels(tmp_path):
    xarray = pytest.importorskip("xarray")
    fill(make(tmp_path / "a.zarr", title="a scan"))
    data = xarray.open_zarr(tmp_path / "a.zarr")
    assert data.log_prob.dims == ("m_V", "g")
    assert data.log_prob.attrs["long_name"] == r"$\ln L$"
    assert data.m_V.attrs == {"units": "GeV", "long_name": "$m_V$"}
    rate = data["<dBR%2Fdq2>(B+->Kmumu)[1.1,6.0]"]
    assert rate.attrs["name"] == "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"
    assert rate.attrs["units"] == "GeV^-2"
    assert data.attrs["title"] == "a scan"
    assert float(data.log_prob.sel(m_V=0.5, g=2.0)) == np.sin(17)


def test_padding_never_reaches_the_file(tmp_path):
    """Longer arrays than a chunk are cut, and the unused end of the last block holds fill values."""
    store = make(tmp_path / "a.zarr")
    with store:
        for k in range(4):
            store.write_chunk(k, chunk(k, padding=13))
    reference = make(tmp_path / "b.zarr")
    fill(reference)
    assert tree(tmp_path / "a.zarr") == tree(tmp_path / "b.zarr")
    assert LAYOUT.valid(3) == 5 and LAYOUT.chunk_points == 10
    raw = np.fromfile(tmp_path / "a.zarr" / "log_prob" / LAYOUT.key(3))
    assert np.isnan(raw[5:]).all() and np.isfinite(raw[:5]).all()


def test_resume_recomputes_exactly_what_is_not_done(tmp_path):
    fill(make(tmp_path / "ref.zarr"))
    store = make(tmp_path / "a.zarr")
    with store:
        for k in (0, 2):
            store.write_chunk(k, chunk(k))
    # as if killed in flight: a column of chunk 1 is there, another half written, the record too
    path = tmp_path / "a.zarr"
    (path / "log_prob" / LAYOUT.key(1)).write_bytes(b"junk")
    (path / "allowed" / (LAYOUT.key(1) + ".tmp")).write_bytes(b"junk")
    (path / ".fipjax" / "chunks" / "1.json.tmp").write_bytes(b"{")
    assert np.isnan(ScanStore.open(path).read_chunk("log_prob", 1)).all()
    store = resume(path)
    assert store.todo == [1, 3]
    fill(store)
    assert tree(path) == tree(tmp_path / "ref.zarr")


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "record", "record-for-another"])
def test_damage_is_found_and_repaired(tmp_path, damage):
    path = tmp_path / "a.zarr"
    fill(make(path))
    before = tree(path)
    assert resume_and_close(path) == []
    file, record = path / "log_prob" / LAYOUT.key(2), path / ".fipjax" / "chunks" / "2.json"
    if damage == "flip":
        data = bytearray(file.read_bytes())
        data[11] ^= 1
        file.write_bytes(data)
    elif damage == "truncate":
        os.truncate(file, 8)
        with pytest.raises(InputError, match="truncated"):
            ScanStore.open(path).to_grid("log_prob")
    elif damage == "remove":
        file.unlink()
    elif damage == "record":
        record.write_bytes(b"{ not json")
    else:
        record.write_bytes((path / ".fipjax" / "chunks" / "1.json").read_bytes())
    report = ScanStore.open(path).verify()
    assert not report.ok and list(report.damaged) == [2] and report.checked == 4
    assert "chunk 2" in str(report)
    store = resume(path)
    assert store.todo == [2]
    # until it is written again the chunk counts as missing
    assert ScanStore.open(path).todo == [2]
    fill(store)
    assert ScanStore.open(path).verify().ok
    assert tree(path) == before


def resume_and_close(path) -> list[int]:
    with resume(path) as store:
        return store.todo


def test_damaged_coordinates_and_metadata_are_reported(tmp_path):
    path = tmp_path / "a.zarr"
    make(path).close()
    for name in ("m_V/c.0", "log_prob/zarr.json", "zarr.json"):
        good = (path / name).read_bytes()
        (path / name).write_bytes(good[:-1] + b" ")
        assert list(ScanStore.open(path).verify().files) == [name]
        with pytest.raises(InputError, match=r"damaged or was edited .*allowed"):
            resume(path)
        (path / name).write_bytes(good)
    assert ScanStore.open(path).verify().ok


def test_another_run_is_refused_naming_the_first_difference(tmp_path):
    path = tmp_path / "a.zarr"
    fill(make(path))
    before = tree(path)
    other = {**MANIFEST, "likelihood": {"model": "toy", "data": "2021"}}
    with pytest.raises(InputError) as err:
        ScanStore.resume(path, complete_manifest(other, LAYOUT, COLUMNS, COORDS))
    assert str(err.value) == (
        f"store {path} was written by another run: data = 'latest' there, '2021' here "
        "(allowed: the same run; choose another --output or --overwrite)"
    )
    layout = Layout.blocked(("m_V", "g"), (7, 5), 5)
    with pytest.raises(InputError, match=r"layout.chunk = \[2, 5\] there, \[1, 5\] here"):
        ScanStore.resume(path, complete_manifest(MANIFEST, layout, COLUMNS, COORDS))
    fewer = {k: v for k, v in COLUMNS.items() if k != "allowed"}
    with pytest.raises(InputError, match=r"columns.allowed.dtype = 'bool' there, absent here"):
        ScanStore.resume(path, complete_manifest(MANIFEST, LAYOUT, fewer, COORDS))
    with pytest.raises(InputError, match="exists"):
        make(path)
    assert tree(path) == before


def test_a_hash_is_named_only_when_nothing_else_differs():
    assert first_difference({"hash": 1, "likelihood": {"hash": "a", "x": 1}}, {"likelihood": {"hash": "b", "x": 2}}) == (
        "x = 1 there, 2 here"
    )
    assert first_difference({"likelihood": {"hash": "a"}}, {"likelihood": {"hash": "b"}}) == "hash = 'a' there, 'b' here"
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) is None


def test_overwrite_replaces_a_store_and_nothing_else(tmp_path):
    path = tmp_path / "a.zarr"
    fill(make(path))
    with make(path, overwrite=True) as store:
        assert store.todo == [0, 1, 2, 3]
    precious = tmp_path / "results"
    precious.mkdir()
    (precious / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="not a scan store"):
        make(precious, overwrite=True)
    with pytest.raises(InputError, match="not a scan store"):
        make(precious / "thesis.tex", overwrite=True)
    assert (precious / "thesis.tex").read_text() == "x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "results"]


def test_unusable_paths(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    for action in (make, ScanStore.open, ScanStore.exists):
        try:
            result = action(file / "sub.zarr")
        except InputError as err:
            assert "\n" not in str(err) and str(file / "sub.zarr") in str(err)
        else:
            assert result is False
    with pytest.raises(InputError, match=r"cannot create .*/file/sub.zarr: .*/file is not a directory"):
        make(file / "sub.zarr")
    with pytest.raises(InputError, match="exists"):
        make(file)
    with pytest.raises(InputError, match="is not a scan store"):
        ScanStore.open(file)
    with pytest.raises(InputError, match="no scan store at"):
        ScanStore.open(tmp_path / "nothing.zarr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is not a scan store"):
        ScanStore.open(tmp_path / "empty")
    make(tmp_path / "empty").close()
    make(tmp_path / "new" / "folders" / "a.zarr").close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format": 1}', b"\xff\xfe", None])
def test_broken_manifest(tmp_path, content):
    path = tmp_path / "a.zarr"
    make(path).close()
    file = path / ".fipjax" / "manifest.json"
    if content is None:
        content = file.read_bytes().replace(b"latest", b"newest")
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"broken manifest.json.*allowed"):
        ScanStore.open(path)
    with pytest.raises(InputError, match=r"broken manifest.json"):
        resume(path)
    make(path, overwrite=True).close()


def test_full_disk_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    store = make(path)
    store.write_chunk(0, chunk(0))

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_module.os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*No space left on device \(10 of 35 points are stored; run"):
        store.write_chunk(1, chunk(1))
    monkeypatch.undo()
    store.close()
    assert not list(path.rglob("*.tmp"))
    assert resume_and_close(path) == [1, 2, 3]


def test_leftovers_of_killed_processes(tmp_path):
    """One of several processes clears up after the dead only."""
    path = tmp_path / "a.zarr"
    make(path).close()
    full = complete_manifest(MANIFEST, LAYOUT, COLUMNS, COORDS)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname()
    names = {f"{LAYOUT.key(1)}.{host}-{dead.pid}.tmp": False, f"{LAYOUT.key(2)}.{host}-{os.getppid()}.tmp": True,
             f"{LAYOUT.key(3)}.elsewhere-{dead.pid}.tmp": True, f"{LAYOUT.key(0)}.elsewhere-1.tmp": False}  # fmt: skip
    for name in names:
        (path / "log_prob" / name).write_bytes(b"junk")
    os.utime(path / "log_prob" / f"{LAYOUT.key(0)}.elsewhere-1.tmp", (0, 0))
    ScanStore.resume(path, full, part=(0, 2)).close()
    assert {name: (path / "log_prob" / name).exists() for name in names} == names
    # nobody else can be at work
    resume(path).close()
    assert not list(path.rglob("*.tmp"))


def test_millions_of_files_are_refused(tmp_path):
    layout = Layout.blocked(("point",), (10**8,), 100)
    with pytest.raises(InputError, match=r"chunks of 100 points make 4,000,000 files \(allowed: 2,000,000; chunk = 200 or more"):
        ScanStore.create(tmp_path / "a.zarr", manifest={}, layout=layout, columns=COLUMNS)
    assert not list(tmp_path.iterdir())


def test_repair(tmp_path):
    """Damaged chunks are dropped, metadata is written again, a manifest is restored from its copy."""
    path = tmp_path / "a.zarr"
    fill(make(path, title="fipjax scan"))
    before = tree(path)
    (path / "log_prob" / LAYOUT.key(2)).write_bytes(b"junk")
    for name in ("log_prob/zarr.json", "zarr.json", "m_V/c.0", "g/zarr.json"):
        (path / name).write_bytes(b"junk")
    (path / ".fipjax" / "manifest.json").write_bytes(b"junk")
    with pytest.raises(InputError, match="broken manifest"):
        ScanStore.open(path)
    with pytest.raises(InputError, match="broken manifest"):
        ScanStore.mend_manifest(path)
    (path / "zarr.json").write_bytes(before["zarr.json"])
    assert ScanStore.mend_manifest(path) and not ScanStore.mend_manifest(path)
    (path / "zarr.json").write_bytes(b"junk")
    values = {"m_V": COORDS["m_V"][0], "g": COORDS["g"][0]}
    report = ScanStore.open(path).repair({"g": values["g"]})
    assert list(report.damaged) == [2] and set(report.mended) == {"log_prob/zarr.json", "zarr.json", "g/zarr.json"}
    assert report.files == {"m_V/c.0": "values that the manifest does not hold"}
    report = ScanStore.open(path).repair({**values, "m_V": values["m_V"] + 1e-9})
    assert report.files == {"m_V/c.0": "values that cannot be made again bit for bit"}
    assert "m_V/c.0" in ScanStore.open(path).repair(values).mended
    (path / ".fipjax" / "files.json").write_bytes(b"junk")
    assert not ScanStore.open(path).repair(values).files
    fill(resume(path))
    assert tree(path) == before
    with resume(path), pytest.raises(InputError, match="being written by another process"):
        ScanStore.open(path).repair()


def test_too_little_room_is_said_before_starting(tmp_path):
    layout = Layout.blocked(("point",), (10**15,), 2**18)
    with pytest.raises(InputError, match=r"the scan needs 8e\+06 GB and .* GB are free there"):
        ScanStore.create(tmp_path / "a.zarr", manifest={}, layout=layout, columns={"x": Column("float64")})
    assert not list(tmp_path.iterdir())


def test_one_writer_at_a_time(tmp_path):
    path = tmp_path / "a.zarr"
    with make(path) as store:
        with pytest.raises(InputError, match="being written by another process"):
            resume(path)
        with pytest.raises(InputError, match="being written by another process"):
            make(path, overwrite=True)
        store.write_chunk(0, chunk(0))
    full = complete_manifest(MANIFEST, LAYOUT, COLUMNS, COORDS)
    with ScanStore.resume(path, full, part=(0, 2)) as a, ScanStore.resume(path, full, part=(1, 2)) as b:
        a.write_chunk(1, chunk(1))
        b.write_chunk(2, chunk(2))
    assert resume_and_close(path) == [3]


def test_wrong_use_is_refused(tmp_path):
    with make(tmp_path / "a.zarr") as store, pytest.raises(InputError, match="columns"):
        store.write_chunk(0, {"log_prob": np.zeros(10)})
    reader = ScanStore.open(tmp_path / "a.zarr")
    with pytest.raises(InputError, match="open for reading"):
        reader.write_chunk(0, chunk(0))
    with pytest.raises(InputError, match="did you mean 'log_prob'"):
        reader.read_chunk("logprob", 0)
    with pytest.raises(InputError, match="unknown grid axis 'mV'"):
        reader.coordinates("mV")
    with pytest.raises(InputError, match="what JSON can hold"):
        complete_manifest({"x": object()}, LAYOUT, COLUMNS)


def test_without_zarr(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(MissingDependency, match=r'pip install "fipjax\[scan\]"'):
        make(tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def test_names_survive_the_path():
    names = ["a/b", "a%2Fb", "a\\b", ".a", "__a", "<P5p>(B0->K*mumu)[4.0,6.0]", "zarr"]
    encoded = [encode_name(n) for n in names]
    assert len(set(encoded)) == len(names)
    assert not any("/" in e or "\\" in e or e.startswith((".", "__")) for e in encoded)
    assert encoded[5] == names[5]
