from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from xdpair.api.v1 import listener_pb2 as _listener_pb2
from xdpair.api.v1 import load_balancer_pb2 as _load_balancer_pb2
from xdpair.api.v1 import server_group_pb2 as _server_group_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateLoadBalancerRequest(_message.Message):
    __slots__ = ("load_balancer_id", "load_balancer", "request_id")
    LOAD_BALANCER_ID_FIELD_NUMBER: _ClassVar[int]
    LOAD_BALANCER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    load_balancer_id: str
    load_balancer: _load_balancer_pb2.LoadBalancer
    request_id: str
    def __init__(self, load_balancer_id: _Optional[str] = ..., load_balancer: _Optional[_Union[_load_balancer_pb2.LoadBalancer, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetLoadBalancerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListLoadBalancersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListLoadBalancersResponse(_message.Message):
    __slots__ = ("load_balancers", "next_page_token", "total_size")
    LOAD_BALANCERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    load_balancers: _containers.RepeatedCompositeFieldContainer[_load_balancer_pb2.LoadBalancer]
    next_page_token: str
    total_size: int
    def __init__(self, load_balancers: _Optional[_Iterable[_Union[_load_balancer_pb2.LoadBalancer, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class UpdateLoadBalancerRequest(_message.Message):
    __slots__ = ("load_balancer", "update_mask")
    LOAD_BALANCER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    load_balancer: _load_balancer_pb2.LoadBalancer
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, load_balancer: _Optional[_Union[_load_balancer_pb2.LoadBalancer, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteLoadBalancerRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class CreateListenerRequest(_message.Message):
    __slots__ = ("parent", "listener", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    listener: _listener_pb2.Listener
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., listener: _Optional[_Union[_listener_pb2.Listener, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetListenerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListListenersRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListListenersResponse(_message.Message):
    __slots__ = ("listeners", "next_page_token", "total_size")
    LISTENERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    listeners: _containers.RepeatedCompositeFieldContainer[_listener_pb2.Listener]
    next_page_token: str
    total_size: int
    def __init__(self, listeners: _Optional[_Iterable[_Union[_listener_pb2.Listener, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class UpdateListenerRequest(_message.Message):
    __slots__ = ("listener", "update_mask")
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    listener: _listener_pb2.Listener
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, listener: _Optional[_Union[_listener_pb2.Listener, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteListenerRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class StartListenerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class StopListenerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetHealthStatusRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class HealthStatus(_message.Message):
    __slots__ = ("servers",)
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedCompositeFieldContainer[ServerHealth]
    def __init__(self, servers: _Optional[_Iterable[_Union[ServerHealth, _Mapping]]] = ...) -> None: ...

class ServerHealth(_message.Message):
    __slots__ = ("listener", "server_group", "side", "server_id", "address", "port", "state", "checked", "last_probe_age", "latency", "error", "last_probe_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ServerHealth.State]
        NORMAL: _ClassVar[ServerHealth.State]
        ABNORMAL: _ClassVar[ServerHealth.State]
        UNAVAILABLE: _ClassVar[ServerHealth.State]
    STATE_UNSPECIFIED: ServerHealth.State
    NORMAL: ServerHealth.State
    ABNORMAL: ServerHealth.State
    UNAVAILABLE: ServerHealth.State
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    SERVER_GROUP_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    LAST_PROBE_AGE_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    LAST_PROBE_TIME_FIELD_NUMBER: _ClassVar[int]
    listener: str
    server_group: str
    side: _server_group_pb2.ServerGroup.Side
    server_id: str
    address: str
    port: int
    state: ServerHealth.State
    checked: bool
    last_probe_age: _duration_pb2.Duration
    latency: _duration_pb2.Duration
    error: str
    last_probe_time: _timestamp_pb2.Timestamp
    def __init__(self, listener: _Optional[str] = ..., server_group: _Optional[str] = ..., side: _Optional[_Union[_server_group_pb2.ServerGroup.Side, str]] = ..., server_id: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., state: _Optional[_Union[ServerHealth.State, str]] = ..., checked: bool = ..., last_probe_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., latency: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., error: _Optional[str] = ..., last_probe_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
