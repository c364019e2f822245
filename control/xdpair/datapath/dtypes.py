# SPDX-License-Identifier: Apache-2.0
"""The described structs as numpy dtypes: how the controller reads and writes map values."""

from __future__ import annotations

from typing import Any

import numpy as np

from xdpair.datapath.layout import Json


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
