/* SPDX-License-Identifier: GPL-2.0 */
/* Flows of weighted listeners: whether they have ended, and how many each server has. */
#ifndef XDPAIR_LOADS_H
#define XDPAIR_LOADS_H

#include "tables.h"
#include "dry_run.h"

static __always_inline int is_weighted(const struct listener *l)
{
	return unlikely(l->flags & LISTENER_WEIGHTED);
}

/* Has the server forgotten the flow, or been told to? */
static __always_inline int has_ended(const struct server *server, __u64 v)
{
	return !server || server->epoch != value_epoch(v);
}

/* What new flows of the server are of. */
static __always_inline __u16 epoch_of(__u32 row)
{
	struct server *server = servers.lookup(&row);

	return server ? server->epoch : 0;
}

/* One flow more or less at its server. The controller counts anew what is lost, such as evictions. */
static __always_inline void count_load(__u64 v, __s64 by)
{
	__u32 row = value_server(v);
	__u64 *load = loads.lookup(&row);

	if (load)
		__sync_fetch_and_add(load, by);
}

/* The flow's place is given away, or it is over. */
static __always_inline void count_end(const struct listener *l, __u64 v)
{
	__u32 row = value_server(v);
	struct server *server;

	if (!v || !is_weighted(l) || value_state(v) == FLOW_CLOSED)
		return;
	server = servers.lookup(&row);
	if (!has_ended(server, v))
		count_load(v, -1);
}

/* A known flow was heard of, and is in that state now. */
static __always_inline void mark_flow(const struct packet *p, const struct listener *l, __u64 *word,
				      __u64 old, __u64 new)
{
	if (p->live && word && flow_update(word, old, new) && value_state(new) == FLOW_CLOSED)
		count_end(l, old);
}

#endif
