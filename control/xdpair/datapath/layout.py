# SPDX-License-Identifier: Apache-2.0
"""The structs of bpf/abi.h, as bcc derives them from the compiled program.

The layout crosses from the loading process to the controller, and from one start of the controller
to the next, as JSON.
"""

from __future__ import annotations

import ctypes
from typing import Any

Json = dict[str, Any]


def describe(leaf: Any) -> Json:
    """A ctypes type, as bcc makes them for map values, as JSON: size and, for structs, fields with
    their offsets.
    """
    if issubclass(leaf, ctypes.Array):
        return {"array": describe(leaf._type_), "count": leaf._length_}
    if issubclass(leaf, ctypes.Structure):
        fields = {
            name: {"offset": getattr(leaf, name).offset, "type": describe(kind)}
            for name, kind, *_ in leaf._fields_
            if not name.startswith("__pad")
        }
        return {"struct": fields, "size": ctypes.sizeof(leaf)}
    return {"uint": ctypes.sizeof(leaf)}
