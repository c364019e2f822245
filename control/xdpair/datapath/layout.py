# SPDX-License-Identifier: Apache-2.0
"""Structs of bpf/abi.h as numpy dtypes. bcc derives them from the compiled program; nothing is
declared twice.

The layout crosses from the loading process to the controller, and from one start of the controller
to the next, as JSON.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

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


def to_dtype(description: Json) -> np.dtype[Any]:
    """The numpy dtype that reads and writes such a value in the host's byte order."""
    if "array" in description:
        return np.dtype((to_dtype(description["array"]), (description["count"],)))
    if "struct" in description:
        fields = description["struct"]
        return np.dtype(
            {
                "names": list(fields),
                "formats": [to_dtype(field["type"]) for field in fields.values()],
                "offsets": [field["offset"] for field in fields.values()],
                "itemsize": description["size"],
            }
        )
    return np.dtype(f"u{description['uint']}")
