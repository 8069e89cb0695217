"""Names of observables, measurements, vintages."""

import numpy as np
import pytest

import fipjax
from fipjax.data import VINTAGES, a_mu_sm, list_sets, load_set, select
from fipjax.errors import InputError
from fipjax.observables import FAMILIES, parse


def test_a_bin_is_the_same_bin_however_it_is_written():
    pred = fipjax.predict(
        "wet", {}, ["<dBR/dq2>(B+->Kmumu)[1.1,6]", "<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<dBR/dq2>(B+->Kmumu)[ 1.10 , 6 ]"]
    )
    assert list(pred) == [
        "<dBR/dq2>(B+->Kmumu)[1.1,6]",
        "<dBR/dq2>(B+->Kmumu)[1.1,6.0]",
        "<dBR/dq2>(B+->Kmumu)[ 1.10 , 6 ]",
    ]
    assert len(set(pred.values())) == 1
    assert parse("<dBR/dq2>(B+->Kmumu)[1.10,6]").name == "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"


@pytest.mark.parametrize(
    "name,says",
    [
        ("<dBR/dq2>(B+->Kmumu)[6,1.1]", "reversed"),
        ("<dBR/dq2>(B+->Kmumu)[1.1,60]", "outside the physical region"),
        ("<dBR/dq2>(B+->Kmumu)[-1,2]", "outside the physical region"),
        ("<dBR/dq2>(B+->Kmumu)[23,24]", "outside the physical region"),
        ("dBR/dq2(B+->Kmumu)[0.01]", "outside the physical region"),
        ("<dBR/dq2>(B+->Kmumu)[a,b]", "not numeric"),
        ("<dBR/dq2>(B+->Kmumu)", "[q2min,q2max]"),
        ("BR(Bs->mumu)[1,2]", "no brackets"),
        ("<dBR/dq2>(B+->Kmumuu)[1.1,6]", "did you mean"),
        ("<dBR/dq2>(B+->Kmumu)[1,nan]", "finite"),
        ("", "NAME"),
    ],
)
def test_bad_names_are_one_line(name, says):
    with pytest.raises(InputError) as err:
        parse(name)
    assert says in str(err.value) and "\n" not in str(err.value)


def test_bins_beyond_the_endpoint_are_clipped():
    """The average over a nominal bin that sticks out of the physical region counts the rate inside."""
    pred = fipjax.predict("wet", {}, ["<dBR/dq2>(B+->Kmumu)[22.0,22.9]", "<dBR/dq2>(B+->Kmumu)[22.0,23.0]"])
    inside, wide = pred.values()
    # the endpoint is 22.902 GeV^2, where the rate vanishes like lambda^(3/2): what is left out is below 1e-4
    assert abs(wide * 1.0 / (inside * 0.9) - 1) < 1e-3


def test_bins_add_up():
    """A wide bin is the weighted mean of narrow ones, through broad and narrow resonances inside, on edges and at thresholds."""
    x = {"m_V": [2.0, 2.0, 1.2, 0.212, 3.36], "gamma_V": [0.05, 1e-9, 1e-6, 1e-4, 1e-3], "C4_bsV": 1e-8, "C4_mumuV": -0.05}
    edges = [0.05, 0.3, 1.1, 3.9, 4.1, 6.0, 8.0]
    names = [f"<dBR/dq2>(B+->Kmumu)[{a},{b}]" for a, b in zip(edges[:-1], edges[1:], strict=True)]
    total = "<dBR/dq2>(B+->Kmumu)[0.05,8.0]"
    pred = fipjax.predict("deft", x, [*names, total])
    alone = fipjax.predict("deft", x, [total])[total]
    widths = np.diff(edges)
    want = sum(pred[n] * w for n, w in zip(names, widths, strict=True)) / widths.sum()
    # 1e-6: panels keep singular points on Bernstein ellipses of radius 3.5, which 12 nodes interpolate to 3.5^-12 = 3e-7; the wide
    # bin
    # alone has other panels than the narrow ones
    np.testing.assert_allclose([pred[total], alone], [want, want], rtol=1e-6)


def test_points_are_the_limit_of_bins():
    x = {"m_V": 2.0, "gamma_V": 0.2, "C4_bsV": 1e-8, "C4_mumuV": -0.05, "C4t_mumuV": 0.01}
    heads = ("dBR/dq2", "FH", "ACP")
    points, bins = [f"{h}(B+->Kmumu)[3.0]" for h in heads], [f"<{h}>(B+->Kmumu)[2.999,3.001]" for h in heads]
    r = fipjax.predict("deft", x, [*points, *bins, "Rmue(B+->Kll)[3.0]", "dBR/dq2(B+->Kee)[3.0]"])
    for point, thin in zip(points, bins, strict=True):
        assert abs(r[point] / r[thin] - 1) < 1e-5  # second order in the half-width
    assert abs(r["Rmue(B+->Kll)[3.0]"] * r["dBR/dq2(B+->Kee)[3.0]"] / r["dBR/dq2(B+->Kmumu)[3.0]"] - 1) < 1e-12


def test_shipped_sets_are_consistent():
    """Unique ids, positive errors, positive-definite correlations, known vintages, names of the right form."""
    sets = list_sets()
    assert len({s.id for s in sets}) == len(sets) > 50
    for s in sets:
        assert set(s.vintages) <= set(VINTAGES) and s.arxiv and s.source_of_digits
        for m in s.measurements:
            assert m.sigma > 0 and np.isfinite(m.value)
            if m.observable.split("[")[0] in FAMILIES:
                parse(m.observable)
        if s.correlation is not None:
            assert np.linalg.eigvalsh(s.correlation).min() > -1e-6, s.id


def test_vintages_hold_what_the_papers_used():
    def value(vintage, name):
        d = select(vintage, FAMILIES, use=[name])
        return dict(zip(d.observables, d.value, strict=True))[name]

    assert value("2021", "<Rmue>(B+->Kll)[1.1,6.0]") == 0.846
    assert value("latest", "<Rmue>(B+->Kll)[1.1,6.0]") == 0.949
    assert abs(value("2021", "a_mu") - a_mu_sm("2021")[0] - 251e-11) < 1e-15
    assert abs(value("latest", "a_mu") - a_mu_sm("latest")[0] - 38e-11) < 1e-11  # 38.5, printed without the decimal
    assert value("2021", "BR(Bs->mumu)") == pytest.approx(2.933e-9, rel=1e-3)


def test_nothing_is_counted_twice():
    """No two overlapping bins of one observable from one publication; wide bins only above 14 GeV^2; no charmonium."""
    for vintage in ("2021", "latest"):
        d = select(vintage, FAMILIES)
        seen = {}
        for name, label in zip(d.observables, d.labels, strict=True):
            fam, args = parse(name).family.name, parse(name).args
            for other in seen.get((fam, label), []):
                assert not args or args[1] <= other[0] or other[1] <= args[0], (label, name)
            seen.setdefault((fam, label), []).append(args)
            if args:
                assert args[1] <= 8.7 or args[0] >= 14.0
        assert any(reason == "repeats narrower bins" for _, _, reason in d.left_out)


def test_systematic_errors_of_branching_fractions_are_correlated():
    d = select("2021", FAMILIES, use=["LHCb:1403.8044:B+->Kmumu"])
    i, j = d.observables.index("<dBR/dq2>(B+->Kmumu)[1.1,2.0]"), d.observables.index("<dBR/dq2>(B+->Kmumu)[4.0,5.0]")
    # 1.2 and 1.1 of (1.5 + 1.2) and (1.4 + 1.1) in quadrature
    assert d.correlation[i, j] == pytest.approx(1.2 * 1.1 / np.hypot(1.5, 1.2) / np.hypot(1.4, 1.1), rel=1e-6)


def test_user_measurement(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('id = "mine"\n[[measurement]]\nobservable = "BR(Bs->mumu)"\nvalue = 3e-9\nerrors = [[4e-10, 2e-10]]\n')
    s = load_set(path)
    d = select("latest", FAMILIES, use=["a_mu"], extra=[s])
    assert d.observables == ("a_mu", "BR(Bs->mumu)") and d.plus[1] == 4e-10 and d.minus[1] == 2e-10


@pytest.mark.parametrize(
    "text,says",
    [
        ("id = 3", "id = 3"),
        ('id = "a"\n[[measurement]]\nobservable = "a_mu"\nvalue = "x"\nerrors = [1]', "value = 'x'"),
        ('id = "a"\n[[measurement]]\nobservable = "a_mu"\nvalue = 1\nerrors = []', "errors"),
        ('id = "a"\n[[measurement]]\nobservable = "a_mu"\nvalue = 1\nerrors = [-1]', "positive"),
        (
            'id = "a"\ncorrelation = [[1, 0]]\n[[measurement]]\nobservable = "a_mu"\nvalue = 1\nerrors = [1]',
            "correlation",
        ),
        ('id = "a"\nvintages = ["1999"]', "1999"),
        ("id = ", "not valid TOML"),
    ],
)
def test_bad_measurement_files(tmp_path, text, says):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError) as err:
        load_set(path)
    assert says in str(err.value) and "\n" not in str(err.value)


def test_unknown_measurements_and_vintages():
    for kwargs in ({"use": ["LHCb:9999.9999"]}, {"vintage": "2020"}):
        with pytest.raises(InputError):
            select(kwargs.pop("vintage", "2021"), FAMILIES, **kwargs)


def test_arrays_of_any_length_one_after_the_other():
    """The compiled prediction is shared between calls of different lengths, below and above the block size."""
    name = "BR(Bs->mumu)"
    for n in (1000, 300, 7, 2000):
        c10 = np.linspace(-1.0, 1.0, n)
        got = fipjax.predict("wet", {"C10_bsmumu": c10}, [name])[name]
        ends = [fipjax.predict("wet", {"C10_bsmumu": c}, [name])[name] for c in (c10[0], c10[-1])]
        assert got.shape == (n,)
        np.testing.assert_allclose(got[[0, -1]], ends, rtol=1e-12)
