# SPDX-License-Identifier: Apache-2.0
"""Doing something inside a network namespace without leaving this process."""

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

_CLONE_NEWNET = 0x40000000  # linux/sched.h; os.setns() came with Python 3.12

_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


class _Visit(threading.Thread, Generic[T]):
    """A thread that enters a namespace for good; its end is the way out."""

    def __init__(self, netns_path: Path, action: Callable[[], T]) -> None:
        super().__init__(name=f"in:{netns_path.name}")
        self._netns_path = netns_path
        self._action = action
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            fd = os.open(self._netns_path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, _CLONE_NEWNET) != 0:
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code), str(self._netns_path))
            finally:
                os.close(fd)
            self._results.append(self._action())
        except BaseException as error:  # noqa: BLE001  # raised again by result()
            self._error = error

    def result(self) -> T:
        self.start()
        self.join()
        if self._error is not None:
            raise self._error
        return self._results[0]


def inside(netns_path: Path, action: Callable[[], T]) -> T:
    """Run ``action`` in a namespace and return what it returns, or raise what it raises.

    Sockets opened there belong to that namespace for ever and may be used from anywhere;
    ``/proc/sys/net`` is that namespace's while ``action`` runs.
    """
    return _Visit(netns_path, action).result()
