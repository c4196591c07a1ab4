/* A layer, forward: the piece of tokens that a thread has goes from the residual stream to q, k and
   v, and, behind attention, to the next layer's stream. */
#include <string.h>

#include "runtime/train/internal.h"

/* Of a piece: its tokens, and what the layer has of them. */
struct piece {
    struct trit_train_net *net;
    const struct trit_train_tensor *t; /* the layer's, by slots */
    const struct trit_train_kept *kept;
    const struct trit_train_room *room;
    size_t layer, first, n;
};

static struct trit_train_inputs inputs_of(const struct trit_train_net *net)
{
    return (struct trit_train_inputs){ net->shape.input_group, net->input_bits };
}

/* Normed where the layer has that norm, else as it is; then, for Wo and Wdown, turned; quantised.
 */
struct enter {
    enum trit_train_slot norm;
    const trit_real *x;
    trit_real *r, *out;
    size_t k;
    bool turned;
};

static void enter(const struct piece *p, const struct enter *in)
{
    const struct trit_train_net *net = p->net;
    const struct trit_train_inputs how = inputs_of(net);
    const struct trit_train_tensor *norm = &p->t[in->norm];
    for (size_t t = p->first; t < p->first + p->n; t++) {
        const trit_real *x = in->x + t * in->k;
        trit_real *out = in->out + t * in->k;
        if (norm->k)
            in->r[t] = trit_train_norm(in->k, x, net->w + norm->at, net->shape.eps, out);
        else if (x != out)
            memcpy(out, x, in->k * sizeof *out);
        if (in->turned && net->shape.hadamard)
            trit_train_rotate(in->k, net->shape.hadamard, out);
        trit_train_quantise_inputs(&how, in->k, out, out);
    }
}

static void multiply(const struct piece *p, enum trit_train_slot slot, const trit_real *x,
                     trit_real *y, bool add)
{
    const struct trit_train_tensor *t = &p->t[slot];
    trit_train_linear(p->net,
                      &(struct trit_train_linear){ t, x + p->first * t->k, y + p->first * t->n },
                      p->n, add);
}

/* The heads of a token's q or k: normed where there is a norm for them, then turned by position. */
static void place_heads(const struct piece *p, size_t t, enum trit_train_slot norm, size_t heads)
{
    const struct trit_train_net *net = p->net;
    const size_t hd = net->shape.head_dim, at = t % net->length * (hd / 2);
    const bool is_q = norm == TRIT_TRAIN_Q_NORM;
    trit_real *x = (is_q ? p->kept->q : p->kept->k) + t * heads * hd;
    const trit_real *raw = is_q ? p->kept->q_raw : p->kept->k_raw;
    trit_real *r = is_q ? p->kept->q_r : p->kept->k_r;
    for (size_t h = 0; h < heads; h++, x += hd) {
        if (raw)
            r[t * heads + h] = trit_train_norm(hd, raw + (t * heads + h) * hd,
                                               net->w + p->t[norm].at, net->shape.eps, x);
        trit_train_rope(hd, p->room->cosine + at, p->room->sine + at, false, x);
    }
}

static void before_attention(const struct piece *p)
{
    const struct trit_train_kept *k = p->kept;
    const struct trit_train_shape *s = &p->net->shape;
    enter(p, &(struct enter){ TRIT_TRAIN_ATTN_NORM, k->x, k->attn_r, k->qkv_in, s->hidden, false });
    multiply(p, TRIT_TRAIN_Q, k->qkv_in, k->q_raw ? k->q_raw : k->q, false);
    multiply(p, TRIT_TRAIN_K, k->qkv_in, k->k_raw ? k->k_raw : k->k, false);
    multiply(p, TRIT_TRAIN_V, k->qkv_in, k->v, false);
    for (size_t t = p->first; t < p->first + p->n; t++) {
        place_heads(p, t, TRIT_TRAIN_Q_NORM, s->heads);
        place_heads(p, t, TRIT_TRAIN_K_NORM, s->kv_heads);
    }
}

/* What Wdown takes, and how much of it is zero. */
static void open_gates(const struct piece *p)
{
    const struct trit_train_kept *k = p->kept;
    const size_t ffn = p->net->shape.ffn, first = p->first * ffn, n = p->n * ffn;
    const bool silu = p->net->shape.family == TRIT_TRAIN_QWEN3;
    trit_train_gate(silu ? TRIT_TRAIN_SILU : TRIT_TRAIN_RELU2, n, k->gate + first, k->up + first,
                    k->down_in + first);
    enter(p, &(struct enter){ TRIT_TRAIN_FFN_SUB_NORM, k->down_in, k->ffn_sub_r, k->down_in, ffn,
                              true });
    uint64_t zeros = 0;
    for (size_t i = first; i < first + n; i++)
        zeros += k->down_in[i] == 0;
    __atomic_fetch_add(&p->net->zeros[p->layer], zeros, __ATOMIC_RELAXED);
}

static void behind_attention(const struct piece *p)
{
    const struct trit_train_kept *k = p->kept;
    const struct trit_train_widths w = trit_train_widths(&p->net->shape);
    const bool last = p->layer + 1 == p->net->shape.layers;
    trit_real *next = last ? p->room->x : k[1].x;
    const size_t at = p->first * w.hidden, bytes = p->n * w.hidden * sizeof *next;
    enter(p, &(struct enter){ TRIT_TRAIN_ATTN_SUB_NORM, k->o, k->sub_r, k->o_in, w.q, true });
    memcpy(k->x_mid + at, k->x + at, bytes);
    multiply(p, TRIT_TRAIN_O, k->o_in, k->x_mid, true);
    enter(p,
          &(struct enter){ TRIT_TRAIN_FFN_NORM, k->x_mid, k->ffn_r, k->ffn_in, w.hidden, false });
    multiply(p, TRIT_TRAIN_GATE, k->ffn_in, k->gate, false);
    multiply(p, TRIT_TRAIN_UP, k->ffn_in, k->up, false);
    open_gates(p);
    memcpy(next + at, k->x_mid + at, bytes);
    multiply(p, TRIT_TRAIN_DOWN, k->down_in, next, true);
}

static void over_pieces(const struct trit_train_pass *pass, size_t begin, size_t end,
                        void (*fn)(const struct piece *p))
{
    struct trit_train_net *net = pass->net;
    for (size_t i = begin; i < end; i++) {
        const size_t first = i * TRIT_TRAIN_TOKENS, left = pass->m - first;
        fn(&(struct piece){ .net = net,
                            .t = net->layout.layers[pass->layer],
                            .kept = &net->room->layers[pass->layer],
                            .room = net->room,
                            .layer = pass->layer,
                            .first = first,
                            .n = left < TRIT_TRAIN_TOKENS ? left : TRIT_TRAIN_TOKENS });
    }
}

static void run_before(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    over_pieces(arg, begin, end, before_attention);
}

static void run_behind(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    over_pieces(arg, begin, end, behind_attention);
}

void trit_train_layer(const struct trit_train_pass *p)
{
    trit_train_over_tokens(p, run_before);
    trit_train_attention(p);
    trit_train_over_tokens(p, run_behind);
}
