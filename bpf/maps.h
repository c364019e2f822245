/* SPDX-License-Identifier: GPL-2.0 */
/* Map declarations only. Sizes and PIN_DIR arrive as -D from the loader. Arrays that the controller
 * writes under traffic, or reads whole, are mapped into its memory (BPF_F_MMAPABLE). */
#ifndef XDPAIR_MAPS_H
#define XDPAIR_MAPS_H

#include "abi.h"

#define MAPPED_ARRAY(leaf, name, entries)                                                          \
	BPF_TABLE_PINNED("array", __u32, leaf, name, entries, PIN_DIR "/" #name, BPF_F_MMAPABLE)
#define COUNTERS(leaf, name, entries)                                                              \
	BPF_TABLE_PINNED("percpu_array", __u32, leaf, name, entries, PIN_DIR "/" #name)

/* {address, port, protocol, kind} -> listener or link; the only search that every packet pays for. */
MAPPED_ARRAY(struct lookup_bucket, lookup, LOOKUP_BUCKETS);
MAPPED_ARRAY(struct listener, listeners, MAX_LISTENERS);
/* Who serves. */
MAPPED_ARRAY(struct slot, slots, MAX_LISTENERS);
MAPPED_ARRAY(struct server, servers, MAX_SERVERS);
/* {client, listener} -> the server it belongs to. */
MAPPED_ARRAY(struct flow_bucket, flows, FLOW_BUCKETS);
/* Neighbours that clients come from, learnt from their packets. */
MAPPED_ARRAY(struct peer_bucket, peers, PEER_BUCKETS);
/* Interfaces that answers leave by. */
MAPPED_ARRAY(struct link, links, LINKS);

/* Weighted listeners: who is next, by turns and by hashes; turns given away, by listener; flows, by
 * server. */
MAPPED_ARRAY(struct wheel_word, wheels, WHEEL_WORDS);
MAPPED_ARRAY(__u64, cursors, MAX_LISTENERS);
MAPPED_ARRAY(__u64, loads, MAX_SERVERS);
/* Bandwidth, by listener. */
MAPPED_ARRAY(struct limit, limits, MAX_LISTENERS);
MAPPED_ARRAY(struct sweep, sweeps, 1);
MAPPED_ARRAY(struct trace, traces, 1);
BPF_TABLE_PINNED("lpm_trie", struct acl_key, __u8, acls, MAX_ACL_ENTRIES, PIN_DIR "/acls",
		 BPF_F_NO_PREALLOC);

/* From one program to the next, with one packet. */
COUNTERS(struct tie_to_keep, ties_to_keep, 1);

/* Row 1 is moved by dry runs. */
COUNTERS(struct exits, exits, 2);
COUNTERS(struct listener_counters, listener_counters, MAX_LISTENERS);
COUNTERS(struct server_counters, server_counters, MAX_SERVERS);

#endif
