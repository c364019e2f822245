# SPDX-License-Identifier: Apache-2.0
"""Every error that xdpair raises on purpose.

``reason`` is API: it travels as ``google.rpc.ErrorInfo.reason``. Where the Server Load Balancer API
has a code for the case, the reason is that code, spelled exactly as there. The six families below
decide the gRPC status.
"""

from __future__ import annotations


class XdpairError(Exception):
    """Root of the hierarchy.

    Attributes:
        reason: stable machine-readable code, at most 63 characters.
        metadata: what the message speaks of, as text, for machines.
        violations: all that is wrong with the request, as far as it is known: path of the field,
            and words.
    """

    reason = "InternalError"

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.metadata = {key: str(value) for key, value in metadata.items()}
        self.violations: tuple[tuple[str, str], ...] = ()


class InvalidInput(XdpairError):
    """The request itself is wrong, whatever the state: nothing changed."""

    reason = "InvalidParameter"


class NotFound(XdpairError):
    """The resource named does not exist."""

    reason = "InvalidParameter"


class AlreadyExists(XdpairError):
    """A resource of that name or address exists."""

    reason = "InvalidParameter"


class FailedPrecondition(XdpairError):
    """The request is well formed but the present state forbids it: nothing changed."""

    reason = "Operation.NotAllowed"


class LimitExceeded(XdpairError):
    """A documented limit would be passed."""

    reason = "OverQuota"


class Unavailable(XdpairError):
    """The kernel, the disk or the network refused; safe to retry."""

    reason = "ServiceUnavailable"


# -- groups ----------------------------------------------------------------------------------------


class ServerCountNotTwo(InvalidInput):
    reason = "BACKEND_SERVERS_NUM_MUST_BE_TWO"


class SameServerAndPort(InvalidInput):
    reason = "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID"


class NotOnePrimaryOneSecondary(InvalidInput):
    reason = "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE"


class ServerIdEmpty(InvalidInput):
    reason = "BACKEND_SERVER_ID_CAN_NOT_EMPTY"


class InvalidServerRole(InvalidInput):
    reason = "INVALID_SERVER_TYPE"


class ServerPortEmpty(InvalidInput):
    reason = "BACKEND_SERVER_PORT_CAN_NOT_EMPTY"


class ServerPortNotSupported(InvalidInput):
    reason = "RealServerPortNotSupport"


class InvalidWeight(InvalidInput):
    reason = "InvalidWeight.Malformed"


class TooManyServers(LimitExceeded):
    reason = "TooManyBackendServers"


class ServerNotInGroup(NotFound):
    """A server to be removed, replaced or weighed is no member of the group."""

    reason = "InvalidServerId.NotFound"


class ServerNotFound(NotFound):
    reason = "InvalidServerId.NotFound"


class ServerInUse(FailedPrecondition):
    reason = "OperationFailed.ServerInUse"


class ServerAlreadyExists(AlreadyExists):
    reason = "InvalidServerId.AlreadyExists"


class GroupNotFound(NotFound):
    """Server Load Balancer clients match the code or the words ``The specified MasterSlaveGroupId
    does not exist``.
    """

    reason = "InvalidParameter"


class GroupAlreadyExists(AlreadyExists):
    reason = "OperationFailed.GroupAlreadyExists"


class GroupInUse(FailedPrecondition):
    reason = "RspoolVipExist"


class GroupNotUsed(FailedPrecondition):
    """An operator's command for a group that no listener uses: there is nothing to move."""

    reason = "OperationFailed.GroupNotUsed"


class GroupNotForListener(InvalidInput):
    reason = "VipNotMatchRspool"


# -- load balancers and listeners ------------------------------------------------------------------


class LoadBalancerNotFound(NotFound):
    reason = "InvalidLoadBalancerId.NotFound"


class LoadBalancerAlreadyExists(AlreadyExists):
    reason = "OperationFailed.LoadBalancerAlreadyExists"


class AddressInUse(AlreadyExists):
    reason = "OperationFailed.AddressInUse"


class DeleteProtected(FailedPrecondition):
    reason = "OperationDenied.DeleteProtectionIsOn"


class ListenerNotFound(NotFound):
    reason = "ListenerNotFound"


class CheckedListenerNotFound(NotFound):
    """The listener exists, but has no health check."""

    reason = "CheckedListenerNotFound"


class ListenerAlreadyExists(AlreadyExists):
    reason = "ListenerAlreadyExists"


class TooManyListeners(LimitExceeded):
    reason = "ListenerNumberOverLimit"


class ReservedPort(InvalidInput):
    reason = "UnsupportedOperationonfixedprotocalport"


class CheckRequestTooLong(InvalidInput):
    reason = "InvalidParamLength.HealthCheckReq"


class CheckExpectationTooLong(InvalidInput):
    reason = "InvalidParamLength.HealthCheckExp"


class MissingParameter(InvalidInput):
    reason = "MissingParameter"


class StaleEtag(XdpairError):
    """The resource changed since the caller read it."""

    reason = "OperationConflict.EtagMismatch"


class SchedulerNotChangeable(InvalidInput):
    """Between the hashes, and between them and the others, flows would change servers."""

    reason = "OperationFailed.SchedulerNotChangeable"


class NotSupported(XdpairError):
    """A part of the Server Load Balancer that this one, at layer 4, does not have."""

    reason = "OperationFailed.ActionNotSupport"


# -- tags ------------------------------------------------------------------------------------------


class TooManyTags(LimitExceeded):
    reason = "SizeLimitExceeded.Tag"


class InvalidTagKey(InvalidInput):
    reason = "InvalidParam.TagKey"


class InvalidTagValue(InvalidInput):
    reason = "InvalidParam.TagValue"


# -- access control lists --------------------------------------------------------------------------


class AclNotFound(NotFound):
    reason = "AclNotExist"


class AclAlreadyExists(AlreadyExists):
    reason = "OperationFailed.AclAlreadyExists"


class AclInUse(FailedPrecondition):
    reason = "OperationFailed.AclInUse"


class AclEntryIllegal(InvalidInput):
    reason = "AclEntryIllegal"


class AclEntryEmpty(InvalidInput):
    """Nothing to add or to remove was given."""

    reason = "AclEntryEmpty"


class AclTooLong(LimitExceeded):
    reason = "AclEntryExceedLimit"


# -- requests --------------------------------------------------------------------------------------


class RequestTokenConflict(InvalidInput):
    """A request id that was used for another request."""

    reason = "LX_REQUEST_TOKEN_CONFLICT"


# -- operator --------------------------------------------------------------------------------------


class PrimaryUnhealthy(FailedPrecondition):
    """A failback was asked for while the primary's health check fails."""

    reason = "OperationFailed.PrimaryUnhealthy"


class ServerHasWeightZero(FailedPrecondition):
    """An operator wants traffic on a server whose weight is 0."""

    reason = "OperationFailed.ServerHasWeightZero"


# -- access ----------------------------------------------------------------------------------------


class Unauthenticated(XdpairError):
    """Nobody knows who calls."""

    reason = "InvalidAccessKeyId.NotFound"


class PermissionDenied(XdpairError):
    """The caller's role does not allow the call.

    ``metadata`` carries ``role``, the caller's, and ``needed``.
    """

    reason = "Forbidden.RAM"


# -- machine ---------------------------------------------------------------------------------------


class DatapathError(Unavailable):
    """The kernel refused to load, attach or change the data plane."""

    reason = "OperationFailed.Datapath"


class StoreError(Unavailable):
    """The change could not be made durable; it did not happen."""

    reason = "OperationFailed.Store"


class NetworkError(Unavailable):
    """The kernel refused a netlink request.

    ``metadata`` carries ``interface`` and ``operation``.
    """

    reason = "OperationFailed.Network"


class ConfigError(XdpairError):
    """The controller's own configuration file is wrong."""

    reason = "InvalidConfiguration"
