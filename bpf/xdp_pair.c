/* SPDX-License-Identifier: GPL-2.0 */
/* The program: parse, find listener or endpoint, find the flow, read the slot, rewrite, send.
 *
 * Toward a server:  forward.h      Toward a client:  reply.h      All else:  xdp_steps.c
 *
 * Every exit moves exactly one counter of struct exits. Toward a known flow not one helper is called
 * (two where the way out is another interface): array lookups and jiffies are inlined by the kernel.
 */
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

/* Fragments carry no ports, or not all: for a VIP they can only be dropped; a first fragment from a
 * server's port must not leave with the server's address. What is for this host itself, and echo
 * requests, are the host's own to join. */
static __always_inline int fragment(struct exits *n, struct cursor *c, struct packet *p)
{
	struct ports *ports = p->l4;

	if (p->ip->protocol != IPPROTO_TCP && p->ip->protocol != IPPROTO_UDP)
		return n->pass_fragment++, XDP_PASS;
	if (lookup_has(lookup_word(p->ip->daddr, 0, 0, KIND_VIP)))
		return n->drop_fragment++, XDP_DROP;
	if (!(p->ip->frag_off & bpf_htons(IP_OFFSET)) && p->l4_len >= sizeof(*ports) &&
	    (void *)(ports + 1) <= c->end &&
	    lookup_has(
		    lookup_word(p->ip->saddr, ports->source_be, p->ip->protocol, KIND_ENDPOINT)) &&
	    !lookup_has(lookup_word(p->ip->daddr, 0, 0, KIND_LOCAL)))
		return n->drop_fragment++, XDP_DROP;
	return n->pass_fragment++, XDP_PASS;
}

/* Until the steps are loaded, a moment after this program at the first start, ICMP is the host's. */
static __always_inline int to_icmp(struct xdp_md *ctx, struct exits *n)
{
	steps.call(ctx, STEP_ICMP);
	return n->pass_icmp++, XDP_PASS;
}

int xdp_pair(struct xdp_md *ctx)
{
	struct cursor c = { .pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };
	struct packet p = {};
	struct answer a = {};
	struct ports *ports;
	struct exits *n;
	__u32 row, found;
	int verdict;

	row = begin(ctx, &p);
	n = exits.lookup(&row);
	if (!n)
		return XDP_ABORTED;
	p.eth = parse_eth(&c);
	if (!p.eth)
		return n->drop_malformed++, XDP_DROP;
	if (p.eth->h_proto != bpf_htons(ETH_P_IP))
		return n->pass_not_ipv4++, XDP_PASS;
	if (p.eth->h_dest[0] & 1)
		return n->pass_multicast++, XDP_PASS;
	if (!parse_packet(&c, &p))
		return n->drop_malformed++, XDP_DROP;
	if (ipv4_is_fragment(p.ip))
		return fragment(n, &c, &p);
	if (p.ip->protocol == IPPROTO_ICMP)
		return to_icmp(ctx, n);
	if (p.ip->protocol != IPPROTO_TCP && p.ip->protocol != IPPROTO_UDP)
		return n->pass_other_protocol++, XDP_PASS;

	ports = parse_ports(&c, &p);
	if (!ports)
		return n->drop_malformed++, XDP_DROP;
	found = lookup_find(
		lookup_word(p.ip->daddr, ports->dest_be, p.ip->protocol, KIND_LISTENER));
	if (found) {
		verdict = forward(ctx, n, &p, &a, found);
	} else {
		found = lookup_find(
			lookup_word(p.ip->saddr, ports->source_be, p.ip->protocol, KIND_ENDPOINT));
		if (!found)
			return n->pass_no_listener++, XDP_PASS;
		verdict = reply(ctx, n, &p, &a, found);
	}
	return conclude(ctx, n, &p, &a, verdict);
}
