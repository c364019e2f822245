/* SPDX-License-Identifier: GPL-2.0 */
/* Whose an answer is: the listener and the flow that a server's packet to a client belongs to. */
#ifndef XDPAIR_ORIGIN_H
#define XDPAIR_ORIGIN_H

#include "loads.h"
#include "pair.h"

/* An answer: from whom, to whom. */
struct talk {
	__be32 server_be;
	__be32 client_be;
	__be16 server_port_be;
	__be16 client_port_be;
	__u8 proto;
};

/* What a listener behind an endpoint has to say about a client. */
struct origin {
	struct listener *l;
	__u64 *word; /* of the flow, if it belongs to this server */
	__u64 v;     /* its value, or 0 */
	__u64 key;
	struct flow_bucket *bucket;
	__u32 index;
	__u32 server; /* row; 0: one of a weighted listener's, but without the flow nobody knows which */
	__u8 side;	/* of the pair; SIDE_NONE: it left, but may go on with the flow */
	__u8 shared;	/* others stand behind the endpoint, too */
	__u8 elsewhere; /* a flow is there, but belongs to another server */
};

static __always_inline int stands_at(__u16 server, const struct talk *t)
{
	__u32 row = server;
	struct server *s = servers.lookup(&row);

	return s && s->addr_be == t->server_be && s->port_be == t->server_port_be;
}

/* Does the flow belong to the server that talks? */
static __always_inline int is_own(const struct listener *l, __u64 v, const struct talk *t)
{
	return stands_at(value_server(v), t) &&
	       (is_weighted(l) || side_of(l, value_server(v)) != SIDE_NONE ||
		is_draining(value_server(v)));
}

/* By FLOW_*, two bits each: neither end has ended the connection, one has, both have. */
#define LIVELINESS                                                                                 \
	(2 << 2 * FLOW_NEW | 2 << 2 * FLOW_ESTABLISHED | 1 << 2 * FLOW_CLIENT_FIN |                \
	 1 << 2 * FLOW_SERVER_FIN)

/* A client may use one port toward several listeners, one after the other, and their flows meet at
 * the server they share. The one that is meant is this server's, alive rather than ending, was heard
 * of last, and, where a tick of the clock can not tell, is the one just opened. Never 0. */
static __always_inline __u32 claim_of(__u64 v, __u32 own, __u16 now)
{
	__u32 state = value_state(v);

	return 1 << 17 | own << 16 | (LIVELINESS >> 2 * state & 3) << 14 |
	       (FLOW_SEEN_MASK - flow_idle(v, now)) << 1 | (1 >> state & 1);
}

/* Whose an answer of a shared endpoint is, as an endpoint's value again: all flows of the client's port
 * are in one bucket. Without any it is the listener that the endpoint names. */
static __always_inline __u32 find_shared(const struct talk *t, __u32 endpoint)
{
	__u64 client = flow_word(t->client_be, t->client_port_be, 0), best = endpoint;
	__u32 index = flow_hash(client);
	struct flow_bucket *b = flows.lookup(&index);
	__u16 now = clock_now();
	int i;

	if (!b)
		return endpoint;
#pragma clang loop unroll(disable)
	for (i = 0; i < FLOW_WAYS; i++) {
		__u64 key = word_of(&b->keys[i]), claim;
		__u32 row = FIELD_OF(key, __u16, 6), side = SIDE_PRIMARY, own;
		struct listener *l;
		__u64 v;

		if ((key ^ client) & ~FLOW_KEY_LISTENER || !t->client_port_be)
			continue;
		v = flow_read((__u64 *)&b->values[i], key);
		l = listeners.lookup(&row);
		if (!l || !v || l->proto != t->proto || flow_is_none(v, t->proto == IPPROTO_TCP))
			continue;
		own = is_own(l, v, t);
		if (own) {
			side = value_server(v) == l->server[SIDE_SECONDARY];
		} else if (is_weighted(l)) {
			if (value_server(v) != FLOW_DIRECT)
				continue;
		} else if (stands_at(l->server[SIDE_SECONDARY], t)) {
			side = SIDE_SECONDARY;
		} else if (!stands_at(l->server[SIDE_PRIMARY], t)) {
			continue;
		}
		claim = (__u64)claim_of(v, own, now) << 32 | row << 2 | side << 1 | 1;
		if (claim > best)
			best = claim;
	}
	return best;
}

static __always_inline void find_origin(struct origin *o, const struct talk *t, __u32 endpoint)
{
	__u64 *word;
	int own;

	if (unlikely(endpoint & 1)) {
		o->shared = 1;
		endpoint = find_shared(t, endpoint);
	}
	o->index = endpoint >> 2;
	o->side = endpoint >> 1 & 1;
	o->l = listeners.lookup(&o->index);
	if (!o->l)
		return;
	o->server = o->l->server[o->side & 1];
	o->key = flow_word(t->client_be, t->client_port_be, o->index);
	word = flow_find(o->key, &o->bucket);
	if (!word)
		return;
	o->v = flow_read(word, o->key);
	if (flow_is_none(o->v, t->proto == IPPROTO_TCP)) {
		o->v = 0;
		return;
	}
	own = value_server(o->v) == o->server;
	if (unlikely(o->shared | is_weighted(o->l))) {
		own = is_own(o->l, o->v, t) && t->client_port_be;
		if (own)
			o->side = side_of(o->l, value_server(o->v));
	}
	if (own) {
		o->word = word;
		o->server = value_server(o->v);
	}
	o->elsewhere = o->v && !o->word;
}

#endif
