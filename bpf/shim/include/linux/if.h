/* SPDX-License-Identifier: GPL-2.0 */
/* linux/icmp.h asks for this one; the real one pulls in the C library. */
#define IFNAMSIZ 16
