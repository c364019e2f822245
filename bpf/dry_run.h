/* SPDX-License-Identifier: GPL-2.0 */
/* A packet that is only asked about (Explain): it takes the same way as any other, reads the live maps,
 * and moves nothing but row 1 of exits, rows 0 of the other counters, and the trace. */
#ifndef XDPAIR_DRY_RUN_H
#define XDPAIR_DRY_RUN_H

#include "maps.h"
#include "parse.h"
#include "word.h"

#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* 0, as no frame is that long. Neither compiler nor verifier may know. */
static __always_inline __u64 nought(const struct xdp_md *ctx)
{
	__s64 frame_len = (__u64)ctx->data_end - ctx->data;

	asm volatile("" : "+r"(frame_len));
	return frame_len >> 63;
}

/* The same value, of which the verifier now knows nothing. Where ways meet with a different constant
 * each, it would follow each of them on to the program's end. */
static __always_inline __u64 blur(const struct xdp_md *ctx, __u64 value)
{
	return value ^ nought(ctx);
}

/* Is the frame preceded by the word that asks for a dry run? Metadata that others left is not. */
static __always_inline int is_dry_run(const struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data;
	const __u64 *meta = (void *)(long)ctx->data_meta;

	return unlikely((void *)(meta + 1) <= data) && *meta == DRY_RUN_MAGIC;
}

static __always_inline struct trace *trace_row(void)
{
	int zero = 0;

	return traces.lookup(&zero);
}

static __always_inline void trace_start(void)
{
	struct trace *t = trace_row();

	if (t)
		__builtin_memset(t, 0, sizeof(*t));
}

/* What every program begins with. Returns the row of exits that it moves. */
static __always_inline __u32 begin(const struct xdp_md *ctx, struct packet *p)
{
	p->frame_len = ctx->data_end - ctx->data;
	/* Not a constant, as then the verifier would follow the whole program twice. */
	p->live = ~nought(ctx);
	if (is_dry_run(ctx)) {
		p->live = 0;
		trace_start();
	}
	return p->live + 1;
}

/* Whose packet it is, and the flow that it belongs to (server 0: to none). */
static __always_inline void trace_flow(const struct packet *p, __u16 listener, __u8 reply, __u64 v)
{
	struct trace *t;

	if (!unlikely(!p->live))
		return;
	t = trace_row();
	if (!t)
		return;
	t->listener = listener;
	t->reply = reply;
	t->flow_found = value_server(v) != 0;
	t->flow_server = value_server(v);
	t->flow_state = value_state(v);
}

static __always_inline void trace_choice(const struct packet *p, __u16 server, __u8 chose)
{
	struct trace *t;

	if (!unlikely(!p->live))
		return;
	t = trace_row();
	if (!t)
		return;
	t->server = server;
	t->chose = chose;
}

static __always_inline void trace_way_out(const struct packet *p, __u32 ifindex)
{
	struct trace *t;

	if (!unlikely(!p->live))
		return;
	t = trace_row();
	if (t)
		t->ifindex = ifindex;
}

#endif
