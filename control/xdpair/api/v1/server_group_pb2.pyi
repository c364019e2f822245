from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServerGroup(_message.Message):
    __slots__ = ("name", "display_name", "load_balancer", "kind", "servers", "failover_policy", "probe_secondary", "create_time", "slots", "etag", "tags")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[ServerGroup.Kind]
        PRIMARY_SECONDARY: _ClassVar[ServerGroup.Kind]
        WEIGHTED: _ClassVar[ServerGroup.Kind]
        DEFAULT: _ClassVar[ServerGroup.Kind]
    KIND_UNSPECIFIED: ServerGroup.Kind
    PRIMARY_SECONDARY: ServerGroup.Kind
    WEIGHTED: ServerGroup.Kind
    DEFAULT: ServerGroup.Kind
    class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SIDE_UNSPECIFIED: _ClassVar[ServerGroup.Side]
        PRIMARY: _ClassVar[ServerGroup.Side]
        SECONDARY: _ClassVar[ServerGroup.Side]
        NOBODY: _ClassVar[ServerGroup.Side]
    SIDE_UNSPECIFIED: ServerGroup.Side
    PRIMARY: ServerGroup.Side
    SECONDARY: ServerGroup.Side
    NOBODY: ServerGroup.Side
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    LOAD_BALANCER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    FAILOVER_POLICY_FIELD_NUMBER: _ClassVar[int]
    PROBE_SECONDARY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    load_balancer: str
    kind: ServerGroup.Kind
    servers: _containers.RepeatedCompositeFieldContainer[GroupServer]
    failover_policy: FailoverPolicy
    probe_secondary: bool
    create_time: _timestamp_pb2.Timestamp
    slots: _containers.RepeatedCompositeFieldContainer[SlotStatus]
    etag: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., load_balancer: _Optional[str] = ..., kind: _Optional[_Union[ServerGroup.Kind, str]] = ..., servers: _Optional[_Iterable[_Union[GroupServer, _Mapping]]] = ..., failover_policy: _Optional[_Union[FailoverPolicy, _Mapping]] = ..., probe_secondary: bool = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., slots: _Optional[_Iterable[_Union[SlotStatus, _Mapping]]] = ..., etag: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class GroupServer(_message.Message):
    __slots__ = ("server_id", "port", "role", "weight", "kind", "address", "description")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ROLE_UNSPECIFIED: _ClassVar[GroupServer.Role]
        PRIMARY: _ClassVar[GroupServer.Role]
        SECONDARY: _ClassVar[GroupServer.Role]
    ROLE_UNSPECIFIED: GroupServer.Role
    PRIMARY: GroupServer.Role
    SECONDARY: GroupServer.Role
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[GroupServer.Kind]
        ECS: _ClassVar[GroupServer.Kind]
        ENI: _ClassVar[GroupServer.Kind]
        ECI: _ClassVar[GroupServer.Kind]
    KIND_UNSPECIFIED: GroupServer.Kind
    ECS: GroupServer.Kind
    ENI: GroupServer.Kind
    ECI: GroupServer.Kind
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    server_id: str
    port: int
    role: GroupServer.Role
    weight: int
    kind: GroupServer.Kind
    address: str
    description: str
    def __init__(self, server_id: _Optional[str] = ..., port: _Optional[int] = ..., role: _Optional[_Union[GroupServer.Role, str]] = ..., weight: _Optional[int] = ..., kind: _Optional[_Union[GroupServer.Kind, str]] = ..., address: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class FailoverPolicy(_message.Message):
    __slots__ = ("scope", "failback", "hold_down")
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCOPE_UNSPECIFIED: _ClassVar[FailoverPolicy.Scope]
        LISTENER: _ClassVar[FailoverPolicy.Scope]
        GROUP: _ClassVar[FailoverPolicy.Scope]
    SCOPE_UNSPECIFIED: FailoverPolicy.Scope
    LISTENER: FailoverPolicy.Scope
    GROUP: FailoverPolicy.Scope
    class Failback(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FAILBACK_UNSPECIFIED: _ClassVar[FailoverPolicy.Failback]
        AUTO: _ClassVar[FailoverPolicy.Failback]
        MANUAL: _ClassVar[FailoverPolicy.Failback]
    FAILBACK_UNSPECIFIED: FailoverPolicy.Failback
    AUTO: FailoverPolicy.Failback
    MANUAL: FailoverPolicy.Failback
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FAILBACK_FIELD_NUMBER: _ClassVar[int]
    HOLD_DOWN_FIELD_NUMBER: _ClassVar[int]
    scope: FailoverPolicy.Scope
    failback: FailoverPolicy.Failback
    hold_down: _duration_pb2.Duration
    def __init__(self, scope: _Optional[_Union[FailoverPolicy.Scope, str]] = ..., failback: _Optional[_Union[FailoverPolicy.Failback, str]] = ..., hold_down: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SlotStatus(_message.Message):
    __slots__ = ("listeners", "serving", "cause", "pinned", "epoch", "primary_healthy", "change_time")
    class Cause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CAUSE_UNSPECIFIED: _ClassVar[SlotStatus.Cause]
        START: _ClassVar[SlotStatus.Cause]
        HEALTH: _ClassVar[SlotStatus.Cause]
        WEIGHT: _ClassVar[SlotStatus.Cause]
        OPERATOR: _ClassVar[SlotStatus.Cause]
    CAUSE_UNSPECIFIED: SlotStatus.Cause
    START: SlotStatus.Cause
    HEALTH: SlotStatus.Cause
    WEIGHT: SlotStatus.Cause
    OPERATOR: SlotStatus.Cause
    LISTENERS_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_HEALTHY_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    listeners: _containers.RepeatedScalarFieldContainer[str]
    serving: ServerGroup.Side
    cause: SlotStatus.Cause
    pinned: ServerGroup.Side
    epoch: int
    primary_healthy: bool
    change_time: _timestamp_pb2.Timestamp
    def __init__(self, listeners: _Optional[_Iterable[str]] = ..., serving: _Optional[_Union[ServerGroup.Side, str]] = ..., cause: _Optional[_Union[SlotStatus.Cause, str]] = ..., pinned: _Optional[_Union[ServerGroup.Side, str]] = ..., epoch: _Optional[int] = ..., primary_healthy: bool = ..., change_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
