/* Can any bytes, taken as a checkpoint of training, make its reader step outside its memory, take
   memory for what a header only claims, or hold blocks that no run can go on from? One whose last
   byte is odd has its digest made good. */
#define _GNU_SOURCE
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/train/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1; /* in memory */

/* With the digest of the bytes at their end, where that is asked for. */
static void put(const uint8_t *data, size_t size, bool sign)
{
    const size_t n = sign ? size - sizeof(uint64_t) : size;
    const uint64_t digest = XXH3_64bits(data, n);
    if (ftruncate(file, (off_t)size) || pwrite(file, data, n, 0) != (ssize_t)n ||
        (sign && pwrite(file, &digest, sizeof digest, (off_t)n) != sizeof digest))
        __builtin_trap();
}

static size_t floats_of(const struct trit_train_shape *shape)
{
    struct trit_train_layout layout;
    if (trit_train_shape_check(shape, NULL) || trit_train_layout_create(&layout, shape, NULL))
        __builtin_trap();
    const size_t floats = layout.floats;
    trit_train_layout_free(&layout);
    return floats;
}

static void read_blocks(const char *path, const struct trit_train_state *state, size_t floats)
{
    struct trit_error e = { 0 };
    const size_t bytes = floats * sizeof(float);
    const struct trit_train_blocks b = { malloc(bytes), malloc(bytes), malloc(bytes), floats };
    if (!b.w || !b.m || !b.v)
        __builtin_trap();
    const enum trit_code code = trit_train_checkpoint_read(path, state, &b, &e);
    if (code && !*e.text)
        __builtin_trap();
    for (size_t i = 0; i < floats && !code; i++)
        if (!isfinite(b.w[i]) || !isfinite(b.m[i]) || !isfinite(b.v[i]))
            __builtin_trap();
    free(b.w);
    free(b.m);
    free(b.v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_train_state state;
    struct trit_error e = { 0 };
    char path[64];
    if (file < 0)
        file = memfd_create("checkpoint", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    put(data, size, size > sizeof(uint64_t) && data[size - 1] % 2);
    if (trit_train_checkpoint_state(path, &state, &e)) {
        if (!*e.text)
            __builtin_trap();
        return 0;
    }
    const size_t floats = floats_of(&state.shape);
    if (3 * floats * sizeof(float) > size)
        __builtin_trap();
    read_blocks(path, &state, floats);
    return 0;
}
