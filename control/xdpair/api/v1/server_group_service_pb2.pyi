from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from xdpair.api.v1 import server_group_pb2 as _server_group_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateServerGroupRequest(_message.Message):
    __slots__ = ("server_group_id", "server_group", "request_id")
    SERVER_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_GROUP_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    server_group_id: str
    server_group: _server_group_pb2.ServerGroup
    request_id: str
    def __init__(self, server_group_id: _Optional[str] = ..., server_group: _Optional[_Union[_server_group_pb2.ServerGroup, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetServerGroupRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListServerGroupsRequest(_message.Message):
    __slots__ = ("load_balancer", "page_size", "page_token", "filter")
    LOAD_BALANCER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    load_balancer: str
    page_size: int
    page_token: str
    filter: str
    def __init__(self, load_balancer: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListServerGroupsResponse(_message.Message):
    __slots__ = ("server_groups", "next_page_token", "total_size")
    SERVER_GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    server_groups: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.ServerGroup]
    next_page_token: str
    total_size: int
    def __init__(self, server_groups: _Optional[_Iterable[_Union[_server_group_pb2.ServerGroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class UpdateServerGroupRequest(_message.Message):
    __slots__ = ("server_group", "update_mask")
    SERVER_GROUP_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    server_group: _server_group_pb2.ServerGroup
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, server_group: _Optional[_Union[_server_group_pb2.ServerGroup, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteServerGroupRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class GroupServerKey(_message.Message):
    __slots__ = ("server_id", "port")
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    server_id: str
    port: int
    def __init__(self, server_id: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...

class GroupServerWeight(_message.Message):
    __slots__ = ("server_id", "port", "weight")
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    server_id: str
    port: int
    weight: int
    def __init__(self, server_id: _Optional[str] = ..., port: _Optional[int] = ..., weight: _Optional[int] = ...) -> None: ...

class AddServersRequest(_message.Message):
    __slots__ = ("name", "servers", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    servers: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.GroupServer]
    etag: str
    def __init__(self, name: _Optional[str] = ..., servers: _Optional[_Iterable[_Union[_server_group_pb2.GroupServer, _Mapping]]] = ..., etag: _Optional[str] = ...) -> None: ...

class RemoveServersRequest(_message.Message):
    __slots__ = ("name", "servers", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    servers: _containers.RepeatedCompositeFieldContainer[GroupServerKey]
    etag: str
    def __init__(self, name: _Optional[str] = ..., servers: _Optional[_Iterable[_Union[GroupServerKey, _Mapping]]] = ..., etag: _Optional[str] = ...) -> None: ...

class ReplaceServersRequest(_message.Message):
    __slots__ = ("name", "old_servers", "new_servers", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OLD_SERVERS_FIELD_NUMBER: _ClassVar[int]
    NEW_SERVERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    old_servers: _containers.RepeatedCompositeFieldContainer[GroupServerKey]
    new_servers: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.GroupServer]
    etag: str
    def __init__(self, name: _Optional[str] = ..., old_servers: _Optional[_Iterable[_Union[GroupServerKey, _Mapping]]] = ..., new_servers: _Optional[_Iterable[_Union[_server_group_pb2.GroupServer, _Mapping]]] = ..., etag: _Optional[str] = ...) -> None: ...

class SetServerWeightsRequest(_message.Message):
    __slots__ = ("name", "weights", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    weights: _containers.RepeatedCompositeFieldContainer[GroupServerWeight]
    etag: str
    def __init__(self, name: _Optional[str] = ..., weights: _Optional[_Iterable[_Union[GroupServerWeight, _Mapping]]] = ..., etag: _Optional[str] = ...) -> None: ...

class SwitchoverRequest(_message.Message):
    __slots__ = ("name", "listener", "to")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    name: str
    listener: str
    to: _server_group_pb2.ServerGroup.Side
    def __init__(self, name: _Optional[str] = ..., listener: _Optional[str] = ..., to: _Optional[_Union[_server_group_pb2.ServerGroup.Side, str]] = ...) -> None: ...

class SwitchoverResponse(_message.Message):
    __slots__ = ("slots",)
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slots: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.SlotStatus]
    def __init__(self, slots: _Optional[_Iterable[_Union[_server_group_pb2.SlotStatus, _Mapping]]] = ...) -> None: ...

class FailbackRequest(_message.Message):
    __slots__ = ("name", "listener")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    name: str
    listener: str
    def __init__(self, name: _Optional[str] = ..., listener: _Optional[str] = ...) -> None: ...

class FailbackResponse(_message.Message):
    __slots__ = ("slots",)
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slots: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.SlotStatus]
    def __init__(self, slots: _Optional[_Iterable[_Union[_server_group_pb2.SlotStatus, _Mapping]]] = ...) -> None: ...

class HoldRequest(_message.Message):
    __slots__ = ("name", "listener")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    name: str
    listener: str
    def __init__(self, name: _Optional[str] = ..., listener: _Optional[str] = ...) -> None: ...

class HoldResponse(_message.Message):
    __slots__ = ("slots",)
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slots: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.SlotStatus]
    def __init__(self, slots: _Optional[_Iterable[_Union[_server_group_pb2.SlotStatus, _Mapping]]] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("name", "listener")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    name: str
    listener: str
    def __init__(self, name: _Optional[str] = ..., listener: _Optional[str] = ...) -> None: ...

class ReleaseResponse(_message.Message):
    __slots__ = ("slots",)
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slots: _containers.RepeatedCompositeFieldContainer[_server_group_pb2.SlotStatus]
    def __init__(self, slots: _Optional[_Iterable[_Union[_server_group_pb2.SlotStatus, _Mapping]]] = ...) -> None: ...
