# SPDX-License-Identifier: Apache-2.0
"""The model and the decisions. Pure: no clock, no socket, no asyncio, no logging."""
