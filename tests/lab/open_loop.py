# SPDX-License-Identifier: Apache-2.0
"""What the load clients have in common: requests on a fixed schedule, whatever becomes of them."""

import argparse
import errno
import gc
import sys
import time
from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

from tests.lab.poller import READ, Poller, Ticker
from tests.lab.results import ResultFile

_CARE_HZ: Final = 100.0
_CARES_PER_FLUSH: Final = 10

_ERROR_WORDS: Final = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ETIMEDOUT: "timeout",
}


def error_word(code: int | None) -> str:
    """How results name an errno."""
    if code is None:
        return "error"
    return _ERROR_WORDS.get(code, errno.errorcode.get(code, str(code)).lower())


def arguments(program: str) -> argparse.ArgumentParser:
    """The options that every client takes."""
    parser = argparse.ArgumentParser(prog=f"tests.lab.{program}")
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--out", required=True, help="file for the results")
    parser.add_argument("--duration-s", type=float, help="default: until SIGTERM")
    return parser


def load_arguments(program: str) -> argparse.ArgumentParser:
    """And those of the clients that keep to a schedule."""
    parser = arguments(program)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--timeout-ms", type=float, default=1000.0)
    return parser


class Request:
    """A request on its way."""

    __slots__ = ("due_s", "n", "start_s")

    def __init__(self, n: int, due_s: float) -> None:
        self.n = n
        self.due_s = due_s
        self.start_s = time.monotonic()


R = TypeVar("R", bound=Request)


class OpenLoop(ABC, Generic[R]):
    """Starts requests at a fixed rate, gives each its timeout, and writes how each ended.

    A dead server does not slow it down: a request is started when it is due, whether or not
    others have been answered.

    Attributes:
        pending: requests on their way, by number, oldest first.
    """

    def __init__(self, options: argparse.Namespace, poller: Poller) -> None:
        self.target: tuple[str, int] = (options.address, options.port)
        self.poller = poller
        self.pending: dict[int, R] = {}
        self._results = ResultFile(options.out)
        self._rate_hz: float = options.rate
        self._timeout_s: float = options.timeout_ms / 1000
        self._limit = (
            None if options.duration_s is None else round(options.duration_s * options.rate)
        )
        self._started = 0
        self._draining = False
        self._cares = 0

    @abstractmethod
    def begin(self, n: int, due_s: float) -> R:
        """Make request ``n``."""

    @abstractmethod
    def send(self, request: R) -> None:
        """Start it, and see to it that ``finish`` is called. Raises ``OSError``."""

    @abstractmethod
    def release(self, request: R) -> None:
        """It has ended: let go of what it holds."""

    def run(self) -> None:
        """Do it all: until the duration is over or a signal comes, then wait for the answers."""
        gc.collect()
        gc.freeze()
        gc.disable()  # a collection would delay requests; the few cycles do not add up
        care = Ticker(_CARE_HZ)
        self.poller.add(care.fileno(), READ, lambda _: self._take_care(care))
        ticker = Ticker(self._rate_hz, delay_s=0.005)
        self.poller.add(ticker.fileno(), READ, lambda _: self._tick(ticker))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        self.poller.run()
        self.poller.remove(ticker.fileno())
        if self.pending:
            self._draining = True
            self.poller.run()  # until nothing is pending, or a second signal comes
        self._results.close()

    def finish(self, request: R, *, side: str | None = None, error: str | None = None) -> None:
        """Write how a request ended: answered by a side, or failed."""
        del self.pending[request.n]
        self.release(request)
        self._results.write(
            n=request.n,
            due=request.due_s,
            start=request.start_s,
            end=time.monotonic(),
            side=side,
            error=error,
        )

    def _tick(self, ticker: Ticker) -> None:
        for _ in range(ticker.due()):
            request = self.begin(self._started, ticker.time_of(self._started))
            self.pending[request.n] = request
            self._started += 1
            try:
                self.send(request)
            except OSError as error:
                self.finish(request, error=error_word(error.errno))
            if self._started == self._limit:
                self.poller.stop()
                return

    def _take_care(self, care: Ticker) -> None:
        care.due()
        too_old_s = time.monotonic() - self._timeout_s
        while self.pending:
            oldest = next(iter(self.pending.values()))
            if oldest.start_s > too_old_s:
                break
            self.finish(oldest, error="timeout")
        self._cares += 1
        if self._cares % _CARES_PER_FLUSH == 0:
            self._results.flush()
        if self._draining and not self.pending:
            self.poller.stop()
