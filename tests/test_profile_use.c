/* What is done with a profile that can be read: on this machine, for each of its plans, and where
 * it is looked for? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/probe.h"
#include "runtime/plan/profile.h"

/* Of another machine. */
static const char foreign[] = "tritmill-profile 1\n"
                              "cpu GenuineExample 1/2/3 Example CPU\n"
                              "caches 1 2 3\n"
                              "isas c avx2\n"
                              "kernels 0011223344556677\n"
                              "compiler GNU 12.2.0\n"
                              "made 2026-01-31T23:59:59Z\n"
                              "conditions none\n"
                              "end\n";

/* The file against this machine. */
static void test_judge(void **state)
{
    (void)state;
    struct trit_profile *p;
    char why[256];
    assert_int_equal(trit_profile_create(&p, NULL), TRIT_OK);
    const struct {
        char *field;
        size_t room;
        const char *value;
        enum trit_profile_state state;
        const char *says;
    } cases[] = {
        { p->conditions, sizeof p->conditions, "others", TRIT_PROFILE_GOOD, "" },
        { p->cpu, sizeof p->cpu, "GenuineExample 1/2/3", TRIT_PROFILE_FOREIGN, "another CPU" },
        { p->isas, sizeof p->isas, "c quantum", TRIT_PROFILE_FOREIGN, "ISA quantum, which is not" },
        { p->kernel_set, sizeof p->kernel_set, "0", TRIT_PROFILE_STALE, "another set of kernels" },
        { p->compiler, sizeof p->compiler, "cc 0", TRIT_PROFILE_STALE, "compiled by cc 0" },
        { p->caches, sizeof p->caches, "1 2 3", TRIT_PROFILE_STALE, "caches of 1 2 3 bytes" },
        { p->made, sizeof p->made, "9999-01-01T00:00:00Z", TRIT_PROFILE_STALE, "yet to come" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *old = strdup(cases[i].field);
        snprintf(cases[i].field, cases[i].room, "%s", cases[i].value);
        assert_int_equal(trit_profile_judge(p, why, sizeof why), cases[i].state);
        assert_non_null(strstr(why, cases[i].says));
        snprintf(cases[i].field, cases[i].room, "%s", old);
        free(old);
    }
    if (strchr(p->isas, ' ')) { /* an ISA gained: foreign, unless a newer program brought it */
        *strrchr(p->isas, ' ') = 0;
        assert_int_equal(trit_profile_judge(p, why, sizeof why), TRIT_PROFILE_FOREIGN);
        assert_non_null(strstr(why, "it was made without ISA"));
        snprintf(p->kernel_set, sizeof p->kernel_set, "older");
        assert_int_equal(trit_profile_judge(p, why, sizeof why), TRIT_PROFILE_STALE);
    }
    trit_profile_free(p);
}

/* Kernels with the name of a real one, added to the registry. */
static void lies(size_t m, size_t n, size_t k, const uint8_t *w, const float *d, const int8_t *a,
                 size_t lda, const float *s, const int32_t *sum, float *y, size_t ldy)
{
    (void)k, (void)w, (void)d, (void)a, (void)lda, (void)s, (void)sum;
    for (size_t i = 0; i < m; i++)
        memset(y + i * ldy, 0, n * sizeof *y);
}

static struct trit_kernel wrong = { .name = "trit_gemv_t2_i8_1x8x16__c_wrong",
                                    .op = TRIT_OP_gemv,
                                    .packing = "t2",
                                    .act = "i8",
                                    .mr = 1,
                                    .nr = 8,
                                    .kr = 16,
                                    .isa = TRIT_ISA_c,
                                    .cost = 1e-6f,
                                    .source = "test",
                                    .hash = 42,
                                    .fn.gemv = lies };
static struct trit_kernel special; /* right, but for n = 100, k = 80 only */
static struct trit_kernel dense;   /* its packing holds more than trits */

static int add_kernels(void **state)
{
    (void)state;
    unsetenv("TRITMILL_KERNEL");
    unsetenv("TRITMILL_PROFILE");
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (kernel->op == TRIT_OP_gemv && kernel->isa == TRIT_ISA_c &&
            !strcmp(kernel->packing, "t2"))
            special = dense = *kernel;
    }
    special.name = "trit_gemv_t2_i8_1x8x16_k80_n100__c";
    special.n = 100;
    special.k = 80;
    special.hash = 43;
    dense.name = "trit_gemv_i8_i8_1x8x16__c_dense";
    dense.packing = "i8";
    dense.hash = 44;
    struct trit_kernel *all[] = { &wrong, &special, &dense };
    for (int i = 0; i < 3; i++)
        if (trit_kernels_add(all[i], 1, NULL))
            return -1;
    return 0;
}

static struct trit_profile_row row_of(const struct trit_kernel *kernel, size_t n, size_t k,
                                      int threads)
{
    struct trit_profile_row row = { .phase =
                                        kernel->op == TRIT_OP_gemv ? TRIT_DECODE : TRIT_PREFILL,
                                    .n = n,
                                    .k = k,
                                    .threads = threads,
                                    .tokens = 1,
                                    .hash = kernel->hash,
                                    .median_ns = 47100 };
    snprintf(row.packing, sizeof row.packing, "%s", kernel->packing);
    snprintf(row.act, sizeof row.act, "%s", kernel->act);
    snprintf(row.kernel, sizeof row.kernel, "%s", kernel->name);
    return row;
}

/* A portable gemv kernel of the packing. */
static const struct trit_kernel *gemv_of(const char *packing)
{
    const struct trit_kernel *kernel = NULL;
    for (size_t i = 0; i < trit_kernel_count() && !kernel; i++)
        if (trit_kernel_at(i)->op == TRIT_OP_gemv && trit_kernel_at(i)->isa == TRIT_ISA_c &&
            !strcmp(trit_kernel_at(i)->packing, packing))
            kernel = trit_kernel_at(i);
    assert_non_null(kernel);
    return kernel;
}

/* The last usable pair that estimates do not pick, so that a profile's word shows. */
static void unlikely(size_t n, size_t k, const struct trit_kernel **d, const struct trit_kernel **p)
{
    struct trit_pair best;
    const struct trit_product product = { n, k, { 0, TRIT_TRITS }, 1 };
    assert_int_equal(trit_pick_pair(&product, NULL, &best, NULL), TRIT_OK);
    *d = *p = NULL;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *x = trit_kernel_at(i);
        const struct trit_packing *packing = trit_packing_find(x->packing);
        if (x->op != TRIT_OP_gemv || x->n || x == best.decode || !trit_isa_usable(x->isa, NULL) ||
            x == &wrong || !packing || packing->low != -1 || packing->skips || packing->group)
            continue;
        for (size_t j = 0; j < trit_kernel_count(); j++) {
            const struct trit_kernel *y = trit_kernel_at(j);
            if (y->op == TRIT_OP_gemm && y != best.prefill && trit_isa_usable(y->isa, NULL) &&
                !strcmp(x->packing, y->packing) && x->nr == y->nr && x->kr == y->kr)
                *d = x, *p = y;
        }
    }
    assert_non_null(*d);
}

/* Each row against what is here: the reason why it is ignored, NULL where it is used. */
static void test_rows(void **state)
{
    (void)state;
    struct trit_profile *p;
    const struct trit_kernel *d, *g;
    const char *why = NULL;
    assert_int_equal(trit_profile_create(&p, NULL), TRIT_OK);
    unlikely(100, 70, &d, &g);
    struct trit_profile_row row = row_of(d, 100, 70, 1);
    assert_ptr_equal(trit_profile_row_kernel(p, &row, &why), d);
    row.hash++;
    assert_null(trit_profile_row_kernel(p, &row, &why));
    assert_non_null(strstr(why, "source has changed"));
    snprintf(row.kernel, sizeof row.kernel, "trit_gemv_t2_i8_1x8x16__c_nobody");
    assert_null(trit_profile_row_kernel(p, &row, &why));
    assert_non_null(strstr(why, "no kernel of that name"));
    row = row_of(&special, 100, 81, 1);
    assert_null(trit_profile_row_kernel(p, &row, &why));
    assert_non_null(strstr(why, "another shape"));
    row = row_of(&special, 101, 80, 1);
    assert_null(trit_profile_row_kernel(p, &row, &why));
    row = row_of(&special, 100, 70, 1);
    assert_ptr_equal(trit_profile_row_kernel(p, &row, &why), &special);
    row = row_of(&wrong, 100, 70, 1);
    assert_null(trit_profile_row_kernel(p, &row, &why));
    assert_non_null(strstr(why, "one-tile check"));
    if (trit_packing_find("i8")) {
        row = row_of(&dense, 100, 70, 1);
        assert_null(trit_profile_row_kernel(p, &row, &why));
        assert_non_null(strstr(why, "not one for trits"));
    }
    /* trits, but packed for kernels that skip: never picked by estimate either */
    const struct trit_kernel *skips = trit_kernel_at(0);
    for (size_t i = 0; i < trit_kernel_count(); i++)
        if (trit_kernel_at(i)->op == TRIT_OP_gemv && !strcmp(trit_kernel_at(i)->packing, "r5") &&
            trit_kernel_at(i)->isa == TRIT_ISA_c)
            skips = trit_kernel_at(i);
    row = row_of(skips, 100, 70, 1);
    assert_string_equal(skips->packing, "r5");
    assert_null(trit_profile_row_kernel(p, &row, &why));
    assert_non_null(strstr(why, "not one for trits"));
    row = row_of(gemv_of("t2g"), 100, 70, 1);
    assert_null(trit_profile_row_kernel(p, &row, &why));
    assert_non_null(strstr(why, "not a multiple of the packing's group"));
    trit_profile_free(p);
}

static void pick(struct trit_profile *p, int threads, struct trit_pair *pair)
{
    struct trit_error error;
    const struct trit_product product = { 100, 70, { 0, TRIT_TRITS }, threads };
    if (trit_pick_pair(&product, p, pair, &error))
        fail_msg("%s", error.text);
    assert_string_equal(pair->decode->packing, pair->prefill->packing);
    assert_int_equal(pair->decode->nr, pair->prefill->nr);
}

static void test_pick(void **state)
{
    (void)state;
    struct trit_profile *p;
    const struct trit_kernel *d, *g;
    struct trit_pair none, pair;
    assert_int_equal(trit_profile_create(&p, NULL), TRIT_OK);
    unlikely(100, 70, &d, &g);
    pick(NULL, 2, &none);
    assert_non_null(strstr(none.why, "estimate"));
    assert_ptr_not_equal(none.decode, &wrong); /* the cheapest by far, if one believed it */
    pick(p, 2, &pair);
    assert_ptr_equal(pair.decode, none.decode);
    struct trit_profile_row row = row_of(g, 100, 70, 2);
    row.mc = 3, row.nc = 7, row.tokens = 512;
    p->limits[p->nlimits++] = (struct trit_profile_limit){ 2, 1, 100 };
    trit_profile_put(p, &row, NULL);
    pick(p, 2, &pair); /* one row: the other kernel follows */
    assert_ptr_equal(pair.prefill, g);
    assert_non_null(strstr(pair.why, "profile: estimate; prefill 47.1 us for 512, 76 % of int8"));
    assert_int_equal(pair.decode_nc, 0);
    row = row_of(d, 100, 70, 2);
    row.mc = 4, row.nc = 5;
    trit_profile_put(p, &row, NULL);
    pick(p, 2, &pair);
    assert_ptr_equal(pair.decode, d);
    assert_int_equal(pair.mc, 3);
    assert_int_equal(pair.nc, 7);
    assert_int_equal(pair.decode_nc, 5); /* each phase has its own */
    assert_non_null(strstr(pair.why, "profile: 47.1 us, "));
    assert_non_null(strstr(pair.why, " % of read limit; prefill 47.1 us for 512"));
    pick(p, 64, &pair); /* the nearest below; then the nearest above */
    assert_non_null(strstr(pair.why, "profile (2 threads): "));
    pick(p, 1, &pair);
    assert_ptr_equal(pair.decode, d);
    setenv("TRITMILL_KERNEL", none.decode->name, 1);
    pick(p, 2, &pair);
    assert_ptr_equal(pair.decode, none.decode);
    setenv("TRITMILL_KERNEL", "trit_head_*", 1); /* says nothing of this operation */
    pick(p, 2, &pair);
    assert_ptr_equal(pair.decode, d);
    unsetenv("TRITMILL_KERNEL");
    row = row_of(&wrong, 100, 70, 2);
    trit_profile_put(p, &row, NULL);
    pick(p, 2, &pair);
    assert_ptr_not_equal(pair.decode, &wrong);
    assert_non_null(strstr(p->log, "fails its one-tile check"));
    trit_profile_free(p);
}

/* Plans of one matrix in several packings, the fastest first: which serves what. */
static void test_forms(void **state)
{
    (void)state;
    static const char *const packings[] = { "t2", "b1g", "t2g", "t5g" };
    static const struct {
        struct trit_form form;
        const char *packing; /* NULL: none */
    } cases[] = {
        { { 0, TRIT_TRITS }, "t2" },   { { 128, TRIT_TRITS }, "t2g" },
        { { 128, TRIT_TWOS }, "t2g" }, { { 128, TRIT_SIGNS }, "b1g" },
        { { 64, TRIT_TRITS }, NULL },
    };
    struct trit_profile *p;
    assert_int_equal(trit_profile_create(&p, NULL), TRIT_OK);
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        struct trit_profile_row row = row_of(gemv_of(packings[i]), 100, 256, 1);
        row.median_ns *= (double)(i + 1);
        assert_int_equal(trit_profile_put(p, &row, NULL), TRIT_OK);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct trit_product product = { 100, 256, cases[i].form, 2 };
        struct trit_profile_plan plan;
        assert_int_equal(trit_profile_plan(p, &product, &plan), cases[i].packing != NULL);
        if (cases[i].packing)
            assert_string_equal(plan.row[TRIT_DECODE]->packing, cases[i].packing);
    }
    trit_profile_free(p);
}

/* Where a profile is looked for. */
static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_profile.XXXXXX");
    return mkdtemp(folder) && !setenv("XDG_CACHE_HOME", folder, 1) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The folder of the file at path is its owner's alone. */
static void assert_private_folder(const char *path)
{
    char above[4096];
    struct stat st;
    snprintf(above, sizeof above, "%s", path);
    *strrchr(above, '/') = 0;
    assert_int_equal(stat(above, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_find(void **state)
{
    (void)state;
    struct trit_profile *p, *found, *shipped;
    struct trit_error error;
    char path[4096], other[128], log[1024];
    struct stat st;
    assert_int_equal(trit_profile_user_path(path, sizeof path, &error), TRIT_OK);
    assert_int_equal(strncmp(path, folder, strlen(folder)), 0);
    assert_int_equal(trit_profile_find(&shipped, NULL, log, sizeof log, &error), TRIT_OK);
    const char *rest = shipped ? shipped->path : "";
    assert_int_equal(trit_profile_create(&p, &error), TRIT_OK);
    assert_int_equal(trit_file_make_folders(path, &error), TRIT_OK);
    assert_int_equal(trit_profile_write(p, path, &error), TRIT_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_private_folder(path);
    snprintf(other, sizeof other, "%s/other.profile", folder);
    const struct {
        const char *given, *variable, *user, *file, *path, *log; /* contents; NULL: as written */
        enum trit_code code;
    } cases[] = {
        { NULL, NULL, NULL, NULL, path, "", TRIT_OK },
        { NULL, "none", NULL, NULL, "", "", TRIT_OK },
        { "none", other, NULL, NULL, "", "", TRIT_OK },
        { NULL, other, NULL, NULL, other, "", TRIT_OK },
        { other, path, NULL, NULL, other, "", TRIT_OK },
        { other, NULL, NULL, foreign, "", "other.profile: the profile is ignored: it was made on",
          TRIT_OK },
        { other, NULL, NULL, "tritmill", "", "is no profile", TRIT_OK },
        { NULL, NULL, foreign, NULL, rest, "the profile is ignored: it was made on", TRIT_OK },
        { NULL, NULL, "", NULL, rest, "is no profile", TRIT_OK },
        { "/nonexistent", NULL, NULL, NULL, "", "", TRIT_EIO },
        { NULL, "/nonexistent", NULL, NULL, "", "", TRIT_EIO },
        { folder, NULL, NULL, NULL, "", "", TRIT_EIO },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trit_profile_write(p, path, NULL);
        trit_profile_write(p, other, NULL);
        if (cases[i].user)
            put_file(path, cases[i].user);
        if (cases[i].file)
            put_file(other, cases[i].file);
        if (cases[i].variable)
            setenv("TRITMILL_PROFILE", cases[i].variable, 1);
        else
            unsetenv("TRITMILL_PROFILE");
        const enum trit_code code =
            trit_profile_find(&found, cases[i].given, log, sizeof log, &error);
        assert_int_equal(code, cases[i].code);
        assert_string_equal(found ? found->path : "", cases[i].path);
        assert_int_equal(*cases[i].log == 0, *log == 0);
        assert_non_null(strstr(log, cases[i].log));
        trit_profile_free(found);
    }
    unsetenv("TRITMILL_PROFILE");
    trit_profile_free(shipped);
    trit_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_forms),
        cmocka_unit_test_setup_teardown(test_find, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, add_kernels, NULL);
}
