/* Does a pass touch the experts that its tokens go through and no others, read each once, choose
   the same in every type of the router, and say where scores or gates leave the finite numbers? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/model/internal.h"
#include "tests/lib_model.h"

enum { COUNT = 12, USED = 3 };
static const struct trit_toy_shape shape = { 128, 256, 2, 2, 1 };
static const struct trit_toy_experts experts = { COUNT, USED, 4 };
static struct trit_toy toy;
static float logits[TRIT_TOY_LOGITS], others[TRIT_TOY_LOGITS];

/* All scores are alike: the first experts are chosen. */
static void choose_first(void)
{
    for (size_t i = 0; i < toy.ntensors; i++)
        if (strstr(toy.tensors[i].name, "gate_inp")) {
            toy.tensors[i].values = TOY_TRITS;
            toy.tensors[i].d = 0;
        }
}

static struct trit_toy_opened open_toy(int threads, size_t chunk)
{
    struct trit_toy_opened o;
    struct trit_error error;
    if (trit_toy_open(&o, &toy, threads, chunk, NULL, &error))
        fail_msg("%s", error.text);
    return o;
}

/* The whole pages inside lose their protection, or get it. Returns their bytes. */
static size_t protect(const void *from, const void *to, int protection)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
                    first = ((uintptr_t)from + page - 1) / page * page,
                    last = (uintptr_t)to / page * page;
    if (first >= last)
        return 0;
    assert_int_equal(mprotect((void *)first, last - first, protection), 0);
    return last - first;
}

/* The experts of a matrix behind the first USED. */
static size_t protect_others(const struct trit_matrix *x, int protection)
{
    const size_t each = trit_product_blocks(x, x->n), nr = (size_t)x->pair.decode->nr;
    const uint8_t *end = x->w + COUNT * each * x->block;
    const float *d = x->d + USED * each * nr, *d_end = x->d + COUNT * each * nr;
    return protect(x->w + USED * each * x->block, end, protection) + protect(d, d_end, protection);
}

static size_t protect_all(const struct trit_model *model, int protection)
{
    size_t bytes = 0;
    for (size_t i = 0; i < model->config.layers; i++)
        bytes += protect_others(&model->layers[i].m[TRIT_GATE_UP], protection) +
                 protect_others(&model->layers[i].m[TRIT_DOWN], protection);
    return bytes;
}

/* Of one pass, what it read of the experts. */
static uint64_t bytes_of_pass(struct trit_session *session, struct trit_work *work, size_t n)
{
    struct trit_counts before = *trit_work_counts(work), after;
    assert_int_equal(trit_session_eval(session, trit_toy_tokens, n, n, NULL, NULL), TRIT_OK);
    after = *trit_work_counts(work);
    trit_counts_since(&after, &before);
    assert_int_equal(after.macs[TRIT_PART_DOWN], n * 2 * USED * shape.hidden * shape.ffn);
    return after.bytes[TRIT_PART_GATE_UP] + after.bytes[TRIT_PART_DOWN];
}

static void other_experts_are_not_touched(void **state)
{
    (void)state;
    for (int threads = 1; threads < 4; threads++) {
        trit_toy_experts(&toy, &shape, &experts);
        choose_first();
        struct trit_toy_opened o = open_toy(threads, TRIT_TOY_TOKENS);
        struct trit_session *session;
        assert_int_equal(trit_session_join(&session, o.work, 16, NULL), TRIT_OK);
        assert_true(protect_all(o.model, PROT_NONE) > 100000);
        const uint64_t several = bytes_of_pass(session, o.work, TRIT_TOY_TOKENS),
                       one = bytes_of_pass(session, o.work, 1);
        protect_all(o.model, PROT_READ | PROT_WRITE);
        const struct trit_matrix *m = o.model->layers[0].m;
        assert_int_equal(
            several,
            2 * USED * (trit_product_bytes(&m[TRIT_GATE_UP]) + trit_product_bytes(&m[TRIT_DOWN])));
        assert_int_equal(one, several);
        trit_session_free(session);
        trit_toy_close(&o);
    }
}

static void run(float *out)
{
    struct trit_error error;
    struct trit_toy_opened o = open_toy(2, 3);
    if (trit_toy_use(o.model, out, &error))
        fail_msg("%s", error.text);
    trit_toy_close(&o);
}

/* F32 that bf16 has too becomes bf16. */
static void routers_of_all_types_choose_alike(void **state)
{
    static const uint32_t types[] = { TRIT_BF16, TRIT_F16 };
    (void)state;
    trit_toy_experts(&toy, &shape, &experts);
    run(logits);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (size_t j = 0; j < toy.ntensors; j++)
            if (strstr(toy.tensors[j].name, "gate_inp"))
                toy.tensors[j].type = types[i];
        run(others);
        assert_memory_equal(logits, others, sizeof logits);
    }
    choose_first();
    run(others);
    assert_memory_not_equal(logits, others, sizeof logits);
}

static void not_finite_is_found(void **state)
{
    static const struct {
        const char *tensor;
        float d;
        const char *says;
    } cases[] = { { "blk.1.ffn_gate_inp.weight", 3e38f, "layer 1, router: not finite at token 0" },
                  { "blk.1.ffn_up_exps.weight", 3e38f, "layer 1, gate, up: not finite at token 0" },
                  { "blk.1.ffn_gate_exps.weight", 3e38f, "layer 1, gate, up: not finite" },
                  { "blk.0.ffn_down_exps.weight", 3e38f, "layer 0, down: not finite at token 0" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_error error = { .text = "" };
        trit_toy_experts(&toy, &shape, &experts);
        struct trit_toy_tensor *t = trit_toy_tensor(&toy, cases[i].tensor);
        t->values = TOY_TRITS;
        t->d = cases[i].d;
        struct trit_toy_opened o = open_toy(1, 3);
        assert_int_equal(trit_toy_use(o.model, logits, &error), TRIT_EFORMAT);
        if (!strstr(error.text, cases[i].says))
            fail_msg("'%s' is not in '%s'", cases[i].says, error.text);
        trit_toy_close(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_experts_are_not_touched),
        cmocka_unit_test(routers_of_all_types_choose_alike),
        cmocka_unit_test(not_finite_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
