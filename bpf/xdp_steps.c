/* SPDX-License-Identifier: GPL-2.0 */
/* The programs that a packet goes on to (steps.h), and the one that sweeps the flow table. The
 * loader makes them after xdp_pair.c, on the same maps: at a first start they need not be there for
 * the first packet of a pair. */
#include <linux/if_ether.h>
#include <linux/ip.h>

#include "abi.h"
#include "maps.h"
#include "parse.h"
#include "checksum.h"
#include "rewrite.h"
#include "respond.h"
#include "tables.h"
#include "dry_run.h"
#include "gate.h"
#include "forward.h"
#include "reply.h"
#include "weighted.h"
#include "icmp.h"
#include "sweep.h"

/* STEP_ICMP: xdp_pair has looked at the packet, without changing anything. */
int xdp_icmp(struct xdp_md *ctx)
{
	struct cursor c = { .pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };
	struct packet p = {};
	struct exits *n;
	__u32 row;

	row = begin(ctx, &p);
	n = exits.lookup(&row);
	if (!n)
		return XDP_ABORTED;
	p.eth = parse_eth(&c);
	if (!p.eth || !parse_packet(&c, &p))
		return n->drop_internal++, XDP_DROP;
	return icmp(ctx, n, &c, &p);
}

/* STEP_WEIGHTED: xdp_pair has looked at the packet, without changing anything. */
int xdp_weighted(struct xdp_md *ctx)
{
	struct cursor c = { .pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };
	struct packet p = {};
	struct answer a = {};
	struct ports *ports;
	struct exits *n;
	__u32 row, found;

	row = begin(ctx, &p);
	n = exits.lookup(&row);
	if (!n)
		return XDP_ABORTED;
	p.eth = parse_eth(&c);
	if (!p.eth || !parse_packet(&c, &p))
		return n->drop_internal++, XDP_DROP;
	ports = parse_ports(&c, &p);
	if (!ports)
		return n->drop_internal++, XDP_DROP;
	found = lookup_find(
		lookup_word(p.ip->daddr, ports->dest_be, p.ip->protocol, KIND_LISTENER));
	return conclude(ctx, n, &p, &a, forward_weighted(ctx, n, &p, &a, found));
}

/* STEP_LEAST: the packet goes back to STEP_WEIGHTED. */
int xdp_least(struct xdp_md *ctx)
{
	struct packet p = {};
	struct least *least;
	int zero = 0;

	begin(ctx, &p);
	least = leasts.lookup(&zero);
	if (!least)
		return XDP_ABORTED;
	least->server = least_loaded(&p, least->listener);
	least->is_found = 1;
	steps.call(ctx, STEP_WEIGHTED);
	return XDP_ABORTED;
}

/* STEP_TIE: the packet is ready to leave. */
int xdp_tie(struct xdp_md *ctx)
{
	int zero = 0;
	struct tie_to_keep *d = ties_to_keep.lookup(&zero);

	if (!d)
		return XDP_ABORTED;
	keep_tie(d);
	return d->verdict;
}

/* Not attached: the controller runs it, again and again, to go through the whole flow table. */
int xdp_sweep(struct xdp_md *ctx)
{
	sweep();
	return XDP_PASS;
}
