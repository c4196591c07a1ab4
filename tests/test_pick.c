/* Which kernels does a matrix get where no profile speaks? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/kernel/pack.h"
#include "runtime/kernel/probe.h"
#include "runtime/plan/pick.h"

static bool only_trits(const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    return packing->low == -1 && packing->high == 1 && !packing->group;
}

/* The pair with TRITMILL_KERNEL set to that: of a matrix of that form, and of trits with row
   scales, whose K no packing divides. */
static enum trit_code pick_form(const char *pattern, struct trit_form form, struct trit_pair *pair,
                                struct trit_error *error)
{
    const struct trit_product product = { 640, form.group ? 384 : 260, form, 2 };
    setenv("TRITMILL_KERNEL", pattern, 1);
    const enum trit_code code = trit_pick_pair(&product, NULL, pair, error);
    unsetenv("TRITMILL_KERNEL");
    return code;
}

static enum trit_code pick(const char *pattern, struct trit_pair *pair, struct trit_error *error)
{
    return pick_form(pattern, (struct trit_form){ 0, TRIT_TRITS }, pair, error);
}

static void blocks_are_left_open(void **state)
{
    (void)state;
    struct trit_pair pair;
    assert_int_equal(pick("", &pair, NULL), TRIT_OK);
    assert_int_equal(pair.mc + pair.nc + pair.decode_nc, 0);
    assert_true(only_trits(pair.decode) && only_trits(pair.prefill));
    assert_string_equal(pair.decode->packing, pair.prefill->packing);
    assert_int_equal(pair.decode->nr, pair.prefill->nr);
}

/* A pattern that says nothing of packings does not bring those that are there for comparison. */
static void an_isa_brings_trits(void **state)
{
    (void)state;
    struct trit_pair pair;
    char pattern[32];
    for (enum trit_isa isa = 0; isa < TRIT_NISA; isa++) {
        if (!trit_isa_usable(isa, NULL))
            continue;
        snprintf(pattern, sizeof pattern, "*__%s*", trit_isa_name(isa));
        assert_int_equal(pick(pattern, &pair, NULL), TRIT_OK);
        assert_true(only_trits(pair.decode) && only_trits(pair.prefill));
        assert_int_equal(pair.decode->isa, isa);
        assert_int_equal(pair.prefill->isa, isa);
    }
}

static void a_packing_that_is_named_is_taken(void **state)
{
    (void)state;
    static const char *const patterns[] = { "*_i8_i8_*__c", "trit_gemv_i8_i8_*__c",
                                            "trit_gemm_i8_i8_*__c" };
    struct trit_pair pair;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        assert_int_equal(pick(patterns[i], &pair, NULL), TRIT_OK);
        assert_string_equal(pair.decode->packing, "i8");
        assert_string_equal(pair.prefill->packing, "i8");
        assert_int_equal((i == 2 ? pair.prefill : pair.decode)->isa, TRIT_ISA_c);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct trit_pair pair;
    struct trit_error error;
    assert_int_equal(pick("nothing_of_that_name", &pair, &error), TRIT_EARGUMENT);
    assert_non_null(strstr(error.text, "no kernel of that name"));
}

/* The kernel again under another name, `factor` as expensive by estimate; it stays in the registry.
 */
static const struct trit_kernel *twin(const struct trit_kernel *kernel, float factor)
{
    static struct trit_kernel twins[16];
    static char names[16][160];
    static size_t n;
    snprintf(names[n], sizeof names[n], "%s_twin%zu", kernel->name, n);
    twins[n] = *kernel;
    twins[n].name = names[n];
    twins[n].cost *= factor;
    assert_int_equal(trit_kernels_add(&twins[n], 1, NULL), TRIT_OK);
    return &twins[n++];
}

/* Whether kernels of these costs take the place of those that are picked. */
static void the_cheapest_pair_wins(void **state)
{
    (void)state;
    struct trit_pair before, after;
    assert_int_equal(pick("", &before, NULL), TRIT_OK);
    twin(before.decode, 1.5f);
    twin(before.prefill, 1.5f);
    assert_int_equal(pick("", &after, NULL), TRIT_OK);
    assert_ptr_equal(after.decode, before.decode);
    assert_ptr_equal(after.prefill, before.prefill);
    const struct trit_kernel *prefill = twin(before.prefill, 0.5f);
    assert_int_equal(pick("", &after, NULL), TRIT_OK);
    assert_ptr_equal(after.decode, before.decode);
    assert_ptr_equal(after.prefill, prefill);
    const struct trit_kernel *decode = twin(before.decode, 0.5f);
    assert_int_equal(pick("", &after, NULL), TRIT_OK);
    assert_ptr_equal(after.decode, decode);
    assert_ptr_equal(after.prefill, prefill);
}

/* One that costs nothing does not win where its partner costs more than it saves, nor without one.
 */
static void both_kernels_count(void **state)
{
    (void)state;
    struct trit_pair best, after;
    assert_int_equal(pick("", &best, NULL), TRIT_OK);
    struct trit_kernel *lone = (struct trit_kernel *)(uintptr_t)twin(best.prefill, 0);
    lone->nr = 1000; /* nothing shares its weights */
    assert_int_equal(pick("", &after, NULL), TRIT_OK);
    assert_ptr_equal(after.prefill, best.prefill);
    struct trit_kernel *dear = (struct trit_kernel *)(uintptr_t)twin(best.decode, 1e6f);
    dear->nr = 1000; /* now there is one partner */
    assert_int_equal(pick("", &after, NULL), TRIT_OK);
    assert_ptr_equal(after.prefill, best.prefill);
    assert_ptr_equal(after.decode, best.decode);
}

/* With groups: by estimate, and by a pattern that says nothing of packings. */
static void a_packing_takes_its_matrix(void **state)
{
    (void)state;
    static const size_t groups[] = { 128, 64 };
    struct trit_pair pair;
    for (size_t i = 0; i < 6; i++) {
        const struct trit_form form = { groups[i % 2], (enum trit_values)(i / 2) };
        const char *const patterns[] = { "", "*__c*" };
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(pick_form(patterns[j], form, &pair, NULL), TRIT_OK);
            assert_true(trit_packing_takes(trit_packing_find(pair.decode->packing), form));
            assert_true(trit_share_weights(pair.decode, pair.prefill));
        }
        assert_int_equal(pair.decode->isa, TRIT_ISA_c);
    }
}

static void a_pattern_brings_no_packing_of_another_form(void **state)
{
    (void)state;
    const struct trit_form trits = { 128, TRIT_TRITS }, twos = { 128, TRIT_TWOS };
    struct trit_pair pair;
    struct trit_error error;
    assert_int_equal(pick_form("*_t5g_*", trits, &pair, NULL), TRIT_OK);
    assert_string_equal(pair.decode->packing, "t5g");
    assert_int_equal(pick_form("*_t5g_*", twos, &pair, &error), TRIT_EUNSUPPORTED);
    assert_non_null(strstr(error.text, "with a scale for each 128 columns"));
    assert_int_equal(pick_form("*_b1g_*", trits, &pair, NULL), TRIT_EUNSUPPORTED);
    assert_int_equal(pick_form("*_t2_*", trits, &pair, NULL), TRIT_EUNSUPPORTED);
    assert_int_equal(pick("*_t2g_*", &pair, NULL), TRIT_EUNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_left_open),
        cmocka_unit_test(an_isa_brings_trits),
        cmocka_unit_test(a_packing_that_is_named_is_taken),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_packing_takes_its_matrix),
        cmocka_unit_test(a_pattern_brings_no_packing_of_another_form),
        cmocka_unit_test(the_cheapest_pair_wins),
        cmocka_unit_test(both_kernels_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
