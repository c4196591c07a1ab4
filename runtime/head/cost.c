/* The names of a pass's parts, and differences of what passes cost. */
#include "runtime/head/cost.h"

#include <string.h>

static const char *const names[TRIT_NPARTS] = {
    [TRIT_PART_EMBED] = "embed",
    [TRIT_PART_JOINT] = "joint",
    [TRIT_PART_ATTN_NORM] = "attn norm",
    [TRIT_PART_QKV] = "qkv",
    [TRIT_PART_ROPE] = "rope, store",
    [TRIT_PART_ATTENTION] = "attention",
    [TRIT_PART_MERGE] = "attn merge",
    [TRIT_PART_GATES] = "delta gates",
    [TRIT_PART_CONV] = "convolution",
    [TRIT_PART_DELTA] = "delta rule",
    [TRIT_PART_SUB_NORM] = "attn sub norm",
    [TRIT_PART_O] = "o",
    [TRIT_PART_FFN_NORM] = "ffn norm",
    [TRIT_PART_ROUTER] = "router",
    [TRIT_PART_GATE_UP] = "gate, up",
    [TRIT_PART_FFN_SUB_NORM] = "ffn sub norm",
    [TRIT_PART_DOWN] = "down",
    [TRIT_PART_DOWN_SUM] = "down sum",
    [TRIT_PART_RESIDUAL] = "residual",
    [TRIT_PART_OUTPUT_NORM] = "output norm",
    [TRIT_PART_HEAD_PLANE1] = "head plane 1",
    [TRIT_PART_HEAD_PLANE2] = "head plane 2",
    [TRIT_PART_HEAD_EXACT] = "head exact",
    [TRIT_PART_HEAD_FULL] = "head full",
};

const char *trit_part_name(enum trit_part part)
{
    return names[part];
}

void trit_counts_since(struct trit_counts *counts, const struct trit_counts *before)
{
    enum { N = sizeof *counts / sizeof(uint64_t) };
    uint64_t now[N], then[N];
    memcpy(now, counts, sizeof now);
    memcpy(then, before, sizeof then);
    for (size_t i = 0; i < N; i++)
        now[i] -= then[i];
    memcpy(counts, now, sizeof now);
}
