/* SPDX-License-Identifier: GPL-2.0 */
/* Where a benchmark's packets end: those for ADDRESS:PORT (UDP) are counted and dropped, everything
 * else passes, so that ARP works. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

BPF_PERCPU_ARRAY(arrived, __u64, 1);

int sink(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u64 *count;
	int zero = 0;

	if ((void *)(udp + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP ||
	    ip->daddr != bpf_htonl(ADDRESS) || udp->dest != bpf_htons(PORT))
		return XDP_PASS;
	count = arrived.lookup(&zero);
	if (count)
		(*count)++;
	return XDP_DROP;
}
