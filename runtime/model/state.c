/* Where a sequence's states lie. */
#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

/* Floats of a head's state: kernels take its columns in blocks of 16. */
size_t trit_states_head_floats(const struct trit_config *c)
{
    return trit_round_up(c->delta.state, 16) * c->delta.state;
}

static size_t tail_floats(const struct trit_config *c)
{
    return (c->delta.taps - 1) * trit_config_width(c, TRIT_MIXED);
}

/* Of all layers; what the log's rows have: a token's channels before and after the convolution, its
   decays and its betas. */
static size_t heads_floats(const struct trit_config *c)
{
    return trit_config_deltas(c) * c->delta.v_heads * trit_states_head_floats(c);
}

size_t trit_states_row(const struct trit_config *c)
{
    return trit_round_up(2 * trit_config_width(c, TRIT_MIXED) + 2 * c->delta.v_heads, 16);
}

size_t trit_states_bytes(const struct trit_config *c)
{
    const size_t deltas = trit_config_deltas(c);
    return deltas ? (heads_floats(c) + deltas * tail_floats(c)) * sizeof(float) : 0;
}

size_t trit_states_log_bytes(const struct trit_config *c)
{
    return trit_config_deltas(c) * 2 * TRIT_DRAFTS * trit_states_row(c) * sizeof(float);
}

bool trit_states_map(struct trit_delta_states *s, const struct trit_config *c)
{
    s->bytes = trit_states_bytes(c);
    s->log_bytes = trit_states_log_bytes(c);
    s->memory = s->bytes ? trit_map(s->bytes) : NULL;
    s->log = s->log_bytes ? trit_map(s->log_bytes) : NULL;
    return (s->memory || !s->bytes) && (s->log || !s->log_bytes);
}

void trit_states_unmap(struct trit_delta_states *s)
{
    trit_unmap(s->memory, s->bytes);
    trit_unmap(s->log, s->log_bytes);
}

float *trit_states_head(const struct trit_delta_states *s, const struct trit_config *c,
                        size_t order, size_t head)
{
    return s->memory + (order * c->delta.v_heads + head) * trit_states_head_floats(c);
}

float *trit_states_tail(const struct trit_delta_states *s, const struct trit_config *c,
                        size_t order)
{
    return s->memory + heads_floats(c) + order * tail_floats(c);
}

float *trit_states_log(const struct trit_delta_states *s, const struct trit_config *c, size_t order,
                       size_t half)
{
    return s->log + (2 * order + half) * TRIT_DRAFTS * trit_states_row(c);
}
