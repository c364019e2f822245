# SPDX-License-Identifier: Apache-2.0
"""Messages of the API and values of the core, each into the other.

Enums are spelled alike on both sides, so they cross by name.
"""
