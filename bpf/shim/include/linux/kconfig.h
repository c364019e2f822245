/* SPDX-License-Identifier: GPL-2.0 */
/* bcc includes this before everything else. No kernel configuration matters to a program that uses
 * UAPI types only; without this symbol bcc's own helpers.h leaves things out. */
#define CONFIG_BPF_SYSCALL 1
