from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from xdpair.api.v1 import explain_pb2 as _explain_pb2
from xdpair.api.v1 import listener_pb2 as _listener_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainRequest(_message.Message):
    __slots__ = ("source_address", "source_port", "destination_address", "destination_port", "protocol", "tcp_flags", "interface", "payload")
    class TcpFlag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TCP_FLAG_UNSPECIFIED: _ClassVar[ExplainRequest.TcpFlag]
        FIN: _ClassVar[ExplainRequest.TcpFlag]
        SYN: _ClassVar[ExplainRequest.TcpFlag]
        RST: _ClassVar[ExplainRequest.TcpFlag]
        PSH: _ClassVar[ExplainRequest.TcpFlag]
        ACK: _ClassVar[ExplainRequest.TcpFlag]
        URG: _ClassVar[ExplainRequest.TcpFlag]
    TCP_FLAG_UNSPECIFIED: ExplainRequest.TcpFlag
    FIN: ExplainRequest.TcpFlag
    SYN: ExplainRequest.TcpFlag
    RST: ExplainRequest.TcpFlag
    PSH: ExplainRequest.TcpFlag
    ACK: ExplainRequest.TcpFlag
    URG: ExplainRequest.TcpFlag
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_PORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TCP_FLAGS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    source_address: str
    source_port: int
    destination_address: str
    destination_port: int
    protocol: _listener_pb2.Listener.Protocol
    tcp_flags: _containers.RepeatedScalarFieldContainer[ExplainRequest.TcpFlag]
    interface: str
    payload: bytes
    def __init__(self, source_address: _Optional[str] = ..., source_port: _Optional[int] = ..., destination_address: _Optional[str] = ..., destination_port: _Optional[int] = ..., protocol: _Optional[_Union[_listener_pb2.Listener.Protocol, str]] = ..., tcp_flags: _Optional[_Iterable[_Union[ExplainRequest.TcpFlag, str]]] = ..., interface: _Optional[str] = ..., payload: _Optional[bytes] = ...) -> None: ...
