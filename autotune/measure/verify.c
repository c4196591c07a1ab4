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
#include "runtime/base/half.h"
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
    const struct trit_packing *packing;
    size_t m, n, kp, groups, ldy; /* groups: scales that a row and a token have */
    uint8_t *codes, *packed;
    uint16_t *scales;
    int8_t *w, *a;
    float *d, *s, *want, *got; /* d: of rows or of groups */
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
static size_t lay_out(struct problem *p, uint8_t *base, const struct trit_measure *x, size_t nr)
{
    const size_t rows = 2 * nr, outputs = p->m * p->ldy;
    size_t used = 0;
    p->codes = carve(base, &used, rows * x->k);
    p->packed = carve(base, &used, trit_packed_bytes(p->packing, rows, x->k, nr));
    p->scales = carve(base, &used, rows * p->groups * sizeof *p->scales);
    p->w = carve(base, &used, rows * p->kp);
    p->a = carve(base, &used, p->m * x->lda);
    p->d = carve(base, &used, rows * p->groups * sizeof *p->d);
    p->s = carve(base, &used, p->m * p->groups * sizeof *p->s);
    p->sum = carve(base, &used, p->m * p->groups * sizeof *p->sum);
    p->want = carve(base, &used, outputs * sizeof *p->want);
    p->got = carve(base, &used, outputs * sizeof *p->got);
    for (size_t i = 0; base && i < outputs; i++)
        p->want[i] = p->got[i] = untouched;
    return used;
}

/* Row `row` of the matrix becomes row `at` of the problem: weight 0 and scales of 0 after column k,
   where trit_alloc left zeros. */
static void add_row(struct problem *p, const struct trit_measure *x, size_t row, size_t at)
{
    const struct trit_packing *packing = p->packing;
    uint8_t *codes = p->codes + at * x->k;
    uint16_t *scales = p->scales + at * p->groups;
    trit_measure_codes(x, packing, row, codes);
    trit_measure_scales(x, packing, row, scales);
    for (size_t i = 0; i < x->k; i++)
        p->w[at * p->kp + i] = (int8_t)(codes[i] + packing->low);
    for (size_t g = 0; g < p->groups; g++)
        p->d[at * p->groups + g] = packing->group ? trit_f16_f32(scales[g]) : x->d[row];
}

/* `rows` rows of the matrix from `first` on. */
static void add_block(struct problem *p, const struct trit_measure *x, size_t nr, size_t first,
                      size_t rows)
{
    const size_t at = p->n, block = trit_packed_bytes(p->packing, nr, x->k, nr);
    for (size_t r = 0; r < rows; r++)
        add_row(p, x, first + r, at + r);
    const struct trit_codes codes = { p->codes + at * x->k,       x->k,     rows, x->k,
                                      p->scales + at * p->groups, p->groups };
    trit_pack_block(p->packing, &codes, nr, p->packed + at / nr * block);
    p->n += rows;
}

static void compute(struct problem *p, const struct trit_measure *x)
{
    const struct trit_ref_groups grouped = { p->m, p->n, p->kp, p->packing->group, x->lda, p->w,
                                             p->a, p->d, p->s };
    if (p->packing->group)
        trit_ref_mm_groups(&grouped, p->want, p->ldy);
    else
        trit_ref_mm(p->m, p->n, p->kp, p->w, p->d, p->a, x->lda, p->s, p->want, p->ldy);
}

static enum outcome compare(struct problem *p, const struct trit_measure *x,
                            const struct trit_kernel *kernel)
{
    const size_t nr = (size_t)kernel->nr, last = (x->n - 1) / nr;
    if (last > 0)
        add_block(p, x, nr, kernel->hash % last * nr, nr);
    add_block(p, x, nr, last * nr, x->n - last * nr);
    for (size_t i = 0; i < p->m; i++) {
        int8_t *a = p->a + i * x->lda;
        trit_measure_activations(x, i, a);
        trit_measure_stats(x, p->packing, i, a, p->s + i * p->groups, p->sum + i * p->groups);
    }
    compute(p, x);
    trit_mm_fn *fn = kernel->op == TRIT_OP_gemv ? kernel->fn.gemv : kernel->fn.gemm;
    fn(p->m, p->n, p->kp, p->packed, p->packing->group ? NULL : p->d, p->a, x->lda, p->s, p->sum,
       p->got, p->ldy);
    return memcmp(p->got, p->want, p->m * p->ldy * sizeof *p->got) ? WRONG : RIGHT;
}

static enum outcome verify(const struct trit_measure *x, const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr;
    struct problem p = { .packing = packing,
                         .m = (size_t)kernel->mr + 1,
                         .kp = trit_round_up(x->k, packing->kr),
                         .groups = trit_measure_groups(x, packing),
                         .ldy = 2 * nr + PAST };
    uint8_t *block = trit_alloc(lay_out(&p, NULL, x, nr), 1);
    if (!block)
        return NO_MEMORY;
    lay_out(&p, block, x, nr);
    const enum outcome outcome = compare(&p, x, kernel);
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
