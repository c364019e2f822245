/* SPDX-License-Identifier: GPL-2.0 */
#include "/usr/include/linux/if_packet.h"
