# SPDX-License-Identifier: Apache-2.0
"""Where a load client writes what it saw: a file of JSON lines, readable while it grows."""

import json
import os


class ResultFile:
    """Collects lines and writes them in batches, so that writing does not disturb timing."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lines: list[str] = []

    def write(self, **fields: object) -> None:
        """Add a line."""
        self._lines.append(json.dumps(fields) + "\n")

    def flush(self) -> None:
        """Let readers see everything so far, whole lines only."""
        if self._lines:
            os.write(self._fd, "".join(self._lines).encode())
            self._lines.clear()

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        os.close(self._fd)
