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

COUNTERS(struct exits, exits, 1);
COUNTERS(struct listener_counters, listener_counters, MAX_LISTENERS);
COUNTERS(struct server_counters, server_counters, MAX_SERVERS);

#endif
