# SPDX-License-Identifier: Apache-2.0
"""``xdpair serve``: the first thing a start does is to start the compiler, if one is needed."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from xdpair.config import load
from xdpair.core.errors import XdpairError
from xdpair.datapath.pins import Loading, Pins, Sizes


def main(config_file: Path) -> int:
    """Run the controller in the foreground.

    Returns:
        0 after SIGTERM or SIGINT; 1 if it could not start, with the reason on stderr.
    """
    try:
        config = load(config_file)
        logging.basicConfig(
            level=config.log_level.value.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        sizes = Sizes(config.max_listeners, config.max_servers, config.flow_buckets)
        loading = Loading(Pins.of(config.pin_path, config.state_dir, sizes))
        # Half of a second's worth of imports, while the compiler runs.
        from xdpair.controller import run  # noqa: PLC0415

        return asyncio.run(run(config, loading))
    except XdpairError as error:
        print(f"xdpair: {error}", file=sys.stderr)
        return 1
