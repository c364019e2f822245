/* SPDX-License-Identifier: GPL-2.0 */
/* Makes each repetition of a test run a fresh packet: restores the frame that the last repetition
 * rewrote, moves it to the next of N flows, and tail-calls the program under test. The flows come
 * in the order of a linear congruential generator of full period: every one once in N packets. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define FRAME_BYTES 64

struct replay {
	__u64 words[FRAME_BYTES / 8]; /* the frame; the client's end of it and both checksums 0 */
	__u64 at;		      /* the last flow's number, below flows */
	__u64 flows;
	__u32 ip_sum; /* one's complement sums of the frame as it is above */
	__u32 l4_sum;
	__be32 client_be; /* address of flow 0; the number's low bits are added */
	__u16 client_port;
	__u8 to_client; /* the client is the destination */
	__u8 udp;
};

BPF_ARRAY(replays, struct replay, 1);
BPF_PROG_ARRAY(programs, 1);

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(__u16)(sum + (sum >> 16));
}

int replay(struct xdp_md *ctx)
{
	int zero = 0;
	struct replay *r = replays.lookup(&zero);
	int longer = (int)(ctx->data_end - ctx->data) - FRAME_BYTES;
	__be32 client_be;
	__be16 port_be;
	struct iphdr *ip;
	__u32 sum;
	__u64 *to;
	int i;

	if (!r || (longer && bpf_xdp_adjust_head(ctx, longer)))
		return XDP_ABORTED;
	to = (void *)(long)ctx->data;
	if ((void *)to + FRAME_BYTES > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (i = 0; i < FRAME_BYTES / 8; i++)
		to[i] = r->words[i];

	r->at = (r->at * LCG_MULTIPLIER + LCG_INCREMENT) % r->flows;
	client_be = r->client_be | bpf_htonl(r->at & (CLIENTS - 1));
	port_be = bpf_htons((__u16)(r->client_port + r->at / CLIENTS));
	sum = (client_be & 0xffff) + (client_be >> 16);

	ip = (void *)to + sizeof(struct ethhdr);
	if (r->to_client)
		ip->daddr = client_be;
	else
		ip->saddr = client_be;
	ip->check = fold(r->ip_sum + sum);
	sum = r->l4_sum + sum + port_be;
	if (r->udp) {
		struct udphdr *udp = (void *)(ip + 1);

		if (r->to_client)
			udp->dest = port_be;
		else
			udp->source = port_be;
		udp->check = fold(sum);
	} else {
		struct tcphdr *tcp = (void *)(ip + 1);

		if (r->to_client)
			tcp->dest = port_be;
		else
			tcp->source = port_be;
		tcp->check = fold(sum);
	}
	programs.call(ctx, 0);
	return XDP_ABORTED;
}
