/* SPDX-License-Identifier: GPL-2.0 */
/* What both yardsticks do to a packet: parse, rewrite toward a server, account for it in the
 * checksums. No map operations. This is as little as a NAT balancer can do, and nothing that a
 * careful one would leave out of its fast path is missing or slowed down. */
#ifndef BENCH_YARDSTICK_H
#define BENCH_YARDSTICK_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

struct vip_key {
	__be32 addr_be;
	__be16 port_be;
	__u8 proto;
	__u8 zero;
};

struct target {
	__be32 addr_be;
	__be16 port_be;
	__u8 dest_mac[ETH_ALEN];
	__u8 source_mac[ETH_ALEN];
	__u16 zero;
};

struct view {
	struct ethhdr *eth;
	struct iphdr *ip;
	__be16 *source_be;
	__be16 *dest_be;
	__u16 *check;
};

/* True if the packet is TCP or UDP over plain IPv4; then every pointer of the view is in bounds. */
static __always_inline int parse(struct xdp_md *ctx, struct view *v)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff) || ip->ttl <= 1)
		return 0;
	v->eth = eth;
	v->ip = ip;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)(ip + 1);

		if ((void *)(tcp + 1) > end)
			return 0;
		v->source_be = &tcp->source;
		v->dest_be = &tcp->dest;
		v->check = &tcp->check;
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)(ip + 1);

		if ((void *)(udp + 1) > end)
			return 0;
		v->source_be = &udp->source;
		v->dest_be = &udp->dest;
		v->check = &udp->check;
	} else {
		return 0;
	}
	return 1;
}

static __always_inline struct vip_key vip_of(const struct view *v)
{
	struct vip_key key = {};

	key.addr_be = v->ip->daddr;
	key.port_be = *v->dest_be;
	key.proto = v->ip->protocol;
	return key;
}

/* RFC 1624, equation 3: the sum's complement plus what the change adds, folded. */
static __always_inline __u16 checksum(__u16 check, __u64 delta)
{
	__u64 sum = (__u64)(__u16)~check + delta;

	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(__u16)(sum + (sum >> 16));
}

static __always_inline void rewrite(struct view *v, const struct target *to)
{
	struct iphdr *ip = v->ip;
	__u64 addr = (__u64)(__u32)~ip->daddr + to->addr_be;
	__u64 port = (__u64)(__u16) ~*v->dest_be + to->port_be;

	if (ip->protocol == IPPROTO_TCP) {
		*v->check = checksum(*v->check, addr + port);
	} else if (*v->check) {
		__u16 check = checksum(*v->check, addr + port);

		*v->check = check ? check : 0xffff;
	}
	/* A TTL one less: the sum loses one in the upper octet of that word. */
	ip->check = checksum(ip->check, addr + (__u16)~bpf_htons(0x0100));
	ip->ttl--;
	ip->daddr = to->addr_be;
	*v->dest_be = to->port_be;
	__builtin_memcpy(v->eth->h_dest, to->dest_mac, ETH_ALEN);
	__builtin_memcpy(v->eth->h_source, to->source_mac, ETH_ALEN);
}

#endif
