/* Both ends of the model: rows of the embedding, and the head, whose weights are the same. */
#include <math.h>
#include <string.h>

#include "runtime/train/gemm.h"
#include "runtime/train/internal.h"

/* Tokens whose logits are in memory at once; elements of rows that a thread adds at a time. */
enum { LOGITS = 4 * TRIT_TRAIN_TOKENS, COLUMNS = 64, ROWS = 256 };

static int32_t token_at(const struct trit_train_pass *p, size_t t, size_t ahead)
{
    const size_t length = p->net->length;
    return p->tokens[t / length * (length + 1) + t % length + ahead];
}

static void look_up(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_train_pass *p = arg;
    const size_t hidden = p->net->shape.hidden;
    const trit_real *rows = p->net->wq + p->net->layout.embd.at;
    for (size_t t = begin; t < end; t++)
        memcpy(p->net->room->layers[0].x + t * hidden, rows + (size_t)token_at(p, t, 0) * hidden,
               hidden * sizeof *rows);
}

void trit_train_embed(const struct trit_train_pass *p)
{
    struct trit_train_pass pass = *p;
    trit_pool_for(p->net->pool, p->m, TRIT_TRAIN_TOKENS, look_up, &pass);
}

static void add_rows(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_train_pass *p = arg;
    const size_t hidden = p->net->shape.hidden, first = begin * COLUMNS,
                 last = end * COLUMNS < hidden ? end * COLUMNS : hidden;
    trit_real *rows = p->net->g + p->net->layout.embd.at;
    for (size_t t = 0; t < p->m; t++) {
        const trit_real *d = p->net->room->d.x + t * hidden;
        trit_real *row = rows + (size_t)token_at(p, t, 0) * hidden;
        for (size_t i = first; i < last; i++)
            row[i] += d[i];
    }
}

void trit_train_embed_back(const struct trit_train_pass *p)
{
    struct trit_train_pass pass = *p;
    trit_pool_for(p->net->pool, (p->net->shape.hidden + COLUMNS - 1) / COLUMNS, 1, add_rows, &pass);
}

/* Some tokens, the first of which has the first row of logits. */
struct chunk {
    const struct trit_train_pass *pass;
    size_t first, n;
};

/* The logits' gradients, in their place. */
static void differ(const struct trit_train_pass *p, size_t t, trit_real *probability)
{
    for (size_t i = 0; i < p->net->shape.vocab; i++)
        probability[i] *= p->scale;
    probability[token_at(p, t, 1)] -= p->scale;
}

static void enter(const struct trit_train_net *net, size_t t)
{
    const struct trit_train_room *room = net->room;
    const size_t hidden = net->shape.hidden;
    trit_real *in = room->head_in + t * hidden;
    room->head_r[t] = trit_train_norm(hidden, room->x + t * hidden, net->w + net->layout.norm.at,
                                      net->shape.eps, in);
    if (net->shape.low_rows)
        trit_train_quantise_inputs(&(struct trit_train_inputs){ TRIT_TRAIN_GROUP, 8 }, hidden, in,
                                   in);
}

static void norm_back(const struct trit_train_net *net, size_t t, const trit_real *dy,
                      trit_real *dw)
{
    const struct trit_train_room *room = net->room;
    const size_t hidden = net->shape.hidden;
    trit_real *dx = room->d.x + t * hidden;
    memset(dx, 0, hidden * sizeof *dx);
    const struct trit_train_norm_back b = { .k = hidden,
                                            .x = room->x + t * hidden,
                                            .w = net->w + net->layout.norm.at,
                                            .dy = dy,
                                            .r = room->head_r[t],
                                            .dx = dx,
                                            .dw = dw };
    trit_train_norm_back(&b);
}

/* Tokens first .. first + n - 1, of one piece. */
static void score(const struct chunk *c, size_t first, size_t n, trit_real *scratch)
{
    const struct trit_train_pass *p = c->pass;
    const struct trit_train_net *net = p->net;
    const size_t hidden = net->shape.hidden, vocab = net->shape.vocab;
    trit_real *logits = net->room->logits + (first - c->first) * vocab;
    for (size_t t = first; t < first + n; t++)
        enter(net, t);
    const struct trit_train_tensor *embd = &net->layout.embd;
    trit_train_linear(
        net, &(struct trit_train_linear){ embd, net->room->head_in + first * hidden, logits }, n,
        false);
    for (size_t i = 0; i < n; i++) {
        trit_real *row = logits + i * vocab;
        const trit_real chosen = row[token_at(p, first + i, 1)];
        p->nll[first + i] = trit_train_softmax(vocab, row) - chosen;
        if (p->back)
            differ(p, first + i, row);
    }
    if (!p->back)
        return;
    trit_real *dw = net->room->d.norms + first / TRIT_TRAIN_TOKENS * net->room->norms_each;
    memset(dw, 0, hidden * sizeof *dw);
    trit_train_linear_back(net, &(struct trit_train_linear){ embd, logits, scratch }, n, false);
    for (size_t i = 0; i < n; i++)
        norm_back(net, first + i, scratch + i * hidden, dw);
}

static void score_pieces(void *arg, size_t begin, size_t end, int thread)
{
    const struct chunk *c = arg;
    const struct trit_train_room *room = c->pass->net->room;
    for (size_t i = begin; i < end; i++) {
        const size_t first = c->first + i * TRIT_TRAIN_TOKENS, left = c->first + c->n - first;
        score(c, first, left < TRIT_TRAIN_TOKENS ? left : TRIT_TRAIN_TOKENS,
              room->scratch + (size_t)thread * room->scratch_each);
    }
}

static void add_norm(const struct trit_train_pass *p)
{
    const struct trit_train_net *net = p->net;
    trit_real *g = net->g + net->layout.norm.at;
    for (size_t piece = 0; piece * TRIT_TRAIN_TOKENS < p->m; piece++)
        for (size_t i = 0; i < net->shape.hidden; i++)
            g[i] += net->room->d.norms[piece * net->room->norms_each + i];
}

void trit_train_head(const struct trit_train_pass *p)
{
    const struct trit_train_net *net = p->net;
    for (size_t first = 0; first < p->m; first += LOGITS) {
        struct chunk c = { p, first, p->m - first < LOGITS ? p->m - first : LOGITS };
        const size_t pieces = (c.n + TRIT_TRAIN_TOKENS - 1) / TRIT_TRAIN_TOKENS;
        trit_pool_for(net->pool, pieces, 1, score_pieces, &c);
        const struct trit_train_linear head = { &net->layout.embd,
                                                net->room->head_in + first * net->shape.hidden,
                                                net->room->logits };
        if (p->back)
            trit_train_linear_weights(net, &head, 1, c.n);
    }
    if (p->back)
        add_norm(p);
}

size_t trit_train_logits(size_t tokens)
{
    return tokens < LOGITS ? tokens : LOGITS;
}
