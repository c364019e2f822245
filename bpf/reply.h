/* SPDX-License-Identifier: GPL-2.0 */
/* Toward a client: an answer from a server of ours. The flow tells which listener it belongs to, and
 * whether this server may still speak for it. */
#ifndef XDPAIR_REPLY_H
#define XDPAIR_REPLY_H

#include "tables.h"
#include "forward.h"

/* What a listener behind an endpoint has to say about a client. */
struct origin {
	struct listener *l;
	__u64 *word; /* of the flow, if it belongs to this server */
	struct flow_value v;
	__u64 key;
	struct flow_bucket *bucket;
	__u32 index;
	__u8 side;
	__u8 shared;	/* other listeners use the endpoint, too */
	__u8 elsewhere; /* a flow is there, but belongs to the other server */
};

static __always_inline void ask(struct origin *o, __be32 client_be, __be16 client_port_be,
				__u32 link)
{
	__u64 *word;

	o->index = link >> 1;
	o->side = link & 1;
	o->l = listeners.lookup(&o->index);
	if (!o->l)
		return;
	o->key = flow_word(client_be, client_port_be, o->index);
	word = flow_find(o->key, &o->bucket);
	if (!word)
		return;
	*(__u64 *)&o->v = flow_read(word, o->key);
	if (o->v.server == o->l->server[o->side & 1])
		o->word = word;
	o->elsewhere = o->v.server && !o->word;
}

/* By FLOW_*, two bits each: neither end has ended the connection, one has, both have. */
#define LIVELINESS                                                                                 \
	(2 << 2 * FLOW_NEW | 2 << 2 * FLOW_ESTABLISHED | 1 << 2 * FLOW_CLIENT_FIN |                \
	 1 << 2 * FLOW_SERVER_FIN)

/* A client may use one port toward several listeners, one after the other, and their flows meet at
 * the server they share. The one that is meant is this server's, alive rather than ending, was heard
 * of last, and, where a tick of the clock can not tell, is the one just opened. Without a branch: the
 * verifier would follow each through all the chain. */
static __always_inline __u32 claim_of(struct flow_value v, const struct listener *l, __u8 side,
				      __u16 now)
{
	__u32 other = v.server ^ l->server[side], state = flow_state(&v), own;

	asm volatile("" : "+r"(other), "+r"(state));
	own = (other - 1) >> 31;
	return own << 16 | (LIVELINESS >> 2 * state & 3) << 14 |
	       (FLOW_SEEN_MASK - flow_idle(&v, now)) << 1 | (1 >> state & 1);
}

/* The link of the chain whose listener the packet is from; the first one if none has a flow. */
static __always_inline __u32 best_link(__be32 client_be, __be16 client_port_be, __u32 link)
{
	__u64 best = link;
	__u16 now = clock_now();
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < MAX_LINKS && link; i++) {
		__u32 index = link >> 1;
		struct listener *l = listeners.lookup(&index);
		struct flow_value v = {};
		struct flow_bucket *b;
		__u64 key, claim, *word;

		if (!l)
			break;
		key = flow_word(client_be, client_port_be, index);
		word = flow_find(key, &b);
		if (word)
			*(__u64 *)&v = flow_read(word, key);
		if (v.server) {
			claim = (__u64)claim_of(v, l, link & 1, now) << 32 | link;
			if (claim > best)
				best = claim;
		}
		link = l->next[link & 1];
	}
	return best;
}

static __always_inline void find_origin(struct origin *o, __be32 client_be, __be16 client_port_be,
					__u32 link)
{
	struct listener *l;
	__u32 index = link >> 1;

	l = listeners.lookup(&index);
	if (l && l->next[link & 1]) {
		o->shared = 1;
		link = best_link(client_be, client_port_be, link);
	}
	ask(o, client_be, client_port_be, link);
}

/* No neighbour learnt: the kernel's routes know the way. Returns BPF_FIB_LKUP_RET_*. */
static __always_inline int route_to_client(struct xdp_md *ctx, const struct packet *p,
					   __be32 source_be, struct bpf_fib_lookup *fib)
{
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->family = 2; /* AF_INET */
	fib->l4_protocol = p->ip->protocol;
	fib->tot_len = bpf_ntohs(p->ip->tot_len);
	fib->tos = p->ip->tos;
	fib->ifindex = ctx->ingress_ifindex;
	fib->ipv4_src = source_be;
	fib->ipv4_dst = p->ip->daddr;
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
}

/* The interface a learnt neighbour is on, or NULL. */
static __always_inline struct link *link_of(struct peer peer)
{
	__u32 key = peer.ifindex % LINKS;
	struct link *link = links.lookup(&key);

	return link && peer.ifindex && link->ifindex == peer.ifindex ? link : NULL;
}

/* The server speaks for this client: it gets the listener's address as source and goes out. */
static __always_inline int to_client(struct xdp_md *ctx, struct exits *n, struct packet *p,
				     struct answer *a, struct origin *o)
{
	struct listener_counters *lc;
	struct server_counters *sc;
	struct link *link;
	struct peer peer = {};
	__u32 server_index = o->l->server[o->side & 1];
	__u32 ifindex;

	if (p->ip->ttl <= 1)
		return n->drop_ttl++, XDP_DROP;
	*(__u64 *)&peer = peer_get(o->v.peer);
	link = link_of(peer);
	if (link) {
		if (bpf_ntohs(p->ip->tot_len) > link->mtu)
			return too_big(n, p, a, link->mtu);
		ifindex = peer.ifindex;
		set_macs(p->eth, peer.mac, link->mac);
		n->reply++;
	} else {
		struct bpf_fib_lookup fib;
		int result = route_to_client(ctx, p, o->l->vip_be, &fib);

		if (result == BPF_FIB_LKUP_RET_FRAG_NEEDED)
			return too_big(n, p, a, fib.mtu_result);
		if (result != BPF_FIB_LKUP_RET_SUCCESS)
			return n->drop_no_route++, XDP_DROP;
		ifindex = fib.ifindex;
		set_macs(p->eth, fib.dmac, fib.smac);
		n->reply_without_flow++;
	}
	rewrite_source(p, o->l->vip_be, o->l->port_be);
	lc = listener_counters.lookup(&o->index);
	sc = server_counters.lookup(&server_index);
	if (lc) {
		lc->reply_packets++;
		lc->reply_bytes += p->frame_len;
	}
	if (sc) {
		sc->reply_packets++;
		sc->reply_bytes += p->frame_len;
	}
	return send_to(ctx, ifindex);
}

static __always_inline int fenced(struct exits *n, __u32 index)
{
	struct listener_counters *lc = listener_counters.lookup(&index);

	if (lc)
		lc->fenced_packets++;
	return n->drop_fenced++, XDP_DROP;
}

/* Does the server answer somebody who asked it, and not a VIP? A SYN-ACK without a flow is the start of
 * such a connection (the flow of one by a VIP is a moment old), which is remembered; of datagrams none
 * is ours without a flow. Any other segment may be of a flow that was evicted. */
static __always_inline int is_direct(struct packet *p, struct origin *o, __u16 epoch)
{
	const __u8 syn_ack = TCP_SYN_FLAG | TCP_ACK_FLAG;
	__u16 now = clock_now();

	if (o->v.server)
		return o->v.server == FLOW_DIRECT;
	if (!p->tcp)
		return 1;
	if ((TCP_FLAGS(p->tcp) & syn_ack) != syn_ack)
		return 0;
	if (o->bucket)
		flow_insert(o->bucket, o->key,
			    value_word(FLOW_DIRECT, epoch, 0, seen_state(FLOW_ESTABLISHED, now)),
			    now);
	return 1;
}

/* No flow of this server's: it was evicted, or moved to the other server, or there never was one.
 * XDP_TX: it may speak all the same. */
static __always_inline int judge_unknown(struct exits *n, struct packet *p, struct origin *o,
					 struct slot slot)
{
	/* An answer to this host's own health check. */
	if (lookup_find(lookup_word(p->ip->daddr, 0, 0, KIND_LOCAL)))
		return n->pass_local++, XDP_PASS;
	if (is_direct(p, o, slot.epoch))
		return n->pass_direct++, XDP_PASS;
	if (slot.silenced >> o->side & 1 && !is_kept(o->l, o->side))
		return fenced(n, o->index);
	/* A datagram in flight while its flow moved is still welcome; a segment is not: its client is
	 * in another server's hands. */
	if (o->elsewhere && p->tcp)
		return fenced(n, o->index);
	if (!o->elsewhere && o->shared)
		return n->drop_no_flow++, XDP_DROP;
	return XDP_TX;
}

/* A flow of this server's. XDP_TX: it may speak. */
static __always_inline int judge_known(struct exits *n, struct packet *p, struct origin *o,
				       struct slot slot)
{
	struct flow_value v = o->v;
	__u16 now = clock_now();
	__u8 tcp_flags = 0, state;

	if (p->tcp) {
		tcp_flags = TCP_FLAGS(p->tcp);
		if (v.epoch != slot.epoch &&
		    (is_fenced(o->l, slot, o->side, &v) || flow_state(&v) == FLOW_RESET))
			return fenced(n, o->index);
	} else if (slot.silenced >> o->side & 1 && !is_kept(o->l, o->side)) {
		return fenced(n, o->index);
	}
	if ((v.seen_state & FLOW_SEEN_MASK) == now && !(tcp_flags & (TCP_FIN_FLAG | TCP_RST_FLAG)))
		return XDP_TX;
	state = flow_state(&v);
	if (tcp_flags & TCP_RST_FLAG)
		state = FLOW_CLOSED;
	else if (tcp_flags & TCP_FIN_FLAG && state < FLOW_CLOSED)
		state = state == FLOW_CLIENT_FIN ? FLOW_CLOSED : FLOW_SERVER_FIN;
	v.seen_state = seen_state(state, now);
	flow_update(o->word, o->v, v);
	return XDP_TX;
}

static __always_inline int reply(struct xdp_md *ctx, struct exits *n, struct packet *p,
				 struct answer *a, __u32 link)
{
	struct ports *ports = p->l4;
	struct origin o = {};
	struct slot slot = {};
	__u64 *slot_word;
	__u32 slot_index;
	int verdict;

	find_origin(&o, p->ip->daddr, ports->dest_be, link);
	if (!o.l)
		return n->drop_internal++, XDP_DROP;
	slot_index = o.l->slot;
	slot_word = (__u64 *)slots.lookup(&slot_index);
	if (!slot_word)
		return n->drop_internal++, XDP_DROP;
	*(__u64 *)&slot = word_of(slot_word);
	verdict = o.word ? judge_known(n, p, &o, slot) : judge_unknown(n, p, &o, slot);
	return verdict == XDP_TX ? to_client(ctx, n, p, a, &o) : verdict;
}

#endif
