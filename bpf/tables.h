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

/* The same for questions that few packets are asked: somewhat slower, but a fraction of the code. */
static __always_inline int lookup_has(__u64 key)
{
	__u32 index = (key * LOOKUP_MULTIPLIER) >> (64 - LOOKUP_BITS);
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < LOOKUP_MAX_BUCKETS; i++) {
		struct lookup_bucket *b = lookup.lookup(&index);

		if (!b)
			return 0;
		if (word_of(&b->keys[0]) == key || word_of(&b->keys[1]) == key ||
		    word_of(&b->keys[2]) == key || word_of(&b->keys[3]) == key)
			return 1;
		if (!word_of(&b->keys[3]))
			return 0;
		index = (index + 1) & (LOOKUP_BUCKETS - 1);
	}
	return 0;
}

/* No other host sends from this address: it is ours, or no host has it (RFC 1122 s3.2.1.3). */
static __always_inline int is_martian(__be32 addr_be)
{
	__u8 first = bpf_ntohl(addr_be) >> 24;

	return first == 0 || first == 127 || first >= 224 ||
	       lookup_has(lookup_word(addr_be, 0, 0, KIND_LOCAL)) ||
	       lookup_has(lookup_word(addr_be, 0, 0, KIND_VIP));
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

/* Another CPU may have read the clock a moment later: a flow seen in the near future was seen now. */
#define CLOCK_SLACK 8

static __always_inline __u16 flow_idle(__u64 word, __u16 now)
{
	__s64 idle = (now + CLOCK_SLACK - FIELD_OF(word, __u16, 6)) & FLOW_SEEN_MASK;

	idle -= CLOCK_SLACK;
	return idle & ~if_negative(idle);
}

/* A datagram flow that is over is as good as none: no end of it has to be told. */
static __always_inline int flow_is_none(__u64 word, int is_tcp)
{
	return !is_tcp && value_state(word) == FLOW_CLOSED;
}

/* Of the client alone: so the CPU can fetch the bucket while it still looks for the listener, and all
 * flows of one client port, among which an answer to a shared endpoint has to be told, are on one cache
 * line. */
static __always_inline __u32 flow_hash(__u64 key)
{
	return mix(key & ~FLOW_KEY_LISTENER) >> (64 - FLOW_BITS);
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

/* The same place in its bucket, of which the verifier knows no more than that: it need not follow each
 * way that flow_find() may have found to the program's end.
 *
 * @nought: of the same name. */
static __always_inline __u64 *any_way(const __u64 *word, struct flow_bucket *bucket, __u64 nought)
{
	__u64 offset = ((void *)word - (void *)bucket->values) ^ nought;

	return (void *)bucket->values + (offset & (sizeof(bucket->values) - sizeof(*word)));
}

/* A flow's value, 0 if the way is being given to another flow. The key is read again behind the
 * value: had the way changed hands in between, the value would be the other's. */
static __always_inline __u64 flow_read(const __u64 *word, __u64 key)
{
	__u64 value = word_of(word);

	return word_of(word - FLOW_WAYS) == key ? value : 0;
}

/* By FLOW_*, two bits each; CLOSED and RESET are 0. */
#define RANKS                                                                                      \
	(1 << 2 * FLOW_NEW | 2 << 2 * FLOW_ESTABLISHED | 1 << 2 * FLOW_CLIENT_FIN |                \
	 1 << 2 * FLOW_SERVER_FIN)

/* The lower, the sooner it may go: ended flows first, then half-open ones, then the longest idle. */
static __always_inline __u32 flow_worth(__u64 word, __u16 now)
{
	__u32 rank = RANKS >> 2 * value_state(word) & 3;

	return (rank << FLOW_STATE_SHIFT) | (FLOW_SEEN_MASK - flow_idle(word, now));
}

#define NO_WAY (1ULL << 32) /* worth more than any */

/* Record a new flow, in an empty way or in place of the one worth least. Losing a race against
 * another CPU leaves the flow unrecorded (0): its packets still go where new ones go. */
static __always_inline int flow_insert(struct flow_bucket *b, __u64 key, __u64 value, __u16 now)
{
	/* Worth and way in one: of the number's last bits the verifier knows nothing, and so need not
	 * follow each way to the program's end. */
	__u64 least = NO_WAY, old, *victim;
	int i;

#pragma unroll
	for (i = 0; i < FLOW_WAYS; i++) {
		__u64 *k = (__u64 *)&b->keys[i];
		__u64 *v = (__u64 *)&b->values[i];
		__u64 word = word_of(v);
		__u64 found = word_of(k);
		__u64 worth, less;

		if (!found) {
			found = __sync_val_compare_and_swap(k, 0, key);
			if (!found) {
				*(volatile __u64 *)v = value;
				return 1;
			}
		}
		if (found == key) /* another CPU is writing it down */
			return 0;
		/* Without a branch, as above. */
		worth = flow_worth(word, now) * FLOW_WAYS + i;
		less = if_negative(worth - least) & if_set(word);
		least = (worth & less) | (least & ~less);
	}
	victim = (__u64 *)&b->values[least % FLOW_WAYS];
	old = word_of(victim);
	/* A value of 0 claims the way: readers of either key now see no flow. */
	if (least == NO_WAY || !old || __sync_val_compare_and_swap(victim, old, 0) != old)
		return 0;
	*(volatile __u64 *)(victim - FLOW_WAYS) = key;
	return !__sync_val_compare_and_swap(victim, 0, value);
}

/* Another CPU may have changed the flow meanwhile; then its word stands, and 0 says so. */
static __always_inline int flow_update(__u64 *word, __u64 old, __u64 new)
{
	return old != new && __sync_val_compare_and_swap(word, old, new) == old;
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
	__u64 found = word, *way = NULL;
	int i;

	if (!b || ifindex > 0xffff)
		return 0;
	/* All that is decided in there ends the loop: else the verifier would follow each decision
	 * through all the rest of it. */
#pragma clang loop unroll(disable)
	for (i = index ? 0 : 1; i < PEER_WAYS; i++) { /* the first index of all would say "none" */
		way = (__u64 *)&b->peers[i];
		found = word_of(way);
		if (!found || found == word)
			break;
	}
	if (i == PEER_WAYS)
		return 0;
	if (!found)
		found = __sync_val_compare_and_swap(way, 0, word);
	return !found || found == word ? index * PEER_WAYS + i : 0;
}

/* The neighbour's word, or 0. */
static __always_inline __u64 peer_get(__u16 peer)
{
	__u32 index = peer / PEER_WAYS;
	struct peer_bucket *b = peers.lookup(&index);

	return b && peer ? word_of(&b->peers[peer % PEER_WAYS]) : 0;
}

#endif
