# SPDX-License-Identifier: Apache-2.0
"""Dependencies point inwards: who may import whom, read from the source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "control" / "xdpair"

ADAPTERS = {"datapath", "net", "probes", "store"}
#: The shell: what runs the core, through ports.
SHELL = {
    "app", "attachments", "audit", "audit_changes", "checks", "departures", "drains", "effects",
    "events", "explainer", "hooks", "hops", "pairs", "pool", "pools", "rebuilds", "recorder",
    "requests", "resets", "rollout", "supervisor", "sweeper", "units", "vips",
}  # fmt: skip

#: Layer (a folder or module right under ``xdpair``) -> the other layers it may import.
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "ports": {"core"},
    **{adapter: {"core", "ports"} for adapter in ADAPTERS},
    **{part: {"core", "ports"} | SHELL for part in SHELL},
    "config": {"config_rules", "core"},
    "config_rules": {"core"},
    "api": set(),
    "rpc": {"api", "app", "audit", "config", "core", "events"},
    "cli": {"api", "core"},
    "controller": {"config", "core", "ports", "rpc"} | SHELL | ADAPTERS,
    "serve": {"config", "core", "datapath"},
    "__init__": set(),
    "__main__": {"cli"},
}

#: Importer -> layers it may import inside a function only: what a plain command need not load.
MAY_IMPORT_LATE: dict[str, set[str]] = {"cli": {"serve"}, "serve": {"controller"}}

#: Library from outside -> layers (or single modules) that may import it. Others: nobody.
LIBRARY_USERS: dict[str, set[str]] = {
    "bcc": {"datapath.loader"},
    "cryptography": {"cli.certificates"},
    "google": {"api", "cli", "rpc"},
    "grpc": {"api", "cli", "rpc"},
    "grpc_health": {"cli", "rpc"},
    "grpc_reflection": {"rpc"},
    "grpc_status": {"cli", "rpc"},
    "numpy": {"datapath"},
    "protovalidate": {"rpc.rules"},
    "pyroute2": {"datapath", "net"},
    "yaml": {"cli"},
}

#: The core knows neither the clock nor the world.
IMPURE = {
    "asyncio", "ctypes", "logging", "os", "random", "secrets", "select", "selectors", "socket",
    "sqlite3", "subprocess", "threading", "time", "uuid",
}  # fmt: skip


def violations(module: str, source: str) -> list[str]:
    """Say what `module` (dotted, without ``xdpair.``) must not import but does."""
    layer = module.partition(".")[0]
    return [
        f"{module}:{line}: may not import {target}"
        for line, target, late in imports(ast.parse(source))
        if not _is_allowed(module, layer, target, late=late)
    ]


def imports(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, dotted name, whether inside a function) of each import."""
    late = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "xdpair":
            names = [f"xdpair.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            yield node.lineno, name, id(node) in late


def _is_allowed(module: str, layer: str, target: str, *, late: bool) -> bool:
    top, _, rest = target.partition(".")
    if top == "xdpair":
        wanted = rest.partition(".")[0]
        if wanted in {"", "__version__", layer}:
            return True
        return wanted in MAY_IMPORT.get(layer, set()) or (
            late and wanted in MAY_IMPORT_LATE.get(layer, set())
        )
    if top in sys.stdlib_module_names:
        return layer != "core" or top not in IMPURE
    return bool({module, layer} & LIBRARY_USERS.get(top, set()))


def test_every_import_points_inwards() -> None:
    paths = sorted(PACKAGE.rglob("*.py"))
    found = [
        violation
        for path in paths
        for violation in violations(
            ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path.read_text()
        )
    ]
    assert found == []
    assert len(paths) > 5


def test_every_part_of_the_package_has_a_row() -> None:
    paths = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")]
    parts = {path.parts[0] for path in paths}
    assert parts <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.model", "from xdpair.ports import Datapath"),
        ("core.health", "import time"),
        ("core.model", "import numpy"),
        ("core.model", "from . import errors"),
        ("store.sqlite", "from xdpair.net import links"),
        ("probes.tcp", "import xdpair.datapath.loader"),
        ("datapath.adapter", "import bcc"),
        ("rpc.server", "from xdpair import supervisor"),
        ("cli.main", "from xdpair.serve import serve"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


def test_the_command_may_import_the_server_late() -> None:
    assert violations("cli.main", "def run():\n    from xdpair.serve import serve") == []
