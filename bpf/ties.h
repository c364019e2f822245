/* SPDX-License-Identifier: GPL-2.0 */
/* What ties clients of a weighted listener to a server beyond one flow: their address, for some time, or
 * a QUIC connection id. Ties live in the flow table, under port 0. They are written by a program of its
 * own, as the last step of a packet: the verifier would follow all the ways to write one for each of the
 * ways to write the flow. */
#ifndef XDPAIR_TIES_H
#define XDPAIR_TIES_H

#include "loads.h"
#include "steps.h"

/* What stands for clients whose flows belong together, as a key of the flow table; 0: nothing does. */
static __always_inline __u64 tie_key(const struct packet *p, const struct listener *l, __u32 index,
				     __u64 quic_id)
{
	if (quic_id)
		return flow_word(mix(quic_id) >> 32, 0, index);
	return p->tcp && l->persist_ticks ? flow_word(p->ip->saddr, 0, index) : 0;
}

struct tie {
	__u64 *word; /* NULL: not there */
	struct flow_bucket *bucket;
	__u64 v; /* its value, or 0 */
};

static __always_inline void find_tie(struct tie *t, __u64 key, __u64 nought)
{
	t->v = 0;
	t->word = flow_find(key, &t->bucket);
	if (!t->word)
		return;
	t->word = any_way(t->word, t->bucket, nought);
	t->v = flow_read(t->word, key);
}

/* May the server that the client is tied to be given new flows? @ticks: how long a tie lasts. */
static __always_inline int does_hold(__u64 v, __u16 ticks, __u16 now)
{
	__u32 row = value_server(v);
	struct server *server = servers.lookup(&row);

	return server && server->flags & SERVER_ELIGIBLE && !has_ended(server, v) &&
	       value_state(v) < FLOW_CLOSED && flow_idle(v, now) < ticks;
}

/* A flow was made or heard of: the last step of its packet keeps its client tied to the server. Returns
 * only if there is no such step. */
static __always_inline void keep_tie_later(struct xdp_md *ctx, int verdict, enum tie_rule rule,
					   __u64 key, __u64 flow, __u16 ticks)
{
	int zero = 0;
	struct tie_to_keep *d = ties_to_keep.lookup(&zero);

	if (!d)
		return;
	d->key = key;
	d->flow = flow;
	d->verdict = verdict;
	d->rule = rule;
	d->ticks = ticks;
	steps.call(ctx, STEP_TIE);
}

/* A tie counts for no more than the flows of its client when room is scarce. */
static __always_inline void keep_tie(const struct tie_to_keep *d)
{
	__u16 server = value_server(d->flow), epoch = value_epoch(d->flow), now = clock_now();
	__u8 state = value_state(d->flow) == FLOW_NEW ? FLOW_NEW : FLOW_ESTABLISHED;
	__u64 v = value_word(server, epoch, 0, seen_state(state, now));
	struct tie t;
	int is_same;

	find_tie(&t, d->key, 0);
	if (!t.bucket)
		return;
	is_same = value_server(t.v) == server && value_epoch(t.v) == epoch;
	if (d->rule == TIE_RENEW && !is_same)
		return;
	if (d->rule == TIE_KEEP && !is_same && does_hold(t.v, d->ticks, now))
		return;
	if (!t.word)
		flow_insert(t.bucket, d->key, v, now);
	else if (t.v)
		flow_update(t.word, t.v, v);
}

#endif
