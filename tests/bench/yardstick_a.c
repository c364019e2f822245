/* SPDX-License-Identifier: GPL-2.0 */
/* Yardstick A: the least that any hash-map balancer does. One hash lookup finds the server. */
#include "yardstick.h"

BPF_HASH(vips, struct vip_key, struct target, 1024);

int yardstick(struct xdp_md *ctx)
{
	struct vip_key key;
	struct target *to;
	struct view v;

	if (!parse(ctx, &v))
		return XDP_PASS;
	key = vip_of(&v);
	to = vips.lookup(&key);
	if (!to)
		return XDP_PASS;
	rewrite(&v, to);
	return XDP_TX;
}
