"""Progress lines: nothing for short tasks, rate and time left for long ones, silence on request."""

import time

import pytest

from fipjax.progress import Busy, Progress


def test_short_tasks_are_silent(capsys, monkeypatch):
    monkeypatch.setenv("FIPJAX_PROGRESS", "1")
    with Progress("scan", 10) as bar:
        bar.update(10)
    with Busy("working"):
        pass
    assert capsys.readouterr().err == ""


def test_long_tasks_tell_rate_and_time_left(capsys, monkeypatch):
    monkeypatch.setenv("FIPJAX_PROGRESS", "1")
    with Progress("scan", 100, delay=0.0) as bar:
        bar.update(0)
        time.sleep(0.02)
        bar._last = 0.0
        bar.update(50, note="best chi2 3.2")
    err = capsys.readouterr().err
    assert "scan: 50/100 points (50%)" in err and "points/s" in err and "left" in err and "best chi2 3.2" in err and "took" in err


def test_no_rate_before_anything_is_finished(capsys, monkeypatch):
    monkeypatch.setenv("FIPJAX_PROGRESS", "1")
    # what an earlier run finished says nothing about the speed of this one
    with Progress("fit", 100, "starts", delay=-1.0, start=40) as bar:
        bar.update(0)
        assert capsys.readouterr().err.splitlines() == ["fit: 40/100 starts (40%)"]
    assert capsys.readouterr().err.splitlines() == ["fit: 40/100 starts (40%), took 0:00"]


@pytest.mark.parametrize("on", [True, False])
def test_busy_and_the_switch(capsys, monkeypatch, on):
    monkeypatch.setenv("FIPJAX_PROGRESS", "1" if on else "0")
    with Busy("compiling", delay=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err == ("compiling\n" if on else "")
