/* SPDX-License-Identifier: GPL-2.0 */
/* Connection ids of QUIC (RFC 8999, RFC 9000 s17): by them a connection is known whatever address its
 * client has. The first 8 octets of an id stand for it: a short header does not tell how many there
 * are. No maps. */
#ifndef XDPAIR_QUIC_H
#define XDPAIR_QUIC_H

#include <linux/udp.h>

#include "parse.h"
#include "word.h"

#define QUIC_LONG_HEADER 0x80
#define QUIC_DEST_AT 6	     /* the id in a long header; its length stands before it */
#define QUIC_SHORT_DEST_AT 1 /* and in a short one */
#define QUIC_ID_OCTETS 8

/* The octets at `at` as a word, none beyond count; 0 if the frame ends before 8 of them. */
static __always_inline __u64 quic_word(const void *at, const void *end, __u32 count)
{
	__u64 word;

	if (!count || at + QUIC_ID_OCTETS > end)
		return 0;
	word = word_of(at);
	if (count >= QUIC_ID_OCTETS)
		return word;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word & ~0ULL >> 8 * (QUIC_ID_OCTETS - count);
#else
	return word & ~0ULL << 8 * (QUIC_ID_OCTETS - count);
#endif
}

/* Whom a client's datagram is for, as a word; 0 if it does not tell. */
static __always_inline __u64 quic_dest(const struct packet *p, const void *end)
{
	const __u8 *quic = p->l4 + sizeof(struct udphdr);
	__u32 octets = p->l4_len - sizeof(struct udphdr), id_octets;

	if (quic + QUIC_DEST_AT > (__u8 *)end || octets < QUIC_DEST_AT)
		return 0;
	if (!(quic[0] & QUIC_LONG_HEADER))
		return octets < QUIC_SHORT_DEST_AT + QUIC_ID_OCTETS ?
			       0 :
			       quic_word(quic + QUIC_SHORT_DEST_AT, end, QUIC_ID_OCTETS);
	id_octets = quic[QUIC_DEST_AT - 1];
	if (octets < QUIC_DEST_AT + id_octets)
		return 0;
	return quic_word(quic + QUIC_DEST_AT, end, id_octets);
}

/* The id that a server chose for itself, as a word; 0 if its datagram does not tell: only long headers
 * do. */
static __always_inline __u64 quic_source(const struct packet *p, const void *end)
{
	const __u8 *quic = p->l4 + sizeof(struct udphdr);
	__u32 octets = p->l4_len - sizeof(struct udphdr), id_octets;

	if (quic + QUIC_DEST_AT > (__u8 *)end || octets < QUIC_DEST_AT ||
	    !(quic[0] & QUIC_LONG_HEADER))
		return 0;
	id_octets = quic[QUIC_DEST_AT - 1];
	octets -= QUIC_DEST_AT;
	quic += QUIC_DEST_AT + id_octets;
	if (octets < id_octets + 1 || quic + 1 > (__u8 *)end)
		return 0;
	octets -= id_octets + 1;
	id_octets = quic[0];
	if (octets < id_octets)
		return 0;
	return quic_word(quic + 1, end, id_octets);
}

#endif
