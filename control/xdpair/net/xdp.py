# SPDX-License-Identifier: Apache-2.0
"""Attaching the XDP program: native where the driver can, never over somebody else's program.

A program stays attached when the process ends; a new one is put in its place atomically
(XDP_FLAGS_REPLACE names the one to be replaced), so no packet passes unseen.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from socket import AF_UNSPEC
from typing import Literal

from pyroute2.netlink.rtnl import RTM_GETLINK, RTM_SETLINK
from pyroute2.netlink.rtnl.ifinfmsg import (
    XDP_FLAGS_DRV_MODE,
    XDP_FLAGS_REPLACE,
    XDP_FLAGS_SKB_MODE,
    XDP_FLAGS_UPDATE_IF_NOEXIST,
    ifinfmsg,
)

from xdpair.net.errors import ForeignXdpProgram, KernelRefusal
from xdpair.net.links import AttachedXdp, LinkTable, link_from
from xdpair.net.programs import Program, opened, program_of
from xdpair.net.rtnl import Message, Rtnl
from xdpair.ports import XdpMode

log = logging.getLogger(__name__)

WantedMode = Literal["auto", "native", "generic"]

#: Programs whose name starts like this are xdpair's own, of whatever version.
OUR_NAME = "xdp_pair"
ATTACH = "attach XDP program"
DETACH = "detach XDP program"
NO_PROGRAM = -1

MODE_FLAGS = {XdpMode.NATIVE: XDP_FLAGS_DRV_MODE, XdpMode.GENERIC: XDP_FLAGS_SKB_MODE}

#: Refusals of native mode that generic mode would not mend: they are about the program or the
#: moment, not the driver.
NOT_THE_DRIVER = frozenset(
    {errno.EPERM, errno.EACCES, errno.EBADF, errno.EBUSY, errno.EEXIST, errno.ENODEV}
)


class XdpAttacher:
    """Attaches to and detaches from interfaces by name."""

    def __init__(self, rtnl: Rtnl, links: LinkTable) -> None:
        self._rtnl = rtnl
        self._links = links
        self._program_ids: dict[str, int] = {}

    def attached_mode(self, interface: str) -> XdpMode | None:
        """How the program we attached runs there; None if it does not (any more)."""
        link = self._links.by_name(interface)
        if link is None or link.xdp is None:
            return None
        ours = link.xdp.program_id == self._program_ids.get(interface)
        return link.xdp.mode if ours else None

    async def attach(
        self, interface: str, prog_fd: int, mode: WantedMode, ours: Collection[int] = ()
    ) -> XdpMode:
        """Attach, or put in the place of an earlier program of ours. Repeating it changes nothing.

        Args:
            mode: ``auto`` is native, or generic if the driver refuses; and the mode of the program
                replaced, since a change of mode leaves packets unseen for a moment.
            ours: ids of programs that may be replaced, besides those named ``xdp_pair…``.

        Returns:
            The mode it runs in.

        Raises:
            ForeignXdpProgram: somebody else's is there.
            KernelRefusal: neither mode wanted could be had.
            NetlinkLost: no answer.
        """
        program = _identify(interface, prog_fd)
        ifindex, attached = await self._look(interface)
        if attached is not None:
            _require_ours(interface, attached.program_id, {*ours, program.program_id})
        if attached is not None and mode in {"auto", attached.mode.value}:
            if attached.program_id != program.program_id:
                await self._set(interface, ifindex, prog_fd, attached.mode, attached)
            reached = attached.mode
        elif mode == "auto":
            reached = await self._attach_best(interface, ifindex, prog_fd)
        else:
            reached = XdpMode(mode)
            await self._change_mode(interface, ifindex, prog_fd, reached, attached)
        self._program_ids[interface] = program.program_id
        return reached

    async def detach(self, interface: str, ours: Collection[int] = ()) -> None:
        """Take our program off. Somebody else's stays; none, or no such interface, is fine.

        Raises:
            NetworkError: the kernel did not do it.
        """
        expected = {*ours, self._program_ids.pop(interface, 0)}
        try:
            ifindex, attached = await self._look(interface)
            if attached is None:
                return
            _require_ours(interface, attached.program_id, expected)
            await self._set(interface, ifindex, NO_PROGRAM, attached.mode, attached)
        except ForeignXdpProgram as error:
            log.info("left alone: %s", error)
        except KernelRefusal as error:
            if error.errno != errno.ENODEV:
                raise

    async def _attach_best(self, interface: str, ifindex: int, prog_fd: int) -> XdpMode:
        try:
            await self._set(interface, ifindex, prog_fd, XdpMode.NATIVE, None)
        except KernelRefusal as error:
            if error.errno in NOT_THE_DRIVER:
                raise
            log.warning("native XDP refused, using generic, which is slower: %s", error)
            await self._set(interface, ifindex, prog_fd, XdpMode.GENERIC, None)
            return XdpMode.GENERIC
        return XdpMode.NATIVE

    async def _change_mode(
        self,
        interface: str,
        ifindex: int,
        prog_fd: int,
        mode: XdpMode,
        attached: AttachedXdp | None,
    ) -> None:
        """One mode at a time: the old program goes first, and comes back if the new one fails."""
        if attached is None:
            await self._set(interface, ifindex, prog_fd, mode, None)
            return
        with _opened(interface, attached.program_id) as old_fd:
            await self._set(interface, ifindex, NO_PROGRAM, attached.mode, attached)
            try:
                await self._set(interface, ifindex, prog_fd, mode, None)
            except KernelRefusal:
                await self._set(interface, ifindex, old_fd, attached.mode, None)
                raise

    async def _look(self, interface: str) -> tuple[int, AttachedXdp | None]:
        """Ask the kernel, not the table: what is about to be replaced must be what is there now."""
        message = ifinfmsg()
        message["family"] = AF_UNSPEC
        message["attrs"] = [("IFLA_IFNAME", interface)]
        link = link_from(await self._rtnl.ask(message, RTM_GETLINK, ATTACH, interface))
        return link.ifindex, link.xdp

    async def _set(
        self,
        interface: str,
        ifindex: int,
        prog_fd: int,
        mode: XdpMode,
        expected: AttachedXdp | None,
    ) -> None:
        """Put ``prog_fd`` in the place of ``expected`` (None: of nothing), and of nothing else."""
        flags = MODE_FLAGS[mode]
        with ExitStack() as stack:
            attributes: list[tuple[str, int]] = [("IFLA_XDP_FD", prog_fd)]
            if expected is None:
                flags |= XDP_FLAGS_UPDATE_IF_NOEXIST
            else:
                flags |= XDP_FLAGS_REPLACE
                old_fd = stack.enter_context(_opened(interface, expected.program_id))
                attributes.append(("IFLA_XDP_EXPECTED_FD", old_fd))
            attributes.append(("IFLA_XDP_FLAGS", flags))
            operation = DETACH if prog_fd == NO_PROGRAM else f"{ATTACH} ({mode.value})"
            await self._rtnl.change(
                _xdp_message(ifindex, attributes), RTM_SETLINK, 0, operation, interface
            )


def _xdp_message(ifindex: int, attributes: list[tuple[str, int]]) -> Message:
    message = ifinfmsg()
    message["family"] = AF_UNSPEC
    message["index"] = ifindex
    message["attrs"] = [("IFLA_XDP", {"attrs": attributes})]
    return message


@contextmanager
def _opened(interface: str, program_id: int) -> Iterator[int]:
    with ExitStack() as stack:
        try:
            fd = stack.enter_context(opened(program_id))
        except OSError as error:
            operation = f"open program {program_id}"
            raise KernelRefusal(operation, interface, error.errno or 0) from error
        yield fd


def _identify(interface: str, prog_fd: int) -> Program:
    try:
        return program_of(prog_fd)
    except OSError as error:
        raise KernelRefusal(ATTACH, interface, error.errno or 0) from error


def _require_ours(interface: str, program_id: int, ours: Collection[int]) -> None:
    if program_id in ours:
        return
    with _opened(interface, program_id) as fd:
        program = _identify(interface, fd)
    if not program.name.startswith(OUR_NAME):
        raise ForeignXdpProgram(interface, program_id, program.name, program.tag)
