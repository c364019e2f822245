/* SPDX-License-Identifier: GPL-2.0 */
/* Who may come, and how much: access control lists and bandwidth, for the listeners that have them. */
#ifndef XDPAIR_GATE_H
#define XDPAIR_GATE_H

#include "tables.h"
#include "dry_run.h"

#define ACL_PREFIX_BITS (32 + 32) /* the list, and a whole address */

#define TOWARD_SERVER 0
#define TOWARD_CLIENT 1

static __always_inline __u8 flags_now(const struct listener *l)
{
	return *(const volatile __u8 *)&l->flags;
}

/* While the controller puts another list in place of one, or takes it away, all may come: the flags are
 * taken away first and set last, and so tell whether the list is the one that they are about. */
static __always_inline int acl_forbids(const struct listener *l, __be32 client_be)
{
	__u8 flags = flags_now(l);
	struct acl_key key = { .prefix_bits = ACL_PREFIX_BITS, .addr_be = client_be };

	key.acl = *(const volatile __u16 *)&l->acl;
	if (!(flags & (LISTENER_ACL_WHITE | LISTENER_ACL_BLACK)) || flags_now(l) != flags)
		return 0;
	return !!acls.lookup(&key) == !(flags & LISTENER_ACL_WHITE);
}

/* GCRA: the bucket's level is the time until it is full again, which each frame puts off. Counted
 * exactly whatever other CPUs do; judged by what was there a moment ago. */
static __always_inline int is_within_bandwidth(const struct packet *p, __u32 index, int direction)
{
	struct limit *m = limits.lookup(&index);
	__u64 now, full, cost, *at;

	if (!m)
		return 1;
	now = bpf_ktime_get_ns();
	cost = (__u64)p->frame_len * m->ps_per_byte / 1000;
	at = &m->full_at_ns[direction];
	full = word_of(at);
	if ((full > now ? full - now : 0) + cost > m->burst_us * 1000ULL)
		return 0;
	if (!p->live)
		return 1;
	if (full >= now || __sync_val_compare_and_swap(at, full, now + cost) != full)
		__sync_fetch_and_add(at, cost);
	return 1;
}

/* A packet of a listener with LISTENER_LIMITED. 0: it may go on; else it was dropped and counted. */
static __always_inline int throttle(struct exits *n, const struct packet *p,
				    const struct listener *l, __u32 index, int direction)
{
	struct listener_counters *lc;
	__u32 row = index & p->live;

	if (!(l->flags & LISTENER_LIMITED) || is_within_bandwidth(p, index, direction))
		return 0;
	lc = listener_counters.lookup(&row);
	if (lc)
		lc->limit_packets++;
	return n->drop_bandwidth++, 1;
}

/* A client's packet for a listener with LISTENER_SPECIAL; the result as above. */
static __always_inline int gate(struct exits *n, const struct packet *p, const struct listener *l,
				__u32 index)
{
	const struct ports *ports = p->l4;
	struct listener_counters *lc;
	__u32 row = index & p->live;

	if (l->flags & LISTENER_WEIGHTED && !ports->source_be)
		return n->drop_malformed++, 1; /* its key would be a tie's */
	if (!acl_forbids(l, p->ip->saddr))
		return throttle(n, p, l, index, TOWARD_SERVER);
	lc = listener_counters.lookup(&row);
	if (lc)
		lc->acl_packets++;
	return n->drop_acl++, 1;
}

#endif
