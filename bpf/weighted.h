/* SPDX-License-Identifier: GPL-2.0 */
/* Listeners that many servers share: who gets a new flow, and how long a known one goes on. Their plain
 * packets of known flows never come here.
 *
 * A flow has ended if the epoch of its server is no longer the one that it was made in. New ones go to
 * the server that the client (or its QUIC connection id) is tied to, if that one may be given any, and
 * else by the wheel, which the controller builds of all that may. */
#ifndef XDPAIR_WEIGHTED_H
#define XDPAIR_WEIGHTED_H

#include "forward.h"
#include "quic.h"
#include "ties.h"
#include "wheel.h"

static __always_inline __u64 tuple_hash(const struct packet *p)
{
	const __u32 *ports = p->l4;

	return mix(((__u64)p->ip->saddr << 32 | p->ip->daddr) ^ mix(*ports));
}

/* The server that a new flow is given to by the listener's scheduler; 0: there is none. */
static __always_inline __u32 schedule(struct xdp_md *ctx, const struct packet *p,
				      const struct listener *l, __u32 index, __u64 quic_id)
{
	__u64 wheel = word_of(&l->wheel), hash;
	__u32 entries = (__u32)wheel;

	if (!entries)
		return 0;
	if (l->scheduler == SCHEDULE_LEAST)
		return take_least(ctx, index);
	if (l->scheduler == SCHEDULE_IN_TURN)
		hash = next_turn(p, index);
	else if (l->scheduler == SCHEDULE_SOURCE)
		hash = mix(p->ip->saddr) >> 32;
	else if (quic_id)
		hash = mix(quic_id) >> 32;
	else
		hash = tuple_hash(p) >> 32;
	return wheel_at(wheel, hash % entries);
}

/* The policy for one packet of a known flow of a weighted listener. A SYN stays with a server that may have it: the client may just be
 * sending it again. */
static __always_inline enum choice choose_member(const struct packet *p, __u64 v, __u8 tcp_flags,
						 __u16 now)
{
	__u32 row = value_server(v);
	struct server *server = servers.lookup(&row);
	int ended = has_ended(server, v);
	__u8 state = value_state(v);

	if (value_server(v) == FLOW_DIRECT)
		return CHOICE_NEW;
	if (!p->tcp)
		return ended || flow_is_none(v, 0) || flow_idle(v, now) >= UDP_IDLE_TICKS ?
			       CHOICE_NEW :
			       CHOICE_KEEP;
	if ((tcp_flags & (TCP_SYN_FLAG | TCP_ACK_FLAG)) == TCP_SYN_FLAG)
		return !ended && state < FLOW_CLOSED && server->flags & SERVER_ELIGIBLE ?
			       CHOICE_KEEP :
			       CHOICE_NEW;
	return ended || state == FLOW_RESET ? CHOICE_RESET : CHOICE_KEEP;
}

/* What new flows of the client, and later datagrams of its QUIC connection, go by. */
struct belonging {
	__u64 quic_id;
	__u64 key;    /* of its tie; 0: it has none */
	__u32 server; /* that it is tied to; 0: none */
	__u16 ticks;
};

static __always_inline void find_belonging(struct xdp_md *ctx, struct packet *p, struct arrival *c,
					   struct belonging *b)
{
	struct tie t;

	b->ticks = p->tcp ? c->l->persist_ticks : UDP_IDLE_TICKS;
	if (!p->tcp && c->l->scheduler == SCHEDULE_QUIC)
		b->quic_id = quic_dest(p, (void *)(long)ctx->data_end);
	b->key = tie_key(p, c->l, c->index, b->quic_id);
	if (!b->key)
		return;
	find_tie(&t, b->key, nought(ctx));
	b->server = does_hold(t.v, b->ticks, c->now) ? value_server(t.v) : 0;
}

/* A new flow: to whom? 0: nobody. */
static __always_inline __u32 choose_server(struct xdp_md *ctx, const struct packet *p,
					   const struct arrival *c, const struct belonging *b)
{
	__u32 server_index = b->server;

	if (server_index) {
		trace_choice(p, server_index, CHOSE_PERSISTENCE);
		return server_index;
	}
	server_index = schedule(ctx, p, c->l, c->index, b->quic_id);
	if (server_index)
		trace_choice(p, server_index, CHOSE_SCHEDULER);
	return server_index;
}

static __always_inline int forward_weighted(struct xdp_md *ctx, struct exits *n, struct packet *p,
					    struct answer *a, __u32 index)
{
	enum choice choice = CHOICE_NEW;
	struct belonging b = {};
	struct arrival c = {};
	__u32 server_index;
	__u8 is_kept = 0;
	int verdict;

	c.l = listeners.lookup(&index);
	if (!c.l || !find_flow(ctx, p, &c, index))
		return n->drop_internal++, XDP_DROP;
	if (c.word)
		c.word = any_way(c.word, c.bucket, nought(ctx));
	trace_flow(p, index, 0, c.v);
	/* Without a server the way is another CPU's, who is just writing it down. */
	if (!c.v)
		c.word = NULL;
	else
		choice = choose_member(p, c.v, c.tcp_flags, c.now);
	choice = blur(ctx, choice);
	if (choice == CHOICE_RESET)
		return reset(n, p, a, &c);
	find_belonging(ctx, p, &c, &b);

	if (choice == CHOICE_KEEP) {
		server_index = value_server(c.v);
		trace_choice(p, server_index, CHOSE_FLOW);
		renew(ctx, p, &c, value_epoch(c.v));
		is_kept = p->live & 1;
	} else {
		struct server *server;
		__u64 old = c.v;

		if (is_martian(p->ip->saddr))
			return n->drop_martian++, XDP_DROP;
		server_index = choose_server(ctx, p, &c, &b);
		if (!server_index)
			return reject(n, p, a, index);
		server = servers.lookup(&server_index);
		if (!server)
			return n->drop_internal++, XDP_DROP;
		if (p->ip->saddr == server->addr_be)
			return n->drop_hairpin++, XDP_DROP;
		is_kept = assign(ctx, p, &c, server, server_index, server->epoch);
		if (is_kept) {
			count_load(c.v, 1);
			count_end(c.l, old);
		}
	}
	verdict = to_server(ctx, n, p, a, index, server_index, choice == CHOICE_NEW);
	if (b.key && is_kept)
		keep_tie_later(ctx, verdict, p->tcp ? TIE_KEEP : TIE_RENEW, b.key, c.v, b.ticks);
	return verdict;
}

#endif
