# SPDX-License-Identifier: Apache-2.0
"""Attaching XDP programs: native, generic, replaced, and never over somebody else's."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.net_segment import (
    LIBC,
    Segment,
    checked,
    listing,
    scenario,
    until,
)
from xdpair.net.errors import ForeignXdpProgram, KernelRefusal
from xdpair.net.network import KernelNetwork
from xdpair.net.programs import program_of
from xdpair.ports import XdpMode

NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]


def load_pass(name: bytes) -> int:
    """Load an XDP program of two instructions, ``r0 = XDP_PASS; exit``; its descriptor."""
    instructions = ctypes.create_string_buffer(
        struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    )
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "=IIQQIIQII16s",
        6,  # BPF_PROG_TYPE_XDP
        2,
        ctypes.addressof(instructions),
        ctypes.addressof(licence),
        0, 0, 0, 0, 0,
        name,
    )  # fmt: skip
    fd: int = LIBC.syscall(NR_BPF, 5, attributes, len(attributes))  # BPF_PROG_LOAD
    checked(fd)
    return fd


@contextmanager
def loaded(name: bytes) -> Iterator[int]:
    fd = load_pass(name)
    try:
        yield fd
    finally:
        os.close(fd)


def attached_program(interface: str) -> int | None:
    """Its id, as iproute2 sees it."""
    found = json.loads(listing(f"ip -j link show dev {interface}"))[0].get("xdp")
    return int(found["prog"]["id"]) if found else None


@scenario
async def test_native_where_the_driver_has_it(segment: Segment, network: KernelNetwork) -> None:
    with loaded(b"xdp_pair_test") as fd:
        assert network.attached_mode("v0") is None
        assert await network.attach("v0", fd, "auto") is XdpMode.NATIVE
        await until(lambda: network.attached_mode("v0") is XdpMode.NATIVE)
        assert await network.attach("v0", fd, "auto") is XdpMode.NATIVE
        await network.detach("v0")
        await until(lambda: network.attached_mode("v0") is None)
        assert attached_program("v0") is None


@scenario
async def test_generic_where_the_driver_refuses(segment: Segment, network: KernelNetwork) -> None:
    segment.balancer.run("ip link add br7 type bridge", "ip link set br7 up")
    with loaded(b"xdp_pair_test") as fd:
        with pytest.raises(KernelRefusal, match=r"\(native\) on br7: Operation not supported"):
            await network.attach("br7", fd, "native")
        assert attached_program("br7") is None
        assert await network.attach("br7", fd, "auto") is XdpMode.GENERIC
        await until(lambda: network.attached_mode("br7") is XdpMode.GENERIC)


@scenario
async def test_generic_where_the_mtu_is_too_large(segment: Segment, network: KernelNetwork) -> None:
    segment.peer.run("ip link set p0 mtu 9000")
    segment.balancer.run("ip link set v0 mtu 9000")
    with loaded(b"xdp_pair_test") as fd:
        with pytest.raises(KernelRefusal, match="too large"):
            await network.attach("v0", fd, "native")
        assert await network.attach("v0", fd, "auto") is XdpMode.GENERIC


@scenario
async def test_the_mode_changes_only_on_demand(segment: Segment, network: KernelNetwork) -> None:
    with loaded(b"xdp_pair_old") as old, loaded(b"xdp_pair_new") as new:
        assert await network.attach("v0", old, "generic") is XdpMode.GENERIC
        assert await network.attach("v0", new, "auto") is XdpMode.GENERIC
        assert attached_program("v0") == program_of(new).program_id
        assert await network.attach("v0", new, "native") is XdpMode.NATIVE
        await until(lambda: network.attached_mode("v0") is XdpMode.NATIVE)

    segment.balancer.run("ip link add br7 type bridge", "ip link set br7 up")
    with loaded(b"xdp_pair_old") as old, loaded(b"xdp_pair_new") as new:
        await network.attach("br7", old, "generic")
        with pytest.raises(KernelRefusal):
            await network.attach("br7", new, "native")
        assert attached_program("br7") == program_of(old).program_id


@scenario
async def test_our_own_program_is_replaced(segment: Segment, network: KernelNetwork) -> None:
    with loaded(b"xdp_pair_v1") as old, loaded(b"xdp_pair_v2") as new, loaded(b"other") as other:
        await network.attach("v0", old, "auto")
        async with KernelNetwork() as later:
            assert later.attached_mode("v0") is None  # not attached by this one
            assert await later.attach("v0", new, "auto") is XdpMode.NATIVE
            assert attached_program("v0") == program_of(new).program_id
            assert await later.attach("v0", other, "auto") is XdpMode.NATIVE
            new_id, other_id = program_of(new).program_id, program_of(other).program_id
            await later.attach("v0", new, "auto", ours={other_id})
            assert attached_program("v0") == new_id


@scenario
async def test_a_foreign_program_is_never_replaced(
    segment: Segment, network: KernelNetwork
) -> None:
    with loaded(b"somebody_elses") as foreign, loaded(b"xdp_pair_test") as fd:
        async with KernelNetwork() as somebody:
            await somebody.attach("v0", foreign, "native")
        foreign_id = program_of(foreign).program_id
        with pytest.raises(ForeignXdpProgram, match=f"id {foreign_id}, name somebody_elses") as no:
            await network.attach("v0", fd, "auto")
        assert no.value.metadata["tag"] == program_of(foreign).tag
        await network.detach("v0")
        assert attached_program("v0") == foreign_id


@scenario
async def test_attaching_to_no_interface(segment: Segment, network: KernelNetwork) -> None:
    with loaded(b"xdp_pair_test") as fd:
        with pytest.raises(KernelRefusal) as caught:
            await network.attach("absent", fd, "auto")
        assert caught.value.errno == errno.ENODEV
        await network.detach("absent")
