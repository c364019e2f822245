from xdpair.api.buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from xdpair.api.v1 import access_control_list_pb2 as _access_control_list_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Listener(_message.Message):
    __slots__ = ("name", "protocol", "port", "server_group", "description", "health_check", "traffic_policy", "state", "create_time", "etag", "server_port", "acl", "proxy_protocol_v2_enabled", "warnings", "tags")
    class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROTOCOL_UNSPECIFIED: _ClassVar[Listener.Protocol]
        TCP: _ClassVar[Listener.Protocol]
        UDP: _ClassVar[Listener.Protocol]
        HTTP: _ClassVar[Listener.Protocol]
        HTTPS: _ClassVar[Listener.Protocol]
    PROTOCOL_UNSPECIFIED: Listener.Protocol
    TCP: Listener.Protocol
    UDP: Listener.Protocol
    HTTP: Listener.Protocol
    HTTPS: Listener.Protocol
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Listener.State]
        STOPPED: _ClassVar[Listener.State]
        RUNNING: _ClassVar[Listener.State]
    STATE_UNSPECIFIED: Listener.State
    STOPPED: Listener.State
    RUNNING: Listener.State
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    SERVER_GROUP_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    HEALTH_CHECK_FIELD_NUMBER: _ClassVar[int]
    TRAFFIC_POLICY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SERVER_PORT_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    PROXY_PROTOCOL_V2_ENABLED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    protocol: Listener.Protocol
    port: int
    server_group: str
    description: str
    health_check: HealthCheck
    traffic_policy: TrafficPolicy
    state: Listener.State
    create_time: _timestamp_pb2.Timestamp
    etag: str
    server_port: int
    acl: _access_control_list_pb2.AclPolicy
    proxy_protocol_v2_enabled: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., protocol: _Optional[_Union[Listener.Protocol, str]] = ..., port: _Optional[int] = ..., server_group: _Optional[str] = ..., description: _Optional[str] = ..., health_check: _Optional[_Union[HealthCheck, _Mapping]] = ..., traffic_policy: _Optional[_Union[TrafficPolicy, _Mapping]] = ..., state: _Optional[_Union[Listener.State, str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., server_port: _Optional[int] = ..., acl: _Optional[_Union[_access_control_list_pb2.AclPolicy, _Mapping]] = ..., proxy_protocol_v2_enabled: bool = ..., warnings: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class HealthCheck(_message.Message):
    __slots__ = ("type", "enabled", "interval", "timeout", "healthy_threshold", "unhealthy_threshold", "port", "http_path", "http_host", "http_codes", "udp_request", "udp_expected")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[HealthCheck.Type]
        TCP: _ClassVar[HealthCheck.Type]
        HTTP: _ClassVar[HealthCheck.Type]
        UDP: _ClassVar[HealthCheck.Type]
    TYPE_UNSPECIFIED: HealthCheck.Type
    TCP: HealthCheck.Type
    HTTP: HealthCheck.Type
    UDP: HealthCheck.Type
    class HttpCodes(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        HTTP_CODES_UNSPECIFIED: _ClassVar[HealthCheck.HttpCodes]
        HTTP_1XX: _ClassVar[HealthCheck.HttpCodes]
        HTTP_2XX: _ClassVar[HealthCheck.HttpCodes]
        HTTP_3XX: _ClassVar[HealthCheck.HttpCodes]
        HTTP_4XX: _ClassVar[HealthCheck.HttpCodes]
        HTTP_5XX: _ClassVar[HealthCheck.HttpCodes]
    HTTP_CODES_UNSPECIFIED: HealthCheck.HttpCodes
    HTTP_1XX: HealthCheck.HttpCodes
    HTTP_2XX: HealthCheck.HttpCodes
    HTTP_3XX: HealthCheck.HttpCodes
    HTTP_4XX: HealthCheck.HttpCodes
    HTTP_5XX: HealthCheck.HttpCodes
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    UNHEALTHY_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PATH_FIELD_NUMBER: _ClassVar[int]
    HTTP_HOST_FIELD_NUMBER: _ClassVar[int]
    HTTP_CODES_FIELD_NUMBER: _ClassVar[int]
    UDP_REQUEST_FIELD_NUMBER: _ClassVar[int]
    UDP_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    type: HealthCheck.Type
    enabled: bool
    interval: _duration_pb2.Duration
    timeout: _duration_pb2.Duration
    healthy_threshold: int
    unhealthy_threshold: int
    port: int
    http_path: str
    http_host: str
    http_codes: _containers.RepeatedScalarFieldContainer[HealthCheck.HttpCodes]
    udp_request: bytes
    udp_expected: bytes
    def __init__(self, type: _Optional[_Union[HealthCheck.Type, str]] = ..., enabled: bool = ..., interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., healthy_threshold: _Optional[int] = ..., unhealthy_threshold: _Optional[int] = ..., port: _Optional[int] = ..., http_path: _Optional[str] = ..., http_host: _Optional[str] = ..., http_codes: _Optional[_Iterable[_Union[HealthCheck.HttpCodes, str]]] = ..., udp_request: _Optional[bytes] = ..., udp_expected: _Optional[bytes] = ...) -> None: ...

class TrafficPolicy(_message.Message):
    __slots__ = ("on_failover", "on_failback", "drain_timeout", "scheduler", "persistence_timeout", "established_timeout", "connection_drain_timeout", "bandwidth_mbps", "all_unhealthy")
    class FlowAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FLOW_ACTION_UNSPECIFIED: _ClassVar[TrafficPolicy.FlowAction]
        KEEP: _ClassVar[TrafficPolicy.FlowAction]
        RESET: _ClassVar[TrafficPolicy.FlowAction]
    FLOW_ACTION_UNSPECIFIED: TrafficPolicy.FlowAction
    KEEP: TrafficPolicy.FlowAction
    RESET: TrafficPolicy.FlowAction
    class Scheduler(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCHEDULER_UNSPECIFIED: _ClassVar[TrafficPolicy.Scheduler]
        WRR: _ClassVar[TrafficPolicy.Scheduler]
        RR: _ClassVar[TrafficPolicy.Scheduler]
        WLC: _ClassVar[TrafficPolicy.Scheduler]
        SCH: _ClassVar[TrafficPolicy.Scheduler]
        TCH: _ClassVar[TrafficPolicy.Scheduler]
        QCH: _ClassVar[TrafficPolicy.Scheduler]
    SCHEDULER_UNSPECIFIED: TrafficPolicy.Scheduler
    WRR: TrafficPolicy.Scheduler
    RR: TrafficPolicy.Scheduler
    WLC: TrafficPolicy.Scheduler
    SCH: TrafficPolicy.Scheduler
    TCH: TrafficPolicy.Scheduler
    QCH: TrafficPolicy.Scheduler
    class AllUnhealthy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ALL_UNHEALTHY_UNSPECIFIED: _ClassVar[TrafficPolicy.AllUnhealthy]
        REJECT: _ClassVar[TrafficPolicy.AllUnhealthy]
        FAIL_OPEN: _ClassVar[TrafficPolicy.AllUnhealthy]
    ALL_UNHEALTHY_UNSPECIFIED: TrafficPolicy.AllUnhealthy
    REJECT: TrafficPolicy.AllUnhealthy
    FAIL_OPEN: TrafficPolicy.AllUnhealthy
    ON_FAILOVER_FIELD_NUMBER: _ClassVar[int]
    ON_FAILBACK_FIELD_NUMBER: _ClassVar[int]
    DRAIN_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    PERSISTENCE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ESTABLISHED_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_DRAIN_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    BANDWIDTH_MBPS_FIELD_NUMBER: _ClassVar[int]
    ALL_UNHEALTHY_FIELD_NUMBER: _ClassVar[int]
    on_failover: TrafficPolicy.FlowAction
    on_failback: TrafficPolicy.FlowAction
    drain_timeout: _duration_pb2.Duration
    scheduler: TrafficPolicy.Scheduler
    persistence_timeout: _duration_pb2.Duration
    established_timeout: _duration_pb2.Duration
    connection_drain_timeout: _duration_pb2.Duration
    bandwidth_mbps: int
    all_unhealthy: TrafficPolicy.AllUnhealthy
    def __init__(self, on_failover: _Optional[_Union[TrafficPolicy.FlowAction, str]] = ..., on_failback: _Optional[_Union[TrafficPolicy.FlowAction, str]] = ..., drain_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., scheduler: _Optional[_Union[TrafficPolicy.Scheduler, str]] = ..., persistence_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., established_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., connection_drain_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., bandwidth_mbps: _Optional[int] = ..., all_unhealthy: _Optional[_Union[TrafficPolicy.AllUnhealthy, str]] = ...) -> None: ...
