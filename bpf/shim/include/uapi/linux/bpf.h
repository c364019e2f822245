/* SPDX-License-Identifier: GPL-2.0 */
/* bcc brings its own bpf.h and includes this one beside it. */
#include <linux/types.h>
