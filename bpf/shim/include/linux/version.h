/* SPDX-License-Identifier: GPL-2.0 */
/* The oldest kernel supported. The program asks for nothing newer, so the running one does not matter. */
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 15, 0)
