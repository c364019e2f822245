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

/* struct flow_value */
static __always_inline __u64 value_word(__u16 server, __u16 epoch, __u16 peer, __u16 seen_state)
{
	return FIELD(server, 0, 2) | FIELD(epoch, 2, 2) | FIELD(peer, 4, 2) |
	       FIELD(seen_state, 6, 2);
}

static __always_inline __u16 value_peer(__u64 word)
{
	return FIELD_OF(word, __u16, 4);
}

/* struct peer of the sender of a frame */
static __always_inline __u64 peer_word(const struct ethhdr *eth, __u32 ifindex)
{
	const __u16 *mac = (const __u16 *)eth->h_source;

	return FIELD(mac[0], 0, 2) | FIELD(mac[1], 2, 2) | FIELD(mac[2], 4, 2) |
	       FIELD((__u16)ifindex, 6, 2);
}

#endif
