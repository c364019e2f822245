from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from xdpair.api.v1 import server_group_pb2 as _server_group_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("seq", "time", "kind", "load_balancer", "server_group", "listener", "from_side", "to_side", "cause", "check", "error", "decided_after", "epoch", "message")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Event.Kind]
        FAILOVER: _ClassVar[Event.Kind]
        FAILBACK: _ClassVar[Event.Kind]
        SWITCHOVER: _ClassVar[Event.Kind]
        WEIGHT_CHANGE: _ClassVar[Event.Kind]
        REJECTING: _ClassVar[Event.Kind]
        FENCED: _ClassVar[Event.Kind]
        HELD: _ClassVar[Event.Kind]
        RELEASED: _ClassVar[Event.Kind]
        HEALTH_CHANGED: _ClassVar[Event.Kind]
        FLOWS_RESET: _ClassVar[Event.Kind]
        NEXT_HOP_LOST: _ClassVar[Event.Kind]
        NEXT_HOP_FOUND: _ClassVar[Event.Kind]
        ATTACHED: _ClassVar[Event.Kind]
        STARTED: _ClassVar[Event.Kind]
        STOPPED: _ClassVar[Event.Kind]
        WARNING: _ClassVar[Event.Kind]
        SERVING: _ClassVar[Event.Kind]
    KIND_UNSPECIFIED: Event.Kind
    FAILOVER: Event.Kind
    FAILBACK: Event.Kind
    SWITCHOVER: Event.Kind
    WEIGHT_CHANGE: Event.Kind
    REJECTING: Event.Kind
    FENCED: Event.Kind
    HELD: Event.Kind
    RELEASED: Event.Kind
    HEALTH_CHANGED: Event.Kind
    FLOWS_RESET: Event.Kind
    NEXT_HOP_LOST: Event.Kind
    NEXT_HOP_FOUND: Event.Kind
    ATTACHED: Event.Kind
    STARTED: Event.Kind
    STOPPED: Event.Kind
    WARNING: Event.Kind
    SERVING: Event.Kind
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LOAD_BALANCER_FIELD_NUMBER: _ClassVar[int]
    SERVER_GROUP_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    FROM_SIDE_FIELD_NUMBER: _ClassVar[int]
    TO_SIDE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AFTER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    time: _timestamp_pb2.Timestamp
    kind: Event.Kind
    load_balancer: str
    server_group: str
    listener: str
    from_side: _server_group_pb2.ServerGroup.Side
    to_side: _server_group_pb2.ServerGroup.Side
    cause: str
    check: str
    error: str
    decided_after: _duration_pb2.Duration
    epoch: int
    message: str
    def __init__(self, seq: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[Event.Kind, str]] = ..., load_balancer: _Optional[str] = ..., server_group: _Optional[str] = ..., listener: _Optional[str] = ..., from_side: _Optional[_Union[_server_group_pb2.ServerGroup.Side, str]] = ..., to_side: _Optional[_Union[_server_group_pb2.ServerGroup.Side, str]] = ..., cause: _Optional[str] = ..., check: _Optional[str] = ..., error: _Optional[str] = ..., decided_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., epoch: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...
