"""One progress line on stderr: rate and time left.  Silent when stderr is not a terminal and for short tasks."""

from __future__ import annotations

import os
import sys
import threading
import time


def _hms(seconds: float) -> str:
    seconds = int(max(seconds, 0.0))
    h, rest = divmod(seconds, 3600)
    m, s = divmod(rest, 60)
    return f"{h:d}:{m:02d}:{s:02d}" if h else f"{m:d}:{s:02d}"


class Progress:
    """Progress of ``total`` units; shown after ``delay`` seconds.

    On a terminal the line is rewritten in place; otherwise (a log file, CI) a line is printed every 15 s, so
    that a long run is never silent.  ``FIPJAX_PROGRESS=0`` turns it off.
    """

    def __init__(self, label: str, total: int, unit: str = "points", delay: float = 2.0, start: int = 0):
        self.label, self.total, self.unit, self.delay = label, int(total), unit, delay
        self.done = int(start)
        self._start_done = int(start)
        self._t0 = time.monotonic()
        self._last = 0.0
        self._shown = False
        self._tty = sys.stderr.isatty()
        self._on = os.environ.get("FIPJAX_PROGRESS", "1") != "0"
        self.note = ""

    def update(self, n: int = 1, note: str | None = None) -> None:
        """Add ``n`` finished units; ``note`` is appended to the line."""
        self.done += n
        if note is not None:
            self.note = note
        now = time.monotonic()
        every = 0.2 if self._tty else 15.0
        if self._on and now - self._t0 > self.delay and now - self._last > every:
            self._last = now
            self._print(now)

    def _print(self, now: float, end: bool = False) -> None:
        elapsed = max(now - self._t0, 1e-9)
        finished = self.done - self._start_done
        parts = [f"{self.label}: {self.done:,}/{self.total:,} {self.unit} ({100 * self.done / max(self.total, 1):.0f}%)"]
        if finished > 0:
            parts.append(f"{finished / elapsed:,.3g} {self.unit}/s")
        if end:
            parts.append(f"took {_hms(elapsed)}")
        elif finished > 0:
            parts.append(f"{_hms((self.total - self.done) * elapsed / finished)} left")
        text = ", ".join(parts)
        if self.note:
            text += f", {self.note}"
        if self._tty:
            sys.stderr.write("\r\x1b[K" + text + ("\n" if end else ""))
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
        self._shown = True

    def close(self) -> None:
        """End the line."""
        if self._on and (self._shown or time.monotonic() - self._t0 > self.delay):
            self._print(time.monotonic(), end=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc) -> None:
        self.close()


class Busy:
    """A line on stderr if what is inside takes longer than ``delay`` seconds and cannot tell how far it is."""

    def __init__(self, text: str, delay: float = 2.0):
        self._text, self._delay = text, delay
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Busy:
        if os.environ.get("FIPJAX_PROGRESS", "1") != "0":
            self._timer = threading.Timer(self._delay, lambda: print(self._text, file=sys.stderr, flush=True))
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *exc) -> None:
        if self._timer is not None:
            self._timer.cancel()
