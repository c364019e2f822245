/* SPDX-License-Identifier: GPL-2.0 */
/* Included by bcc, used by nothing here. */
