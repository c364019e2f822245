from google.api import field_behavior_pb2 as _field_behavior_pb2
from xdpair.api.v1 import access_control_list_pb2 as _access_control_list_pb2
from xdpair.api.v1 import listener_pb2 as _listener_pb2
from xdpair.api.v1 import load_balancer_pb2 as _load_balancer_pb2
from xdpair.api.v1 import server_pb2 as _server_pb2
from xdpair.api.v1 import server_group_pb2 as _server_group_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Declaration(_message.Message):
    __slots__ = ("load_balancers", "listeners", "server_groups", "servers", "access_control_lists")
    LOAD_BALANCERS_FIELD_NUMBER: _ClassVar[int]
    LISTENERS_FIELD_NUMBER: _ClassVar[int]
    SERVER_GROUPS_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    ACCESS_CONTROL_LISTS_FIELD_NUMBER: _ClassVar[int]
    load_balancers: _containers.RepeatedCompositeFieldContainer[_load_balancer_pb2.LoadBalancer]
    listeners: _containers.RepeatedCompositeFieldContainer[_listener_pb2.Listener]
    server_groups: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.ServerGroup]
    servers: _containers.RepeatedCompositeFieldContainer[_server_pb2.Server]
    access_control_lists: _containers.RepeatedCompositeFieldContainer[_access_control_list_pb2.AccessControlList]
    def __init__(self, load_balancers: _Optional[_Iterable[_Union[_load_balancer_pb2.LoadBalancer, _Mapping]]] = ..., listeners: _Optional[_Iterable[_Union[_listener_pb2.Listener, _Mapping]]] = ..., server_groups: _Optional[_Iterable[_Union[_server_group_pb2.ServerGroup, _Mapping]]] = ..., servers: _Optional[_Iterable[_Union[_server_pb2.Server, _Mapping]]] = ..., access_control_lists: _Optional[_Iterable[_Union[_access_control_list_pb2.AccessControlList, _Mapping]]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("action", "name", "fields")
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACTION_UNSPECIFIED: _ClassVar[Change.Action]
        CREATE: _ClassVar[Change.Action]
        UPDATE: _ClassVar[Change.Action]
        DELETE: _ClassVar[Change.Action]
    ACTION_UNSPECIFIED: Change.Action
    CREATE: Change.Action
    UPDATE: Change.Action
    DELETE: Change.Action
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    action: Change.Action
    name: str
    fields: _containers.RepeatedCompositeFieldContainer[FieldChange]
    def __init__(self, action: _Optional[_Union[Change.Action, str]] = ..., name: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[FieldChange, _Mapping]]] = ...) -> None: ...

class FieldChange(_message.Message):
    __slots__ = ("path", "before", "after")
    PATH_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    path: str
    before: str
    after: str
    def __init__(self, path: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...
