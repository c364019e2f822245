# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for what is recorded beside the resources: states, departures, events."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit import strategies
from xdpair.core.changes import Departure
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import EPOCH_MODULUS, Cause, Slot, SlotState
from xdpair.core.model import (
    Side,
)
from xdpair.ports import PoolRecord

SIDES = st.none() | st.sampled_from(Side)
EPOCHS = st.integers(0, EPOCH_MODULUS - 1)
SLOT_STATES = st.builds(
    SlotState,
    slot=st.builds(
        Slot,
        side=SIDES,
        epoch=EPOCHS,
        fence=st.tuples(EPOCHS, EPOCHS),
        silenced=st.tuples(st.booleans(), st.booleans()),
    ),
    cause=st.sampled_from(Cause),
    pinned=SIDES,
    primary_up=st.booleans(),
    up_since_ns=st.integers(0, 2**63),
)
#: What a server answered may hold any character, lone surrogates of undecodable octets included.
TEXTS = st.text(st.characters(), max_size=40)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    seq=st.integers(0, 2**63 - 1),
    time_s=strategies.TIMES_S,
    lb_id=strategies.LB_IDS,
    group_id=strategies.GROUP_IDS,
    listener=TEXTS,
    from_side=SIDES,
    to_side=SIDES,
    cause=TEXTS,
    check=TEXTS,
    error=TEXTS,
    decided_after_ms=strategies.TIMES_S,
    epoch=EPOCHS,
    message=TEXTS,
)

ROW_NAMES = st.builds(
    "server:{}/{:08x}:{}".format,
    strategies.LISTENER_KEYS,
    strategies.UNICAST.map(int),
    strategies.PORTS,
)
POOLS = st.builds(
    PoolRecord,
    listener=strategies.LISTENER_KEYS.map(str),
    down=st.frozensets(ROW_NAMES, max_size=3),
    draining=st.dictionaries(ROW_NAMES, strategies.TIMES_S, max_size=3),
)
DEPARTURES = st.builds(
    Departure,
    name=ROW_NAMES,
    listeners=st.lists(strategies.LISTENER_KEYS, min_size=1, max_size=3).map(tuple),
    address=strategies.UNICAST,
    port=strategies.PORTS,
    until_s=strategies.TIMES_S,
)
