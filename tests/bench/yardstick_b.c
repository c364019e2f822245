/* SPDX-License-Identifier: GPL-2.0 */
/* Yardstick B: A with a flow table, as stateful balancers keep it: each flow stays with the server
 * that its first packet found. FLOWS is the table's size. */
#include "yardstick.h"

struct flow_key {
	__be32 source_be;
	__be32 dest_be;
	__be16 source_port_be;
	__be16 dest_port_be;
	__u32 proto;
};

BPF_HASH(vips, struct vip_key, struct target, 1024);
BPF_TABLE("lru_hash", struct flow_key, struct target, flows, FLOWS);
BPF_PERCPU_ARRAY(misses, __u64, 1);

int yardstick(struct xdp_md *ctx)
{
	struct flow_key flow = {};
	struct vip_key key;
	struct target *to, *known;
	struct view v;

	if (!parse(ctx, &v))
		return XDP_PASS;
	key = vip_of(&v);
	to = vips.lookup(&key);
	if (!to)
		return XDP_PASS;

	flow.source_be = v.ip->saddr;
	flow.dest_be = v.ip->daddr;
	flow.source_port_be = *v.source_be;
	flow.dest_port_be = *v.dest_be;
	flow.proto = v.ip->protocol;
	known = flows.lookup(&flow);
	if (known) {
		to = known;
	} else {
		int zero = 0;
		__u64 *missed = misses.lookup(&zero);

		if (missed)
			(*missed)++;
		flows.update(&flow, to);
	}
	rewrite(&v, to);
	return XDP_TX;
}
