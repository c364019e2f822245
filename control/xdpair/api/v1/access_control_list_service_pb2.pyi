from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from xdpair.api.v1 import access_control_list_pb2 as _access_control_list_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateAccessControlListRequest(_message.Message):
    __slots__ = ("access_control_list_id", "access_control_list", "request_id")
    ACCESS_CONTROL_LIST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCESS_CONTROL_LIST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    access_control_list_id: str
    access_control_list: _access_control_list_pb2.AccessControlList
    request_id: str
    def __init__(self, access_control_list_id: _Optional[str] = ..., access_control_list: _Optional[_Union[_access_control_list_pb2.AccessControlList, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetAccessControlListRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListAccessControlListsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListAccessControlListsResponse(_message.Message):
    __slots__ = ("access_control_lists", "next_page_token", "total_size")
    ACCESS_CONTROL_LISTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    access_control_lists: _containers.RepeatedCompositeFieldContainer[_access_control_list_pb2.AccessControlList]
    next_page_token: str
    total_size: int
    def __init__(self, access_control_lists: _Optional[_Iterable[_Union[_access_control_list_pb2.AccessControlList, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class UpdateAccessControlListRequest(_message.Message):
    __slots__ = ("access_control_list", "update_mask")
    ACCESS_CONTROL_LIST_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    access_control_list: _access_control_list_pb2.AccessControlList
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, access_control_list: _Optional[_Union[_access_control_list_pb2.AccessControlList, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteAccessControlListRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class AddEntriesRequest(_message.Message):
    __slots__ = ("name", "entries", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    entries: _containers.RepeatedCompositeFieldContainer[_access_control_list_pb2.AclEntry]
    etag: str
    def __init__(self, name: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[_access_control_list_pb2.AclEntry, _Mapping]]] = ..., etag: _Optional[str] = ...) -> None: ...

class RemoveEntriesRequest(_message.Message):
    __slots__ = ("name", "cidrs", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CIDRS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    cidrs: _containers.RepeatedScalarFieldContainer[str]
    etag: str
    def __init__(self, name: _Optional[str] = ..., cidrs: _Optional[_Iterable[str]] = ..., etag: _Optional[str] = ...) -> None: ...
