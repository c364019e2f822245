/* SPDX-License-Identifier: GPL-2.0 */
/* Packet cursor: bounds-checked views, no maps, no writes. Each parse_*() advances past the header it
 * returns, or returns NULL and leaves the cursor alone. Values stay in network order (_be). */
#ifndef XDPAIR_PARSE_H
#define XDPAIR_PARSE_H

#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

struct cursor {
	void *pos;
	void *end;
};

/* The first words of TCP and UDP headers alike. */
struct ports {
	__be16 source_be;
	__be16 dest_be;
};

/* One IPv4 packet. l4_len is what the IP header claims, checked against the frame. */
struct packet {
	struct ethhdr *eth;
	struct iphdr *ip;
	void *l4;
	struct tcphdr *tcp; /* l4 again if TCP, else NULL: a pointer the verifier can tell apart */
	__u32 l4_len;
	__u32 frame_len;
	__u32 live; /* all ones; 0 in a dry run, which must write nothing */
};

/* What the packet is to be answered by, instead of being sent on. A step that wants an answer fills
 * this in and returns ANSWER; it is written in one place, as its code is long and always inlined. */
struct answer {
	enum answer_kind {
		ANSWER_RESET,	     /* RST to the client: its flow has ended */
		ANSWER_RESET_SERVER, /* RST to the server: the flow has ended */
		ANSWER_REJECT_TCP,   /* RST: nobody serves */
		ANSWER_REJECT_UDP,   /* port unreachable: nobody serves */
		ANSWER_TOO_BIG,	     /* fragmentation needed */
	} kind;
	__u16 mtu; /* for ANSWER_TOO_BIG */
};

#define ANSWER (-1) /* no XDP action */

#define IP_MORE_OR_OFFSET 0x3fff /* MF | offset, RFC 791 s3.1 */
#define IP_OFFSET 0x1fff
#define IP_DONT_FRAGMENT 0x4000

static __always_inline struct ethhdr *parse_eth(struct cursor *c)
{
	struct ethhdr *eth = c->pos;

	if ((void *)(eth + 1) > c->end)
		return NULL;
	c->pos = eth + 1;
	return eth;
}

/* Options are skipped, not parsed. */
static __always_inline struct iphdr *parse_ipv4(struct cursor *c)
{
	struct iphdr *ip = c->pos;

	if ((void *)(ip + 1) > c->end || ip->version != 4 || ip->ihl < 5)
		return NULL;
	if (c->pos + ip->ihl * 4 > c->end)
		return NULL;
	c->pos += ip->ihl * 4;
	return ip;
}

/* True for every fragment, the first one included: later ones carry no ports. */
static __always_inline int ipv4_is_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_MORE_OR_OFFSET);
}

/* Fill in the packet down to the transport header. 0: the lengths contradict each other. */
static __always_inline int parse_packet(struct cursor *c, struct packet *p)
{
	__u32 total;

	p->ip = parse_ipv4(c);
	if (!p->ip)
		return 0;
	total = bpf_ntohs(p->ip->tot_len);
	if (total < p->ip->ihl * 4 || (void *)p->ip + total > c->end)
		return 0;
	p->l4 = c->pos;
	p->l4_len = total - p->ip->ihl * 4;
	return 1;
}

/* The packet's ports, if the whole transport header is there. Sets tcp. */
static __always_inline struct ports *parse_ports(const struct cursor *c, struct packet *p)
{
	p->tcp = NULL;
	if (p->ip->protocol == IPPROTO_TCP) {
		if (p->l4_len < sizeof(struct tcphdr) || p->l4 + sizeof(struct tcphdr) > c->end)
			return NULL;
		p->tcp = p->l4;
	} else if (p->l4_len < sizeof(struct udphdr) || p->l4 + sizeof(struct udphdr) > c->end) {
		return NULL;
	}
	return p->l4;
}

#endif
