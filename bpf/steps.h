/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that a packet goes on to (xdp_steps.c). Each is verified by itself: in one piece there
 * would be too many ways through all of them. The loader puts them into this map. */
#ifndef XDPAIR_STEPS_H
#define XDPAIR_STEPS_H

#include "maps.h"

#define STEP_WEIGHTED 0 /* xdp_weighted: a packet for a weighted listener that is not plain */
#define STEP_TIE 1	/* xdp_tie: the last step of a packet that keeps its client's tie */

#define STEP_LEAST 2 /* xdp_least: who has the least to do? Then STEP_WEIGHTED again */
#define STEP_ICMP 3  /* xdp_icmp: any ICMP message */
#define STEPS 4

BPF_TABLE_PINNED("prog", __u32, __u32, steps, STEPS, STEPS_PIN, 0);

/* What xdp_least is to look for, and what it found. */
struct least {
	__u32 listener;
	__u16 server; /* 0: there is none */
	__u16 is_found;
};

BPF_PERCPU_ARRAY(leasts, struct least, 1);

#endif
