# SPDX-License-Identifier: Apache-2.0
"""Asks servers whether they are fit: TCP connect, HTTP, UDP, each at a fixed rate.

``schedule`` owns time and implements the port ``Prober``; ``tcp``, ``http`` and ``udp`` know one
protocol each and no clock; ``faults`` turns errno into words and says whose fault it is.
"""

from xdpair.probes.schedule import ProbeScheduler

__all__ = ["ProbeScheduler"]
