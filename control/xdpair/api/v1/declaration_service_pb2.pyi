from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from xdpair.api.v1 import declaration_pb2 as _declaration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ApplyRequest(_message.Message):
    __slots__ = ("declaration", "prune", "etag")
    DECLARATION_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    declaration: _declaration_pb2.Declaration
    prune: bool
    etag: str
    def __init__(self, declaration: _Optional[_Union[_declaration_pb2.Declaration, _Mapping]] = ..., prune: bool = ..., etag: _Optional[str] = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[_declaration_pb2.Change]
    def __init__(self, changes: _Optional[_Iterable[_Union[_declaration_pb2.Change, _Mapping]]] = ...) -> None: ...

class DiffRequest(_message.Message):
    __slots__ = ("declaration", "prune")
    DECLARATION_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    declaration: _declaration_pb2.Declaration
    prune: bool
    def __init__(self, declaration: _Optional[_Union[_declaration_pb2.Declaration, _Mapping]] = ..., prune: bool = ...) -> None: ...

class DiffResponse(_message.Message):
    __slots__ = ("changes", "etag")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[_declaration_pb2.Change]
    etag: str
    def __init__(self, changes: _Optional[_Iterable[_Union[_declaration_pb2.Change, _Mapping]]] = ..., etag: _Optional[str] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("declaration",)
    DECLARATION_FIELD_NUMBER: _ClassVar[int]
    declaration: _declaration_pb2.Declaration
    def __init__(self, declaration: _Optional[_Union[_declaration_pb2.Declaration, _Mapping]] = ...) -> None: ...
