from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from xdpair.api.v1 import server_group_pb2 as _server_group_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SystemStatus(_message.Message):
    __slots__ = ("version", "start_time", "interfaces", "program_id", "abi", "adopted", "flow_capacity")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_ID_FIELD_NUMBER: _ClassVar[int]
    ABI_FIELD_NUMBER: _ClassVar[int]
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    FLOW_CAPACITY_FIELD_NUMBER: _ClassVar[int]
    version: str
    start_time: _timestamp_pb2.Timestamp
    interfaces: _containers.RepeatedCompositeFieldContainer[InterfaceStatus]
    program_id: int
    abi: str
    adopted: bool
    flow_capacity: int
    def __init__(self, version: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., interfaces: _Optional[_Iterable[_Union[InterfaceStatus, _Mapping]]] = ..., program_id: _Optional[int] = ..., abi: _Optional[str] = ..., adopted: bool = ..., flow_capacity: _Optional[int] = ...) -> None: ...

class InterfaceStatus(_message.Message):
    __slots__ = ("interface", "mode", "warning")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[InterfaceStatus.Mode]
        NATIVE: _ClassVar[InterfaceStatus.Mode]
        GENERIC: _ClassVar[InterfaceStatus.Mode]
        DETACHED: _ClassVar[InterfaceStatus.Mode]
    MODE_UNSPECIFIED: InterfaceStatus.Mode
    NATIVE: InterfaceStatus.Mode
    GENERIC: InterfaceStatus.Mode
    DETACHED: InterfaceStatus.Mode
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    interface: str
    mode: InterfaceStatus.Mode
    warning: str
    def __init__(self, interface: _Optional[str] = ..., mode: _Optional[_Union[InterfaceStatus.Mode, str]] = ..., warning: _Optional[str] = ...) -> None: ...

class GetCountersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Counters(_message.Message):
    __slots__ = ("exits", "listeners", "servers")
    class ExitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    EXITS_FIELD_NUMBER: _ClassVar[int]
    LISTENERS_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    exits: _containers.ScalarMap[str, int]
    listeners: _containers.RepeatedCompositeFieldContainer[ListenerCounters]
    servers: _containers.RepeatedCompositeFieldContainer[ServerCounters]
    def __init__(self, exits: _Optional[_Mapping[str, int]] = ..., listeners: _Optional[_Iterable[_Union[ListenerCounters, _Mapping]]] = ..., servers: _Optional[_Iterable[_Union[ServerCounters, _Mapping]]] = ...) -> None: ...

class ListenerCounters(_message.Message):
    __slots__ = ("listener", "counters")
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    listener: str
    counters: _containers.ScalarMap[str, int]
    def __init__(self, listener: _Optional[str] = ..., counters: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ServerCounters(_message.Message):
    __slots__ = ("server_group", "side", "counters", "listener", "address", "port")
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SERVER_GROUP_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    server_group: str
    side: _server_group_pb2.ServerGroup.Side
    counters: _containers.ScalarMap[str, int]
    listener: str
    address: str
    port: int
    def __init__(self, server_group: _Optional[str] = ..., side: _Optional[_Union[_server_group_pb2.ServerGroup.Side, str]] = ..., counters: _Optional[_Mapping[str, int]] = ..., listener: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...
