/* Kernels against the reference on the shape that is measured, in a child process that may die of
   it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "autotune/measure/internal.h"
#include "runtime/base/child.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/ref.h"

enum { PAST = 5 }; /* floats after each row of outputs that stay as they were */
static const float untouched = -12345.5f;

/* Shared with the child. */
enum outcome { UNKNOWN, RIGHT, WRONG, NO_MEMORY };
struct results {
    atomic_size_t at; /* the kernel under way */
    unsigned char outcome[];
};

/* Two blocks of rows and MR + 1 tokens, and what they give. */
struct problem {
    size_t m, n, ldy;
    uint8_t *codes, *packed;
    int8_t *w, *a;
    float *d, *s, *want, *got;
    int32_t *sum;
};

/* The next `bytes` of the block, which begins at base; only counts where there is no block yet. */
static void *carve(uint8_t *base, size_t *used, size_t bytes)
{
    uint8_t *part = base ? base + *used : NULL;
    *used += trit_round_up(bytes, TRIT_ALIGN);
    return part;
}

/* Lays the problem out from base on; the bytes that it takes. */
static size_t lay_out(struct problem *p, uint8_t *base, const struct trit_measure *x, size_t nr,
                      const struct trit_packing *packing)
{
    const size_t rows = 2 * nr, outputs = p->m * p->ldy;
    size_t used = 0;
    p->codes = carve(base, &used, rows * x->k);
    p->packed = carve(base, &used, trit_packed_bytes(packing, rows, x->k, nr));
    p->w = carve(base, &used, rows * x->k);
    p->a = carve(base, &used, p->m * x->lda);
    p->d = carve(base, &used, rows * sizeof *p->d);
    p->s = carve(base, &used, p->m * sizeof *p->s);
    p->sum = carve(base, &used, p->m * sizeof *p->sum);
    p->want = carve(base, &used, outputs * sizeof *p->want);
    p->got = carve(base, &used, outputs * sizeof *p->got);
    for (size_t i = 0; base && i < outputs; i++)
        p->want[i] = p->got[i] = untouched;
    return used;
}

/* `rows` rows of the matrix from `first` on become rows `at` and following of the problem. */
static void add_block(struct problem *p, const struct trit_measure *x,
                      const struct trit_kernel *kernel, const struct trit_packing *packing,
                      size_t first, size_t rows)
{
    const size_t nr = (size_t)kernel->nr, at = p->n;
    for (size_t r = 0; r < rows; r++) {
        uint8_t *codes = p->codes + (at + r) * x->k;
        trit_measure_codes(x, packing, first + r, codes);
        for (size_t i = 0; i < x->k; i++)
            p->w[(at + r) * x->k + i] = (int8_t)(codes[i] + packing->low);
        p->d[at + r] = x->d[first + r];
    }
    trit_pack_block(packing,
                    &(struct trit_codes){ p->codes + at * x->k, x->k, rows, x->k, NULL, 0 }, nr,
                    p->packed + at / nr * trit_packed_bytes(packing, nr, x->k, nr));
    p->n += rows;
}

static enum outcome compare(struct problem *p, const struct trit_measure *x,
                            const struct trit_kernel *kernel, const struct trit_packing *packing)
{
    const size_t nr = (size_t)kernel->nr, last = (x->n - 1) / nr;
    if (last > 0)
        add_block(p, x, kernel, packing, kernel->hash % last * nr, nr);
    add_block(p, x, kernel, packing, last * nr, x->n - last * nr);
    for (size_t i = 0; i < p->m; i++)
        trit_measure_activations(x, i, p->a + i * x->lda, p->s + i, p->sum + i);
    trit_ref_mm(p->m, p->n, x->k, p->w, p->d, p->a, x->lda, p->s, p->want, p->ldy);
    trit_mm_fn *fn = kernel->op == TRIT_OP_gemv ? kernel->fn.gemv : kernel->fn.gemm;
    fn(p->m, p->n, trit_round_up(x->k, packing->kr), p->packed, p->d, p->a, x->lda, p->s, p->sum,
       p->got, p->ldy);
    return memcmp(p->got, p->want, p->m * p->ldy * sizeof *p->got) ? WRONG : RIGHT;
}

static enum outcome verify(const struct trit_measure *x, const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr;
    struct problem p = { .m = (size_t)kernel->mr + 1, .ldy = 2 * nr + PAST };
    uint8_t *block = trit_alloc(lay_out(&p, NULL, x, nr, packing), 1);
    if (!block)
        return NO_MEMORY;
    lay_out(&p, block, x, nr, packing);
    const enum outcome outcome = compare(&p, x, kernel, packing);
    free(block);
    return outcome;
}

_Noreturn static void child(struct results *results, const struct trit_measure *x,
                            const struct trit_kernel *const *kernels, size_t n)
{
    trit_child_confine();
    close(STDERR_FILENO); /* an assertion's text; its death says enough */
    for (size_t i = results->at; i < n; i++) {
        results->at = i;
        alarm(x->limit);
        results->outcome[i] = (unsigned char)verify(x, kernels[i]);
    }
    results->at = n;
    _exit(0);
}

/* Why the kernel under way has no result; NULL where all have one. */
static const char *run_child(struct results *results, const struct trit_measure *x,
                             const struct trit_kernel *const *kernels, size_t n)
{
    int status = 0;
    pid_t pid = fork(), ended;
    if (pid < 0)
        return "not verified: no process could be started";
    if (pid == 0)
        child(results, x, kernels, n);
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    return results->at < n ? trit_child_end(ended < 0 ? -1 : status) : NULL;
}

void trit_measure_verify(struct trit_measure *measure, const struct trit_kernel *const *kernels,
                         size_t n, const char **whys)
{
    static const char *const texts[] = {
        [UNKNOWN] = "not verified",
        [RIGHT] = NULL,
        [WRONG] = "differs from the reference",
        [NO_MEMORY] = "not verified: no memory",
    };
    const size_t bytes = sizeof(struct results) + n;
    struct results *results =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < n; i++)
        whys[i] = texts[results == MAP_FAILED ? NO_MEMORY : UNKNOWN];
    if (results == MAP_FAILED)
        return;
    for (; results->at < n; results->at++) {
        const char *why = run_child(results, measure, kernels, n);
        if (!why)
            break;
        whys[results->at] = why;
    }
    for (size_t i = 0; i < n; i++)
        if (results->outcome[i])
            whys[i] = texts[results->outcome[i]];
    munmap(results, bytes);
}
