/* A layer, backward: a piece of tokens goes from the gradient of the layer's stream to those of o,
   and, before attention, on to that of the stream the layer began with. The gradients of weights
   come last, by pieces of rows. */
#include <string.h>

#include "runtime/train/internal.h"

struct piece {
    const struct trit_train_net *net;
    const struct trit_train_tensor *t; /* the layer's, by slots */
    const struct trit_train_kept *kept;
    const struct trit_train_grads *d;
    size_t first, n;
    trit_real *norms;    /* this piece's gradients of the weights of norms */
    trit_real *dy, *row; /* [n][widest], [2 * widest]: the thread's */
};

/* Where a norm's gradients lie among those of a piece. */
static size_t norm_at(const struct trit_train_tensor *t, enum trit_train_slot slot)
{
    size_t at = 0;
    for (size_t i = 0; i < slot; i++)
        at += t[i].role == TRIT_TRAIN_NORM ? t[i].n * t[i].k : 0;
    return at;
}

/* dy (+)= dx w of the piece's rows. */
static void multiply(const struct piece *p, enum trit_train_slot slot, const trit_real *dx,
                     bool add)
{
    const struct trit_train_tensor *t = &p->t[slot];
    trit_train_linear_back(p->net, &(struct trit_train_linear){ t, dx + p->first * t->n, p->dy },
                           p->n, add);
}

/* Through the norm of a row of x: adds to dx. */
static void norm_back(const struct piece *p, enum trit_train_slot slot, const trit_real *x,
                      trit_real r, const trit_real *dy, trit_real *dx)
{
    const struct trit_train_tensor *t = &p->t[slot];
    const struct trit_train_norm_back b = { .k = t->k,
                                            .x = x,
                                            .w = p->net->w + t->at,
                                            .dy = dy,
                                            .r = r,
                                            .dx = dx,
                                            .dw = p->norms + norm_at(p->t, slot) };
    trit_train_norm_back(&b);
}

static void turn(const struct piece *p, size_t k, trit_real *row)
{
    if (p->net->shape.hadamard)
        trit_train_rotate(k, p->net->shape.hadamard, row);
}

/* dy: gradients of Wdown's inputs. */
static void close_gates(const struct piece *p)
{
    const struct trit_train_kept *k = p->kept;
    const size_t ffn = p->net->shape.ffn;
    const bool silu = p->net->shape.family == TRIT_TRAIN_QWEN3;
    const enum trit_train_gate gate = silu ? TRIT_TRAIN_SILU : TRIT_TRAIN_RELU2;
    trit_real *f = p->row, *df = p->row + ffn;
    for (size_t i = 0; i < p->n; i++) {
        const size_t t = p->first + i, at = t * ffn;
        trit_real *dy = p->dy + i * ffn;
        turn(p, ffn, dy);
        if (p->t[TRIT_TRAIN_FFN_SUB_NORM].k) {
            trit_train_gate(gate, ffn, k->gate + at, k->up + at, f);
            memset(df, 0, ffn * sizeof *df);
            norm_back(p, TRIT_TRAIN_FFN_SUB_NORM, f, k->ffn_sub_r[t], dy, df);
            dy = df;
        }
        const struct trit_train_gate_back back = { ffn, k->gate + at,    k->up + at,
                                                   dy,  p->d->gate + at, p->d->up + at };
        trit_train_gate_back(gate, &back);
    }
}

/* Adds the gradients that came through the norm of the residual stream. */
static void into_stream(const struct piece *p, enum trit_train_slot norm, const trit_real *x,
                        const trit_real *r)
{
    const size_t hidden = p->net->shape.hidden;
    for (size_t i = 0; i < p->n; i++) {
        const size_t t = p->first + i;
        norm_back(p, norm, x + t * hidden, r[t], p->dy + i * hidden, p->d->x + t * hidden);
    }
}

/* dy: gradients of Wo's inputs, to those of o. */
static void leave_attention(const struct piece *p)
{
    const size_t q = trit_train_widths(&p->net->shape).q;
    for (size_t i = 0; i < p->n; i++) {
        const size_t t = p->first + i;
        trit_real *dy = p->dy + i * q, *to = p->d->o + t * q;
        turn(p, q, dy);
        memset(to, 0, q * sizeof *to);
        if (p->t[TRIT_TRAIN_ATTN_SUB_NORM].k)
            norm_back(p, TRIT_TRAIN_ATTN_SUB_NORM, p->kept->o + t * q, p->kept->sub_r[t], dy, to);
        else
            memcpy(to, dy, q * sizeof *to);
    }
}

static void behind_attention(const struct piece *p)
{
    const size_t hidden = p->net->shape.hidden, at = p->first * hidden,
                 bytes = p->n * hidden * sizeof *p->dy;
    memset(p->norms, 0, p->net->room->norms_each * sizeof *p->norms);
    memcpy(p->d->x_down + at, p->d->x + at, bytes);
    multiply(p, TRIT_TRAIN_DOWN, p->d->x, false);
    close_gates(p);
    multiply(p, TRIT_TRAIN_GATE, p->d->gate, false);
    multiply(p, TRIT_TRAIN_UP, p->d->up, true);
    into_stream(p, TRIT_TRAIN_FFN_NORM, p->kept->x_mid, p->kept->ffn_r);
    memcpy(p->d->x_o + at, p->d->x + at, bytes);
    multiply(p, TRIT_TRAIN_O, p->d->x, false);
    leave_attention(p);
}

/* The heads of a token's q or k: turned back, and through their norm. */
static void free_heads(const struct piece *p, size_t t, enum trit_train_slot norm, size_t heads)
{
    const struct trit_train_net *net = p->net;
    const size_t hd = net->shape.head_dim, at = t % net->length * (hd / 2);
    const bool is_q = norm == TRIT_TRAIN_Q_NORM;
    trit_real *d = (is_q ? p->d->q : p->d->k) + t * heads * hd;
    const trit_real *raw = is_q ? p->kept->q_raw : p->kept->k_raw;
    const trit_real *r = is_q ? p->kept->q_r : p->kept->k_r;
    for (size_t h = 0; h < heads; h++, d += hd) {
        trit_train_rope(hd, net->room->cosine + at, net->room->sine + at, true, d);
        if (!raw)
            continue;
        memset(p->row, 0, hd * sizeof *p->row);
        norm_back(p, norm, raw + (t * heads + h) * hd, r[t * heads + h], d, p->row);
        memcpy(d, p->row, hd * sizeof *d);
    }
}

static void before_attention(const struct piece *p)
{
    for (size_t t = p->first; t < p->first + p->n; t++) {
        free_heads(p, t, TRIT_TRAIN_Q_NORM, p->net->shape.heads);
        free_heads(p, t, TRIT_TRAIN_K_NORM, p->net->shape.kv_heads);
    }
    multiply(p, TRIT_TRAIN_Q, p->d->q, false);
    multiply(p, TRIT_TRAIN_K, p->d->k, true);
    multiply(p, TRIT_TRAIN_V, p->d->v, true);
    into_stream(p, TRIT_TRAIN_ATTN_NORM, p->kept->x, p->kept->attn_r);
}

static void over_pieces(const struct trit_train_pass *pass, size_t begin, size_t end, int thread,
                        void (*fn)(const struct piece *p))
{
    const struct trit_train_net *net = pass->net;
    const struct trit_train_room *room = net->room;
    for (size_t i = begin; i < end; i++) {
        const size_t first = i * TRIT_TRAIN_TOKENS, left = pass->m - first;
        trit_real *scratch = room->scratch + (size_t)thread * room->scratch_each;
        fn(&(struct piece){ .net = net,
                            .t = net->layout.layers[pass->layer],
                            .kept = &room->layers[pass->layer],
                            .d = &room->d,
                            .first = first,
                            .n = left < TRIT_TRAIN_TOKENS ? left : TRIT_TRAIN_TOKENS,
                            .norms = room->d.norms + i * room->norms_each,
                            .row = scratch,
                            .dy = scratch + 2 * trit_train_widest(&net->shape) });
    }
}

static void run_before(void *arg, size_t begin, size_t end, int thread)
{
    over_pieces(arg, begin, end, thread, before_attention);
}

static void run_behind(void *arg, size_t begin, size_t end, int thread)
{
    over_pieces(arg, begin, end, thread, behind_attention);
}

/* Piece by piece, in their order. */
static void add_norms(const struct trit_train_pass *p)
{
    const struct trit_train_net *net = p->net;
    const struct trit_train_tensor *t = net->layout.layers[p->layer];
    for (size_t piece = 0; piece * TRIT_TRAIN_TOKENS < p->m; piece++) {
        const trit_real *from = net->room->d.norms + piece * net->room->norms_each;
        for (size_t slot = 0; slot < TRIT_TRAIN_SLOTS; slot++)
            if (t[slot].role == TRIT_TRAIN_NORM)
                for (size_t i = 0; i < t[slot].k; i++)
                    net->g[t[slot].at + i] += *from++;
    }
}

void trit_train_layer_back(const struct trit_train_pass *p)
{
    const struct trit_train_net *net = p->net;
    const struct trit_train_kept *k = &net->room->layers[p->layer];
    const struct trit_train_grads *d = &net->room->d;
    const struct trit_train_tensor *t = net->layout.layers[p->layer];
    const struct trit_train_linear matrices[] = {
        { &t[TRIT_TRAIN_DOWN], k->down_in, d->x_down }, { &t[TRIT_TRAIN_GATE], k->ffn_in, d->gate },
        { &t[TRIT_TRAIN_UP], k->ffn_in, d->up },        { &t[TRIT_TRAIN_O], k->o_in, d->x_o },
        { &t[TRIT_TRAIN_Q], k->qkv_in, d->q },          { &t[TRIT_TRAIN_K], k->qkv_in, d->k },
        { &t[TRIT_TRAIN_V], k->qkv_in, d->v },
    };
    trit_train_over_tokens(p, run_behind);
    trit_train_attention(p);
    trit_train_over_tokens(p, run_before);
    trit_train_linear_weights(net, matrices, sizeof matrices / sizeof *matrices, p->m);
    add_norms(p);
}
