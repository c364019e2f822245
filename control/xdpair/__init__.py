# SPDX-License-Identifier: Apache-2.0
"""xdpair: a layer-4 load balancer whose unit is the primary/secondary server group."""

__version__ = "0.1.0"
