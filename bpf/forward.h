/* SPDX-License-Identifier: GPL-2.0 */
/* Toward a server. A known flow of the present epoch goes straight through; whatever is new, old or
 * about to end is decided in choose() (pair.h), for weighted listeners by another program (weighted.h). */
#ifndef XDPAIR_FORWARD_H
#define XDPAIR_FORWARD_H

#include "pair.h"
#include "respond.h"
#include "gate.h"
#include "loads.h"
#include "steps.h"

static __always_inline int want(struct answer *a, enum answer_kind kind)
{
	a->kind = kind;
	return ANSWER;
}

/* Why no RST may answer this segment, or NULL: it is one itself, or its header is not all there. */
static __always_inline __u64 *refuse_rst(struct exits *n, const struct packet *p)
{
	if (!p->tcp || p->tcp->rst)
		return &n->drop_no_flow;
	if (p->tcp->doff * 4 < sizeof(*p->tcp) || p->tcp->doff * 4 > p->l4_len)
		return &n->drop_malformed;
	return NULL;
}

/* Nobody serves: tell the client at once. */
static __always_inline int reject(struct exits *n, struct packet *p, struct answer *a, __u32 index)
{
	__u32 row = index & p->live;
	struct listener_counters *lc = listener_counters.lookup(&row);
	__u64 *reason = p->tcp ? refuse_rst(n, p) : NULL;

	if (reason)
		return (*reason)++, XDP_DROP;
	if (lc)
		lc->rejects++;
	return want(a, p->tcp ? ANSWER_REJECT_TCP : ANSWER_REJECT_UDP);
}

/* Too large for the way out: the sender has to know (RFC 1191). */
static __always_inline int too_big(struct exits *n, struct packet *p, struct answer *a, __u16 mtu)
{
	if (!(p->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)))
		return n->drop_too_big++, XDP_DROP;
	a->mtu = mtu;
	return want(a, ANSWER_TOO_BIG);
}

static __always_inline int send_to(struct xdp_md *ctx, const struct packet *p, __u32 ifindex)
{
	trace_way_out(p, ifindex);
	return ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(ifindex, 0);
}

/* The verdict, or the answer that is wanted in its place. */
static __always_inline int conclude(struct xdp_md *ctx, struct exits *n, struct packet *p,
				    struct answer *a, int verdict)
{
	if (verdict != ANSWER)
		return verdict;
	trace_way_out(p, ctx->ingress_ifindex);
	return send_answer(ctx, n, p, a);
}

/* The last steps, the same for known and new flows. */
static __always_inline int to_server(struct xdp_md *ctx, struct exits *n, struct packet *p,
				     struct answer *a, __u32 index, __u32 server_index, __u8 is_new)
{
	struct server *server = servers.lookup(&server_index);
	struct server_counters *sc;
	struct listener_counters *lc;
	__u32 ifindex, row;

	if (!server || !(server->flags & SERVER_RESOLVED))
		return n->drop_unresolved++, XDP_DROP;
	if (p->ip->ttl <= 1)
		return n->drop_ttl++, XDP_DROP;
	if (bpf_ntohs(p->ip->tot_len) > server->mtu)
		return too_big(n, p, a, server->mtu);
	ifindex = server->ifindex;
	rewrite_dest(p, server->addr_be, server->port_be);
	set_macs(p->eth, server->dest_mac, server->source_mac);

	row = index & p->live;
	lc = listener_counters.lookup(&row);
	row = server_index & p->live;
	sc = server_counters.lookup(&row);
	if (lc) {
		lc->forward_packets++;
		lc->forward_bytes += p->frame_len;
	}
	if (sc) {
		sc->forward_packets++;
		sc->forward_bytes += p->frame_len;
	}
	if (is_new)
		n->forward_new++;
	else
		n->forward++;
	return send_to(ctx, p, ifindex);
}

/* One packet for a listener, and the flow that it belongs to. */
struct arrival {
	struct listener *l;
	__u32 index;
	__u64 key;
	__u64 *word; /* NULL: not there */
	struct flow_bucket *bucket;
	__u64 v; /* its value, or 0 */
	__u64 peer;
	__u16 now;
	__u8 tcp_flags;
};

/* 0: never in good order. */
static __always_inline int find_flow(struct xdp_md *ctx, struct packet *p, struct arrival *c,
				     __u32 index)
{
	struct ports *ports = p->l4;

	c->index = index;
	c->now = clock_now();
	if (p->tcp)
		c->tcp_flags = TCP_FLAGS(p->tcp);
	c->key = flow_word(p->ip->saddr, ports->source_be, index);
	c->word = flow_find(c->key, &c->bucket);
	if (!c->bucket)
		return 0;
	if (c->word)
		c->v = flow_read(c->word, c->key);
	c->peer = peer_word(p->eth, ctx->ingress_ifindex);
	return 1;
}

/* Give the flow to a server and remember it: 1. One that can not be reached gets none. */
static __always_inline int assign(struct xdp_md *ctx, struct packet *p, struct arrival *c,
				  const struct server *server, __u32 server_index, __u16 epoch)
{
	__u32 row = c->index & p->live, server_row = server_index & p->live;
	struct listener_counters *lc = listener_counters.lookup(&row);
	struct server_counters *sc = server_counters.lookup(&server_row);
	__u64 old = c->v;

	if (c->tcp_flags & TCP_RST_FLAG || !(server->flags & SERVER_RESOLVED))
		return 0;
	if (lc && !p->tcp && c->word && !flow_is_none(old, 0))
		lc->flows_moved++;
	else if (lc)
		lc->flows_new++;
	if (sc)
		sc->flows_new++;
	if (!p->live)
		return 0;
	c->v = blur(ctx, value_word(server_index, epoch, peer_learn(c->peer, ctx->ingress_ifindex),
				    seen_state(next_state(p, FLOW_NEW, c->tcp_flags), c->now)));
	if (c->word)
		return flow_update(c->word, old, c->v);
	return flow_insert(c->bucket, c->key, c->v, c->now);
}

/* The flow's server no longer serves it, or it timed out. */
static __always_inline int reset(struct exits *n, struct packet *p, struct answer *a,
				 struct arrival *c)
{
	__u32 row = c->index & p->live;
	struct listener_counters *lc = listener_counters.lookup(&row);
	__u64 *reason = refuse_rst(n, p);
	__u8 state = value_state(c->v) == FLOW_CLOSED ? FLOW_CLOSED : FLOW_RESET;

	/* A RST of the client's own tells that it has none of this any more: ours arrived. */
	if (p->tcp && p->tcp->rst) {
		state = FLOW_CLOSED;
		reason = &n->drop_ended;
	}
	mark_flow(p, c->l, c->word, c->v, value_seen(c->v, seen_state(state, c->now)));
	if (reason)
		return (*reason)++, XDP_DROP;
	if (lc)
		lc->resets++;
	return want(a, ANSWER_RESET);
}

/* The policy allowed the packet to go to the flow's own server: bring the record up to date.
 *
 * @epoch: the flow is of from now on. */
static __always_inline void renew(struct xdp_md *ctx, struct packet *p, struct arrival *c,
				  __u16 epoch)
{
	__u16 peer = value_peer(c->v);
	__u64 old = c->v;

	if (!p->live)
		return;
	if (peer_get(peer) != c->peer)
		peer = peer_learn(c->peer, ctx->ingress_ifindex);
	c->v = value_word(value_server(old), epoch, peer,
			  seen_state(next_state(p, value_state(old), c->tcp_flags), c->now));
	mark_flow(p, c->l, c->word, old, c->v);
}

/* What is to become of a pair's packet that is not plain. CHOICE_KEEP: the record is up to date. */
static __always_inline enum choice decide(struct xdp_md *ctx, struct packet *p, struct arrival *c,
					  struct slot slot)
{
	__u16 epoch = value_epoch(c->v);
	enum choice choice;

	trace_flow(p, c->index, 0, c->v);
	/* Without a server the way is another CPU's, who is just writing it down. */
	if (!c->v) {
		c->word = NULL;
		return CHOICE_NEW;
	}
	choice = choose(p, c->l, slot, c->v, c->tcp_flags, c->now);
	if (choice == CHOICE_KEEP) {
		trace_choice(p, value_server(c->v), CHOSE_FLOW);
		/* The epoch tells when the flow was given to its side; it is renewed only while that
		 * side serves, so that a later fence still finds the others. */
		if (side_of(c->l, value_server(c->v)) == slot.side)
			epoch = slot.epoch;
		renew(ctx, p, c, epoch);
	}
	return choice;
}

static __always_inline int forward(struct xdp_md *ctx, struct exits *n, struct packet *p,
				   struct answer *a, __u32 index)
{
	struct arrival c = {};
	struct slot slot = {};
	__u64 plain, *slot_word;
	__u32 slot_index, server_index;
	__u16 epoch;
	__u8 is_new = 0;

	c.l = listeners.lookup(&index);
	if (!c.l)
		return n->drop_internal++, XDP_DROP;
	if (unlikely(c.l->flags & LISTENER_SPECIAL) && gate(n, p, c.l, index)) {
		trace_flow(p, index, 0, 0);
		return XDP_DROP;
	}
	slot_index = c.l->slot;
	slot_word = (__u64 *)slots.lookup(&slot_index);
	if (!slot_word || !find_flow(ctx, p, &c, index))
		return n->drop_internal++, XDP_DROP;
	*(__u64 *)&slot = word_of(slot_word);

	/* All that a plain packet of a known flow has to be asked, without a look at the neighbour:
	 * another one is in another bucket, but for one in 8192, which renew() finds in a second. */
	server_index = c.l->server[slot.side & 1];
	epoch = slot.epoch;
	if (is_weighted(c.l)) {
		server_index = value_server(c.v);
		epoch = epoch_of(server_index);
	}
	plain = value_word(server_index, epoch, value_peer(c.v),
			   seen_state(FLOW_ESTABLISHED, c.now));
	if (c.v != plain || value_peer(c.v) / PEER_WAYS != peer_home(c.peer) ||
	    (c.tcp_flags & TCP_DECISIVE) | ~p->live) {
		enum choice choice;

		if (is_weighted(c.l)) {
			steps.call(ctx, STEP_WEIGHTED);
			return n->drop_internal++, XDP_DROP;
		}
		if (c.word)
			c.word = any_way(c.word, c.bucket, nought(ctx));
		server_index = value_server(c.v);
		choice = decide(ctx, p, &c, slot);
		if (choice == CHOICE_RESET)
			return reset(n, p, a, &c);
		is_new = choice == CHOICE_NEW;
	}
	if (is_new) {
		struct server *server;

		if (is_martian(p->ip->saddr))
			return n->drop_martian++, XDP_DROP;
		if (slot.side == SIDE_NONE)
			return reject(n, p, a, index);
		server_index = c.l->server[slot.side & 1];
		trace_choice(p, server_index, CHOSE_SLOT);
		server = servers.lookup(&server_index);
		if (!server)
			return n->drop_internal++, XDP_DROP;
		if (p->ip->saddr == server->addr_be)
			return n->drop_hairpin++, XDP_DROP;
		assign(ctx, p, &c, server, server_index, slot.epoch);
	}
	return to_server(ctx, n, p, a, index, server_index, is_new);
}

#endif
