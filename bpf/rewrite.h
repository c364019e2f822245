/* SPDX-License-Identifier: GPL-2.0 */
/* Header edits; no maps. The caller has checked the bounds of everything that is touched. */
#ifndef XDPAIR_REWRITE_H
#define XDPAIR_REWRITE_H

#include "abi.h"
#include "checksum.h"
#include "parse.h"

/* One end of a flow. */
struct endpoint {
	__be32 addr_be;
	__be16 port_be;
};

/* By 16 bits: struct ethhdr is packed, so that memcpy would go by single octets. */
static __always_inline void copy_mac(void *to, const void *from)
{
	__u16 *t = to;
	const __u16 *f = from;

	t[0] = f[0];
	t[1] = f[1];
	t[2] = f[2];
}

static __always_inline void set_macs(struct ethhdr *eth, const __u8 *dest, const __u8 *source)
{
	copy_mac(eth->h_dest, dest);
	copy_mac(eth->h_source, source);
}

/* Send the frame back to where it came from. */
static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN] __attribute__((aligned(2)));

	copy_mac(mac, eth->h_dest);
	copy_mac(eth->h_dest, eth->h_source);
	copy_mac(eth->h_source, mac);
}

/* Decrement the TTL and account for an address that changed by addr_delta. */
static __always_inline void finish_ip(struct iphdr *ip, __u64 addr_delta)
{
	__be16 old_be = *(__be16 *)&ip->ttl;

	ip->ttl--;
	ip->check = csum_apply(ip->check, addr_delta + csum_delta16(old_be, *(__be16 *)&ip->ttl));
}

static __always_inline void fix_l4_checksum(struct packet *p, __u64 delta)
{
	if (p->tcp) {
		p->tcp->check = csum_apply(p->tcp->check, delta);
	} else {
		struct udphdr *udp = p->l4;

		if (udp->check)
			udp->check = csum_apply_udp(udp->check, delta);
	}
}

static __always_inline void rewrite_dest(struct packet *p, __be32 addr_be, __be16 port_be)
{
	struct ports *ports = p->l4;
	__u64 addr_delta = csum_delta32(p->ip->daddr, addr_be);
	__u64 port_delta = csum_delta16(ports->dest_be, port_be);

	p->ip->daddr = addr_be;
	ports->dest_be = port_be;
	fix_l4_checksum(p, addr_delta + port_delta);
	finish_ip(p->ip, addr_delta);
}

static __always_inline void rewrite_source(struct packet *p, __be32 addr_be, __be16 port_be)
{
	struct ports *ports = p->l4;
	__u64 addr_delta = csum_delta32(p->ip->saddr, addr_be);
	__u64 port_delta = csum_delta16(ports->source_be, port_be);

	p->ip->saddr = addr_be;
	ports->source_be = port_be;
	fix_l4_checksum(p, addr_delta + port_delta);
	finish_ip(p->ip, addr_delta);
}

/* Replace one end of a packet quoted in an ICMP error. A quoted checksum is kept consistent with what
 * the receiver sent; one that was cut off, behind quoted octets from ports on, is left alone. Returns
 * the delta for the ICMP checksum. */
static __always_inline __u64 rewrite_quoted(struct iphdr *inner, struct ports *ports, void *end,
					    __u32 quoted, int source, __be32 addr_be,
					    __be16 port_be)
{
	__be32 *addr = source ? &inner->saddr : &inner->daddr;
	__be16 *port = source ? &ports->source_be : &ports->dest_be;
	__u64 addr_delta = csum_delta32(*addr, addr_be);
	__u64 port_delta = csum_delta16(*port, port_be);
	__u16 old_check = inner->check;
	__u64 delta = addr_delta + port_delta;

	*addr = addr_be;
	*port = port_be;
	inner->check = csum_apply(old_check, addr_delta);
	delta += csum_delta16(old_check, inner->check);

	if (inner->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)ports;

		if ((void *)(udp + 1) <= end && udp->check) {
			__u16 old = udp->check;

			udp->check = csum_apply_udp(old, addr_delta + port_delta);
			delta += csum_delta16(old, udp->check);
		}
	} else {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(&tcp->check + 1) <= end &&
		    quoted >= __builtin_offsetof(struct tcphdr, urg_ptr)) {
			__u16 old = tcp->check;

			tcp->check = csum_apply(old, addr_delta + port_delta);
			delta += csum_delta16(old, tcp->check);
		}
	}
	return delta;
}

#endif
