/* The loop of training. */
#include "runtime/train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/stop.h"
#include "runtime/train/log.h"

static struct trit_train_blocks blocks_of(const struct trit_train_run *r)
{
    return (struct trit_train_blocks){ r->net.w, r->m, r->v, r->net.layout.floats };
}

static enum trit_code differs(const struct trit_train_run *r, const char *what,
                              struct trit_error *error)
{
    return trit_fail(error, TRIT_EARGUMENT,
                     "%s: of a run with another %s: give what it began with, or begin another "
                     "--checkpoint",
                     r->checkpoint, what);
}

/* The words of a shape, in their order, by what sets them. */
static const char *const shape_words[] = {
    "--arch",
    "kind of weights (--binary, --dense)",
    "--groups",
    "--groups",
    "--activation-bits",
    "--hadamard",
    "--quantised-embedding",
    "size of the vocabulary (--tokenizer)",
    "--hidden",
    "--ffn",
    "--layers",
    "--heads",
    "--kv-heads",
    "--head-dim",
    "--ctx-size",
    "--arch",
    "--rope-base",
};
enum { SHAPE_WORDS = sizeof shape_words / sizeof *shape_words };
_Static_assert(sizeof(struct trit_train_shape) == SHAPE_WORDS * sizeof(uint32_t), "a word more");

/* NULL: none differs. */
static const char *other_word(const struct trit_train_shape *a, const struct trit_train_shape *b)
{
    uint32_t x[SHAPE_WORDS], y[SHAPE_WORDS];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    for (size_t i = 0; i < SHAPE_WORDS; i++)
        if (x[i] != y[i])
            return shape_words[i];
    return NULL;
}

/* Takes over how far the checkpoint's run is, where it is the same run. */
static enum trit_code resume_from(struct trit_train_run *r, const struct trit_train_state *old,
                                  struct trit_error *error)
{
    const struct trit_train_state *new = &r->state;
    const char *other = other_word(&old->shape, &new->shape);
    if (other)
        return differs(r, other, error);
    if (old->batch != new->batch || old->pass != new->pass)
        return differs(r, "--batch or --pass", error);
    if (old->seed != new->seed)
        return differs(r, "--seed", error);
    if (old->data != new->data)
        return differs(r, "text, share of a text, --hold-out or vocabulary", error);
    r->state = *old;
    const struct trit_train_blocks b = blocks_of(r);
    return trit_train_checkpoint_read(r->checkpoint, old, &b, error);
}

enum trit_code trit_train_run_open(struct trit_train_run *r, struct trit_pool *pool, bool resume,
                                   struct trit_error *error)
{
    struct trit_train_state old;
    r->saved = UINT64_MAX;
    enum trit_code code =
        resume ? trit_train_checkpoint_state(r->checkpoint, &old, error) : TRIT_OK;
    if (!code)
        code = trit_train_net_create(&r->net, &r->state.shape, pool, r->state.pass, error);
    if (!code && r->checkpoint)
        code = trit_train_checkpoint_room(r->checkpoint, r->net.layout.floats, error);
    if (code)
        return code;
    const size_t bytes = r->net.layout.floats * sizeof *r->m;
    r->m = trit_map(bytes);
    r->v = trit_map(bytes);
    r->tokens = trit_alloc(r->net.sequences * (r->net.length + 1), sizeof *r->tokens);
    r->nll = trit_alloc(r->net.sequences * r->net.length, sizeof *r->nll);
    if (!r->m || !r->v || !r->tokens || !r->nll)
        return trit_fail(error, TRIT_EMEMORY, "no memory for training");
    if (resume)
        code = resume_from(r, &old, error);
    else
        trit_train_net_begin(&r->net, r->state.seed);
    if (resume && !code)
        r->saved = r->state.step;
    return code ? code : trit_train_log_open(r, error);
}

void trit_train_run_close(struct trit_train_run *r)
{
    const size_t bytes = r->net.layout.floats * sizeof *r->m;
    trit_unmap(r->m, bytes);
    trit_unmap(r->v, bytes);
    trit_train_net_free(&r->net);
    free(r->tokens);
    free(r->nll);
    if (r->rows)
        fclose(r->rows);
    *r = (struct trit_train_run){ 0 };
}

uint32_t trit_train_run_bits(const struct trit_train_run *r, uint64_t step)
{
    const uint32_t bits = r->state.shape.input_bits;
    return bits == 4 && step <= r->schedule.second ? 8 : bits;
}

static double sum_of(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

/* What a failure leaves, behind its message. */
static enum trit_code fails(const struct trit_train_run *r, const struct trit_error *why,
                            const char *advice, struct trit_error *error)
{
    if (r->saved == UINT64_MAX)
        return trit_fail(error, why->code, "%s: no checkpoint was written yet: %s", why->text,
                         advice);
    return trit_fail(error, why->code, "%s: %s is still that of step %llu: %s, then --resume",
                     why->text, r->checkpoint, (unsigned long long)r->saved, advice);
}

static enum trit_code not_finite(const struct trit_train_run *r, const char *what, uint64_t step,
                                 struct trit_error *error)
{
    struct trit_error why;
    trit_fail(&why, TRIT_EFORMAT, "step %llu: %s not finite", (unsigned long long)step, what);
    return fails(r, &why, "take a lower --lr", error);
}

static enum trit_code save(struct trit_train_run *r, struct trit_error *error)
{
    struct trit_error why;
    if (!r->checkpoint || r->saved == r->state.step)
        return TRIT_OK;
    const struct trit_train_blocks b = blocks_of(r);
    const enum trit_code code = trit_train_checkpoint_write(r->checkpoint, &r->state, &b, &why);
    if (code == TRIT_EFORMAT)
        return not_finite(r, "weights are", r->state.step, error);
    if (code)
        return fails(r, &why, "make room", error);
    r->saved = r->state.step;
    return TRIT_OK;
}

/* One update: all sequences of the step, pass after pass. */
static enum trit_code step_once(struct trit_train_run *r, struct trit_train_told *told,
                                struct trit_error *error)
{
    const uint64_t step = r->state.step + 1;
    const size_t batch = r->state.batch, row = r->net.length + 1;
    const float scale = 1.0f / (float)(batch * r->net.length);
    double nats = 0;
    r->net.input_bits = trit_train_run_bits(r, step);
    trit_train_net_quantise(&r->net);
    for (size_t i = 0; i < batch; i += r->net.sequences) {
        const size_t n = batch - i < r->net.sequences ? batch - i : r->net.sequences;
        for (size_t j = 0; j < n; j++)
            trit_train_data_sequence(r->data, r->state.step * batch + i + j, r->tokens + j * row);
        trit_train_net_learn(&r->net, r->tokens, n, scale, r->nll);
        nats += sum_of(r->nll, n * r->net.length);
    }
    told->loss = nats / (double)(batch * r->net.length);
    if (!isfinite(told->loss))
        return not_finite(r, "the loss is", step, error);
    const struct trit_train_rate rate = trit_train_rate_at(&r->schedule, step);
    told->lr = rate.lr;
    told->norm = trit_train_update(&r->net, r->m, r->v, step, &rate);
    if (!isfinite(told->norm))
        return not_finite(r, "the gradient is", step, error);
    r->state.step = step;
    r->loss = r->loss > 0 ? r->loss + 0.02 * (told->loss - r->loss) : told->loss;
    return TRIT_OK;
}

enum trit_code trit_train_run_validate(struct trit_train_run *r, size_t file, size_t windows,
                                       bool stops, struct trit_train_valid *valid,
                                       struct trit_error *error)
{
    const size_t all = trit_train_data_file(r->data, file)->held_sequences, row = r->net.length + 1;
    const size_t count = windows && windows < all ? windows : all;
    *valid = (struct trit_train_valid){ 0 };
    r->net.input_bits = trit_train_run_bits(r, r->state.step);
    trit_train_net_quantise(&r->net);
    for (size_t i = 0; i < count; i += r->net.sequences) {
        const size_t n = count - i < r->net.sequences ? count - i : r->net.sequences;
        for (size_t j = 0; j < n; j++)
            valid->bytes += (double)trit_train_data_held(r->data, file, (i + j) * all / count,
                                                         r->tokens + j * row);
        trit_train_net_forward(&r->net, r->tokens, n, r->nll);
        valid->nats += sum_of(r->nll, n * r->net.length);
        valid->tokens += (double)(n * r->net.length);
        if (stops && trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
    }
    return TRIT_OK;
}

/* Validates where it is time for that; a signal does not keep it from what is due, so that an
   interrupted run knows what another does. At the schedule's end it takes all windows, so that this
   is no step's rival. */
static enum trit_code look(struct trit_train_run *r, struct trit_train_told *told,
                           struct trit_error *error)
{
    const bool due = r->state.step % r->valid_steps == 0, end = r->state.step >= r->schedule.steps;
    if (!trit_train_data_file(r->data, 0)->held_sequences || !(due || end))
        return TRIT_OK;
    const enum trit_code code =
        trit_train_run_validate(r, 0, end ? 0 : r->valid_sequences, false, &r->valid, error);
    if (code)
        return code;
    told->valid = true;
    const double nats = trit_train_valid_loss(&r->valid);
    if (end || !isfinite(nats) || (r->state.best > 0 && nats >= r->state.best))
        return TRIT_OK;
    r->state.best = nats;
    r->state.best_step = r->state.step;
    return TRIT_OK;
}

static const char *end_of(const struct trit_train_run *r, double began)
{
    if (r->state.step >= r->schedule.steps)
        return "all steps are done";
    if (trit_stopped())
        return "it was stopped";
    if (r->hours > 0 && trit_now() - began >= r->hours * 3600)
        return "its time is over";
    if (r->patience && r->state.best_step &&
        r->state.step - r->state.best_step >= r->patience * r->valid_steps)
        return "validation no longer improves";
    return NULL;
}

/* A step, what is to be known of it, and its row. */
static enum trit_code step_told(struct trit_train_run *r, struct trit_error *error)
{
    struct trit_train_told told = { 0 };
    const double start = trit_now();
    enum trit_code code = step_once(r, &told, error);
    if (code)
        return code;
    told.seconds = trit_now() - start;
    r->state.seconds += told.seconds;
    const double speed = (double)(r->state.batch * r->net.length) / told.seconds;
    r->speed = speed > r->speed ? speed : r->speed;
    if ((code = look(r, &told, error)))
        return code;
    struct trit_error why;
    if (!trit_train_log_step(r, &told, &why))
        return TRIT_OK;
    code = save(r, error); /* the log's disk need not be the checkpoint's */
    return code ? code : fails(r, &why, "make room", error);
}

static enum trit_code stopped(const struct trit_train_run *r, struct trit_error *error)
{
    const unsigned long long step = r->state.step;
    return r->checkpoint
               ? trit_fail(error, TRIT_ESTOPPED,
                           "stopped at step %llu, which %s has: go on with --resume", step,
                           r->checkpoint)
               : trit_fail(error, TRIT_ESTOPPED,
                           "stopped at step %llu: nothing is kept of a run without --checkpoint",
                           step);
}

enum trit_code trit_train_run_steps(struct trit_train_run *r, struct trit_error *error)
{
    const double began = trit_now();
    double saved = began;
    enum trit_code code = TRIT_OK;
    while (!code && !(r->ended = end_of(r, began))) {
        code = step_told(r, error);
        if (code || trit_now() - saved < r->save_minutes * 60)
            continue;
        code = save(r, error);
        saved = trit_now();
    }
    trit_train_log_end(r);
    if (!code)
        code = save(r, error);
    return !code && trit_stopped() ? stopped(r, error) : code;
}
