/* SPDX-License-Identifier: GPL-2.0 */
/* The UAPI types under their kernel names. */
#ifndef XDPAIR_SHIM_TYPES_H
#define XDPAIR_SHIM_TYPES_H

#include "/usr/include/linux/types.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
typedef __kernel_size_t size_t;
typedef unsigned long uintptr_t;
typedef __kernel_pid_t pid_t;

#ifndef NULL
#define NULL ((void *)0)
#endif

#endif
