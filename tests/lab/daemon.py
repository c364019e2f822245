# SPDX-License-Identifier: Apache-2.0
"""``xdpair serve`` on the lab's balancer, and the command line talking to it."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from tests.lab.errors import LabError
from tests.lab.faults import LabEvent
from tests.lab.lab import Lab

#: What a configuration holds: values, and tables of values.
Settings: TypeAlias = Mapping[str, "str | int | bool | list[str] | Settings"]

_POLL_S: Final = 0.005
_STOP_TIMEOUT_S: Final = 15.0
_LOG_TAIL: Final = 4000

_HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
_HTTP2_SETTINGS: Final = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # an empty one; section 6.5


class Daemon:
    """The controller. It is ended with the lab, and may be killed and started again before.

    What the lab decides of its configuration (interfaces, paths) can be overruled, and anything
    added, by ``settings``: the content of the TOML file as nested dictionaries.
    """

    def __init__(self, lab: Lab, settings: Settings | None = None) -> None:
        self._lab = lab
        self.socket = lab.directory / "api.sock"
        self.state_dir = lab.directory / "state"
        self.log = lab.directory / "xdpair.log"
        self._config = lab.directory / "xdpair.toml"
        self._child: subprocess.Popen[bytes] | None = None
        self._settings = merged(
            {
                "interfaces": list(lab.balancer.interfaces),
                "state_dir": str(self.state_dir),
                "pin_path": str(lab.pin_path),
                "api": {"socket": str(self.socket)},
                "vip": {"announce": True},
            },
            settings or {},
        )

    def start(self, timeout_s: float = 20.0) -> LabEvent:
        """Start it; its API answers when this returns.

        Raises:
            LabError: it runs already, ended at once, or does not answer within ``timeout_s``.
        """
        if self._child is not None:
            raise LabError("xdpair runs already")
        self._config.write_text(toml(self._settings))
        self.state_dir.mkdir(exist_ok=True)

        def start() -> None:
            with self.log.open("ab") as log:
                self._child = self._lab.balancer.popen(
                    [sys.executable, "-m", "xdpair", "serve", "--config", self._config],
                    stdout=log,
                    stderr=log,
                )
            self._await_api(self._child, timeout_s)

        return self._lab.timeline.record("daemon-start", "balancer", start)

    def stop(self) -> LabEvent:
        """SIGTERM, and wait for its end.

        Raises:
            LabError: it does not end, or not with exit status 0.
        """
        return self._end(signal.SIGTERM, "daemon-stop", expected=0)

    def kill(self) -> LabEvent:
        """SIGKILL."""
        return self._end(signal.SIGKILL, "daemon-kill", expected=-signal.SIGKILL)

    def restart(self) -> LabEvent:
        """Stop it and start it again."""
        self.stop()
        return self.start()

    @property
    def pid(self) -> int:
        """Its process. Raises ``LabError`` if it does not run."""
        return self._running().pid

    def log_tail(self) -> str:
        """The end of what it wrote."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-_LOG_TAIL:]

    def cli(
        self, *arguments: str, check: bool = True, timeout_s: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``xdpair ARGUMENTS`` against it.

        Raises:
            LabError: it failed, and ``check`` is true.
        """
        result = self._lab.balancer.run(
            [sys.executable, "-m", "xdpair", *arguments],
            env={"XDPAIR_SOCKET": f"unix:{self.socket}"},
            check=False,
            timeout_s=timeout_s,
        )
        if check and result.returncode != 0:
            raise LabError(f"xdpair {' '.join(arguments)}: {result.stderr.strip()}")
        return result

    def _end(self, number: signal.Signals, kind: str, expected: int) -> LabEvent:
        child = self._running()

        def end() -> None:
            child.send_signal(number)
            try:
                child.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                raise LabError(f"xdpair ignores {number.name}: {self.log_tail()}") from None

        event = self._lab.timeline.record(kind, "balancer", end)
        self._child = None
        if child.returncode != expected:
            raise LabError(f"xdpair ended with {child.returncode}: {self.log_tail()}")
        return event

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise LabError("xdpair does not run")
        return self._child

    def _await_api(self, child: subprocess.Popen[bytes], timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not speaks_http2(self.socket):
            if child.poll() is not None:
                self._child = None
                raise LabError(f"xdpair ended with {child.returncode}: {self.log_tail()}")
            if time.monotonic() > deadline_s:
                raise LabError(f"no API after {timeout_s:g} s: {self.log_tail()}")
            time.sleep(_POLL_S)


def speaks_http2(path: Path) -> bool:
    """Whether a gRPC server answers on a unix socket: it greets with its HTTP/2 settings."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(str(path))
            sock.sendall(_HTTP2_PREFACE + _HTTP2_SETTINGS)
            head = sock.recv(len(_HTTP2_SETTINGS))
        except OSError:
            return False
    return len(head) == len(_HTTP2_SETTINGS) and head[3] == _HTTP2_SETTINGS[3]


def merged(base: Settings, changes: Settings) -> Settings:
    """``base`` with ``changes`` laid over it, table by table."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def toml(settings: Settings, table: str = "") -> str:
    """Settings as TOML text."""
    lines = [f"[{table}]"] if table else []
    tables = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            tables.append(toml(value, f"{table}.{key}" if table else key))
        else:
            lines.append(f"{key} = {json.dumps(value)}")  # JSON's values are TOML's, too
    return "\n".join([*lines, *tables, ""])
