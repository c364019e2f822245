# SPDX-License-Identifier: Apache-2.0
"""This host's network by netlink: next hops, own addresses, VIPs, XDP attachment."""
