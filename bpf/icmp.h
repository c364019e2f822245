/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP: echo to a VIP is answered; errors about a flow reach the end that must see them, with the
 * quoted packet translated to what that end had sent (RFC 5508 s4), so path MTU discovery works in
 * both directions. Everything else is the host's own. */
#ifndef XDPAIR_ICMP_H
#define XDPAIR_ICMP_H

#include "tables.h"
#include "reply.h"

/* An error and what it quotes. */
struct icmp_error {
	struct icmphdr *icmp;
	struct iphdr *inner;
	struct ports *ports;
	void *end;
	__u32 quoted; /* octets that are quoted from ports on */
};

static __always_inline int icmp_is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/* 0: what is quoted is not the start of a TCP or UDP packet that the error's receiver had sent. */
static __always_inline int parse_icmp_error(struct cursor *c, struct packet *p,
					    struct icmp_error *e)
{
	struct cursor inner = { .pos = p->l4 + sizeof(struct icmphdr), .end = c->end };
	__u32 head;

	e->icmp = p->l4;
	e->end = c->end;
	e->inner = parse_ipv4(&inner);
	if (!e->inner || e->inner->frag_off & bpf_htons(IP_OFFSET))
		return 0;
	if (e->inner->protocol != IPPROTO_TCP && e->inner->protocol != IPPROTO_UDP)
		return 0;
	/* What follows the IP packet in the frame is padding, not quote. */
	head = sizeof(struct icmphdr) + e->inner->ihl * 4;
	if (inner.pos + 8 > c->end || p->l4_len < head + 8 || e->inner->saddr != p->ip->daddr)
		return 0;
	e->ports = inner.pos;
	e->quoted = p->l4_len - head;
	return 1;
}

/* Is there such a flow, and does its server still have it? */
static __always_inline int is_known(const struct listener *l, const struct server *server, __u64 v,
				    const struct icmp_error *e)
{
	if (flow_is_none(v, e->inner->protocol == IPPROTO_TCP))
		return 0;
	if (is_weighted(l))
		return value_server(v) && e->ports->dest_be && !has_ended(server, v);
	return side_of(l, value_server(v)) != SIDE_NONE ||
	       (value_server(v) && server && server->flags & SERVER_DRAINING);
}

/* About an answer of the VIP's: the server that sent it must know. */
static __always_inline int icmp_to_server(struct xdp_md *ctx, struct exits *n, struct packet *p,
					  struct icmp_error *e, __u32 index)
{
	struct listener *l = listeners.lookup(&index);
	struct flow_bucket *b;
	struct server *server;
	__u64 key, *word, delta, v = 0;
	__u32 server_index, ifindex;
	__be32 old_be;

	if (!l)
		return n->drop_internal++, XDP_DROP;
	if (unlikely(l->flags & LISTENER_SPECIAL) && acl_forbids(l, e->inner->daddr))
		return n->drop_acl++, XDP_DROP;
	key = flow_word(e->inner->daddr, e->ports->dest_be, index);
	word = flow_find(key, &b);
	if (word)
		v = flow_read(word, key);
	server_index = value_server(v);
	server = servers.lookup(&server_index);
	if (!is_known(l, server, v, e))
		return n->drop_icmp++, XDP_DROP;
	if (!server || !(server->flags & SERVER_RESOLVED))
		return n->drop_unresolved++, XDP_DROP;
	if (p->ip->ttl <= 1)
		return n->drop_ttl++, XDP_DROP;

	ifindex = server->ifindex;
	delta = rewrite_quoted(e->inner, e->ports, e->end, e->quoted, 1, server->addr_be,
			       server->port_be);
	e->icmp->checksum = csum_apply(e->icmp->checksum, delta);
	old_be = p->ip->daddr;
	p->ip->daddr = server->addr_be;
	finish_ip(p->ip, csum_delta32(old_be, server->addr_be));
	set_macs(p->eth, server->dest_mac, server->source_mac);
	n->icmp_to_server++;
	return send_to(ctx, p, ifindex);
}

/* About a client's packet that was on its way to a server: the client must know. */
static __always_inline int icmp_to_client(struct xdp_md *ctx, struct exits *n, struct packet *p,
					  struct icmp_error *e, struct origin *o)
{
	__be32 server_be = e->inner->daddr, old_be = p->ip->saddr;
	struct peer peer = {};
	struct link *link;
	__u32 ifindex;
	__u64 delta;

	if (p->ip->ttl <= 1)
		return n->drop_ttl++, XDP_DROP;
	*(__u64 *)&peer = peer_get(value_peer(o->v));
	link = link_of(peer);
	if (link) {
		ifindex = peer.ifindex;
		set_macs(p->eth, peer.mac, link->mac);
	} else {
		struct bpf_fib_lookup fib;

		if (route_to_client(ctx, p, o->l->vip_be, &fib) != BPF_FIB_LKUP_RET_SUCCESS)
			return n->drop_no_route++, XDP_DROP;
		ifindex = fib.ifindex;
		set_macs(p->eth, fib.dmac, fib.smac);
	}
	delta = rewrite_quoted(e->inner, e->ports, e->end, e->quoted, 0, o->l->vip_be,
			       o->l->port_be);
	e->icmp->checksum = csum_apply(e->icmp->checksum, delta);
	/* Only the server's own address is ours to hide; a router on the way keeps its name. */
	if (old_be == server_be)
		p->ip->saddr = o->l->vip_be;
	finish_ip(p->ip, csum_delta32(old_be, p->ip->saddr));
	n->icmp_to_client++;
	return send_to(ctx, p, ifindex);
}

static __always_inline int icmp(struct xdp_md *ctx, struct exits *n, struct cursor *c,
				struct packet *p)
{
	struct icmphdr *icmp = p->l4;
	struct icmp_error e = {};
	struct origin o = {};
	__u32 found;

	if (p->l4_len < sizeof(*icmp) || (void *)(icmp + 1) > c->end)
		return n->drop_malformed++, XDP_DROP;
	if (icmp->type == ICMP_ECHO && icmp->code == 0) {
		if (!lookup_has(lookup_word(p->ip->daddr, 0, 0, KIND_VIP)))
			return n->pass_icmp++, XDP_PASS;
		if (is_martian(p->ip->saddr))
			return n->drop_martian++, XDP_DROP;
		answer_echo(p);
		n->icmp_echo++;
		return XDP_TX;
	}
	if (!icmp_is_error(icmp->type) || !parse_icmp_error(c, p, &e))
		return n->pass_icmp++, XDP_PASS;

	found = lookup_find(
		lookup_word(e.inner->saddr, e.ports->source_be, e.inner->protocol, KIND_LISTENER));
	if (found)
		return icmp_to_server(ctx, n, p, &e, found);
	found = lookup_find(
		lookup_word(e.inner->daddr, e.ports->dest_be, e.inner->protocol, KIND_ENDPOINT));
	if (found) {
		const struct talk t = {
			.server_be = e.inner->daddr,
			.client_be = e.inner->saddr,
			.server_port_be = e.ports->dest_be,
			.client_port_be = e.ports->source_be,
			.proto = e.inner->protocol,
		};

		find_origin(&o, &t, found);
		if (o.word)
			return icmp_to_client(ctx, n, p, &e, &o);
	}
	return n->pass_icmp++, XDP_PASS;
}

#endif
