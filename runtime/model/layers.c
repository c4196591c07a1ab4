/* The layer that families with attention and a gated feed-forward half share, and the inputs of its
   products: normed, turned, quantised. */
#include <string.h>

#include "runtime/kernel/multiply.h"
#include "runtime/model/internal.h"

/* Inputs of a product: the values that `fill` makes of a token, in row (which it may leave for
   others), turned where the matrix is rotated, and quantised. */
struct input_job {
    struct trit_work *w;
    const struct trit_matrix *to;
    const float *in, *weights;
    size_t ld;
    float *keep; /* [M][k]: the values before they are turned; NULL: not wanted */
    const float *(*fill)(const struct input_job *job, size_t token, float *row);
};

/* Matrices without groups that take the same inputs may be padded to different lengths. */
static struct trit_inputs inputs_of(const struct input_job *j, size_t token)
{
    const struct trit_work *w = j->w;
    const struct trit_matrix *to = j->to;
    const size_t group = trit_matrix_group(to), at = token * trit_matrix_groups(to);
    return (struct trit_inputs){ .k = to->k,
                                 .kp = group ? to->kp : trit_padded_k(to->k),
                                 .group = group,
                                 .a = w->a + token * w->a_ld,
                                 .s = w->s + at,
                                 .sum = w->sum + at };
}

static const float *plain(const struct input_job *j, size_t token, float *row)
{
    (void)row;
    return j->in + token * j->ld;
}

static const float *normed(const struct input_job *j, size_t token, float *row)
{
    const struct trit_model *model = j->w->model;
    model->ops.norm->fn.norm(j->to->k, plain(j, token, row), j->weights, model->config.eps, row);
    return row;
}

/* What attention gave, head by head, opened by the gates behind it. */
static const float *opened(const struct input_job *j, size_t token, float *row)
{
    const struct trit_model *model = j->w->model;
    const size_t hd = model->config.head_dim;
    const float *head = plain(j, token, row);
    for (size_t h = 0; h < model->config.heads; h++, head += 2 * hd)
        model->ops.open->fn.sigmoid(hd, head + hd, head, row + h * hd);
    return row;
}

/* The normed embedding of a token, then the normed state before it. */
static const float *joined(const struct input_job *j, size_t token, float *row)
{
    const struct trit_model *model = j->w->model;
    const size_t hidden = model->config.hidden;
    const struct trit_token *t = &j->w->tokens[token];
    trit_norm_fn *norm = model->ops.norm->fn.norm;
    trit_lookup_row(model, t->id, row);
    norm(hidden, row, model->joint_norm[0], model->config.eps, row);
    norm(hidden, t->before, model->joint_norm[1], model->config.eps, row + hidden);
    return row;
}

void trit_turn(const struct trit_model *model, size_t k, const float *in, float *out)
{
    const float *signs = trit_signs_of(model->signs, k);
    model->ops.rotate->fn.rotate(k, model->config.hadamard.block, signs, NULL, in, out);
}

/* The same of a dense matrix: the values stay what they are. */
static void leave_inputs(const struct input_job *j, size_t token)
{
    const struct trit_work *w = j->w;
    const size_t k = j->to->k;
    float *row = (float *)(uintptr_t)w->f + token * w->f_ld;
    /* What is normed in its own place can not be looked at afterwards. */
    const bool zeros = j->weights && w->f == j->in && trit_finite_overflow(row, k);
    const float *values = j->fill(j, token, row);
    if (j->keep)
        memcpy(j->keep + token * k, values, k * sizeof *values);
    if (j->to->turned)
        trit_turn(w->model, k, values, row);
    w->s[token] = zeros ? 0 : trit_finite_scale(row, k);
}

static void make_inputs(void *arg, size_t begin, size_t end, int thread)
{
    const struct input_job *j = arg;
    const struct trit_work *w = j->w;
    float *row = w->row + (size_t)thread * w->row_floats;
    for (size_t i = begin; i < end; i++) {
        if (trit_matrix_is_dense(j->to)) {
            leave_inputs(j, i);
            continue;
        }
        const struct trit_inputs to = inputs_of(j, i);
        const float *values = j->fill(j, i, row);
        if (j->keep)
            memcpy(j->keep + i * to.k, values, to.k * sizeof *values);
        if (j->to->turned)
            trit_turn(w->model, to.k, values, row);
        trit_quantise(w->model->ops.inputs, &to, j->to->turned ? row : values);
    }
}

static void run(struct input_job job, enum trit_part part)
{
    struct trit_work *w = job.w;
    w->f = job.in == w->x && job.weights ? w->h : job.in;
    w->f_ld = job.ld;
    trit_region(job.w->model->pool, part, job.w->m, 1, make_inputs, &job);
    trit_finite_norm(job.w, part, job.in, job.ld, job.to, job.weights);
}

void trit_join(struct trit_work *w)
{
    const struct trit_matrix *joint = &w->model->joint;
    struct input_job job = { w, joint, NULL, NULL, 0, NULL, joined };
    trit_region(w->model->pool, TRIT_PART_EMBED, w->m, 1, make_inputs, &job);
    trit_product(w, TRIT_PART_JOINT, joint, w->x, w->model->config.hidden);
}

void trit_norm_quant(struct trit_work *w, enum trit_part part, const float *in, size_t ld,
                     const struct trit_matrix *to, const float *weights)
{
    run((struct input_job){ w, to, in, weights, ld, NULL, weights ? normed : plain }, part);
}

void trit_norm_stream(struct trit_work *w, enum trit_part part, const struct trit_matrix *to,
                      const float *weights)
{
    trit_norm_quant(w, part, w->x, w->model->config.hidden, to, weights);
}

void trit_norm_keep(struct trit_work *w, enum trit_part part, const struct trit_matrix *to,
                    const float *weights, float *keep)
{
    const size_t hidden = w->model->config.hidden;
    run((struct input_job){ w, to, w->x, weights, hidden, keep, normed }, part);
}

void trit_opened_quant(struct trit_work *w, enum trit_part part, const struct trit_matrix *to)
{
    run((struct input_job){ w, to, w->qkv, NULL, w->qkv_ld, NULL, opened }, part);
}

void trit_feed_forward(struct trit_work *w, const struct trit_layer *l)
{
    trit_norm_stream(w, TRIT_PART_FFN_NORM, &l->m[TRIT_GATE_UP], l->vector[TRIT_FFN_NORM]);
    trit_gate_up(w, l);
    trit_feed_forward_out(w, l);
}

void trit_feed_forward_out(struct trit_work *w, const struct trit_layer *l)
{
    trit_norm_quant(w, TRIT_PART_FFN_SUB_NORM, w->gate_up, w->gate_up_ld, &l->m[TRIT_DOWN],
                    l->vector[TRIT_FFN_SUB_NORM]);
    trit_down(w, l);
}

void trit_attention_out(struct trit_work *w, const struct trit_layer *l)
{
    trit_norm_quant(w, TRIT_PART_SUB_NORM, w->qkv, w->qkv_ld, &l->m[TRIT_O],
                    l->vector[TRIT_ATTN_SUB_NORM]);
    trit_product_into(w, TRIT_PART_O, &l->m[TRIT_O], l->vector[TRIT_ATTN_POST_NORM]);
}

void trit_layer_gated(struct trit_work *w, size_t i)
{
    const struct trit_layer *l = &w->model->layers[i];
    trit_norm_stream(w, TRIT_PART_ATTN_NORM, &l->m[TRIT_QKV], l->vector[TRIT_ATTN_NORM]);
    trit_product(w, TRIT_PART_QKV, &l->m[TRIT_QKV], w->qkv, w->qkv_ld);
    trit_attention(w, i);
    trit_attention_out(w, l);
    trit_feed_forward(w, l);
}
