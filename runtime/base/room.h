/* How much memory and disk there is for this process, and refusing in one line what needs more. */
#ifndef TRIT_ROOM_H
#define TRIT_ROOM_H

#include <stdint.h>

#include "runtime/base/error.h"

/* Bytes that this process can still take: the least of what the machine has to give without
   swapping, what each control group above the process leaves (pages of files, which the group gives
   back, count as free), and what RLIMIT_AS and RLIMIT_DATA leave. UINT64_MAX where nothing is
   known. Reads some files of /proc and /sys: 0.1 ms. */
uint64_t trit_memory_room(void);
/* Bytes that can still be written into the folder of path, or into the nearest folder above it that
   exists; no more than RLIMIT_FSIZE lets one file have. UINT64_MAX for a device or a pipe, and
   where nothing is known. */
uint64_t trit_disk_room(const char *path);

/* TRIT_EMEMORY, "WHAT needs X of memory, and Y are available: ADVICE", where bytes do not fit.
   advice: NULL allowed. */
enum trit_code trit_need_memory(const char *what, uint64_t bytes, const char *advice,
                                struct trit_error *error);
/* TRIT_EIO, "PATH needs X, and Y are free on its disk", where bytes do not fit. */
enum trit_code trit_need_disk(const char *path, uint64_t bytes, struct trit_error *error);

/* Numbers of bytes that stay at UINT64_MAX instead of wrapping. */
uint64_t trit_bytes_sum(uint64_t a, uint64_t b);
uint64_t trit_bytes_product(uint64_t a, uint64_t b);

/* The parts of trit_memory_room, for tests. A group's tree at root, and the process's path in it,
   "/a/b"; version 1 or 2. */
uint64_t trit_group_room(const char *root, const char *path, int version);
uint64_t trit_meminfo_room(const char *meminfo);

#endif
