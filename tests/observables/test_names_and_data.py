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


@pytest.mark.parametrize(
    "vintage,kwargs,says",
    [
        ("2020", {}, ["'2020'"]),
        ("2021", {"use": ["LHCb:9999.9999"]}, ["'LHCb:9999.9999'"]),
        ("2021", {"use": ["LHCb:1403.8044:B+->Kmumuu"]}, ["did you mean 'LHCb:1403.8044:B+->Kmumu'"]),
        ("2021", {"use": ["a_mu", "<FL>(B0->K*mumu)[1.1,6.5]"]}, ["[1.1,6.5]'", "did you mean '<FL>(B0->K*mumu)[1.1,6.0]'"]),
        ("datta2022", {"use": ["tau_mumu"]}, ["'tau_mumu'", "not in vintage 'datta2022'", "LHCb:2108.09284:tau"]),
        ("2021", {"use": ["BaBar:1303.7465"]}, ["'BaBar:1303.7465'", "upper limits only"]),
        # two forms of the same data, neither in the vintage
        ("datta2022", {"use": ["2003.04831"]}, ["'2003.04831'", "LHCb:2003.04831:P, LHCb:2003.04831:S"]),
        ("2021", {"use": "a_mu"}, ["use = 'a_mu'", "a list of texts"]),
        ("2021", {"drop": "a_mu"}, ["drop = 'a_mu'", "a list of texts"]),
        ("2021", {"drop": [3]}, ["drop = [3]", "a list of texts"]),
        ("2021", {"drop": ["a_muu"]}, ["'a_muu'", "did you mean 'a_mu'"]),
        ("2021", {"drop": ["a_mu", "LHCb:1705.0580"]}, ["'LHCb:1705.0580'", "did you mean 'LHCb:1705.05802'"]),
        ("2021", {"drop": ["<Rmue>(B0->K*ll)[0.1,1.2]"]}, ["[0.1,1.2]'", "did you mean '<Rmue>(B0->K*ll)[0.1,1.1]'"]),
        ("2021", {"drop": ["*nunnu)"]}, ["'*nunnu)'"]),
    ],
)
def test_unknown_measurements_and_vintages(vintage, kwargs, says):
    with pytest.raises(InputError) as err:
        select(vintage, FAMILIES, **kwargs)
    text = str(err.value)
    assert "\n" not in text and all(x in text for x in says), text


@pytest.mark.parametrize(
    "pattern",
    [
        "LHCb:2212.09152",  # a set of another vintage
        "2212.09153",  # the second number of its reference
        "BaBar:1303.7465",  # upper limits only
        "<Rmue>(B0->K*ll)[0.1,1.1]",  # a bin of another vintage
        "*nunu)",
        "FL(B0->K*mumu)",  # predicted, measured nowhere
    ],
)
def test_an_absent_number_may_be_dropped(pattern):
    assert select("2021", FAMILIES, drop=[pattern]).observables == select("2021", FAMILIES).observables


def test_every_reference_of_a_set_names_it():
    for number in ("2212.09152", "2212.09153", "arXiv:2212.09152"):
        assert set(select("latest", FAMILIES, use=[number]).labels) == {"LHCb:2212.09152"}
    left = select("latest", FAMILIES, drop=["2212.09153"])
    assert "LHCb:2212.09152" not in left.labels
    # the P basis repeats the S basis, which the vintage has
    d = select("latest", FAMILIES, use=["2003.04831"])
    assert set(d.labels) == {"LHCb:2003.04831:S"}
    assert ("<P1>(B0->K*mumu)[0.1,0.98]", "LHCb:2003.04831:P", "not in the vintage") in d.left_out
    assert set(select("latest", FAMILIES, use=["LHCb:2003.04831:P"]).labels) == {"LHCb:2003.04831:P"}


def test_the_star_of_the_meson_is_no_wildcard():
    """K*mumu is not Kmumu: a set id or an observable as an entry finds itself only."""
    one = select("2021", FAMILIES, use=["LHCb:1403.8044:B+->K*mumu"])
    assert set(one.labels) == {"LHCb:1403.8044:B+->K*mumu"}
    names = {o.split("[")[0] for o in select("2021", FAMILIES).observables}
    for name in (n for n in names if "K*" in n):
        assert {o.split("[")[0] for o in select("2021", FAMILIES, use=[name]).observables} == {name}
    both = select("2021", FAMILIES, use=["<dBR/dq2>(B+->K*)"])
    assert {o.split("(")[1].split(")")[0] for o in both.observables} == {"B+->Kmumu", "B+->K*mumu"}


def test_bins_in_entries_are_numbers():
    a, b = (select("latest", FAMILIES, use=[f"<FL>(B0->K*mumu)[{x}]"]) for x in ("1.1,6", "1.10, 6.0"))
    assert a.observables == b.observables == ("<FL>(B0->K*mumu)[1.1,6.0]",) * 2
    every = select("latest", FAMILIES, use=["*(B0->K*mumu)[4,6]"])
    assert set(every.labels) >= {"ATLAS:1805.04000:S", "LHCb:2003.04831:S"} and all("[4.0,6.0]" in o for o in every.observables)


def _numbers(set_id):
    return {m.observable: m for s in list_sets() if s.id == set_id for m in s.measurements}


@pytest.mark.parametrize("paper,process", [("LHCb:2003.04831", "B0->K*mumu"), ("LHCb:2012.13241", "B+->K*mumu")])
def test_both_bases_of_an_angular_analysis_agree(paper, process):
    """P1 = 2 S3/(1 - FL), P2 = (2/3) AFB/(1 - FL), P3 = -S9/(1 - FL), P'_i = S_i'/sqrt(FL (1 - FL)), i' = 4, 5, 7, 8."""
    p, s = _numbers(f"{paper}:P"), _numbers(f"{paper}:S")
    compared = 0
    for name, m in p.items():
        head, q2 = name[1:].split(">(")[0], "[" + name.split("[")[1]
        x = {k: s[f"<{k}>({process}){q2}"].value for k in ("FL", "S3", "S4", "S5", "AFB", "S7", "S8", "S9")}
        t, root = 1 - x["FL"], np.sqrt(x["FL"] * (1 - x["FL"])) if 0 < x["FL"] < 1 else np.inf
        want = {"FL": x["FL"], "P1": 2 * x["S3"] / t, "P2": 2 / 3 * x["AFB"] / t, "P3": -x["S9"] / t}
        want |= {"P4p": x["S4"] / root, "P5p": x["S5"] / root, "P6p": x["S7"] / root, "P8p": x["S8"] / root}
        if paper == "LHCb:2003.04831":
            # rounding of F_L and S_i to three digits
            assert abs(m.value - want[head]) < 0.005, name
        else:
            # separate fits to folded angles: the same sign, and the same number within the errors
            assert abs(m.value - want[head]) < 1.5 * m.sigma + 0.1, name
        compared += 1
    assert compared == 80


def test_cms_angular_numbers_are_in_the_conventions_of_lhcb():
    """Published P'_4 = -0.436, P'_6 = 0.108 +0.075 -0.071, P'_8 = 0.727 and its correlations; see the note of the set."""
    m = _numbers("CMS:2411.11820")
    assert m["<P4p>(B0->K*mumu)[1.1,2.0]"].value == -0.436 / 2 and m["<P8p>(B0->K*mumu)[2.0,4.3]"].value == 0.727 / 2
    p6 = m["<P6p>(B0->K*mumu)[2.0,4.3]"]
    assert p6.value == -0.108
    assert p6.plus == pytest.approx(np.hypot(0.071, 0.018)) and p6.minus == pytest.approx(np.hypot(0.075, 0.018))
    s = next(s for s in list_sets() if s.id == "CMS:2411.11820")
    i, j, k = ([x.observable for x in s.measurements].index(f"<{n}>(B0->K*mumu)[1.1,2.0]") for n in ("FL", "P6p", "P8p"))
    # published: -0.07, 0.03, -0.12
    assert (s.correlation[i, j], s.correlation[i, k], s.correlation[j, k]) == (0.07, 0.03, 0.12)
    # P'_6 waits for the sign to be confirmed
    d = select("latest", FAMILIES, use=["CMS:2411.11820"])
    assert not any("P6p" in o for o in d.observables) and ("<P6p>(B0->K*mumu)[2.0,4.3]", s.id, "unconfirmed sign") in d.left_out
    named = select("latest", FAMILIES, use=["<P6p>(B0->K*mumu)[2.0,4.3]"])
    assert named.labels == ("CMS:2411.11820",) and named.value[0] == -0.108


def test_corrected_numbers():
    r = _numbers("LHCb:2110.09501")
    ks, kst = r["<Rmue>(B0->Kll)[1.1,6.0]"], r["<Rmue>(B+->K*ll)[0.045,6.0]"]
    assert (ks.value, ks.plus, ks.minus) == (0.66, pytest.approx(np.hypot(0.2, 0.02)), pytest.approx(np.hypot(0.14, 0.04)))
    assert (kst.value, kst.plus, kst.minus) == (0.7, pytest.approx(np.hypot(0.18, 0.03)), pytest.approx(np.hypot(0.13, 0.04)))
    # q^2 > 14.18 GeV^2
    assert {m.bin for m in _numbers("Belle:1908.01848:R_K").values() if m.bin[0] > 14} == {(14.18, 22.9)}


def test_an_unreliable_prediction_is_left_out_unless_it_is_named():
    """The predicted |A_FB| exceeds 3/4 near the end point of B -> X_s l l."""
    name = "<AFB>(B->Xsll)[14.3,25.0]"
    for vintage in ("2021", "latest"):
        d = select(vintage, FAMILIES)
        assert name not in d.observables and (name, "Belle:1402.7134", "unreliable prediction") in d.left_out
    assert select("latest", FAMILIES, use=["Belle:1402.7134"]).observables == ("<AFB>(B->Xsll)[0.2,4.3]",)
    assert select("latest", FAMILIES, use=["<AFB>(B->Xsll)[14.3,25]"]).observables == (name,)
    assert fipjax.predict("wet", {}, ["<AFB>(B->Xsll)[18,25]"])["<AFB>(B->Xsll)[18,25]"] < -0.75


def test_independent_data_of_one_experiment_are_both_used():
    """CMS at 8 and at 13 TeV."""
    assert {"CMS:1710.02846", "CMS:2411.11820"} <= set(select("latest", FAMILIES).labels)


def test_systematic_errors_are_common_to_one_publication_only():
    """In the collection datta2022, B+ -> K+ e e is from Belle in two bins and from LHCb in one."""
    d = select("datta2022", FAMILIES)
    a, b, c = (d.observables.index(f"<dBR/dq2>(B+->Kee)[{x}]") for x in ("0.1,4.0", "4.0,8.12", "1.1,6.0"))
    assert d.correlation[a, b] > 0.01 and d.correlation[a, c] == d.correlation[b, c] == 0
    s = next(s for s in list_sets() if s.id == "2210.15662:table1")
    assert all(m.publication for m in s.measurements)


def test_arrays_of_any_length_one_after_the_other():
    """The compiled prediction is shared between calls of different lengths, below and above the block size."""
    name = "BR(Bs->mumu)"
    for n in (1000, 300, 7, 2000):
        c10 = np.linspace(-1.0, 1.0, n)
        got = fipjax.predict("wet", {"C10_bsmumu": c10}, [name])[name]
        ends = [fipjax.predict("wet", {"C10_bsmumu": c}, [name])[name] for c in (c10[0], c10[-1])]
        assert got.shape == (n,)
        np.testing.assert_allclose(got[[0, -1]], ends, rtol=1e-12)
