# SPDX-License-Identifier: Apache-2.0
"""What must change to be as declared, and the change itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given

from tests.unit.declaration_kit import WORLDS, legal_worlds
from tests.unit.desired_kit import LB, PRIMARY, SECONDARY, Wishes, key
from xdpair.core import errors
from xdpair.core.declaration import Declaration, plan
from xdpair.core.desired import Desired
from xdpair.core.model import (
    AclPolicy,
    AclType,
    DefaultGroup,
    ListenerState,
    LoadBalancer,
    Member,
    Server,
    WeightedGroup,
)
from xdpair.core.steps import Action, Resource, Step, StepRefused, carry_out

NOW_S = 1_800_000_000.0
WEB1, WEB2 = (Member(f"web{n}", 80, address=IPv4Address(f"10.0.1.{n}")) for n in (1, 2))


def declared(desired: Desired) -> Declaration:
    """Declare what there is."""
    return Declaration(
        load_balancers=desired.load_balancers,
        listeners=desired.listeners,
        groups=desired.groups,
        servers=desired.servers,
        acls=desired.acls,
    )


def applied(present: Desired, wanted: Declaration, *, prune: bool = False) -> Desired:
    steps = plan(present, wanted, prune=prune)
    return present.change(lambda draft: carry_out(draft, steps, NOW_S))[0]


def refused(
    present: Desired, wanted: Declaration, *, prune: bool = False
) -> tuple[Resource, errors.XdpairError]:
    with pytest.raises(StepRefused) as caught:
        applied(present, wanted, prune=prune)
    return caught.value.step.resource, caught.value.cause


def named(steps: Iterable[Step]) -> list[tuple[Action, str]]:
    return [(step.action, _name(step.resource)) for step in steps]


def _name(resource: Resource) -> str:
    for attribute in ("key", "group_id", "acl_id", "server_id", "lb_id"):
        if hasattr(resource, attribute):
            return str(getattr(resource, attribute))
    raise AssertionError(resource)


def ageless(desired: Desired) -> Desired:
    """As if all had been created at the beginning of time."""
    return Desired(
        load_balancers={k: replace(v, create_time_s=0) for k, v in desired.load_balancers.items()},
        listeners={k: replace(v, create_time_s=0) for k, v in desired.listeners.items()},
        groups={k: replace(v, create_time_s=0) for k, v in desired.groups.items()},
        servers=desired.servers,
        acls={k: replace(v, create_time_s=0) for k, v in desired.acls.items()},
    )


# -- plans -----------------------------------------------------------------------------------------


def test_what_is_as_declared_needs_no_step() -> None:
    present = Wishes().lb().group().listener(80).desired
    assert plan(present, declared(present), prune=True) == []


def test_nothing_is_deleted_unless_asked() -> None:
    present = Wishes().lb().group().listener(80).acl().desired
    assert plan(present, Declaration(), prune=False) == []


def test_prune_deletes_what_is_not_declared_users_first() -> None:
    present = Wishes().lb().group().listener(80).acl().desired
    present = present.create_server(Server("spare", IPv4Address("10.0.0.99")))
    steps = plan(present, Declaration(), prune=True)
    assert named(steps) == [
        (Action.DELETE, "lb-1/tcp-80"),
        (Action.DELETE, "rsp-1"),
        (Action.DELETE, "lb-1"),
        (Action.DELETE, "acl-1"),
        (Action.DELETE, "spare"),
    ]
    assert applied(present, Declaration(), prune=True) == Desired()


def test_what_differs_is_changed_and_keeps_its_age() -> None:
    created = replace(LB, create_time_s=5.0)
    present = Wishes().lb(created).desired
    wanted = Declaration(load_balancers={LB.lb_id: replace(LB, name="web")})
    steps = plan(present, wanted, prune=False)
    assert named(steps) == [(Action.UPDATE, "lb-1")]
    assert applied(present, wanted).load_balancers[LB.lb_id] == replace(created, name="web")


def test_what_is_new_is_stamped() -> None:
    wanted = declared(Wishes().lb().group().listener(80).desired)
    made = applied(Desired(), wanted)
    stamped = [made.load_balancers[LB.lb_id], *made.groups.values(), *made.listeners.values()]
    assert {resource.create_time_s for resource in stamped} == {NOW_S}


def test_the_order_of_servers_and_entries_means_nothing() -> None:
    present = Wishes().lb().weighted("rsp-w", WEB1, WEB2).acl("acl-1", "10.0.0.0/8", "11.0.0.0/8")
    wanted = Wishes().lb().weighted("rsp-w", WEB2, WEB1).acl("acl-1", "11.0.0.0/8", "10.0.0.0/8")
    assert plan(present.desired, declared(wanted.desired), prune=True) == []


def test_the_order_of_a_pair_is_who_serves() -> None:
    present = Wishes().lb().group().desired
    wanted = Wishes().lb().group(primary=SECONDARY, secondary=PRIMARY).desired
    assert named(plan(present, declared(wanted), prune=False)) == [(Action.UPDATE, "rsp-1")]


# -- default groups --------------------------------------------------------------------------------


def test_a_default_group_is_filled_with_its_new_load_balancer() -> None:
    wanted = Wishes().lb().default(replace(WEB1, port=None)).desired
    steps = plan(Desired(), declared(wanted), prune=False)
    assert named(steps) == [(Action.CREATE, "lb-1"), (Action.CREATE, "rsp-default-1")]
    made = applied(Desired(), declared(wanted)).groups["rsp-default-1"]
    assert made.members == (replace(WEB1, port=None),)
    assert made.create_time_s == NOW_S


def test_a_default_group_that_is_not_declared_is_left_alone_or_with_prune_emptied() -> None:
    present = Wishes().lb().default(replace(WEB1, port=None)).desired
    wanted = Declaration(load_balancers={LB.lb_id: LB})
    assert plan(present, wanted, prune=False) == []
    steps = plan(present, wanted, prune=True)
    assert named(steps) == [(Action.UPDATE, "rsp-default-1")]
    assert applied(present, wanted, prune=True) == Wishes().lb().desired


def test_a_default_group_that_is_declared_empty_is_emptied() -> None:
    present = Wishes().lb().default(replace(WEB1, port=None)).desired
    empty = DefaultGroup(LB.lb_id)
    assert applied(present, Declaration(groups={empty.group_id: empty})) == Wishes().lb().desired


# -- order -----------------------------------------------------------------------------------------


def test_a_vip_moves_to_another_load_balancer() -> None:
    present = Wishes().lb().group().listener(80).desired
    wanted = Wishes().lb(replace(LB, lb_id="lb-2")).group(lb_id="lb-2").desired
    assert ageless(applied(present, declared(wanted), prune=True)) == wanted


def test_a_group_moves_along_when_its_load_balancer_goes() -> None:
    present = Wishes().lb().group().desired
    other = LoadBalancer("lb-2", IPv4Address("203.0.113.11"))
    wanted = Wishes().lb(other).group(lb_id="lb-2").desired
    assert ageless(applied(present, declared(wanted), prune=True)) == wanted


def test_a_listener_is_not_left_behind_by_its_load_balancer() -> None:
    present = Wishes().lb().group().listener(80).desired
    wanted = Declaration(listeners=present.listeners, groups=present.groups)
    resource, error = refused(present, wanted, prune=True)
    assert isinstance(error, errors.LoadBalancerNotFound)
    assert _name(resource) in {"rsp-1", "lb-1/tcp-80"}


def test_a_listener_leaves_a_group_that_goes() -> None:
    present = Wishes().lb().group().listener(80).desired
    wanted = Wishes().lb().group("rsp-2").listener(80, group_id="rsp-2").desired
    assert ageless(applied(present, declared(wanted), prune=True)) == wanted


def test_a_full_load_balancer_exchanges_its_listeners() -> None:
    present, wanted = Wishes().lb().group(), Wishes().lb().group()
    for port in range(50):
        present.listener(1000 + port)
        wanted.listener(2000 + port)
    made = applied(present.desired, declared(wanted.desired), prune=True)
    assert ageless(made) == wanted.desired


def test_a_full_access_control_list_exchanges_its_users() -> None:
    policy = AclPolicy(AclType.WHITE, ("acl-1",))
    present, wanted = Wishes().lb().group().acl(), Wishes().lb().group().acl()
    other = LoadBalancer("lb-2", IPv4Address("203.0.113.11"))
    for wishes, of_first, of_second in ((present, None, policy), (wanted, policy, None)):
        wishes.lb(other).group("rsp-2", lb_id="lb-2")
        for port in range(50):
            wishes.listener(1000 + port, acl=of_first)
            wishes.listener(1000 + port, lb_id="lb-2", group_id="rsp-2", acl=of_second)
    made = applied(present.desired, declared(wanted.desired))
    assert ageless(made) == wanted.desired


def test_the_name_of_a_list_that_goes_is_free() -> None:
    present = Wishes().acl("acl-1").desired
    acl = replace(present.acls["acl-1"], acl_id="acl-2")
    made = applied(present, Declaration(acls={"acl-2": acl}), prune=True)
    assert list(made.acls) == ["acl-2"]


# -- refusals --------------------------------------------------------------------------------------


def test_all_or_nothing() -> None:
    present = Wishes().lb(replace(LB, delete_protection=True)).group().listener(80).desired
    resource, error = refused(present, Declaration(), prune=True)
    assert isinstance(error, errors.DeleteProtected)
    assert _name(resource) == "lb-1"


def test_the_first_refusal_is_told_not_what_follows_from_it() -> None:
    present = Wishes().lb().desired
    rival = replace(LB, lb_id="lb-0")
    wanted = Wishes().lb(rival).group(lb_id="lb-0").listener(80, lb_id="lb-0").desired
    resource, error = refused(present, declared(wanted))
    assert isinstance(error, errors.AddressInUse)
    assert resource == rival


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        pytest.param(
            Declaration(load_balancers={"lb-1": replace(LB, address=IPv4Address("192.0.2.1"))}),
            "address",
            id="address",
        ),
        pytest.param(
            Declaration(groups={"rsp-1": WeightedGroup("rsp-1", "lb-1", (WEB1,))}),
            "kind",
            id="kind",
        ),
    ],
)
def test_what_can_not_change_is_refused(wanted: Declaration, field: str) -> None:
    _, error = refused(Wishes().lb().group().desired, wanted)
    assert error.metadata["field"] == field


# -- any world -------------------------------------------------------------------------------------


@WORLDS
@given(legal_worlds())
def test_any_world_can_be_declared(world: Desired) -> None:
    made = applied(Desired(), declared(world))
    assert ageless(made) == ageless(world)
    assert plan(made, declared(world), prune=True) == []


@WORLDS
@given(legal_worlds(), legal_worlds())
def test_prune_makes_one_world_of_any_other(present: Desired, world: Desired) -> None:
    made = applied(present, declared(world), prune=True)
    assert plan(made, declared(world), prune=True) == []
    assert ageless(made) == ageless(world)


@WORLDS
@given(legal_worlds(), legal_worlds())
def test_without_prune_nothing_goes(present: Desired, world: Desired) -> None:
    made = applied(present, declared(world))
    assert plan(made, declared(world), prune=False) == []
    assert made.listeners.keys() == present.listeners.keys() | world.listeners.keys()
    untouched = present.groups.keys() - world.groups.keys()
    assert all(made.groups[group_id] == present.groups[group_id] for group_id in untouched)


def test_a_stopped_listener_is_started() -> None:
    present = Wishes().lb().group().listener(80, state=ListenerState.STOPPED).desired
    wanted = declared(Wishes().lb().group().listener(80).desired)
    assert applied(present, wanted).listeners[key(80)].state is ListenerState.RUNNING
