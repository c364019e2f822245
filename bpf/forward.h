/* SPDX-License-Identifier: GPL-2.0 */
/* Toward a server. A known flow of the present epoch goes straight through; whatever is new, old or
 * about to end is decided in choose(). */
#ifndef XDPAIR_FORWARD_H
#define XDPAIR_FORWARD_H

#include "tables.h"
#include "respond.h"

#define TCP_FLAGS(tcp) (((__u8 *)(tcp))[13])
#define TCP_FIN_FLAG 0x01
#define TCP_SYN_FLAG 0x02
#define TCP_DECISIVE (TCP_FIN_FLAG | TCP_SYN_FLAG | TCP_RST_FLAG)

/* A UDP flow that was kept on the side it was made on is chosen anew after this much silence. */
#define UDP_KEEP_IDLE 90

enum choice {
	CHOICE_KEEP, /* the flow's own server */
	CHOICE_NEW,  /* the serving side's */
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
static __always_inline int is_fenced(const struct listener *l, struct slot slot, __u8 side,
				     const struct flow_value *v)
{
	__u16 fence = slot.fence[SIDE_PRIMARY], other = slot.fence[SIDE_SECONDARY];

	/* Both in registers: an index into the stack is nothing the verifier follows. */
	asm volatile("" : "+r"(fence), "+r"(other));
	if (side != SIDE_PRIMARY)
		fence = other;
	return !is_kept(l, side) && (__s16)(v->epoch - fence) < 0;
}

/* The policy for one packet of a known flow. */
static __always_inline enum choice choose(const struct packet *p, const struct listener *l,
					  struct slot slot, const struct flow_value *v,
					  __u8 tcp_flags, __u16 now)
{
	__u8 side = side_of(l, v->server);

	if (v->server == FLOW_DIRECT)
		return CHOICE_NEW;
	if (!p->tcp) {
		if (side == SIDE_NONE)
			return CHOICE_NEW;
		if (side == slot.side)
			return CHOICE_KEEP;
		return is_kept(l, side) && flow_idle(v, now) < UDP_KEEP_IDLE ? CHOICE_KEEP :
									       CHOICE_NEW;
	}
	/* A client may reuse its port at any time, and its SYN may have been meant for a server that
	 * is dead by now: whoever serves gets it. */
	if ((tcp_flags & (TCP_SYN_FLAG | TCP_ACK_FLAG)) == TCP_SYN_FLAG)
		return CHOICE_NEW;
	if (side == SIDE_NONE || flow_state(v) == FLOW_RESET || is_fenced(l, slot, side, v))
		return CHOICE_RESET;
	return CHOICE_KEEP;
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

static __always_inline int want(struct answer *a, enum answer_kind kind)
{
	a->kind = kind;
	return ANSWER;
}

/* Why no RST may answer this segment, or NULL: it is one itself, or its header is not all there. */
static __always_inline __u64 *refuse_rst(struct exits *n, const struct packet *p)
{
	if (!p->tcp || p->tcp->rst)
		return &n->drop_no_flow;
	if (p->tcp->doff * 4 < sizeof(*p->tcp) || p->tcp->doff * 4 > p->l4_len)
		return &n->drop_malformed;
	return NULL;
}

/* Nobody serves: tell the client at once. */
static __always_inline int reject(struct exits *n, struct packet *p, struct answer *a, __u32 index)
{
	struct listener_counters *lc = listener_counters.lookup(&index);
	__u64 *reason = p->tcp ? refuse_rst(n, p) : NULL;

	if (reason)
		return (*reason)++, XDP_DROP;
	if (lc)
		lc->rejects++;
	return want(a, p->tcp ? ANSWER_REJECT_TCP : ANSWER_REJECT_UDP);
}

/* The flow's server no longer serves it. */
static __always_inline int reset(struct exits *n, struct packet *p, struct answer *a, __u32 index,
				 __u64 *word, struct flow_value v, __u16 now)
{
	struct listener_counters *lc = listener_counters.lookup(&index);
	__u64 *reason = refuse_rst(n, p);
	struct flow_value ended = v;
	__u8 state = flow_state(&v) == FLOW_CLOSED ? FLOW_CLOSED : FLOW_RESET;

	/* A RST of the client's own tells that it has none of this any more: ours arrived. */
	if (p->tcp && p->tcp->rst) {
		state = FLOW_CLOSED;
		reason = &n->drop_ended;
	}
	ended.seen_state = seen_state(state, now);
	flow_update(word, v, ended);
	if (reason)
		return (*reason)++, XDP_DROP;
	if (lc)
		lc->resets++;
	return want(a, ANSWER_RESET);
}

/* Too large for the way out: the sender has to know (RFC 1191). */
static __always_inline int too_big(struct exits *n, struct packet *p, struct answer *a, __u16 mtu)
{
	if (!(p->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)))
		return n->drop_too_big++, XDP_DROP;
	a->mtu = mtu;
	return want(a, ANSWER_TOO_BIG);
}

static __always_inline int send_to(struct xdp_md *ctx, __u32 ifindex)
{
	return ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(ifindex, 0);
}

/* The last steps, the same for known and new flows. */
static __always_inline int to_server(struct xdp_md *ctx, struct exits *n, struct packet *p,
				     struct answer *a, __u32 index, __u32 server_index, __u8 is_new)
{
	struct server *server = servers.lookup(&server_index);
	struct server_counters *sc;
	struct listener_counters *lc;
	__u32 ifindex;

	if (!server || !(server->flags & SERVER_RESOLVED))
		return n->drop_unresolved++, XDP_DROP;
	if (p->ip->ttl <= 1)
		return n->drop_ttl++, XDP_DROP;
	if (bpf_ntohs(p->ip->tot_len) > server->mtu)
		return too_big(n, p, a, server->mtu);
	ifindex = server->ifindex;
	rewrite_dest(p, server->addr_be, server->port_be);
	set_macs(p->eth, server->dest_mac, server->source_mac);

	lc = listener_counters.lookup(&index);
	sc = server_counters.lookup(&server_index);
	if (lc) {
		lc->forward_packets++;
		lc->forward_bytes += p->frame_len;
	}
	if (sc) {
		sc->forward_packets++;
		sc->forward_bytes += p->frame_len;
	}
	if (is_new)
		n->forward_new++;
	else
		n->forward++;
	return send_to(ctx, ifindex);
}

/* A flow's place and state, as one packet finds it. */
struct found {
	__u64 key;
	__u64 *word; /* NULL: not there */
	struct flow_bucket *bucket;
	struct flow_value v;
};

/* No other host sends from this address: it is ours, or no host has it (RFC 1122 s3.2.1.3). */
static __always_inline int is_martian(__be32 addr_be)
{
	__u8 first = bpf_ntohl(addr_be) >> 24;

	return first == 0 || first == 127 || first >= 224 ||
	       lookup_find(lookup_word(addr_be, 0, 0, KIND_LOCAL)) ||
	       lookup_find(lookup_word(addr_be, 0, 0, KIND_VIP));
}

/* Give the flow to the serving side and remember it. A server that can not be reached gets none. */
static __always_inline void assign(struct xdp_md *ctx, struct packet *p, struct found *f,
				   const struct server *server, __u32 server_index, __u32 index,
				   __u16 epoch, __u64 peer, __u8 tcp_flags, __u16 now)
{
	struct listener_counters *lc = listener_counters.lookup(&index);
	struct server_counters *sc = server_counters.lookup(&server_index);
	struct flow_value v = {};

	if (tcp_flags & TCP_RST_FLAG || !(server->flags & SERVER_RESOLVED))
		return;
	if (lc && !p->tcp && f->word)
		lc->flows_moved++;
	else if (lc)
		lc->flows_new++;
	if (sc)
		sc->flows_new++;
	v.server = server_index;
	v.epoch = epoch;
	v.peer = peer_learn(peer, ctx->ingress_ifindex);
	v.seen_state = seen_state(next_state(p, FLOW_NEW, tcp_flags), now);
	if (f->word)
		flow_update(f->word, f->v, v);
	else
		flow_insert(f->bucket, f->key, word_of(&v), now);
}

/* The policy allowed the packet to go to the flow's own server: bring the record up to date. */
static __always_inline void renew(struct xdp_md *ctx, struct packet *p, struct found *f,
				  const struct listener *l, struct slot slot, __u64 peer,
				  __u8 tcp_flags, __u16 now)
{
	struct flow_value v = f->v;

	/* The epoch tells when the flow was given to its side; it is renewed only while that side
	 * serves, so that a later fence still finds the others. */
	if (side_of(l, v.server) == slot.side)
		v.epoch = slot.epoch;
	if (peer_get(v.peer) != peer)
		v.peer = peer_learn(peer, ctx->ingress_ifindex);
	v.seen_state = seen_state(next_state(p, flow_state(&v), tcp_flags), now);
	flow_update(f->word, f->v, v);
}

static __always_inline int forward(struct xdp_md *ctx, struct exits *n, struct packet *p,
				   struct answer *a, __u32 index)
{
	struct ports *ports = p->l4;
	enum choice choice = CHOICE_NEW;
	struct found f = {};
	struct listener *l;
	struct slot slot = {};
	__u64 peer, word = 0, plain, *slot_word;
	__u32 slot_index, server_index;
	__u8 tcp_flags = 0, is_new = 0;
	__u16 now = clock_now();

	l = listeners.lookup(&index);
	if (!l)
		return n->drop_internal++, XDP_DROP;
	slot_index = l->slot;
	slot_word = (__u64 *)slots.lookup(&slot_index);
	if (!slot_word)
		return n->drop_internal++, XDP_DROP;
	*(__u64 *)&slot = word_of(slot_word);
	if (p->tcp)
		tcp_flags = TCP_FLAGS(p->tcp);
	f.key = flow_word(p->ip->saddr, ports->source_be, index);
	f.word = flow_find(f.key, &f.bucket);
	if (!f.bucket)
		return n->drop_internal++, XDP_DROP;
	if (f.word)
		word = flow_read(f.word, f.key);
	peer = peer_word(p->eth, ctx->ingress_ifindex);

	/* All that a plain packet of a known flow has to be asked, without a look at the neighbour:
	 * another one is in another bucket, but for one in 8192, which renew() finds in a second. */
	server_index = l->server[slot.side & 1];
	plain = value_word(server_index, slot.epoch, value_peer(word),
			   seen_state(FLOW_ESTABLISHED, now));
	if (word != plain || value_peer(word) / PEER_WAYS != peer_home(peer) ||
	    tcp_flags & TCP_DECISIVE) {
		*(__u64 *)&f.v = word;
		server_index = f.v.server;
		/* Without a server the way is another CPU's, who is just writing it down. */
		if (server_index)
			choice = choose(p, l, slot, &f.v, tcp_flags, now);
		else
			f.word = NULL;
		if (choice == CHOICE_RESET)
			return reset(n, p, a, index, f.word, f.v, now);
		if (choice == CHOICE_KEEP)
			renew(ctx, p, &f, l, slot, peer, tcp_flags, now);
		is_new = choice == CHOICE_NEW;
	}
	if (is_new) {
		struct server *server;

		if (is_martian(p->ip->saddr))
			return n->drop_martian++, XDP_DROP;
		if (slot.side == SIDE_NONE)
			return reject(n, p, a, index);
		server_index = l->server[slot.side & 1];
		server = servers.lookup(&server_index);
		if (!server)
			return n->drop_internal++, XDP_DROP;
		if (p->ip->saddr == server->addr_be)
			return n->drop_hairpin++, XDP_DROP;
		assign(ctx, p, &f, server, server_index, index, slot.epoch, peer, tcp_flags, now);
	}
	return to_server(ctx, n, p, a, index, server_index, is_new);
}

#endif
