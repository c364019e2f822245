from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccessControlList(_message.Message):
    __slots__ = ("name", "display_name", "ip_version", "entries", "related_listeners", "create_time", "etag", "tags")
    class IpVersion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        IP_VERSION_UNSPECIFIED: _ClassVar[AccessControlList.IpVersion]
        IPV4: _ClassVar[AccessControlList.IpVersion]
        IPV6: _ClassVar[AccessControlList.IpVersion]
    IP_VERSION_UNSPECIFIED: AccessControlList.IpVersion
    IPV4: AccessControlList.IpVersion
    IPV6: AccessControlList.IpVersion
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    IP_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    RELATED_LISTENERS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    ip_version: AccessControlList.IpVersion
    entries: _containers.RepeatedCompositeFieldContainer[AclEntry]
    related_listeners: _containers.RepeatedCompositeFieldContainer[RelatedListener]
    create_time: _timestamp_pb2.Timestamp
    etag: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., ip_version: _Optional[_Union[AccessControlList.IpVersion, str]] = ..., entries: _Optional[_Iterable[_Union[AclEntry, _Mapping]]] = ..., related_listeners: _Optional[_Iterable[_Union[RelatedListener, _Mapping]]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AclEntry(_message.Message):
    __slots__ = ("cidr", "comment")
    CIDR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    cidr: str
    comment: str
    def __init__(self, cidr: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class AclPolicy(_message.Message):
    __slots__ = ("type", "access_control_lists")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[AclPolicy.Type]
        WHITE: _ClassVar[AclPolicy.Type]
        BLACK: _ClassVar[AclPolicy.Type]
    TYPE_UNSPECIFIED: AclPolicy.Type
    WHITE: AclPolicy.Type
    BLACK: AclPolicy.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ACCESS_CONTROL_LISTS_FIELD_NUMBER: _ClassVar[int]
    type: AclPolicy.Type
    access_control_lists: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, type: _Optional[_Union[AclPolicy.Type, str]] = ..., access_control_lists: _Optional[_Iterable[str]] = ...) -> None: ...

class RelatedListener(_message.Message):
    __slots__ = ("listener", "type")
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    listener: str
    type: AclPolicy.Type
    def __init__(self, listener: _Optional[str] = ..., type: _Optional[_Union[AclPolicy.Type, str]] = ...) -> None: ...
