# SPDX-License-Identifier: Apache-2.0
"""How states, departures and events are written down; see ``resources`` for the manner."""

from __future__ import annotations

from xdpair.core.changes import Departure
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Cause, Slot, SlotState
from xdpair.core.model import Side
from xdpair.ports import PoolRecord
from xdpair.store.document import Document, Json, name_of
from xdpair.store.listeners import listener_key_from, listener_key_to


def slot_state_to(state: SlotState) -> Json:
    """All that the failover machine remembers of a slot."""
    return {
        "slot": _slot_to(state.slot),
        "cause": name_of(state.cause),
        "pinned": _side_to(state.pinned),
        "primary_up": state.primary_up,
        "up_since_ns": state.up_since_ns,
    }


def slot_state_from(value: object) -> SlotState:
    """Undo ``slot_state_to``; ``StoreError`` if it is not one."""
    with Document("slot state", value) as fields:
        return SlotState(
            slot=fields.child("slot", _slot_from),
            cause=fields.choice("cause", Cause),
            pinned=_side_from(fields, "pinned"),
            primary_up=fields.flag("primary_up"),
            up_since_ns=fields.integer("up_since_ns"),
        )


def _slot_to(slot: Slot) -> Json:
    return {
        "side": _side_to(slot.side),
        "epoch": slot.epoch,
        "fence": {name_of(side): slot.fence[side] for side in Side},
        "silenced": {name_of(side): slot.silenced[side] for side in Side},
    }


def _slot_from(value: object) -> Slot:
    with Document("slot", value) as fields:
        return Slot(
            side=_side_from(fields, "side"),
            epoch=fields.integer("epoch"),
            fence=fields.child("fence", _fence_from),
            silenced=fields.child("silenced", _silenced_from),
        )


def _fence_from(value: object) -> tuple[int, int]:
    with Document("fence", value) as fields:
        return fields.integer("primary"), fields.integer("secondary")


def _silenced_from(value: object) -> tuple[bool, bool]:
    with Document("silenced", value) as fields:
        return fields.flag("primary"), fields.flag("secondary")


def _side_to(side: Side | None) -> Json:
    return None if side is None else name_of(side)


def _side_from(fields: Document, key: str) -> Side | None:
    return fields.optional(key, lambda present: fields.choice(present, Side))


def pool_to(record: PoolRecord) -> Json:
    """What must survive of a weighted listener's servers."""
    return {
        "listener": record.listener,
        "down": sorted(record.down),
        "draining": dict(record.draining),
    }


def pool_from(value: object) -> PoolRecord:
    """Undo ``pool_to``; ``StoreError`` if it is not one."""
    with Document("pool", value) as fields:
        return PoolRecord(
            listener=fields.text("listener"),
            down=frozenset(fields.texts("down")),
            draining=fields.numbers_by_name("draining"),
        )


def departure_to(departure: Departure) -> Json:
    """A server that left, and until when."""
    return {
        "name": departure.name,
        "listeners": [listener_key_to(key) for key in departure.listeners],
        "address": str(departure.address),
        "port": departure.port,
        "until_s": departure.until_s,
    }


def departure_from(value: object) -> Departure:
    """Undo ``departure_to``; ``StoreError`` if it is not one."""
    with Document("departure", value) as fields:
        return Departure(
            name=fields.text("name"),
            listeners=fields.children("listeners", listener_key_from),
            address=fields.address("address"),
            port=fields.integer("port"),
            until_s=fields.number("until_s"),
        )


def event_to(event: Event) -> Json:
    """One event, its number included."""
    return {
        "kind": name_of(event.kind),
        "seq": event.seq,
        "time_s": event.time_s,
        "lb_id": event.lb_id,
        "group_id": event.group_id,
        "listener": event.listener,
        "from_side": _side_to(event.from_side),
        "to_side": _side_to(event.to_side),
        "cause": event.cause,
        "check": event.check,
        "error": event.error,
        "decided_after_ms": event.decided_after_ms,
        "epoch": event.epoch,
        "message": event.message,
    }


def event_from(value: object) -> Event:
    """Undo ``event_to``; ``StoreError`` if it is not one."""
    with Document("event", value) as fields:
        return Event(
            kind=fields.choice("kind", EventKind),
            seq=fields.integer("seq"),
            time_s=fields.number("time_s"),
            lb_id=fields.text("lb_id"),
            group_id=fields.text("group_id"),
            listener=fields.text("listener"),
            from_side=_side_from(fields, "from_side"),
            to_side=_side_from(fields, "to_side"),
            cause=fields.text("cause"),
            check=fields.text("check"),
            error=fields.text("error"),
            decided_after_ms=fields.number("decided_after_ms"),
            epoch=fields.integer("epoch"),
            message=fields.text("message"),
        )
