/* SPDX-License-Identifier: GPL-2.0 */
/* Times out flows that were silent for too long. The clock that flows remember goes round in about an
 * hour: whatever is that old must have been ended before. */
#ifndef XDPAIR_SWEEP_H
#define XDPAIR_SWEEP_H

#include "tables.h"
#include "loads.h"

/* What becomes of an idle entry of the flow table: FLOW_CLOSED, FLOW_RESET, or its own state. */
static __always_inline __u8 state_after(const struct listener *l, __u64 key, __u64 v, __u16 now)
{
	__u16 idle = flow_idle(v, now), ticks = UDP_IDLE_TICKS;
	int is_tcp = l->proto == IPPROTO_TCP, is_tie = !FIELD_OF(key, __u16, 4);
	__u8 state = value_state(v), end = FLOW_CLOSED;

	if (state >= FLOW_CLOSED)
		return state;
	if (is_tcp && is_tie) {
		ticks = l->persist_ticks;
	} else if (is_tcp && state == FLOW_NEW) {
		ticks = HALF_OPEN_IDLE_TICKS;
	} else if (is_tcp) {
		ticks = l->idle_ticks ? l->idle_ticks : FLOW_SEEN_MASK;
		end = value_server(v) == FLOW_DIRECT ? FLOW_CLOSED : FLOW_RESET;
	}
	return idle > ticks ? end : state;
}

static __always_inline void sweep_way(struct sweep *s, __u64 *k, __u64 *word, __u16 now)
{
	__u64 key = word_of(k);
	__u32 row = FIELD_OF(key, __u16, 6);
	struct listener *l = listeners.lookup(&row);
	__u64 v;
	__u8 state;

	v = flow_read(word, key);
	if (!l || !v)
		return;
	state = state_after(l, key, v, now);
	if (state == value_state(v))
		return;
	if (!flow_update(word, v, value_seen(v, seen_state(state, now))))
		return;
	if (state == FLOW_RESET) {
		s->timed_out++;
		return;
	}
	s->expired++;
	if (FIELD_OF(key, __u16, 4))
		count_end(l, v);
}

static __always_inline void sweep(void)
{
	int zero = 0, i;
	struct sweep *s = sweeps.lookup(&zero);
	__u16 now = clock_now();
	__u32 index;

	if (!s)
		return;
	index = s->next_bucket & (FLOW_BUCKETS - 1);
	s->next_bucket = (index + SWEEP_BUCKETS) & (FLOW_BUCKETS - 1);
#pragma clang loop unroll(disable)
	for (i = 0; i < SWEEP_BUCKETS * FLOW_WAYS; i++) {
		__u32 bucket = (index + i / FLOW_WAYS) & (FLOW_BUCKETS - 1);
		struct flow_bucket *b = flows.lookup(&bucket);

		if (!b)
			return;
		sweep_way(s, (__u64 *)&b->keys[i % FLOW_WAYS], (__u64 *)&b->values[i % FLOW_WAYS],
			  now);
	}
}

#endif
