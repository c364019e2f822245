# SPDX-License-Identifier: Apache-2.0
"""What ``LoadBalancerService`` refuses, by the words of docs/errors.md."""

from __future__ import annotations

from google.protobuf.message import Message

from tests.rpc.calls import LB, LISTENER
from tests.rpc.request_kit import (
    HASHED,
    NOBODY,
    OFFICE,
    SIX,
    UNCHECKED,
    check,
    create_lb,
    create_listener,
    seconds,
    traffic,
    update_lb,
    update_listener,
)
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb

REQUESTS: dict[str, dict[str, Message]] = {
    "CreateLoadBalancer": {
        "no `load_balancer`": lb_pb.CreateLoadBalancerRequest(),
        "`load_balancer_id` not in its form": create_lb(id="web"),
        "`load_balancer_id` is taken": create_lb(id="lb-web"),
        "`address` missing": create_lb(address=""),
        "`address` not IPv4": create_lb(address="2001:db8::1"),
        "`address` not unicast": create_lb(address="224.0.0.1"),
        "`address` is another's": create_lb(address="192.0.2.10"),
        "`display_name` longer than 80": create_lb(display_name="x" * 81),
        "`interface` longer than 15": create_lb(interface="x" * 16),
        "`status` unknown": create_lb(status=9),
        "21 `tags`": create_lb(tags={str(at): "" for at in range(21)}),
        "a tag's key begins with `aliyun`": create_lb(tags={"aliyun1": ""}),
        "a tag's key is empty": create_lb(tags={"": "x"}),
        "a tag's value contains `http://`": create_lb(tags={"a": "http://b"}),
        "a tag's value is longer than 128": create_lb(tags={"a": "x" * 129}),
        "`request_id` with a space": create_lb(request_id="a b"),
        "`request_id` of another request": create_lb(request_id="once"),
    },
    "GetLoadBalancer": {
        "`name` missing": lb_pb.GetLoadBalancerRequest(),
        "`name` not in its form": lb_pb.GetLoadBalancerRequest(name="lb-web"),
        "no such load balancer": lb_pb.GetLoadBalancerRequest(name=NOBODY["lb"]),
    },
    "ListLoadBalancers": {
        "`page_size` negative": lb_pb.ListLoadBalancersRequest(page_size=-1),
        "`page_token` not of this request": lb_pb.ListLoadBalancersRequest(page_token="x"),
        "`filter` not understood": lb_pb.ListLoadBalancersRequest(filter="status"),
        "`filter` on an unknown field": lb_pb.ListLoadBalancersRequest(filter="colour = red"),
    },
    "UpdateLoadBalancer": {
        "`name` missing": lb_pb.UpdateLoadBalancerRequest(),
        "no such load balancer": update_lb(name=NOBODY["lb"]),
        "`address` differs": update_lb(address="192.0.2.98"),
        "`update_mask` names no field": update_lb("colour"),
        "`display_name` not in its form": update_lb(display_name="a b"),
        "21 `tags`": update_lb(tags={str(at): "" for at in range(21)}),
        "`etag` of an older state": update_lb(etag="old", display_name="x"),
    },
    "DeleteLoadBalancer": {
        "no such load balancer": lb_pb.DeleteLoadBalancerRequest(name=NOBODY["lb"]),
        "delete protection": lb_pb.DeleteLoadBalancerRequest(name="loadBalancers/lb-kept"),
        "`etag` of an older state": lb_pb.DeleteLoadBalancerRequest(name=LB, etag="old"),
    },
    "CreateListener": {
        "no `listener`": lb_pb.CreateListenerRequest(parent=LB),
        "`parent` missing": create_listener(lb=""),
        "no such load balancer": create_listener(lb=NOBODY["lb"]),
        "`protocol` missing": create_listener(protocol=0),
        "`protocol` unknown": create_listener(protocol=9),
        "`protocol` HTTP": create_listener(protocol="HTTP"),
        "`protocol` HTTPS": create_listener(protocol="HTTPS"),
        "`port` missing": create_listener(port=0),
        "`port` above 65535": create_listener(port=65536),
        "UDP `port` 4789": create_listener(protocol="UDP", port=4789),
        "the listener exists": create_listener(port=80),
        "the 51st listener": create_listener(lb="loadBalancers/lb-full"),
        "`server_group` not in its form": create_listener(server_group="rsp-web"),
        "no such group": create_listener(server_group=NOBODY["group"]),
        "the group is another load balancer's": create_listener(lb="loadBalancers/lb-other"),
        "default group without `server_port`": create_listener(server_group=""),
        "other group with `server_port`": create_listener(server_port=80),
        "`server_port` above 65535": create_listener(server_group="", server_port=65536),
        "`description` longer than 256": create_listener(description="x" * 257),
        "`proxy_protocol_v2_enabled`": create_listener(proxy_protocol_v2_enabled=True),
        "`tags` with a key of 65": create_listener(tags={"x" * 65: ""}),
        "`acl.type` missing": create_listener(acl={"access_control_lists": [OFFICE]}),
        "`acl` without lists": create_listener(acl={"type": "WHITE"}),
        "`acl` names a list twice": create_listener(
            acl={"type": "WHITE", "access_control_lists": [OFFICE, OFFICE]}
        ),
        "no such access control list": create_listener(
            acl={"type": "BLACK", "access_control_lists": [NOBODY["acl"]]}
        ),
        "an IPv6 list on an IPv4 address": create_listener(
            acl={"type": "BLACK", "access_control_lists": [SIX]}
        ),
        "UDP check of a TCP listener": check(type="UDP"),
        "`interval` below 10 ms": check(interval=seconds(0.009)),
        "`interval` with a fraction of a millisecond": check(interval=seconds(0.0105)),
        "`timeout` above 50 s": check(timeout=seconds(50.001)),
        "`healthy_threshold` 0": check(healthy_threshold=0),
        "`unhealthy_threshold` 11": check(unhealthy_threshold=11),
        "check `port` above 65535": check(port=65536),
        "`http_path` without a slash": check(http_path="up"),
        "`http_host` not in its form": check(http_host="a_b"),
        "`http_codes` with 0": check(http_codes=[0]),
        "`udp_request` longer than 500": check(udp_request=b"x" * 501),
        "`udp_expected` longer than 500": check(udp_expected=b"x" * 501),
        "`on_failover` unknown": traffic(on_failover=9),
        "`drain_timeout` above 24 h": traffic(drain_timeout=seconds(86_401)),
        "`drain_timeout` with a fraction of a second": traffic(drain_timeout=seconds(1.5)),
        "`scheduler` unknown": traffic(scheduler=9),
        "`scheduler` QCH on TCP": traffic(scheduler="QCH"),
        "`persistence_timeout` above 3600 s": traffic(persistence_timeout=seconds(3601)),
        "`persistence_timeout` on UDP": create_listener(
            protocol="UDP", traffic_policy={"persistence_timeout": seconds(1)}
        ),
        "`established_timeout` below 10 s": traffic(established_timeout=seconds(9)),
        "`established_timeout` above 900 s": traffic(established_timeout=seconds(901)),
        "`connection_drain_timeout` of 9 s": traffic(connection_drain_timeout=seconds(9)),
        "`connection_drain_timeout` above 900 s": traffic(connection_drain_timeout=seconds(901)),
        "`bandwidth_mbps` 0": traffic(bandwidth_mbps=0),
        "`bandwidth_mbps` above 5120": traffic(bandwidth_mbps=5121),
        "`all_unhealthy` unknown": traffic(all_unhealthy=9),
    },
    "GetListener": {
        "`name` not in its form": lb_pb.GetListenerRequest(name=f"{LB}/listeners/80"),
        "no such load balancer": lb_pb.GetListenerRequest(name=f"{NOBODY['lb']}/listeners/tcp-80"),
        "no such listener": lb_pb.GetListenerRequest(name=NOBODY["listener"]),
    },
    "ListListeners": {
        "`parent` missing": lb_pb.ListListenersRequest(),
        "no such load balancer": lb_pb.ListListenersRequest(parent=NOBODY["lb"]),
        "`filter` not understood": lb_pb.ListListenersRequest(parent=LB, filter="port = 80 OR"),
    },
    "UpdateListener": {
        "no such listener": update_listener(name=NOBODY["listener"]),
        "`port` differs": update_listener(port=82),
        "from a hash to another scheduler": update_listener(
            name=HASHED, traffic_policy={"scheduler": "WRR"}
        ),
        "to the default group without `server_port`": update_listener("server_group"),
        "`interval` above 50 s": update_listener(health_check={"interval": seconds(51)}),
        "`etag` of an older state": update_listener(etag="old", description="x"),
    },
    "DeleteListener": {
        "no such listener": lb_pb.DeleteListenerRequest(name=NOBODY["listener"]),
        "`etag` of an older state": lb_pb.DeleteListenerRequest(name=LISTENER, etag="old"),
    },
    "StartListener": {
        "`name` missing": lb_pb.StartListenerRequest(),
        "no such listener": lb_pb.StartListenerRequest(name=NOBODY["listener"]),
    },
    "StopListener": {"no such listener": lb_pb.StopListenerRequest(name=NOBODY["listener"])},
    "GetHealthStatus": {
        "no such load balancer": lb_pb.GetHealthStatusRequest(name=NOBODY["lb"]),
        "no such listener": lb_pb.GetHealthStatusRequest(name=NOBODY["listener"]),
        "the listener has no check": lb_pb.GetHealthStatusRequest(name=UNCHECKED),
    },
}
