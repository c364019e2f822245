/* SPDX-License-Identifier: GPL-2.0 */
/* The three tables of our own: lookup (the controller's), flows and peers (the program's). They live
 * in plain arrays, whose lookups the kernel inlines: a hash map's helper call alone costs more than a
 * whole search here. The loader pastes this file into the main one, as map operations need it. */
#ifndef XDPAIR_TABLES_H
#define XDPAIR_TABLES_H

#include "maps.h"
#include "word.h"

/* The value under a key, or 0. The controller's placement (core/lookup_table.py) mirrors this search. */
static __always_inline __u32 lookup_find(__u64 key)
{
	__u32 index = (key * LOOKUP_MULTIPLIER) >> (64 - LOOKUP_BITS);
	int i;

#pragma unroll
	for (i = 0; i < LOOKUP_MAX_BUCKETS; i++) {
		struct lookup_bucket *b = lookup.lookup(&index);

		if (!b)
			return 0;
		if (word_of(&b->keys[0]) == key)
			return b->values[0];
		if (word_of(&b->keys[1]) == key)
			return b->values[1];
		if (word_of(&b->keys[2]) == key)
			return b->values[2];
		if (word_of(&b->keys[3]) == key)
			return b->values[3];
		if (!word_of(&b->keys[3])) /* only a full bucket sends keys on to the next */
			return 0;
		index = (index + 1) & (LOOKUP_BUCKETS - 1);
	}
	return 0;
}

/* About one tick a second; jiffies cost no helper call. */
static __always_inline __u16 clock_now(void)
{
	return (bpf_jiffies64() >> CLOCK_SHIFT) & FLOW_SEEN_MASK;
}

static __always_inline __u16 seen_state(__u8 state, __u16 now)
{
	return (__u16)(state << FLOW_STATE_SHIFT) | now;
}

static __always_inline __u8 flow_state(const struct flow_value *v)
{
	return v->seen_state >> FLOW_STATE_SHIFT;
}

static __always_inline __u16 flow_idle(const struct flow_value *v, __u16 now)
{
	return (now - v->seen_state) & FLOW_SEEN_MASK;
}

/* The murmur3 finaliser: neighbouring ports and addresses end up far apart. Of the client alone: so the
 * CPU can fetch the bucket while it still looks for the listener, and all flows of one client port,
 * among which an answer to a shared endpoint has to be told, are on one cache line. */
static __always_inline __u32 flow_hash(__u64 key)
{
	key &= ~FIELD(0xffff, 6, 2);
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdULL;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53ULL;
	return key >> (64 - FLOW_BITS);
}

/* A flow's way in its bucket, or NULL: then bucket is where it would be. */
static __always_inline __u64 *flow_find(__u64 key, struct flow_bucket **bucket)
{
	__u32 index = flow_hash(key);
	struct flow_bucket *b = flows.lookup(&index);

	*bucket = b;
	if (!b)
		return NULL;
	if (word_of(&b->keys[0]) == key)
		return (__u64 *)&b->values[0];
	if (word_of(&b->keys[1]) == key)
		return (__u64 *)&b->values[1];
	if (word_of(&b->keys[2]) == key)
		return (__u64 *)&b->values[2];
	if (word_of(&b->keys[3]) == key)
		return (__u64 *)&b->values[3];
	return NULL;
}

/* A flow's value, 0 if the way is being given to another flow. The key is read again behind the
 * value: had the way changed hands in between, the value would be the other's. */
static __always_inline __u64 flow_read(const __u64 *word, __u64 key)
{
	__u64 value = word_of(word);

	return word_of(word - FLOW_WAYS) == key ? value : 0;
}

/* The lower, the sooner it may go: ended flows first, then half-open ones, then the longest idle. */
static __always_inline __u32 flow_worth(__u64 word, __u16 now)
{
	struct flow_value v = *(struct flow_value *)&word;
	__u8 state = flow_state(&v);
	__u32 rank = state >= FLOW_CLOSED ? 0 : state != FLOW_ESTABLISHED ? 1 : 2;

	return (rank << FLOW_STATE_SHIFT) | (FLOW_SEEN_MASK - flow_idle(&v, now));
}

/* Record a new flow, in an empty way or in place of the one worth least. Losing a race against
 * another CPU leaves the flow unrecorded: its packets still go to the serving side. */
static __always_inline void flow_insert(struct flow_bucket *b, __u64 key, __u64 value, __u16 now)
{
	__u32 worth = ~0U, victim = 0;
	__u64 old;
	int i;

#pragma unroll
	for (i = 0; i < FLOW_WAYS; i++) {
		__u64 *k = (__u64 *)&b->keys[i];
		__u64 *v = (__u64 *)&b->values[i];
		__u64 word = word_of(v);

		__u64 found = word_of(k);

		if (!found) {
			found = __sync_val_compare_and_swap(k, 0, key);
			if (!found) {
				*(volatile __u64 *)v = value;
				return;
			}
		}
		if (found == key) /* another CPU is writing it down */
			return;
		if (word) {
			__u32 w = flow_worth(word, now);

			if (w < worth) {
				worth = w;
				victim = i;
			}
		}
	}
	if (worth == ~0U)
		return;
	victim &= FLOW_WAYS - 1;
	old = word_of(&b->values[victim]);
	/* A value of 0 claims the way: readers of either key now see no flow. */
	if (!old || __sync_val_compare_and_swap((__u64 *)&b->values[victim], old, 0) != old)
		return;
	*(volatile __u64 *)&b->keys[victim] = key;
	__sync_val_compare_and_swap((__u64 *)&b->values[victim], 0, value);
}

/* Another CPU may have changed the flow meanwhile; then its word stands. */
static __always_inline void flow_update(__u64 *word, struct flow_value old, struct flow_value new)
{
	__u64 from = word_of(&old), to = word_of(&new);

	if (from != to)
		__sync_val_compare_and_swap(word, from, to);
}

/* Where a neighbour is kept, if it is. */
static __always_inline __u32 peer_home(__u64 word)
{
	return (word * LOOKUP_MULTIPLIER) >> (64 - PEER_BITS);
}

/* The index of a neighbour, learnt if new; 0: no room, or an ifindex that does not fit. */
static __always_inline __u16 peer_learn(__u64 word, __u32 ifindex)
{
	__u32 index = peer_home(word);
	struct peer_bucket *b = peers.lookup(&index);
	int i;

	if (!b || ifindex > 0xffff)
		return 0;
#pragma unroll
	for (i = 0; i < PEER_WAYS; i++) {
		__u64 *way = (__u64 *)&b->peers[i];
		__u64 found = word_of(way);

		if (!index && !i) /* its index would say "none" */
			continue;
		if (!found)
			found = __sync_val_compare_and_swap(way, 0, word);
		if (!found || found == word)
			return index * PEER_WAYS + i;
	}
	return 0;
}

/* The neighbour's word, or 0. */
static __always_inline __u64 peer_get(__u16 peer)
{
	__u32 index = peer / PEER_WAYS;
	struct peer_bucket *b = peers.lookup(&index);

	return b && peer ? word_of(&b->peers[peer % PEER_WAYS]) : 0;
}

#endif
