/* SPDX-License-Identifier: GPL-2.0 */
/* Toward a client: an answer from a server of ours. The flow tells which listener it belongs to, and
 * whether this server may still speak for it. */
#ifndef XDPAIR_REPLY_H
#define XDPAIR_REPLY_H

#include "tables.h"
#include "forward.h"
#include "origin.h"
#include "quic.h"
#include "ties.h"

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
	__u32 ifindex, row;

	if (p->ip->ttl <= 1)
		return n->drop_ttl++, XDP_DROP;
	*(__u64 *)&peer = peer_get(value_peer(o->v));
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
	row = o->index & p->live;
	lc = listener_counters.lookup(&row);
	row = o->server & p->live;
	sc = server_counters.lookup(&row);
	if (lc) {
		lc->reply_packets++;
		lc->reply_bytes += p->frame_len;
	}
	if (sc) {
		sc->reply_packets++;
		sc->reply_bytes += p->frame_len;
	}
	return send_to(ctx, p, ifindex);
}

static __always_inline int fenced(struct exits *n, const struct packet *p, __u32 index)
{
	__u32 row = index & p->live;
	struct listener_counters *lc = listener_counters.lookup(&row);

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

	if (o->v)
		return value_server(o->v) == FLOW_DIRECT;
	if (!p->tcp)
		return 1;
	if ((TCP_FLAGS(p->tcp) & syn_ack) != syn_ack)
		return 0;
	if (o->bucket && p->live)
		flow_insert(o->bucket, o->key,
			    value_word(FLOW_DIRECT, epoch, 0, seen_state(FLOW_ESTABLISHED, now)),
			    now);
	return 1;
}

/* Did the pair's side fail, so that also its datagrams reach nobody any more? */
static __always_inline int is_silenced(const struct origin *o, struct slot slot)
{
	return o->side != SIDE_NONE && slot.silenced >> (o->side & 1) & 1 &&
	       !is_kept(o->l, o->side);
}

/* No flow of this server's: it was evicted, or moved to another server, or there never was one.
 * XDP_TX: it may speak all the same. */
static __always_inline int judge_unknown(struct exits *n, struct packet *p, struct origin *o,
					 struct slot slot)
{
	/* An answer to this host's own health check. */
	if (lookup_has(lookup_word(p->ip->daddr, 0, 0, KIND_LOCAL)))
		return n->pass_local++, XDP_PASS;
	if (is_direct(p, o, slot.epoch))
		return n->pass_direct++, XDP_PASS;
	if (is_silenced(o, slot))
		return fenced(n, p, o->index);
	/* A datagram in flight while a pair's flow moved is still welcome; a segment is not: its
	 * client is in another server's hands. */
	if (o->elsewhere && (p->tcp || is_weighted(o->l)))
		return fenced(n, p, o->index);
	if (!o->elsewhere && o->shared)
		return n->drop_no_flow++, XDP_DROP;
	return XDP_TX;
}

/* May the server no longer speak for this flow? */
static __always_inline int is_over(const struct packet *p, const struct origin *o, struct slot slot)
{
	if (is_weighted(o->l)) {
		__u32 row = value_server(o->v);

		return has_ended(servers.lookup(&row), o->v);
	}
	if (!p->tcp)
		return is_silenced(o, slot);
	return value_epoch(o->v) != slot.epoch && o->side != SIDE_NONE &&
	       is_fenced(o->l, slot, o->side, o->v);
}

/* The flow timed out, or its client was told so: the server has to know, too. */
static __always_inline int reset_server(struct exits *n, struct packet *p, struct answer *a)
{
	__u64 *reason = p->tcp && p->tcp->rst ? &n->drop_ended : refuse_rst(n, p);

	if (reason)
		return (*reason)++, XDP_DROP;
	return want(a, ANSWER_RESET_SERVER);
}

/* A flow of this server's. XDP_TX: it may speak. */
static __always_inline int judge_known(struct exits *n, struct packet *p, struct answer *a,
				       struct origin *o, struct slot slot)
{
	__u16 now = clock_now();
	__u8 tcp_flags = 0, state = value_state(o->v);

	if (is_over(p, o, slot))
		return fenced(n, p, o->index);
	if (p->tcp)
		tcp_flags = TCP_FLAGS(p->tcp);
	if (FIELD_OF(o->v, __u16, 6) == seen_state(FLOW_ESTABLISHED, now) &&
	    !(tcp_flags & (TCP_FIN_FLAG | TCP_RST_FLAG)))
		return XDP_TX;
	if (state == FLOW_RESET)
		return reset_server(n, p, a);
	if (tcp_flags & TCP_RST_FLAG)
		state = FLOW_CLOSED;
	else if (tcp_flags & TCP_FIN_FLAG && state < FLOW_CLOSED)
		state = state == FLOW_CLIENT_FIN ? FLOW_CLOSED : FLOW_SERVER_FIN;
	mark_flow(p, o->l, o->word, o->v, value_seen(o->v, seen_state(state, now)));
	return XDP_TX;
}

/* A QUIC server tells by its long headers which connection ids will be its own: whoever comes with one
 * of them, from whatever address, belongs to it. */
static __always_inline __u64 learnt_tie(struct xdp_md *ctx, const struct packet *p,
					const struct origin *o)
{
	__u64 quic_id;

	if (p->tcp || o->l->scheduler != SCHEDULE_QUIC || !p->live)
		return 0;
	quic_id = quic_source(p, (void *)(long)ctx->data_end);
	return quic_id ? tie_key(p, o->l, o->index, quic_id) : 0;
}

/* Whose answer it is, and may it go on? XDP_TX: it may. */
static __always_inline int judge(struct exits *n, struct packet *p, struct answer *a,
				 struct origin *o, __u32 endpoint)
{
	const struct ports *ports = p->l4;
	const struct talk t = {
		.server_be = p->ip->saddr,
		.client_be = p->ip->daddr,
		.server_port_be = ports->source_be,
		.client_port_be = ports->dest_be,
		.proto = p->ip->protocol,
	};
	struct slot slot = {};
	__u64 *slot_word;
	__u32 slot_index;
	int verdict;

	find_origin(o, &t, endpoint);
	if (!o->l)
		return n->drop_internal++, XDP_DROP;
	slot_index = o->l->slot;
	slot_word = (__u64 *)slots.lookup(&slot_index);
	if (!slot_word)
		return n->drop_internal++, XDP_DROP;
	*(__u64 *)&slot = word_of(slot_word);
	verdict = o->word ? judge_known(n, p, a, o, slot) : judge_unknown(n, p, o, slot);
	if (unlikely(!p->live)) {
		trace_flow(p, o->index, 1, o->v);
		if (verdict == XDP_TX)
			trace_choice(p, o->server, o->word ? CHOSE_FLOW : CHOSE_NOTHING);
	}
	return verdict;
}

/* Is it one of a pair's, of a known flow of the present epoch, that says nothing of its end? Fills in
 * what to_client() needs. */
static __always_inline int is_plain(struct packet *p, struct origin *o, __u32 endpoint)
{
	const struct ports *ports = p->l4;
	struct flow_bucket *bucket;
	struct slot slot = {};
	__u64 key, *word;
	__u32 slot_index;

	o->index = endpoint >> 2;
	o->l = listeners.lookup(&o->index);
	if (!o->l || (o->l->flags & LISTENER_SPECIAL) | (endpoint & 1) | ~p->live)
		return 0;
	slot_index = o->l->slot;
	word = (__u64 *)slots.lookup(&slot_index);
	if (!word)
		return 0;
	*(__u64 *)&slot = word_of(word);
	key = flow_word(p->ip->daddr, ports->dest_be, o->index);
	word = flow_find(key, &bucket);
	if (!word)
		return 0;
	o->v = flow_read(word, key);
	o->server = o->l->server[endpoint >> 1 & 1];
	return o->v == value_word(o->server, slot.epoch, value_peer(o->v),
				  seen_state(FLOW_ESTABLISHED, clock_now())) &&
	       !(p->tcp ? TCP_FLAGS(p->tcp) & (TCP_FIN_FLAG | TCP_RST_FLAG) : slot.silenced);
}

static __always_inline int reply(struct xdp_md *ctx, struct exits *n, struct packet *p,
				 struct answer *a, __u32 endpoint)
{
	struct origin o = {};
	__u64 tie_key = 0;
	int verdict;

	if (!is_plain(p, &o, endpoint)) {
		__builtin_memset(&o, 0, sizeof(o));
		verdict = judge(n, p, a, &o, endpoint);
		if (verdict != XDP_TX)
			return verdict;
		if (unlikely(o.l->flags & LISTENER_SPECIAL)) {
			if (throttle(n, p, o.l, o.index, TOWARD_CLIENT))
				return XDP_DROP;
			tie_key = learnt_tie(ctx, p, &o);
		}
	}
	verdict = to_client(ctx, n, p, a, &o);
	if (unlikely(tie_key))
		keep_tie_later(ctx, verdict, TIE_LEARN, tie_key, o.v, 0);
	return verdict;
}

#endif
