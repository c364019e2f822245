# SPDX-License-Identifier: Apache-2.0
"""What a change writes: what it speaks of, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, endpoint_of, endpoints, farm, listener, server
from tests.packet.frames import SYN
from tests.packet.world import (
    DNS_ROW,
    LINKS,
    SECONDARY_HOP,
    WEB,
    WEB_ROW,
    to_web,
)
from xdpair.core.model import Protocol
from xdpair.core.tables import (
    Bandwidth,
    Kind,
    LookupKey,
    Schedule,
    TableChange,
)
from xdpair.datapath.constants import ABI

ROW = ROWS[0]
WEB_KEY = LookupKey(Kind.LISTENER, *WEB, Protocol.TCP)
MAPS = (
    "lookup", "listeners", "slots", "servers", "links", "wheels", "cursors", "loads", "limits",
    "flows", "peers",
)  # fmt: skip


@pytest.fixture
def balancer(balancer: Balancer) -> Balancer:
    """The TCP listener is a weighted one; its servers take turns."""
    balancer.datapath.apply(farm())
    balancer.datapath.write_wheel(WEB_ROW, ROWS, dict.fromkeys(ROWS, True))
    return balancer


def content(balancer: Balancer) -> dict[str, Any]:
    return {name: np.array(getattr(balancer.maps, name)) for name in MAPS}


def changed_rows(before: Mapping[str, Any], balancer: Balancer) -> dict[str, list[int]]:
    """Map -> rows whose content differs."""
    after = content(balancer)
    rows = {name: np.flatnonzero(before[name] != after[name]).tolist() for name in MAPS}
    return {name: found for name, found in rows.items() if found}


def epoch_of(balancer: Balancer, row: int) -> int:
    return int(balancer.maps.servers["epoch"][row])


def flags_of(balancer: Balancer, row: int) -> int:
    return int(balancer.maps.servers["flags"][row])


# -- only what changes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        pytest.param(TableChange(), {}, id="nothing"),
        pytest.param(
            TableChange(servers={ROW: server(ROW, hop=SECONDARY_HOP)}),
            {"servers": [ROW]},
            id="a server's hop",
        ),
        pytest.param(TableChange(servers={ROW: None}), {"servers": [ROW]}, id="a server goes"),
        pytest.param(
            TableChange(listeners={WEB_ROW: listener(established_timeout_s=10)}),
            {"listeners": [WEB_ROW]},
            id="a listener's timeout",
        ),
        pytest.param(
            TableChange(listeners={WEB_ROW: listener(bandwidth=Bandwidth(5))}),
            {"listeners": [WEB_ROW], "limits": [WEB_ROW]},
            id="a listener's bandwidth",
        ),
        pytest.param(
            TableChange(listeners={WEB_ROW: None}), {"listeners": [WEB_ROW]}, id="a listener goes"
        ),
        pytest.param(
            TableChange(links=LINKS[:1]),
            {"links": sorted(link.ifindex for link in LINKS[1:])},
            id="interfaces go",
        ),
        pytest.param(farm(), {}, id="all again"),
        pytest.param(replace(farm(), whole=False), {}, id="all again, as a change"),
    ],
)
def test_nothing_but_what_it_speaks_of_is_written(
    balancer: Balancer, change: TableChange, rows: Mapping[str, list[int]]
) -> None:
    before = content(balancer)
    balancer.datapath.check(change)
    assert changed_rows(before, balancer) == {}, "a check writes nothing"
    balancer.datapath.apply(change)
    assert changed_rows(before, balancer) == rows


def test_a_key_is_added_moved_and_removed(balancer: Balancer) -> None:
    lookup = balancer.maps.lookup
    before = lookup.copy()
    key = LookupKey(Kind.LISTENER, WEB.address, 81, Protocol.TCP)
    for value in (WEB_ROW, DNS_ROW):
        balancer.datapath.apply(TableChange(lookup={key: value}))
        added = np.argwhere(lookup["keys"] != before["keys"])
        assert len(added) == 1
        bucket, way = added[0]
        assert lookup["values"][bucket, way] == value
    balancer.datapath.apply(TableChange(lookup={key: None}))
    assert np.array_equal(lookup["keys"], before["keys"])


def test_what_the_kernel_has_beyond_the_whole_goes(balancer: Balancer) -> None:
    beyond = TableChange(
        lookup={LookupKey(Kind.LISTENER, WEB.address, 81, Protocol.TCP): 5, **endpoints([30], 5)},
        listeners={5: listener(port=81)},
        servers={30: server(30)},
    )
    before = content(balancer)
    balancer.datapath.apply(beyond)
    balancer.datapath.write_wheel(5, [30], {30: True})
    balancer.datapath.apply(farm())
    rows = changed_rows(before, balancer)
    assert rows.pop("listeners") == [5]
    assert rows.pop("servers") == [30]
    assert rows.keys() <= {"wheels", "lookup"}
    assert np.array_equal(before["lookup"]["keys"], balancer.maps.lookup["keys"])
    assert flags_of(balancer, 30) == 0
    assert list(balancer.datapath.read_wheel(5)) == []


# -- rows that change hands ------------------------------------------------------------------------


def test_rewriting_a_server_keeps_its_flows_and_its_turn(balancer: Balancer) -> None:
    epoch = epoch_of(balancer, ROW)
    balancer.maps.loads[ROW] = 3
    for fields in (
        {"hop": None},
        {"hop": SECONDARY_HOP, "weight": 7},
        {},
    ):
        balancer.datapath.apply(TableChange(servers={ROW: server(ROW, **fields)}))
        assert epoch_of(balancer, ROW) == epoch
        assert balancer.maps.loads[ROW] == 3
        assert balancer.maps.servers["weight"][ROW] == fields.get("weight", 100)
        is_resolved = "hop" not in fields or fields["hop"]
        assert flags_of(balancer, ROW) == (
            ABI["SERVER_ELIGIBLE"] | ABI["SERVER_RESOLVED"] * bool(is_resolved)
        )


def test_a_draining_server_keeps_its_flows_but_not_its_turn(balancer: Balancer) -> None:
    epoch = epoch_of(balancer, ROW)
    balancer.datapath.apply(TableChange(servers={ROW: server(ROW, draining=True)}))
    assert epoch_of(balancer, ROW) == epoch
    assert flags_of(balancer, ROW) == ABI["SERVER_RESOLVED"] | ABI["SERVER_DRAINING"]


@pytest.mark.parametrize("was_removed", [False, True])
def test_a_server_row_that_changes_hands_starts_anew(balancer: Balancer, was_removed: bool) -> None:
    epoch = epoch_of(balancer, ROW)
    for _ in ROWS:
        balancer.run(to_web(flags=SYN, source=WEB._replace(address=WEB.address + 99)))
    balancer.maps.loads[ROW] = 3
    assert balancer.datapath.server_counters(ROW)["flows_new"] > 0
    if was_removed:
        balancer.datapath.apply(TableChange(servers={ROW: None}))
        assert flags_of(balancer, ROW) == 0
        assert epoch_of(balancer, ROW) == epoch + 1
    other = replace(server(ROW), address=endpoint_of(99).address)
    balancer.datapath.apply(TableChange(servers={ROW: other}))
    assert epoch_of(balancer, ROW) == epoch + 1 + was_removed
    assert flags_of(balancer, ROW) == ABI["SERVER_RESOLVED"], "not eligible until told"
    assert balancer.maps.loads[ROW] == 0
    assert set(balancer.datapath.server_counters(ROW).values()) == {0}


def test_epochs_wrap_around(balancer: Balancer) -> None:
    balancer.maps.servers["epoch"][ROW] = 65_535
    balancer.datapath.end_flows(ROW)
    assert epoch_of(balancer, ROW) == 0
    balancer.maps.servers["epoch"][ROW] = 65_535
    balancer.datapath.apply(TableChange(servers={ROW: replace(server(ROW), port=1)}))
    assert epoch_of(balancer, ROW) == 0
    balancer.maps.servers["epoch"][ROW] = 65_535
    balancer.datapath.apply(TableChange(servers={ROW: None}))
    assert epoch_of(balancer, ROW) == 0


def test_a_listener_row_that_changes_hands_starts_anew(balancer: Balancer) -> None:
    limited = listener(bandwidth=Bandwidth(5))
    balancer.datapath.apply(TableChange(listeners={WEB_ROW: limited}))
    balancer.run(to_web(flags=SYN))
    assert balancer.maps.cursors[WEB_ROW] > 0
    assert balancer.maps.limits["full_at_ns"][WEB_ROW, 0] > 0
    other = replace(limited, port=81)
    balancer.datapath.apply(TableChange(lookup={WEB_KEY: None}, listeners={WEB_ROW: other}))
    assert set(balancer.datapath.listener_counters(WEB_ROW).values()) == {0}
    assert balancer.maps.cursors[WEB_ROW] == 0
    assert balancer.maps.limits["full_at_ns"][WEB_ROW].tolist() == [0, 0]
    assert list(balancer.datapath.read_wheel(WEB_ROW)) == []


def test_rewriting_a_listener_keeps_what_it_has(balancer: Balancer) -> None:
    limited = listener(bandwidth=Bandwidth(5))
    balancer.datapath.apply(TableChange(listeners={WEB_ROW: limited}))
    balancer.run(to_web(flags=SYN))
    cursor, full = balancer.maps.cursors[WEB_ROW], balancer.maps.limits["full_at_ns"][WEB_ROW, 0]
    faster = replace(limited, bandwidth=Bandwidth(6, 50), schedule=Schedule.LEAST)
    balancer.datapath.apply(TableChange(listeners={WEB_ROW: faster}))
    assert balancer.maps.cursors[WEB_ROW] == cursor
    assert balancer.maps.limits["full_at_ns"][WEB_ROW, 0] == full
    assert balancer.datapath.listener_counters(WEB_ROW)["forward_packets"] == 1
    assert tuple(balancer.datapath.read_wheel(WEB_ROW)) == ROWS


def test_a_listener_that_goes_gives_its_wheel_back(balancer: Balancer) -> None:
    balancer.datapath.apply(TableChange(lookup={WEB_KEY: None}, listeners={WEB_ROW: None}))
    assert balancer.maps.listeners["wheel"][WEB_ROW] == 0
