# SPDX-License-Identifier: Apache-2.0
"""The `xdpair` command: a gRPC client and nothing else, but for `xdpair serve`."""
