/* SPDX-License-Identifier: GPL-2.0 */
/* The least a program can do: what is left is the harness. */
int bounce(struct xdp_md *ctx)
{
	return XDP_TX;
}
