/* SPDX-License-Identifier: GPL-2.0 */
/* The wheels: who is next. */
#ifndef XDPAIR_WHEEL_H
#define XDPAIR_WHEEL_H

#include "tables.h"
#include "steps.h"

/* SCHEDULE_LEAST looks at so many servers at most, from another one each time. */
#define LEAST_LOOKS 64

static __always_inline __u32 wheel_at(__u64 wheel, __u32 turn)
{
	__u32 at = (wheel >> 32) + turn, index = at / WHEEL_WAYS;
	struct wheel_word *w = wheels.lookup(&index);

	return w ? w->server[at % WHEEL_WAYS] : 0;
}

/* The number of this flow among those that were given away by turns. */
static __always_inline __u64 next_turn(const struct packet *p, __u32 index)
{
	__u64 *cursor = cursors.lookup(&index);

	if (!cursor)
		return 0;
	return p->live ? __sync_fetch_and_add(cursor, 1) : *cursor;
}

/* Who has the fewest flows in proportion to its weight. Without a branch but those that end the loop:
 * the verifier would follow each through all the rest of it. */
static __always_inline __u32 least_loaded(const struct packet *p, __u32 listener)
{
	struct listener *l = listeners.lookup(&listener);
	__u64 wheel = l ? word_of(&l->wheel) : 0, best_load = 1ULL << 40, best_weight = 1;
	__u32 entries = (__u32)wheel, turn, best = 0, i;

	if (!entries)
		return 0;
	turn = next_turn(p, listener) % entries;
#pragma clang loop unroll(disable)
	for (i = 0; i < LEAST_LOOKS; i++) {
		__u32 at = (wheel >> 32) + turn, index = at / WHEEL_WAYS, row;
		struct wheel_word *w = wheels.lookup(&index);
		struct server *server;
		__s64 *load, flows;
		__u64 less;

		/* Keeps the bound in the form that the verifier follows. */
		asm volatile("" : "+r"(i));
		if (i >= entries || !w)
			break;
		row = w->server[at % WHEEL_WAYS];
		server = servers.lookup(&row);
		load = (__s64 *)loads.lookup(&row);
		if (!server || !load)
			break;
		flows = *(volatile __s64 *)load;
		flows &= ~if_negative(flows);
		less = if_negative(flows * best_weight - best_load * server->weight);
		best = (row & less) | (best & ~less);
		best_load = (flows & less) | (best_load & ~less);
		best_weight = (server->weight & less) | (best_weight & ~less);
		turn = (turn + 1) & if_negative((__s64)turn + 1 - entries);
	}
	return best;
}

/* The same, from xdp_weighted: the first call goes to xdp_least, and the packet begins again. */
static __always_inline __u32 take_least(struct xdp_md *ctx, __u32 listener)
{
	int zero = 0;
	struct least *least = leasts.lookup(&zero);

	if (!least)
		return 0;
	if (!least->is_found || least->listener != listener) {
		least->listener = listener;
		steps.call(ctx, STEP_LEAST);
	}
	least->is_found = 0;
	return least->server;
}

#endif
