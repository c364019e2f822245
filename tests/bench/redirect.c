/* SPDX-License-Identifier: GPL-2.0 */
/* The minimal redirect: yardstick A, but the server is behind another interface. The kernel has two
 * ways to send a packet there; the benchmark takes the faster one. OUT_IFINDEX is the interface. */
#include "yardstick.h"

BPF_HASH(vips, struct vip_key, struct target, 1024);
BPF_DEVMAP(ways_out, 1);

static __always_inline int rewritten(struct xdp_md *ctx)
{
	struct vip_key key;
	struct target *to;
	struct view v;

	if (!parse(ctx, &v))
		return 0;
	key = vip_of(&v);
	to = vips.lookup(&key);
	if (!to)
		return 0;
	rewrite(&v, to);
	return 1;
}

int by_index(struct xdp_md *ctx)
{
	return rewritten(ctx) ? bpf_redirect(OUT_IFINDEX, 0) : XDP_PASS;
}

int by_map(struct xdp_md *ctx)
{
	return rewritten(ctx) ? ways_out.redirect_map(0, 0) : XDP_PASS;
}
