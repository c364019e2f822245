/* SPDX-License-Identifier: GPL-2.0 */
/* Turn the packet in hand into an answer to its sender; no maps. Frames change length, so every
 * pointer into the packet is void afterwards. Each function returns 0, or -1 if the kernel refused. */
#ifndef XDPAIR_RESPOND_H
#define XDPAIR_RESPOND_H

#include "abi.h"
#include "checksum.h"
#include "parse.h"
#include "rewrite.h"

#define ANSWER_TTL 64
#define TCP_RST_FLAG 0x04
#define TCP_ACK_FLAG 0x10

static __always_inline void fill_ip(struct iphdr *ip, __be32 source_be, __be32 dest_be, __u8 proto,
				    __u16 total)
{
	__u64 sum;

	*(__be16 *)ip = bpf_htons(0x4500);
	ip->tot_len = bpf_htons(total);
	ip->id = 0;
	ip->frag_off = bpf_htons(IP_DONT_FRAGMENT);
	ip->ttl = ANSWER_TTL;
	ip->protocol = proto;
	ip->check = 0;
	ip->saddr = source_be;
	ip->daddr = dest_be;
	sum = (__u64)bpf_htons(0x4500) + ip->tot_len + ip->frag_off + *(__be16 *)&ip->ttl +
	      source_be + dest_be;
	ip->check = ~csum_fold(sum);
}

/* Answer a TCP segment by the RST of RFC 793 s3.4: its sequence number is the segment's own ACK, which
 * every receiver accepts (RFC 5961 s3.2); without an ACK it acknowledges what the segment occupied. */
static __always_inline int answer_rst(struct xdp_md *ctx, struct packet *p)
{
	struct tcphdr *tcp = p->tcp;
	__be32 client_be = p->ip->saddr, vip_be = p->ip->daddr;
	__be16 client_port_be = tcp->source, vip_port_be = tcp->dest;
	__be32 seq_be = 0, ack_be = 0;
	__u8 flags = TCP_RST_FLAG;
	void *data, *end;
	struct iphdr *ip;
	__u64 sum;

	if (tcp->ack) {
		seq_be = tcp->ack_seq;
	} else {
		__u32 occupied = p->l4_len - tcp->doff * 4 + tcp->syn + tcp->fin;

		ack_be = bpf_htonl(bpf_ntohl(tcp->seq) + occupied);
		flags |= TCP_ACK_FLAG;
	}
	swap_macs(p->eth);
	if (bpf_xdp_adjust_tail(ctx, (int)(sizeof(*p->eth) + sizeof(*ip) + sizeof(*tcp)) -
					     (int)p->frame_len))
		return -1;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + sizeof(struct ethhdr);
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > end)
		return -1;
	fill_ip(ip, vip_be, client_be, IPPROTO_TCP, sizeof(*ip) + sizeof(*tcp));
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = vip_port_be;
	tcp->dest = client_port_be;
	tcp->seq = seq_be;
	tcp->ack_seq = ack_be;
	((__u8 *)tcp)[12] = (sizeof(*tcp) / 4) << 4;
	((__u8 *)tcp)[13] = flags;
	sum = csum_pseudo(vip_be, client_be, IPPROTO_TCP, sizeof(*tcp)) + vip_port_be +
	      client_port_be + seq_be + ack_be + ((__be16 *)tcp)[6];
	tcp->check = ~csum_fold(sum);
	return 0;
}

/* A quoted packet: its header with options, and 8 octets (RFC 792). */
#define MAX_QUOTE (60 + 8)

/* Answer any IPv4 packet by an ICMP error from the address it was sent to. */
static __always_inline int answer_icmp(struct xdp_md *ctx, struct packet *p, __u8 type, __u8 code,
				       __u16 mtu)
{
	const int head = sizeof(struct iphdr) + sizeof(struct icmphdr);
	__u32 quote = p->ip->ihl * 4 + 8;
	__be32 client_be = p->ip->saddr, vip_be = p->ip->daddr;
	struct ethhdr eth = *p->eth;
	void *data, *end;
	struct icmphdr *icmp;
	struct ethhdr *to;
	struct iphdr *ip;
	__u64 sum = 0;
	int i;

	if (quote > MAX_QUOTE || sizeof(eth) + quote > p->frame_len)
		return -1;
	if (bpf_xdp_adjust_tail(ctx, (int)(sizeof(eth) + quote) - (int)p->frame_len))
		return -1;
	if (bpf_xdp_adjust_head(ctx, -head))
		return -1;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	to = data;
	ip = data + sizeof(eth);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) > end)
		return -1;
	set_macs(to, eth.h_source, eth.h_dest);
	to->h_proto = eth.h_proto;
	fill_ip(ip, vip_be, client_be, IPPROTO_ICMP, head + quote);
	__builtin_memset(icmp, 0, sizeof(*icmp));
	icmp->type = type;
	icmp->code = code;
	icmp->un.frag.mtu = bpf_htons(mtu);
#pragma clang loop unroll(disable)
	for (i = 0; i < (int)(sizeof(*icmp) + MAX_QUOTE) / 2; i++) {
		__be16 *word = (__be16 *)icmp + i;

		/* Keeps the bounds check in the form that the verifier follows. */
		asm volatile("" : "+r"(word));
		if ((void *)(word + 1) > end)
			break;
		sum += *word;
	}
	icmp->checksum = ~csum_fold(sum);
	return 0;
}

/* Turn an echo request into its reply (RFC 792). */
static __always_inline void answer_echo(struct packet *p)
{
	struct icmphdr *icmp = p->l4;
	__be32 source_be = p->ip->saddr;
	__be16 old_ttl_be = *(__be16 *)&p->ip->ttl;
	__be16 old_type_be = *(__be16 *)icmp;

	swap_macs(p->eth);
	p->ip->saddr = p->ip->daddr;
	p->ip->daddr = source_be;
	p->ip->ttl = ANSWER_TTL;
	p->ip->check = csum_apply(p->ip->check, csum_delta16(old_ttl_be, *(__be16 *)&p->ip->ttl));
	icmp->type = ICMP_ECHOREPLY;
	icmp->checksum = csum_apply(icmp->checksum, csum_delta16(old_type_be, *(__be16 *)icmp));
}

/* Write the answer and move its counter. */
static __always_inline int send_answer(struct xdp_md *ctx, struct exits *n, struct packet *p,
				       const struct answer *a)
{
	int is_rst = a->kind != ANSWER_REJECT_UDP && a->kind != ANSWER_TOO_BIG;
	__u8 code = a->kind == ANSWER_TOO_BIG ? ICMP_FRAG_NEEDED : ICMP_PORT_UNREACH;

	if (is_rst ? !p->tcp || answer_rst(ctx, p) :
		     answer_icmp(ctx, p, ICMP_DEST_UNREACH, code, a->mtu))
		return n->drop_internal++, XDP_DROP;
	switch (a->kind) {
	case ANSWER_RESET:
		return n->reset_client++, XDP_TX;
	case ANSWER_RESET_SERVER:
		return n->reset_server++, XDP_TX;
	case ANSWER_REJECT_TCP:
		return n->reject_tcp++, XDP_TX;
	case ANSWER_REJECT_UDP:
		return n->reject_udp++, XDP_TX;
	default:
		return n->too_big++, XDP_TX;
	}
}

#endif
