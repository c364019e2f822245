/* SPDX-License-Identifier: GPL-2.0 */
/* Every struct that crosses the boundary between the program and the controller, defined once. The
 * loader reads sizes and offsets off the compiled maps; nothing is declared a second time in Python.
 *
 * Fields ending in _be are in network order, all others in the host's. Indexes start at 1: a word
 * that is 0 is empty. Words that the controller changes under traffic are aligned to their size, so a
 * reader sees the old value or the new one and nothing between.
 */
#ifndef XDPAIR_ABI_H
#define XDPAIR_ABI_H

#include <linux/types.h>

/* Grows whenever a map means something else though no struct changes, such as with another hash in
 * tables.h: this file's text names the maps' directory, so that nothing old is taken up. */
#define XDPAIR_ABI 2

#define SIDES 2
#define SIDE_PRIMARY 0
#define SIDE_SECONDARY 1
#define SIDE_NONE 0xff

/* The word that a failover writes: one aligned 64-bit store. Epochs are serial numbers (RFC 1982). */
struct slot {
	__u8 side;	    /* SIDE_*: who gets new connections */
	__u8 silenced;	    /* bit per side: it failed, what it still says reaches no client */
	__u16 epoch;	    /* grows by one at each store */
	__u16 fence[SIDES]; /* per side: flows of earlier epochs have ended */
};
_Static_assert(sizeof(struct slot) == 8, "a slot is one 64-bit store");

/* What lookup finds. LISTENER: a listener's index. ENDPOINT: listener << 2 | side << 1 | shared, where
 * several flows' listeners may stand behind the endpoint (several listeners use it, or a server that
 * leaves its group is still drained): then only the flow tells whose an answer is, and the listener
 * named is one of them. VIP and LOCAL: nothing but the fact. TOMBSTONE: was in use, look on. */
#define KIND_EMPTY 0
#define KIND_LISTENER 1
#define KIND_ENDPOINT 2
#define KIND_VIP 3
#define KIND_LOCAL 4
#define KIND_TOMBSTONE 0xff

struct lookup_key {
	__be32 addr_be;
	__be16 port_be; /* 0 for VIP and LOCAL */
	__u8 proto;	/* IPPROTO_TCP or IPPROTO_UDP; 0 for VIP and LOCAL */
	__u8 kind;
};
_Static_assert(sizeof(struct lookup_key) == 8, "a key is compared as one word");

#define LOOKUP_WAYS 4
#define LOOKUP_MAX_BUCKETS 4 /* consecutive ones that a key may be found in */
#define LOOKUP_MULTIPLIER 0x9e3779b97f4a7c15ULL

/* One cache line of an open-addressing table. A bucket whose last way is EMPTY ends the search. */
struct lookup_bucket {
	struct lookup_key keys[LOOKUP_WAYS];
	__u32 values[LOOKUP_WAYS];
	__u32 zero[4];
};
_Static_assert(sizeof(struct lookup_bucket) == 64, "a bucket is one cache line");

/* Flows of a side that stopped serving go on, whatever the fence says. */
#define LISTENER_KEEP_PRIMARY 1
#define LISTENER_KEEP_SECONDARY 2
/* Many servers share it by the wheel; else two, of which the slot says who serves. */
#define LISTENER_WEIGHTED 4
#define LISTENER_ACL_WHITE 8  /* only who is listed under acl may come */
#define LISTENER_ACL_BLACK 16 /* all others may */
#define LISTENER_LIMITED 32   /* limits has a row for it */
/* Whatever costs more than a plain pair's packet. */
#define LISTENER_SPECIAL                                                                           \
	(LISTENER_WEIGHTED | LISTENER_ACL_WHITE | LISTENER_ACL_BLACK | LISTENER_LIMITED)

/* Who of many gets a new flow. IN_TURN serves rr and wrr: the wheel itself holds the proportions. */
#define SCHEDULE_IN_TURN 0
#define SCHEDULE_LEAST                                                                             \
	1 /* fewest flows in proportion to weight; the wheel names each server once */
#define SCHEDULE_SOURCE 2 /* hash of the client's address */
#define SCHEDULE_TUPLE 3  /* hash of both addresses and ports */
#define SCHEDULE_QUIC 4	  /* hash of the QUIC connection id (RFC 9000 s17) */

struct listener {
	__be32 vip_be;
	__be16 port_be;
	__u8 proto;
	__u8 flags;	     /* LISTENER_* */
	__u32 slot;	     /* index into slots; pairs */
	__u16 server[SIDES]; /* pairs */
	__u64 wheel; /* weighted: first entry in wheels << 32 | entries; 0 entries: reject */
	__u16 persist_ticks; /* weighted: how long a client stays with its server; 0: not at all */
	__u16 idle_ticks;    /* TCP: a flow silent for longer has timed out */
	__u16 acl;	     /* the list, as in struct acl_key */
	__u8 scheduler;	     /* SCHEDULE_* */
	__u8 zero;
};
_Static_assert(sizeof(struct listener) == 32, "listener is map ABI");

#define SERVER_RESOLVED 1 /* the next hop is known: MACs, ifindex and mtu are valid */
#define SERVER_DRAINING 2 /* left its group; flows it has may go on */
#define SERVER_ELIGIBLE 4 /* weighted: fit and of a weight above 0, may be given new flows */

struct server {
	__be32 addr_be;
	__be16 port_be;
	__u16 flags; /* SERVER_* */
	__u8 dest_mac[6];
	__u16 mtu; /* octets of IP packet that fit the way out */
	__u8 source_mac[6];
	__u16 weight; /* 0 to 100; weighted */
	__u32 ifindex;
	__u16 epoch; /* weighted: flows of any other epoch have ended */
	__u16 zero;
};
_Static_assert(sizeof(struct server) == 32, "server is map ABI");

/* Four entries of the wheels: rows of servers. A listener's wheel is a run of them. */
#define WHEEL_WAYS 4
struct wheel_word {
	__u16 server[WHEEL_WAYS];
};
_Static_assert(sizeof(struct wheel_word) == 8, "entries come by fours");

/* Entries of all access control lists. A prefix is 32 bits of list, then the address's own. */
struct acl_key {
	__u32 prefix_bits; /* 32 + the address's */
	__u32 acl;
	__be32 addr_be;
};

/* A listener's token bucket, as the time at which it will be full again (GCRA). */
struct limit {
	__u32 ps_per_byte; /* picoseconds; 1 Mbit/s: 8,000,000 */
	__u32 burst_us;
	__u64 full_at_ns[2]; /* CLOCK_MONOTONIC; toward servers, toward clients */
	__u64 zero;
};
_Static_assert(sizeof(struct limit) == 32, "limit is map ABI");

/* So many buckets of the flow table does one run of the sweep look at. */
#define SWEEP_BUCKETS 16

/* The sweep over the flow table: where it goes on, and what it found since the start. */
struct sweep {
	__u32 next_bucket;
	__u32 zero;
	__u64 timed_out; /* TCP flows that were silent for too long: to be reset */
	__u64 expired;	 /* of other flows, and of clients' ties to servers */
};

/* Port 0 is no client's: such an entry ties a client (TCP: its address) or a QUIC connection id (UDP:
 * 32 bits of its hash) to a server. */
struct flow_key {
	__be32 client_be;
	__be16 client_port_be;
	__u16 listener;
};
_Static_assert(sizeof(struct flow_key) == 8, "a key is compared as one word");

#define FLOW_NEW 0	   /* SYN seen */
#define FLOW_ESTABLISHED 1 /* or any UDP flow */
#define FLOW_CLIENT_FIN 2  /* the client has said all it had to say */
#define FLOW_SERVER_FIN 3  /* the server has */
#define FLOW_CLOSED 4	   /* RST seen, or FIN from both; UDP: as if it were not there */
#define FLOW_RESET 5	   /* ended by us; the client's own RST, if it comes, makes it CLOSED */
/* In place of a server: the client asked a server itself, its packets do not come by a VIP. */
#define FLOW_DIRECT 0xffff

/* Ticks of silence after which a flow is over; TCP's, once open, is the listener's idle_ticks. */
#define UDP_IDLE_TICKS 90
#define HALF_OPEN_IDLE_TICKS 60

#define FLOW_STATE_SHIFT 12
#define FLOW_SEEN_MASK 0xfff

/* Written as one word, by compare-and-swap. */
struct flow_value {
	__u16 server; /* never 0: a value of 0 marks a way that is being filled */
	__u16 epoch; /* when the server was chosen: the slot's, of a weighted listener the server's */
	__u16 peer;	  /* where answers leave, index into peers; 0: ask the kernel's routes */
	__u16 seen_state; /* FLOW_* << 12 | clock of the last packet, about 1 s a tick, mod 4096 */
};
_Static_assert(sizeof(struct flow_value) == 8, "a value is swapped as one word");

#define FLOW_WAYS 4

/* One cache line of a set-associative table. */
struct flow_bucket {
	struct flow_key keys[FLOW_WAYS];
	struct flow_value values[FLOW_WAYS];
};
_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is one cache line");

/* A neighbour that clients come from: answers leave where the client's last packet came in. */
struct peer {
	__u8 mac[6];
	__u16 ifindex;
};
_Static_assert(sizeof(struct peer) == 8, "a peer is swapped as one word");

#define PEER_WAYS 8
#define PEER_BUCKETS 8192 /* PEER_WAYS * PEER_BUCKETS must fit flow_value.peer */

struct peer_bucket {
	struct peer peers[PEER_WAYS];
};
_Static_assert(sizeof(struct peer_bucket) == 64, "a bucket is one cache line");

#define LINKS 256

/* An interface of ours, at ifindex % LINKS; where two share a place, the other's packets are routed by
 * the kernel's tables. */
struct link {
	__u8 mac[6];
	__u16 mtu; /* octets of IP packet */
	__u32 ifindex;
	__u32 zero;
};
_Static_assert(sizeof(struct link) == 16, "link is map ABI");

/* Each packet moves exactly one of these. */
struct exits {
	__u64 forward;		   /* to a server, flow known */
	__u64 forward_new;	   /* to a server, flow made or moved */
	__u64 reply;		   /* to a client */
	__u64 reply_without_flow;  /* to a client by the kernel's routes: the flow was evicted */
	__u64 icmp_echo;	   /* ping to a VIP, answered */
	__u64 icmp_to_server;	   /* error about a flow, translated */
	__u64 icmp_to_client;	   /* error about a flow, translated */
	__u64 reset_client;	   /* RST: the flow's server no longer serves, or it timed out */
	__u64 reset_server;	   /* RST: the flow timed out */
	__u64 reject_tcp;	   /* RST: nobody serves */
	__u64 reject_udp;	   /* ICMP port unreachable: nobody serves */
	__u64 too_big;		   /* ICMP fragmentation needed, sent to the sender */
	__u64 pass_not_ipv4;	   /* the host's own */
	__u64 pass_other_protocol; /* the host's own */
	__u64 pass_no_listener;	   /* the host's own */
	__u64 pass_local;	   /* a server answers this host, health checks mostly */
	__u64 pass_direct;	   /* a server answers who asked it and not a VIP */
	__u64 pass_fragment;	   /* not for a VIP */
	__u64 pass_icmp;	   /* the host's own */
	__u64 pass_multicast;	   /* frame for many */
	__u64 drop_malformed;	   /* header cut, lengths that contradict each other, port 0 */
	__u64 drop_fragment;	   /* for a VIP or from a server's port: ports are lacking */
	__u64 drop_fenced;	   /* from a server that no longer serves this flow */
	__u64 drop_no_flow;	   /* RST, or answer several listeners may own */
	__u64 drop_ended;	   /* RST of an end that was reset: it knows */
	__u64 drop_unresolved;	   /* the server's next hop is not known */
	__u64 drop_no_route;	   /* the kernel knows no way to the client */
	__u64 drop_ttl;		   /* expired here */
	__u64 drop_too_big;	   /* does not fit the way out and may not be answered */
	__u64 drop_martian;	   /* from an address that only we have, or nobody */
	__u64 drop_hairpin;	   /* a server as client of its own listener */
	__u64 drop_acl;		   /* the listener's access control lists say so */
	__u64 drop_bandwidth;	   /* beyond the listener's bandwidth */
	__u64 drop_icmp;	   /* error about a listener's flow that is not known */
	__u64 drop_internal;	   /* a map or helper refused: never in good order */
};

struct listener_counters {
	__u64 forward_packets;
	__u64 forward_bytes;
	__u64 reply_packets;
	__u64 reply_bytes;
	__u64 flows_new;
	__u64 flows_moved;    /* UDP flows that followed the serving side */
	__u64 resets;	      /* RSTs to clients of a server that no longer serves */
	__u64 rejects;	      /* new connections while nobody serves */
	__u64 fenced_packets; /* from a server that no longer serves */
	__u64 acl_packets;    /* dropped by access control */
	__u64 limit_packets;  /* dropped, beyond the bandwidth */
};

struct server_counters {
	__u64 forward_packets;
	__u64 forward_bytes;
	__u64 reply_packets;
	__u64 reply_bytes;
	__u64 flows_new;
};

enum tie_rule {
	TIE_KEEP,  /* unless the client is tied to another server, rightly */
	TIE_RENEW, /* only if it is tied to this one */
	TIE_LEARN, /* the server itself says so, whatever was thought before */
};

/* What a packet's last step has to do about its client's tie, from the program before. */
struct tie_to_keep {
	__u64 key;
	__u64 flow; /* value of the client's flow */
	int verdict;
	__u16 rule; /* TIE_* */
	__u16 ticks;
};
_Static_assert(sizeof(struct tie_to_keep) == 24, "tie_to_keep is map ABI");

/* A run whose frame is preceded by this word as metadata is only asked about (see Explain): it reads
 * the live maps, but writes only row 1 of exits and this. */
#define DRY_RUN_MAGIC 0x7864706169723f3fULL

#define CHOSE_NOTHING 0
#define CHOSE_FLOW 1	    /* the flow's own server */
#define CHOSE_SLOT 2	    /* the side that serves */
#define CHOSE_SCHEDULER 3   /* the wheel */
#define CHOSE_PERSISTENCE 4 /* the server that the client, or its connection id, is tied to */

struct trace {
	__u16 listener; /* 0: none was found */
	__u16 server;	/* 0: none was chosen */
	__u8 chose;	/* CHOSE_* */
	__u8 flow_found;
	__u8 flow_state;   /* FLOW_*, if found */
	__u8 reply;	   /* from a server, else toward one */
	__u32 ifindex;	   /* the way out; 0: none */
	__u16 flow_server; /* if found */
	__u16 zero;
};
_Static_assert(sizeof(struct trace) == 16, "trace is map ABI");

#endif
