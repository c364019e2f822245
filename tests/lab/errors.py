# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a lab."""


class LabError(Exception):
    """The lab could not do what was asked; the message says what and why."""
