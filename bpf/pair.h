/* SPDX-License-Identifier: GPL-2.0 */
/* The policy of a pair: which flows go on, with whom, and in what state. */
#ifndef XDPAIR_PAIR_H
#define XDPAIR_PAIR_H

#include "respond.h"
#include "tables.h"

#define TCP_FLAGS(tcp) (((__u8 *)(tcp))[13])
#define TCP_FIN_FLAG 0x01
#define TCP_SYN_FLAG 0x02
#define TCP_DECISIVE (TCP_FIN_FLAG | TCP_SYN_FLAG | TCP_RST_FLAG)

enum choice {
	CHOICE_KEEP, /* the flow's own server */
	CHOICE_NEW,  /* whoever gets new flows */
	CHOICE_RESET,
};

static __always_inline __u8 side_of(const struct listener *l, __u16 server)
{
	return server == l->server[SIDE_PRIMARY]   ? SIDE_PRIMARY :
	       server == l->server[SIDE_SECONDARY] ? SIDE_SECONDARY :
						     SIDE_NONE;
}

/* May flows of this side outlive its service? */
static __always_inline int is_kept(const struct listener *l, __u8 side)
{
	return l->flags & (side == SIDE_PRIMARY ? LISTENER_KEEP_PRIMARY : LISTENER_KEEP_SECONDARY);
}

/* Has this flow of that side ended by a change of side? Serial-number arithmetic, RFC 1982. */
static __always_inline int is_fenced(const struct listener *l, struct slot slot, __u8 side, __u64 v)
{
	__u16 fence = slot.fence[SIDE_PRIMARY], other = slot.fence[SIDE_SECONDARY];

	/* Both in registers: an index into the stack is nothing the verifier follows. */
	asm volatile("" : "+r"(fence), "+r"(other));
	if (side != SIDE_PRIMARY)
		fence = other;
	return !is_kept(l, side) && (__s16)(value_epoch(v) - fence) < 0;
}

/* Did the server leave the pair, but may go on with the connections that it has? */
static __always_inline int is_draining(__u16 server)
{
	__u32 row = server;
	struct server *s = servers.lookup(&row);

	return s && s->flags & SERVER_DRAINING;
}

/* The policy for one packet of a known flow of a pair. */
static __always_inline enum choice choose(const struct packet *p, const struct listener *l,
					  struct slot slot, __u64 v, __u8 tcp_flags, __u16 now)
{
	__u8 side = side_of(l, value_server(v));

	if (value_server(v) == FLOW_DIRECT)
		return CHOICE_NEW;
	if (!p->tcp) {
		if (side == SIDE_NONE || flow_is_none(v, 0))
			return CHOICE_NEW;
		if (side == slot.side)
			return CHOICE_KEEP;
		return is_kept(l, side) && flow_idle(v, now) < UDP_IDLE_TICKS ? CHOICE_KEEP :
										CHOICE_NEW;
	}
	/* A client may reuse its port at any time, and its SYN may have been meant for a server that
	 * is dead by now: whoever serves gets it. */
	if ((tcp_flags & (TCP_SYN_FLAG | TCP_ACK_FLAG)) == TCP_SYN_FLAG)
		return CHOICE_NEW;
	if (value_state(v) == FLOW_RESET)
		return CHOICE_RESET;
	if (side == SIDE_NONE)
		return is_draining(value_server(v)) ? CHOICE_KEEP : CHOICE_RESET;
	return is_fenced(l, slot, side, v) ? CHOICE_RESET : CHOICE_KEEP;
}

static __always_inline __u8 next_state(const struct packet *p, __u8 state, __u8 tcp_flags)
{
	if (!p->tcp)
		return FLOW_ESTABLISHED;
	if (tcp_flags & TCP_RST_FLAG)
		return FLOW_CLOSED;
	if (state == FLOW_CLOSED)
		return state;
	if (tcp_flags & TCP_FIN_FLAG)
		return state == FLOW_SERVER_FIN ? FLOW_CLOSED : FLOW_CLIENT_FIN;
	if (tcp_flags & TCP_SYN_FLAG)
		return FLOW_NEW;
	return state == FLOW_NEW ? FLOW_ESTABLISHED : state;
}

#endif
