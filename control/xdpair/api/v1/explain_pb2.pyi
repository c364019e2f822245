from google.api import resource_pb2 as _resource_pb2
from xdpair.api.v1 import load_balancer_service_pb2 as _load_balancer_service_pb2
from xdpair.api.v1 import server_group_pb2 as _server_group_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Explanation(_message.Message):
    __slots__ = ("outcome", "summary", "steps", "exit", "verdict", "listener", "server", "interface_in", "interface_out", "sent", "left")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[Explanation.Outcome]
        FORWARDED: _ClassVar[Explanation.Outcome]
        REPLIED: _ClassVar[Explanation.Outcome]
        ANSWERED: _ClassVar[Explanation.Outcome]
        PASSED: _ClassVar[Explanation.Outcome]
        DROPPED: _ClassVar[Explanation.Outcome]
    OUTCOME_UNSPECIFIED: Explanation.Outcome
    FORWARDED: Explanation.Outcome
    REPLIED: Explanation.Outcome
    ANSWERED: Explanation.Outcome
    PASSED: Explanation.Outcome
    DROPPED: Explanation.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_IN_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_OUT_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: Explanation.Outcome
    summary: str
    steps: _containers.RepeatedCompositeFieldContainer[ExplanationStep]
    exit: str
    verdict: str
    listener: str
    server: ExplainedServer
    interface_in: str
    interface_out: str
    sent: PacketHeaders
    left: PacketHeaders
    def __init__(self, outcome: _Optional[_Union[Explanation.Outcome, str]] = ..., summary: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[ExplanationStep, _Mapping]]] = ..., exit: _Optional[str] = ..., verdict: _Optional[str] = ..., listener: _Optional[str] = ..., server: _Optional[_Union[ExplainedServer, _Mapping]] = ..., interface_in: _Optional[str] = ..., interface_out: _Optional[str] = ..., sent: _Optional[_Union[PacketHeaders, _Mapping]] = ..., left: _Optional[_Union[PacketHeaders, _Mapping]] = ...) -> None: ...

class ExplanationStep(_message.Message):
    __slots__ = ("topic", "text")
    class Topic(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TOPIC_UNSPECIFIED: _ClassVar[ExplanationStep.Topic]
        INTERFACE: _ClassVar[ExplanationStep.Topic]
        LISTENER: _ClassVar[ExplanationStep.Topic]
        ACCESS: _ClassVar[ExplanationStep.Topic]
        BANDWIDTH: _ClassVar[ExplanationStep.Topic]
        FLOW: _ClassVar[ExplanationStep.Topic]
        CHOICE: _ClassVar[ExplanationStep.Topic]
        SERVER: _ClassVar[ExplanationStep.Topic]
        HEADERS: _ClassVar[ExplanationStep.Topic]
        WAY_OUT: _ClassVar[ExplanationStep.Topic]
    TOPIC_UNSPECIFIED: ExplanationStep.Topic
    INTERFACE: ExplanationStep.Topic
    LISTENER: ExplanationStep.Topic
    ACCESS: ExplanationStep.Topic
    BANDWIDTH: ExplanationStep.Topic
    FLOW: ExplanationStep.Topic
    CHOICE: ExplanationStep.Topic
    SERVER: ExplanationStep.Topic
    HEADERS: ExplanationStep.Topic
    WAY_OUT: ExplanationStep.Topic
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    topic: ExplanationStep.Topic
    text: str
    def __init__(self, topic: _Optional[_Union[ExplanationStep.Topic, str]] = ..., text: _Optional[str] = ...) -> None: ...

class ExplainedServer(_message.Message):
    __slots__ = ("server_id", "address", "port", "side", "weight", "health", "error")
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    server_id: str
    address: str
    port: int
    side: _server_group_pb2.ServerGroup.Side
    weight: int
    health: _load_balancer_service_pb2.ServerHealth.State
    error: str
    def __init__(self, server_id: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., side: _Optional[_Union[_server_group_pb2.ServerGroup.Side, str]] = ..., weight: _Optional[int] = ..., health: _Optional[_Union[_load_balancer_service_pb2.ServerHealth.State, str]] = ..., error: _Optional[str] = ...) -> None: ...

class PacketHeaders(_message.Message):
    __slots__ = ("source_mac", "destination_mac", "source_address", "source_port", "destination_address", "destination_port", "protocol", "ttl", "length", "checksums_ok", "tcp_flags", "tcp_seq", "tcp_ack", "icmp_type", "icmp_code", "icmp_mtu")
    SOURCE_MAC_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_MAC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_PORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMS_OK_FIELD_NUMBER: _ClassVar[int]
    TCP_FLAGS_FIELD_NUMBER: _ClassVar[int]
    TCP_SEQ_FIELD_NUMBER: _ClassVar[int]
    TCP_ACK_FIELD_NUMBER: _ClassVar[int]
    ICMP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ICMP_CODE_FIELD_NUMBER: _ClassVar[int]
    ICMP_MTU_FIELD_NUMBER: _ClassVar[int]
    source_mac: str
    destination_mac: str
    source_address: str
    source_port: int
    destination_address: str
    destination_port: int
    protocol: int
    ttl: int
    length: int
    checksums_ok: bool
    tcp_flags: _containers.RepeatedScalarFieldContainer[str]
    tcp_seq: int
    tcp_ack: int
    icmp_type: int
    icmp_code: int
    icmp_mtu: int
    def __init__(self, source_mac: _Optional[str] = ..., destination_mac: _Optional[str] = ..., source_address: _Optional[str] = ..., source_port: _Optional[int] = ..., destination_address: _Optional[str] = ..., destination_port: _Optional[int] = ..., protocol: _Optional[int] = ..., ttl: _Optional[int] = ..., length: _Optional[int] = ..., checksums_ok: bool = ..., tcp_flags: _Optional[_Iterable[str]] = ..., tcp_seq: _Optional[int] = ..., tcp_ack: _Optional[int] = ..., icmp_type: _Optional[int] = ..., icmp_code: _Optional[int] = ..., icmp_mtu: _Optional[int] = ...) -> None: ...
