# SPDX-License-Identifier: Apache-2.0
"""Every error has a status code, and every code of the SLB API that means something is used."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2

from xdpair.core import errors
from xdpair.rpc.status import CODES, code_of, to_status


def _with_subclasses(root: type[errors.XdpairError]) -> Iterator[type[errors.XdpairError]]:
    yield root
    for error in root.__subclasses__():
        yield from _with_subclasses(error)


#: Those of the core. Adapters refine them, and are imported by other tests or not.
ALL = tuple(
    error for error in _with_subclasses(errors.XdpairError) if error.__module__ == errors.__name__
)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_has_a_status(error: type[errors.XdpairError]) -> None:
    status = to_status(error("what happened", listener="lb-web/tcp-80", port=80))
    assert status.code == code_of(error).value[0]
    assert status.message == "what happened"
    info = error_details_pb2.ErrorInfo()
    (detail,) = status.details
    assert detail.Unpack(info)
    assert (info.reason, info.domain) == (error.reason, "xdpair")
    assert dict(info.metadata) == {"listener": "lb-web/tcp-80", "port": "80"}
    assert 1 <= len(info.reason) <= 63


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_only_bugs_are_internal(error: type[errors.XdpairError]) -> None:
    internal = code_of(error) is grpc.StatusCode.INTERNAL
    assert internal == (error in (errors.XdpairError, errors.ConfigError))


def test_no_code_is_that_of_another_families() -> None:
    """Only the root, and the error that no call can meet, share one."""
    assert len(set(CODES.values())) == len(CODES) - 1


def test_the_documentation_has_every_reason_that_a_call_can_meet() -> None:
    root = Path(__file__).parents[2]
    sources = [
        path.read_text()
        for path in (root / "control" / "xdpair").rglob("*.py")
        if path.name != "errors.py"
    ]
    met = {
        error.reason
        for error in ALL
        if error is not errors.ConfigError and any(error.__name__ in text for text in sources)
    }
    table = (root / "docs" / "api.md").read_text()
    assert len(met) > 30
    assert {reason for reason in met if f"`{reason}`" not in table} == set()


def test_the_codes_of_the_slb_api_are_spelled_as_there() -> None:
    reasons = {error.reason for error in ALL}
    assert reasons >= {
        "BACKEND_SERVERS_NUM_MUST_BE_TWO",
        "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID",
        "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE",
        "BACKEND_SERVER_ID_CAN_NOT_EMPTY",
        "INVALID_SERVER_TYPE",
        "BACKEND_SERVER_PORT_CAN_NOT_EMPTY",
        "RealServerPortNotSupport",
        "RspoolVipExist",
        "VipNotMatchRspool",
        "InvalidServerId.NotFound",
        "InvalidWeight.Malformed",
        "InvalidLoadBalancerId.NotFound",
        "OperationDenied.DeleteProtectionIsOn",
        "ListenerAlreadyExists",
        "ListenerNotFound",
        "CheckedListenerNotFound",
        "ListenerNumberOverLimit",
        "UnsupportedOperationonfixedprotocalport",
        "InvalidParamLength.HealthCheckReq",
        "InvalidParamLength.HealthCheckExp",
        "InvalidParameter",
        "MissingParameter",
        "InternalError",
        "ServiceUnavailable",
    }
