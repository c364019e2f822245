/* SPDX-License-Identifier: GPL-2.0 */
/* Internet checksum arithmetic (RFC 1071) and incremental update (RFC 1624, equation 3), inline:
 * a helper call would cost more than all of it. A sum is kept in 64 bits and folded once at the end. */
#ifndef XDPAIR_CHECKSUM_H
#define XDPAIR_CHECKSUM_H

#include <linux/types.h>

static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* What replacing one value by another adds to the one's complement sum. */
static __always_inline __u64 csum_delta32(__be32 old_be, __be32 new_be)
{
	return (__u64)(__u32)~old_be + new_be;
}

static __always_inline __u64 csum_delta16(__be16 old_be, __be16 new_be)
{
	return (__u64)(__u16)~old_be + new_be;
}

static __always_inline __u16 csum_apply(__u16 check, __u64 delta)
{
	return ~csum_fold((__u64)(__u16)~check + delta);
}

/* A UDP checksum of 0 means "none" (RFC 768), so a computed 0 is sent as all ones. */
static __always_inline __u16 csum_apply_udp(__u16 check, __u64 delta)
{
	__u16 updated = csum_apply(check, delta);

	return updated ? updated : 0xffff;
}

/* The pseudo-header's part of a TCP or UDP checksum (RFC 793 s3.1). */
static __always_inline __u64 csum_pseudo(__be32 source_be, __be32 dest_be, __u8 proto, __u16 l4_len)
{
	return (__u64)source_be + dest_be + bpf_htons(proto) + bpf_htons(l4_len);
}

#endif
