/* SPDX-License-Identifier: GPL-2.0 */
/* The 8-byte structs of abi.h as one word, put together by shifts: written field by field to the stack
 * and read back as a word, each would stall the CPU for as long as a cache miss to L2. */
#ifndef XDPAIR_WORD_H
#define XDPAIR_WORD_H

#include <linux/if_ether.h>

#include "abi.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIELD(value, offset, size) ((__u64)(value) << 8 * (offset))
#else
#define FIELD(value, offset, size) ((__u64)(value) << 8 * (8 - (offset) - (size)))
#endif

/* What a field of such a word says. */
#define FIELD_OF(word, type, offset) ((type)((word) / FIELD(1, offset, sizeof(type))))

static __always_inline __u64 word_of(const void *p)
{
	return *(const volatile __u64 *)p;
}

/* Masks in place of branches: what the verifier does not see as a decision, it need not follow. All ones,
 * or 0. */
static __always_inline __u64 if_negative(__s64 value)
{
	/* Else the compiler may see a comparison in it. */
	asm volatile("" : "+r"(value));
	return value >> 63;
}

static __always_inline __u64 if_set(__u64 value)
{
	return if_negative(value | -value);
}

/* The murmur3 finaliser, but for its last step: the upper bits depend on all of the word's. */
static __always_inline __u64 mix(__u64 word)
{
	word ^= word >> 33;
	word *= 0xff51afd7ed558ccdULL;
	word ^= word >> 33;
	return word * 0xc4ceb9fe1a85ec53ULL;
}

/* struct lookup_key */
static __always_inline __u64 lookup_word(__be32 addr_be, __be16 port_be, __u8 proto, __u8 kind)
{
	return FIELD(addr_be, 0, 4) | FIELD(port_be, 4, 2) | FIELD(proto, 6, 1) | FIELD(kind, 7, 1);
}

/* struct flow_key */
static __always_inline __u64 flow_word(__be32 client_be, __be16 client_port_be, __u16 listener)
{
	return FIELD(client_be, 0, 4) | FIELD(client_port_be, 4, 2) | FIELD(listener, 6, 2);
}

#define FLOW_KEY_LISTENER FIELD(0xffff, 6, 2)

/* struct flow_value */
static __always_inline __u64 value_word(__u16 server, __u16 epoch, __u16 peer, __u16 seen_state)
{
	return FIELD(server, 0, 2) | FIELD(epoch, 2, 2) | FIELD(peer, 4, 2) |
	       FIELD(seen_state, 6, 2);
}

static __always_inline __u16 value_server(__u64 word)
{
	return FIELD_OF(word, __u16, 0);
}

static __always_inline __u16 value_epoch(__u64 word)
{
	return FIELD_OF(word, __u16, 2);
}

static __always_inline __u16 value_peer(__u64 word)
{
	return FIELD_OF(word, __u16, 4);
}

static __always_inline __u8 value_state(__u64 word)
{
	return FIELD_OF(word, __u16, 6) >> FLOW_STATE_SHIFT;
}

/* The same flow, in another state, and heard of at another time. */
static __always_inline __u64 value_seen(__u64 word, __u16 seen_state)
{
	return (word & ~FIELD(0xffff, 6, 2)) | FIELD(seen_state, 6, 2);
}

/* struct peer of the sender of a frame */
static __always_inline __u64 peer_word(const struct ethhdr *eth, __u32 ifindex)
{
	const __u16 *mac = (const __u16 *)eth->h_source;

	return FIELD(mac[0], 0, 2) | FIELD(mac[1], 2, 2) | FIELD(mac[2], 4, 2) |
	       FIELD((__u16)ifindex, 6, 2);
}

#endif
