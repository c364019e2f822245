# SPDX-License-Identifier: Apache-2.0
"""`python -m xdpair`: the same as the `xdpair` command."""

import sys

from xdpair.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
