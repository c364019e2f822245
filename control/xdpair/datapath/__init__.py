# SPDX-License-Identifier: Apache-2.0
"""The adapter to the XDP program: compile and load it (in a child process), adopt it, write its
maps.
"""
