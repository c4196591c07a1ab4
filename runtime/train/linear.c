/* Linear layers: what they give, and the gradients of inputs and weights. */
#include "runtime/train/gemm.h"
#include "runtime/train/internal.h"

/* Rows of a matrix whose gradient is one piece of work. */
enum { ROWS = 128 };

void trit_train_linear(const struct trit_train_net *net, const struct trit_train_linear *l,
                       size_t rows, bool add)
{
    const struct trit_train_tensor *t = l->t;
    trit_gemm(&(struct trit_gemm){ .m = rows,
                                   .n = t->n,
                                   .k = t->k,
                                   .a = l->x,
                                   .lda = t->k,
                                   .b = net->wq + t->at,
                                   .ldb = t->k,
                                   .rows = true,
                                   .c = l->y,
                                   .ldc = t->n,
                                   .alpha = 1,
                                   .beta = add });
}

void trit_train_linear_back(const struct trit_train_net *net, const struct trit_train_linear *l,
                            size_t rows, bool add)
{
    const struct trit_train_tensor *t = l->t;
    trit_gemm(&(struct trit_gemm){ .m = rows,
                                   .n = t->k,
                                   .k = t->n,
                                   .a = l->x,
                                   .lda = t->n,
                                   .b = net->wq + t->at,
                                   .ldb = t->k,
                                   .c = l->y,
                                   .ldc = t->k,
                                   .alpha = 1,
                                   .beta = add });
}

struct weights_job {
    const struct trit_train_net *net;
    const struct trit_train_linear *list;
    size_t m, first[TRIT_TRAIN_LINEARS + 1]; /* the first piece of each matrix */
};

static void add_piece(const struct weights_job *j, size_t piece)
{
    size_t i = 0;
    while (piece >= j->first[i + 1])
        i++;
    const struct trit_train_linear *l = &j->list[i];
    const size_t row = (piece - j->first[i]) * ROWS;
    const size_t rows = l->t->n - row < ROWS ? l->t->n - row : ROWS;
    trit_gemm(&(struct trit_gemm){ .m = rows,
                                   .n = l->t->k,
                                   .k = j->m,
                                   .a = l->y + row,
                                   .lda = l->t->n,
                                   .across = true,
                                   .b = l->x,
                                   .ldb = l->t->k,
                                   .c = j->net->g + l->t->at + row * l->t->k,
                                   .ldc = l->t->k,
                                   .alpha = 1,
                                   .beta = 1 });
}

static void add_pieces(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    for (size_t i = begin; i < end; i++)
        add_piece(arg, i);
}

void trit_train_linear_weights(const struct trit_train_net *net,
                               const struct trit_train_linear *list, size_t n, size_t m)
{
    struct weights_job job = { .net = net, .list = list, .m = m };
    for (size_t i = 0; i < n; i++)
        job.first[i + 1] = job.first[i] + (list[i].t->n + ROWS - 1) / ROWS;
    trit_pool_for(net->pool, job.first[n], 1, add_pieces, &job);
}
