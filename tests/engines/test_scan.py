"""The scan engine: right values, constant memory, and runs that can be cut short anywhere."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.engines.scan import Scan, ScanInterrupted, SobolPoints, _default_chunk, axis_values, open_scan, scan
from fipjax.engines.store import Layout, ScanStore, checksum
from fipjax.errors import InputError
from fipjax.priors import Flat, Gaussian, LogFlat

zarr = pytest.importorskip("zarr")

ROOT = Path(__file__).parents[2]
RATE = "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"


@dataclass
class Parameter:
    latex: str
    unit: str = ""


class Toy:
    """A likelihood with a cut, an observable with a slash in its name and a constant column."""

    names = ("m_V", "g", "phase")
    priors = {"m_V": LogFlat(0.1, 10.0), "g": Flat(-1.0, 2.0), "phase": Gaussian(0.0, 1.0)}  # noqa: RUF012
    parameters = {"m_V": Parameter("m_V", "GeV"), "g": Parameter("g"), "phase": Parameter(r"\phi", "rad")}  # noqa: RUF012
    columns = {RATE: {"units": "GeV^-2", "long_name": r"$\langle dB/dq^2 \rangle$"}}  # noqa: RUF012

    def __init__(self, data: str = "latest"):
        self.data = data

    def fingerprint(self):
        return {"model": "toy", "data": self.data, "observables": [RATE]}

    def evaluate(self, x):
        chi2 = (x["m_V"] - 1.0) ** 2 / 0.3 + (x["g"] - 0.25 * x["phase"]) ** 2 / 0.01 + x["phase"] ** 2
        return {
            "log_prob": -0.5 * chi2,
            "chi2": chi2,
            "allowed": x["g"] < 1.0,
            RATE: 1e-9 * x["m_V"] * x["g"],
            "one": jnp.asarray(1.0),
        }


SPEC = {
    "g": {"min": -1.0, "max": 2.0, "n": 13},
    "m_V": {"min": 0.1, "max": 10.0, "n": 7, "scale": "log"},
    "phase": [0.0, 0.5, -0.5, 1.0, 1.25],
}


def direct(axes) -> dict[str, np.ndarray]:
    mesh = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
    out = Toy().evaluate({k: jnp.asarray(v) for k, v in mesh.items()})
    shape = next(iter(mesh.values())).shape
    return {k: np.broadcast_to(np.asarray(v), shape) for k, v in out.items()}


def tree(path: Path) -> dict[str, bytes]:
    """Every file below ``path`` with its content."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def python(code: str, *args, **kwargs) -> subprocess.Popen:
    """A Python process with this module imported as ``t``."""
    env = {**os.environ, "JAX_PLATFORMS": "cpu", **kwargs.pop("env", {})}
    paths = [str(ROOT / "kernels"), str(ROOT), str(Path(__file__).parent), env.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    command = [sys.executable, "-c", f"import sys, test_scan as t\n{code}", *map(str, args)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


# ---- values --------------------------------------------------------------------------------------------------------


CUTS = [(1000, None), (1000, 11), (65, 11), (64, None), (40, 40), (7, None)]


@pytest.mark.parametrize(("chunk", "batch", "to_disk"), [*((*c, False) for c in CUTS), *((*c, True) for c in CUTS), (3, 2, False)])
def test_grid_equals_direct_evaluation(tmp_path, chunk, batch, to_disk):
    """Chunks of whole axes, of parts of each axis, with and without padding."""
    out = tmp_path / "a.zarr" if to_disk else None
    result = scan(Toy(), SPEC, out, chunk=chunk, batch=batch, progress=False)
    assert result.complete and result.shape == (13, 7, 5) and result.names == ("g", "m_V", "phase")
    assert result.columns == ("log_prob", "chi2", "allowed", RATE, "one")
    for name, value in direct(result.axes).items():
        np.testing.assert_allclose(result.grid(name), value, rtol=2e-14, atol=1e-300)
        np.testing.assert_array_equal(result[name], result.grid(name))
    if to_disk:
        again = open_scan(out)
        np.testing.assert_array_equal(again.store.array("chi2")[...], result["chi2"])
        assert again.store.verify().ok


def test_axes():
    values, _ = axis_values("x", {"min": 1e-3, "max": 10.0, "n": 5, "scale": "log"})
    np.testing.assert_allclose(values, [1e-3, 1e-2, 0.1, 1.0, 10.0], rtol=1e-13)
    assert values[0] == 1e-3 and values[-1] == 10.0
    values, _ = axis_values("x", {"min": -10.0, "max": -0.1, "n": 3, "scale": "log"})
    np.testing.assert_allclose(values, [-10.0, -1.0, -0.1], rtol=1e-13)
    values, _ = axis_values("x", {"min": 1e-3, "max": 1.0, "n": 9, "scale": "signed_log"})
    np.testing.assert_allclose(values, -values[::-1], rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(np.diff(np.arcsinh(values / 1e-3)), np.arcsinh(1e3) / 4, rtol=1e-12)
    values, described = axis_values("x", np.linspace(0, 1, 10_000))
    assert len(values) == 10_000 and len(json.dumps(described)) < 200


def test_summaries_of_a_grid(tmp_path):
    result = scan(Toy(), {**SPEC, "phase": 1.25}, tmp_path / "a.zarr", chunk=20, progress=False)
    assert result.names == ("g", "m_V") and result.fixed == {"phase": 1.25} and result.shape == (13, 7)
    axes = {**result.axes, "phase": np.array([1.25])}
    d = {k: v[..., 0] for k, v in direct(axes).items()}
    lp = np.where(d["allowed"], d["log_prob"], -np.inf)
    best = result.best()
    assert best["index"] == lp.argmax()
    i, j = np.unravel_index(lp.argmax(), lp.shape)
    assert best["parameters"] == {"g": axes["g"][i], "m_V": axes["m_V"][j], "phase": 1.25}
    assert best["log_prob"] == pytest.approx(lp.max()) and best["chi2"] == pytest.approx(-2 * lp.max())
    assert set(best["columns"]) == {"allowed", RATE, "one"}
    np.testing.assert_allclose(result.profile("m_V"), lp.max(0))
    np.testing.assert_allclose(result.profile("m_V", "g"), lp.T)
    np.testing.assert_allclose(result.profile("g", cuts=False), d["log_prob"].max(1))
    assert np.isneginf(result.profile("g")[-1])
    assert result.profile() == pytest.approx(lp.max())
    inside = result.allowed((0.6827, 0.9545))
    for level, quantile in [(0.6827, 2.2957), (0.9545, 6.1802)]:
        np.testing.assert_array_equal(inside[level], 2 * (lp.max() - lp) <= quantile)
    narrow = result.allowed(0.6827, dof=1)[0.6827]
    np.testing.assert_array_equal(narrow, 2 * (lp.max() - lp) <= 1.00002)


def test_nan_is_never_the_best():
    class Holes(Toy):
        def evaluate(self, x):
            out = super().evaluate(x)
            return {**out, "log_prob": jnp.where(x["g"] < 0.5, jnp.nan, out["log_prob"])}

    result = scan(Holes(), SPEC, progress=False)
    assert result.best()["parameters"]["g"] >= 0.5
    assert np.isneginf(result.profile("g")[0])
    with pytest.raises(InputError, match="no point"):
        scan(Holes(), {**SPEC, "g": 0.0}, progress=False).best()


def test_columns_can_be_chosen(tmp_path):
    result = scan(Toy(), SPEC, tmp_path / "a.zarr", columns=[RATE], progress=False)
    assert result.columns == ("log_prob", "chi2", "allowed", RATE)
    assert scan(Toy(), SPEC, columns=[], progress=False).columns == ("log_prob", "chi2", "allowed")
    with pytest.raises(InputError, match="unknown column 'onee'; did you mean 'one'"):
        scan(Toy(), SPEC, columns=["onee"], progress=False)


def test_xarray(tmp_path):
    xarray = pytest.importorskip("xarray")
    on_disk = scan(Toy(), SPEC, tmp_path / "a.zarr", chunk=20, progress=False).to_xarray()
    in_memory = scan(Toy(), SPEC, chunk=20, progress=False).to_xarray()
    for data in (on_disk, in_memory):
        assert data[RATE].dims == ("g", "m_V", "phase")
        assert data[RATE].attrs["units"] == "GeV^-2"
        assert data.m_V.attrs == {"units": "GeV", "long_name": "$m_V$"}
        assert data.phase.attrs == {"units": "rad", "long_name": r"$\phi$"}
    xarray.testing.assert_equal(on_disk.load(), in_memory)
    points = scan(Toy(), None, tmp_path / "b.zarr", n=64, method="sobol", progress=False).to_xarray()
    assert points.chi2.dims == ("point",) and set(points.coords) == {"m_V", "g", "phase"}
    assert points.m_V.attrs["units"] == "GeV"


# ---- quasi-random points -------------------------------------------------------------------------------------------


def test_sobol_blocks_do_not_depend_on_how_they_are_drawn():
    whole = SobolPoints(3, seed=5).block(0, 300)
    assert whole.shape == (3, 300) and (whole > 0).all() and (whole < 1).all()
    points = SobolPoints(3, seed=5)
    for start, stop in [(0, 1), (1, 130), (200, 300), (130, 200), (0, 300), (299, 300)]:
        np.testing.assert_array_equal(points.block(start, stop), whole[:, start:stop])
    assert (SobolPoints(3, seed=6).block(0, 4) != whole[:, :4]).any()
    # balance: exactly one of the first 2^m points in each interval of length 2^-m
    for row in SobolPoints(3, seed=1).block(0, 256):
        assert sorted((row * 256).astype(int)) == list(range(256))


def test_quasi_random_scan(tmp_path):
    n = 1000
    a = scan(Toy(), None, tmp_path / "a.zarr", n=n, method="sobol", chunk=64, seed=3, progress=False)
    b = scan(Toy(), None, n=n, method="sobol", chunk=999, batch=100, seed=3, progress=False)
    unit = SobolPoints(3, 3).block(0, n)
    assert a.columns == ("m_V", "g", "phase", "log_prob", "chi2", "allowed", RATE, "one")
    for name, s in zip(Toy.names, unit, strict=True):
        assert a[name].dtype == np.float64
        np.testing.assert_allclose(a[name], Toy.priors[name].from_unit(s), rtol=1e-13)
    for name in a.columns:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-13)
    direct = Toy().evaluate({name: a[name] for name in Toy.names})
    np.testing.assert_allclose(a["chi2"], direct["chi2"], rtol=1e-12)
    lp = np.where(a["allowed"], a["log_prob"], -np.inf)
    best = a.best()
    assert best["index"] == lp.argmax()
    assert best["parameters"] == {name: a[name][lp.argmax()] for name in Toy.names}
    with pytest.raises(InputError, match="grid scan"):
        a.profile("m_V")
    with pytest.raises(InputError, match="grid scan"):
        a.grid("chi2")


def test_quasi_random_scan_with_its_own_ranges():
    spec = {"m_V": {"min": 2.0, "max": 3.0}, "g": 0.5, "phase": {"prior": "gaussian", "mean": 9.0, "sigma": 0.1}}
    result = scan(Toy(), spec, n=256, method="sobol", progress=False)
    assert result.names == ("m_V", "phase") and result.fixed == {"g": 0.5}
    assert 2.0 < result["m_V"].min() < 2.01 and 2.99 < result["m_V"].max() < 3.0
    assert result["phase"].mean() == pytest.approx(9.0, abs=1e-3)
    assert result.best()["parameters"]["g"] == 0.5


# ---- interruption and resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["grid", "sobol"])
def test_resume_after_an_interruption(tmp_path, method):
    run = {"chunk": 40, "progress": False}
    run |= {"spec": SPEC} if method == "grid" else {"method": "sobol", "n": 455, "seed": 2}
    scan(Toy(), out=tmp_path / "ref.zarr", **run)

    def stop(k):
        if k == 4:
            raise KeyboardInterrupt

    path = tmp_path / "a.zarr"
    with pytest.raises(ScanInterrupted, match=r"interrupted: .* of 455 points are stored in .*a.zarr; run the same"):
        scan(Toy(), out=path, **run, _after_chunk=stop)
    half = open_scan(path)
    assert not half.complete and 5 * 30 < half.store.done_points < 455
    assert np.isnan(half["chi2"]).sum() == 455 - half.store.done_points
    half.best()
    written = []
    result = scan(Toy(), out=path, **run, _after_chunk=written.append)
    assert result.complete and written == half.store.todo
    assert tree(path) == tree(tmp_path / "ref.zarr")
    # nothing left to do
    scan(Toy(), out=path, **run, _after_chunk=written.append)
    assert written == half.store.todo


def test_an_interrupted_scan_in_memory_says_so():
    def stop(k):
        raise KeyboardInterrupt

    with pytest.raises(ScanInterrupted, match="are lost; give an output store"):
        scan(Toy(), SPEC, chunk=40, progress=False, _after_chunk=stop)


KILLED = """
t.scan(t.Toy(), t.BIG, sys.argv[1], chunk=2000, progress=False,
       _after_chunk=(lambda k: t.time.sleep(float(sys.argv[2]))) if sys.argv[2] != "0" else None)
"""
BIG = {**SPEC, "g": {"min": -1.0, "max": 2.0, "n": 1201}}


def test_kill_9_and_resume_is_bit_for_bit_the_undisturbed_run(tmp_path):
    path, reference = tmp_path / "a.zarr", tmp_path / "ref.zarr"
    undisturbed = python(KILLED, reference, 0)
    # twice: the second time while resuming
    for enough in (4, 9):
        process = python(KILLED, path, 0.05)
        records = path / ".fipjax" / "chunks"
        deadline = time.monotonic() + 60
        while not (records.is_dir() and len(list(records.glob("*.json"))) >= enough):
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    finish(undisturbed)
    assert not open_scan(path).complete
    finish(python(KILLED, path, 0))
    assert open_scan(path).complete
    assert tree(path) == tree(reference)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "ref.zarr"]


def test_ctrl_c(tmp_path):
    code = """
try:
    t.scan(t.Toy(), t.BIG, sys.argv[1], chunk=2000, progress=False, _after_chunk=lambda k: t.time.sleep(0.05))
except t.ScanInterrupted as err:
    print(err)
"""
    path = tmp_path / "a.zarr"
    process = python(code, path)
    records = path / ".fipjax" / "chunks"
    while not (records.is_dir() and len(list(records.glob("*.json"))) >= 2):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out = finish(process)
    assert "run the same command again to resume" in out and out.count("\n") == 1
    assert f"{open_scan(path).store.done_points:,} of 42,035 points" in out


def test_damage_is_repaired_by_running_again(tmp_path):
    path = tmp_path / "a.zarr"
    store = scan(Toy(), SPEC, path, chunk=40, progress=False).store
    before = tree(path)
    file = path / "chi2" / store.layout.key(3)
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    assert list(open_scan(path).store.verify().damaged) == [3]
    written = []
    scan(Toy(), SPEC, path, chunk=40, progress=False, _after_chunk=written.append)
    assert written == [3]
    assert tree(path) == before


def test_a_flipped_byte_is_noticed_when_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    whole = scan(Toy(), SPEC, path, chunk=40, progress=False)
    layout, right = whole.store.layout, whole["chi2"]
    file = path / "chi2" / layout.key(3)
    data = bytearray(file.read_bytes())
    data[13] ^= 1  # a low bit of the second value: nothing that would look odd
    file.write_bytes(data)
    damaged = open_scan(path)
    assert np.array_equal(damaged["log_prob"], -0.5 * right)
    for read in (lambda: damaged["chi2"], lambda: list(damaged.chunks("chi2")), lambda: damaged.store.read_chunk("chi2", 3)):
        with pytest.raises(InputError, match=rf"{layout.key(3)} is damaged: wrong checksum .*run the same scan again"):
            read()
    with pytest.raises(InputError, match=r"1 damaged.* chunk 3: column chi2: wrong checksum"):
        damaged.to_xarray(verify=True)
    # on request nobody looks
    wrong = open_scan(path, verify=False)["chi2"]
    assert np.sum(wrong != right) == 1 and damaged.to_xarray()["chi2"].values.tobytes() == wrong.tobytes()
    (path / ".fipjax" / "chunks" / "5.json").write_text("{")
    with pytest.raises(InputError, match=r"5.json is damaged"):
        open_scan(path)["log_prob"]
    scan(Toy(), SPEC, path, chunk=40, progress=False)
    # each file is compared once
    sums = []
    monkeypatch.setattr("fipjax.engines.store.checksum", lambda data, function=checksum: sums.append(1) or function(data))
    mended = open_scan(path)
    assert np.array_equal(mended["chi2"], right) and np.array_equal(mended["chi2"], right) and len(sums) == layout.n_chunks
    assert len(mended.to_xarray(verify=True)["chi2"].dims) == 3


def test_another_scan_is_refused(tmp_path):
    path = tmp_path / "a.zarr"
    scan(Toy(), SPEC, path, progress=False)
    before = tree(path)
    with pytest.raises(InputError, match=r"another run: data = 'latest' there, '2021' here \(allowed: the same run;"):
        scan(Toy("2021"), SPEC, path, progress=False)
    with pytest.raises(InputError, match=r"parameters.g.scan.n = 13 there, 14 here"):
        scan(Toy(), {**SPEC, "g": {"min": -1.0, "max": 2.0, "n": 14}}, path, progress=False)
    with pytest.raises(InputError, match=r"method = 'grid' there, 'sobol' here"):
        scan(Toy(), None, path, method="sobol", n=10, progress=False)
    swapped = dict(reversed(SPEC.items()))
    with pytest.raises(InputError, match=r"layout.dims = \['g', 'm_V', 'phase'\] there"):
        scan(Toy(), swapped, path, progress=False)
    assert tree(path) == before
    assert scan(Toy("2021"), SPEC, path, overwrite=True, progress=False).manifest["likelihood"]["data"] == "2021"
    points = tmp_path / "b.zarr"
    scan(Toy(), None, points, method="sobol", n=10, progress=False)
    with pytest.raises(InputError, match="seed = 0 there, 1 here"):
        scan(Toy(), None, points, method="sobol", n=10, seed=1, progress=False)


# ---- several processes and devices ---------------------------------------------------------------------------------


def test_parts_fill_one_store(tmp_path):
    scan(Toy(), SPEC, tmp_path / "ref.zarr", chunk=40, progress=False)
    path = tmp_path / "a.zarr"
    assert not scan(Toy(), SPEC, path, chunk=40, progress=False, part=(1, 3)).complete
    scan(Toy(), SPEC, path, chunk=40, progress=False, part=(0, 3))
    assert scan(Toy(), SPEC, path, chunk=40, progress=False, part=(2, 3)).complete
    assert tree(path) == tree(tmp_path / "ref.zarr")


def test_several_devices(tmp_path):
    """Chunks are spread over the local devices; 35 points do not divide by 3."""
    code = """
import jax
assert len(jax.local_devices()) == 3
for batch in (None, 5):
    run = dict(chunk=35, batch=batch, progress=False)
    t.scan(t.Toy(), t.SPEC, f"{sys.argv[1]}/grid{batch}.zarr", **run)
    t.scan(t.Toy(), None, f"{sys.argv[1]}/sobol{batch}.zarr", n=100, method="sobol", **run)
"""
    process = python(code, tmp_path, env={"XLA_FLAGS": "--xla_force_host_platform_device_count=3"})
    grid = scan(Toy(), SPEC, chunk=35, progress=False)
    sobol = scan(Toy(), None, n=100, method="sobol", progress=False)
    finish(process)
    for batch in (None, 5):
        for name, expected in (("grid", grid), ("sobol", sobol)):
            got = open_scan(tmp_path / f"{name}{batch}.zarr")
            assert got.complete
            for column in expected.columns:
                np.testing.assert_allclose(got[column], expected[column], rtol=1e-13)


def test_memory_does_not_grow_with_the_number_of_points(tmp_path):
    """Ten times the points cost less than 20 MB more, while the columns alone grow by 60 MB and more."""
    code = """
import resource
n, method, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
spec = {"g": {"min": -1, "max": 2, "n": n // 100}, "m_V": list(range(1, 11)), "phase": list(range(10))}
if method == "grid":
    t.scan(t.Toy(), spec, out, chunk=2**15, progress=False)
else:
    t.scan(t.Toy(), None, out, n=n, method="sobol", chunk=2**15, progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    sizes = (200_000, 2_000_000)
    for method in ("grid", "sobol"):
        processes = [python(code, n, method, tmp_path / f"{method}{n}.zarr") for n in sizes]
        small, large = (float(finish(p)) for p in processes)
        assert large - small < 20.0, (method, small, large)


def test_default_chunks_of_large_scans():
    """A few thousand files per column at 1e9 points, however wide the rows; little is lost with a chunk of a small scan."""
    for row in (17, 60, 170, 2000):
        for n in (10**3, 10**6, 10**8, 10**9, 10**10):
            layout = Layout.blocked(("point",), (n,), _default_chunk(n, row))
            assert layout.n_chunks <= max(4096, n / 2**20 + 1) * (1.0 if n > 10**6 else 20.0)
            assert layout.chunk_points <= 2**20
    assert _default_chunk(10**6, 17) <= 10**6 / 16 + 1


def test_points_inside_one_chunk_at_a_time(tmp_path):
    for result in (
        scan(Toy(), SPEC, tmp_path / "a.zarr", chunk=40, progress=False),
        scan(Toy(), None, tmp_path / "b.zarr", n=500, method="sobol", chunk=64, progress=False),
    ):
        parts = list(result.select(9.0, "chi2", RATE))
        lp = np.where(result["allowed"], result["log_prob"], -np.inf)
        inside = 2.0 * (lp.max() - lp) <= 9.0
        np.testing.assert_array_equal(np.concatenate([p["log_prob"] for p in parts]), lp[inside])
        x = {name: np.concatenate([p[name] for p in parts]) for name in Toy.names}
        np.testing.assert_allclose(Toy().evaluate(x)["chi2"], np.concatenate([p["chi2"] for p in parts]), rtol=1e-12)
        assert len(parts) <= result.store.layout.n_chunks and max(len(p["chi2"]) for p in parts) <= 64
    with pytest.raises(InputError, match="unknown column 'chi'"):
        next(result.select(9.0, "chi"))


# ---- what counts as the same run -----------------------------------------------------------------------------------


def test_source_and_settings_of_a_likelihood_count(tmp_path, monkeypatch):
    """Another version of the physics, other conventions: refused in one line, although model and data have the same names."""
    import fipjax
    from fipjax.engines import source

    options = {"use": ["a_mu"], "uncertainties": "none", "fixed": {"gamma_V": 0.1, "C4_bsV": 1e-8, "C4t_mumuV": 0.0}}
    like = fipjax.Likelihood("deft44", "2021", "none", **options)
    spec = {"m_V": [5.0, 6.0], "C4_mumuV": [-0.02, -0.01]}
    path = tmp_path / "a.zarr"
    manifest = scan(like, spec, path, progress=False).manifest
    assert len(manifest["source"]["physics"]) == 16 and manifest["settings"] == {"conventions": "default", "covariance_at": None}
    assert source.provenance(Toy()) == {}
    printed = fipjax.Likelihood("deft44", "2021", "none", conventions="as_printed", **options)
    with pytest.raises(InputError, match=r"conventions = 'default' there, 'as_printed' here"):
        scan(printed, spec, path, progress=False)
    monkeypatch.setattr(source, "physics_source", lambda: "0123456789abcdef")
    with pytest.raises(InputError, match=r"the source code of fipjax's physics = '\w{16}' there, '0123456789abcdef' here"):
        scan(like, spec, path, progress=False)


# ---- from the command line -----------------------------------------------------------------------------------------


RUN_FILE = """
[model]
name = "deft44"
[scan]
chunk = 40
[scan.grid]
g = {min = -1.0, max = 2.0, n = 13}
m_V = {min = 0.1, max = 10.0, n = 7, scale = "log"}
phase = [0.0, 0.5, -0.5, 1.0, 1.25]
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """fipjax with Toy as the likelihood of every run file: command(*arguments) -> (exit code, stdout, stderr)."""
    from fipjax import cli
    from fipjax.runfile import RunFile

    like = Toy()
    like.sm_chi2 = lambda: 0.0
    monkeypatch.setattr(RunFile, "likelihood", lambda self: like)
    monkeypatch.setattr(cli, "_describe", lambda like: None)
    (tmp_path / "run.toml").write_text(RUN_FILE)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = cli.main([str(a) for a in arguments])
        return code, *capsys.readouterr()

    return call


def test_full_disk_ends_the_command_with_one_line(command, tmp_path, monkeypatch):
    from fipjax.engines import store as store_module

    replace, calls = os.replace, []

    def full(source, target):
        if "chunks" in str(target):
            calls.append(target)
            if len(calls) > 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(store_module.os, "replace", full)
    code, out, err = command("scan", "run.toml", "-o", "a.zarr")
    assert code == 2 and not out
    assert err.startswith("fipjax: error: cannot write a.zarr: No space left on device (") and err.count("\n") == 1
    assert "of 455 points are stored; run the same command again to resume)" in err
    monkeypatch.setattr(store_module.os, "replace", replace)
    assert sorted(open_scan("a.zarr").store.done) == [0, 1]
    assert command("scan", "run.toml", "-o", "a.zarr")[0] == 0
    scan(Toy(), SPEC, "ref.zarr", chunk=40, progress=False)
    assert tree(tmp_path / "a.zarr") == tree(tmp_path / "ref.zarr")


def test_workers_from_the_command_line(command, tmp_path):
    for i in (2, 0):
        code, out, _ = command("scan", "run.toml", "-o", "a.zarr", "--worker", f"{i}/3")
        assert code == 0 and out.startswith(f"worker {i}/3: its part is done; ") and "best point" not in out
    code, out, _ = command("scan", "run.toml", "-o", "a.zarr", "--worker", "1/3", "--json")
    about = json.loads(out)
    assert code == 0 and about["complete"] and about["worker"] == [1, 3] and about["best"]["parameters"]["m_V"] > 0
    scan(Toy(), SPEC, "ref.zarr", chunk=40, progress=False)
    assert tree(tmp_path / "a.zarr") == tree(tmp_path / "ref.zarr")
    code, _, err = command("scan", "run.toml", "-o", "a.zarr", "--worker", "3/3")
    assert code == 2 and "--worker '3/3'" in err


def test_adaptive_from_a_run_file(command, tmp_path):
    text = RUN_FILE.replace("chunk = 40", 'method = "adaptive"\nlevels = 2\nthreshold = 9.0\nsafety = 1')
    (tmp_path / "run.toml").write_text(text.replace("[0.0, 0.5, -0.5, 1.0, 1.25]", "{min = -3.0, max = 3.0, n = 6}"))
    code, out, _ = command("scan", "run.toml", "-o", "a.zarr")
    assert code == 0 and "a dense grid of the same resolution has 34,944 points; Delta(-2 ln L) <= 9 in" in out
    code, out, _ = command("scan", "run.toml", "-o", "a.zarr", "--json")
    about = json.loads(out)
    assert about["dense_points"] == 34944 and about["points"] < 34944 and 0.0 < about["volume"] < 0.1
    assert open_scan("a.zarr").manifest["refinement"]["safety"] == 1.0
    assert command("verify", "a.zarr")[0] == 0


def test_verify_command(command, tmp_path):
    store = scan(Toy(), SPEC, "a.zarr", chunk=40, progress=False).store
    before = tree(tmp_path / "a.zarr")
    code, out, err = command("verify", "a.zarr")
    assert (code, out, err) == (0, f"{store.layout.n_chunks} chunks checked, 0 damaged, 0 not computed\n", "")
    (tmp_path / "a.zarr" / "chi2" / store.layout.key(3)).write_bytes(b"junk")
    (tmp_path / "a.zarr" / "g" / "c.0").write_bytes(b"junk")
    code, out, err = command("verify", "a.zarr", "--json")
    about = json.loads(out)
    assert code == 2 and about["damaged"] == {"3": "column chi2: 4 bytes"} and list(about["files"]) == ["g/c.0"] and not about["ok"]
    assert err == "fipjax: error: store a.zarr is damaged in 2 places (allowed: an intact store; --repair drops what is damaged)\n"
    code, out, err = command("verify", "a.zarr", "--repair")
    assert code == 0 and "chunk 3: column chi2: 4 bytes" in out and "g/c.0: damaged or was edited, mended" in out and not err
    code, out, _ = command("verify", "a.zarr")
    assert code == 0 and "1 not computed" in out
    assert command("scan", "run.toml", "-o", "a.zarr")[0] == 0
    assert tree(tmp_path / "a.zarr") == before
    code, _, err = command("verify", "nothing.zarr")
    assert code == 2 and err == "fipjax: error: no scan store at nothing.zarr\n"


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"mV": 1.0}, {}, r"unknown parameter 'mV'; did you mean 'm_V'\?"),
        ({"g": None}, {}, "parameter 'g': None"),
        ({"g": "all"}, {}, "parameter 'g': 'all'"),
        ({"g": [1.0, [2.0]]}, {}, "parameter 'g'"),
        ({"g": []}, {}, r"shape \(0,\)"),
        ({"g": [[1.0]]}, {}, r"shape \(1, 1\)"),
        ({"g": [1.0, float("nan")]}, {}, "finite"),
        ({"g": [1.0, 1.0]}, {}, "twice"),
        ({"g": float("inf")}, {}, "finite"),
        ({"g": True}, {}, "a number"),
        ({"g": {"min": 0, "max": 1}}, {}, "needs n"),
        ({"g": {"min": 0, "max": 1, "n": 1}}, {}, "n = 1"),
        ({"g": {"min": 0, "max": 1, "n": 2.5}}, {}, "n = 2.5"),
        ({"g": {"min": 1, "max": 0, "n": 3}}, {}, "min < max"),
        ({"g": {"min": 0, "max": 1, "n": 3, "scale": "log"}}, {}, "one sign"),
        ({"g": {"min": 0, "max": 1, "n": 3, "scale": "signed_log"}}, {}, "> 0"),
        ({"g": {"min": 0, "max": 1, "n": 3, "scale": "lin"}}, {}, "allowed: linear, log, signed_log"),
        ({"g": {"min": 0, "max": 1, "num": 3}}, {}, "unknown field .*'num'"),
        ({}, {"method": "random"}, "allowed: grid, sobol, adaptive"),
        ({"g": {"min": 0, "max": 1, "n": 10**9}}, {}, r"n = 1,000,000,000 \(allowed: at most 20,000,000"),
        ({}, {"method": "sobol"}, "n = None"),
        ({}, {"n": 10}, "n of each axis"),
        ({}, {"chunk": 0}, "chunk = 0"),
        ({}, {"batch": 0}, "batch = 0"),
        ({}, {"seed": -1}, "seed = -1"),
        ({}, {"part": (2, 2)}, r"part = \(2, 2\)"),
        ({}, {"part": (0, 2)}, "need a store"),
        ({"g": {"min": 0, "max": 1, "n": 10**7}}, {}, r"350,000,000 points in memory \(allowed: 200,000,000"),
        ({"g": 0.0, "m_V": 1.0, "phase": 0.0}, {}, "at least one that varies"),
    ],
)
def test_bad_input(change, options, message):
    with pytest.raises(InputError, match=message) as err:
        scan(Toy(), {**SPEC, **change} if options.get("method") != "sobol" else None, progress=False, **options)
    assert "\n" not in str(err.value)


def test_missing_parameters_are_named():
    with pytest.raises(InputError, match="no values for g, phase"):
        scan(Toy(), {"m_V": 1.0}, progress=False)


def test_bad_quasi_random_input():
    run = {"method": "sobol", "n": 8, "progress": False}
    for spec, message in [
        ({"g": [1.0, 2.0]}, "a number, or a table"),
        ({"g": {"min": 0.0, "max": 1.0, "scale": "lin"}}, "allowed: linear, log, signed_log"),
        ({"g": {"prior": "flatt", "min": 0.0, "max": 1.0}}, "prior = 'flatt'"),
        ({"q": 1.0}, "unknown parameter 'q'"),
    ]:
        with pytest.raises(InputError, match=message):
            scan(Toy(), spec, **run)
    with pytest.raises(InputError, match="at most 2"):
        scan(Toy(), None, method="sobol", n=2**33, progress=False)
    like = Toy()
    like.priors = {"m_V": Toy.priors["m_V"], "g": Toy.priors["g"]}
    with pytest.raises(InputError, match="'phase' has no prior"):
        scan(like, None, **run)


def test_bad_likelihoods():
    class NoChi2(Toy):
        def evaluate(self, x):
            return {"log_prob": x["g"]}

    class Matrix(Toy):
        def evaluate(self, x):
            return {**super().evaluate(x), "matrix": jnp.outer(x["g"], x["g"])}

    with pytest.raises(InputError, match="log_prob and chi2 among them"):
        scan(NoChi2(), SPEC, progress=False)
    with pytest.raises(InputError, match="'matrix' has shape"):
        scan(Matrix(), SPEC, progress=False)


def test_unwritable_output(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(InputError, match=r"cannot create .*/file/sub.zarr: .*/file is not a directory"):
        scan(Toy(), SPEC, file / "sub.zarr", progress=False)
    with pytest.raises(InputError, match="is not a scan store"):
        scan(Toy(), SPEC, file, progress=False)
    with pytest.raises(InputError, match="no scan store at"):
        open_scan(tmp_path / "none.zarr")
    with pytest.raises(InputError, match="GB are free there"):
        scan(Toy(), {**SPEC, "g": {"min": 0, "max": 1, "n": 10**6}, "m_V": list(range(1, 10**6))}, tmp_path / "a.zarr")


def test_a_write_that_fails_ends_the_scan_with_one_line(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    write = ScanStore.write_chunk

    def fails(self, k, arrays):
        if k == 3:
            raise InputError(f"cannot write {self.path}: No space left on device")
        write(self, k, arrays)

    monkeypatch.setattr(ScanStore, "write_chunk", fails)
    with pytest.raises(InputError, match="No space left"):
        scan(Toy(), SPEC, path, chunk=40, progress=False)
    monkeypatch.undo()
    assert sorted(open_scan(path).store.done) == [0, 1, 2]
    assert scan(Toy(), SPEC, path, chunk=40, progress=False).complete


def test_repr(tmp_path):
    result = scan(Toy(), SPEC, tmp_path / "a.zarr", progress=False)
    assert isinstance(result, Scan)
    assert repr(result) == f"<Scan at {tmp_path / 'a.zarr'}: grid, 455 points, 5 columns, complete>"
