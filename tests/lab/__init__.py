# SPDX-License-Identifier: Apache-2.0
"""A real network on one machine: client, balancer, primary and secondary in namespaces.

Nothing is imported here: the servers and clients of the lab are modules of this package, and
they must start quickly. Use ``from tests.lab.lab import Lab``.
"""
