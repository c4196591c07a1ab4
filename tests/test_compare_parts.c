/* Are the median's confidence interval, a table's cells, RAPL's wrapping counters and the CPU's
   right? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autotune/compare/internal.h"

/* From tables of the sign test: how many of n order statistics an interval of 95 % leaves out. */
static void interval_of_the_median(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int out; /* at each end; -1: there is no interval */
    } cases[] = { { 1, -1 }, { 5, -1 }, { 6, 0 },  { 8, 0 },  { 9, 1 },
                  { 12, 2 }, { 15, 3 }, { 21, 5 }, { 30, 9 }, { 100, 39 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double x[100];
        size_t n = cases[i].n;
        for (size_t j = 0; j < n; j++)
            x[j] = (double)((j * 37) % n); /* all of 0 .. n-1 where 37 does not divide n */
        struct trit_estimate e = trit_estimate_median(x, n);
        assert_true(fabs(e.median - (double)(n - 1) / 2) < 1e-9);
        if (cases[i].out < 0) {
            assert_true(isnan(e.low) && isnan(e.high));
            continue;
        }
        assert_true(fabs(e.low - cases[i].out) < 1e-9);
        assert_true(fabs(e.high - (double)(n - 1) + cases[i].out) < 1e-9);
    }
}

struct row {
    const char *text;
    double number;
    bool flag;
};

static void cells(void **state)
{
    (void)state;
    static const struct trit_column text = { .type = TRIT_CELL_TEXT,
                                             .offset = offsetof(struct row, text) },
                                    percent = { .type = TRIT_CELL_NUMBER,
                                                .offset = offsetof(struct row, number),
                                                .scale = 100,
                                                .decimals = 1,
                                                .suffix = " %" },
                                    digits = { .type = TRIT_CELL_NUMBER,
                                               .offset = offsetof(struct row, number),
                                               .decimals = -4 },
                                    count = { .type = TRIT_CELL_COUNT,
                                              .offset = offsetof(struct row, number) },
                                    flag = { .type = TRIT_CELL_FLAG,
                                             .offset = offsetof(struct row, flag) };
    static const struct row known = { "t2", 0.25, true }, unknown = { NULL, NAN, false },
                            large = { "", 12345.678, true };
    static const struct {
        const struct trit_column *column;
        const struct row *row;
        const char *want;
    } cases[] = {
        { &text, &known, "t2" },        { &text, &unknown, "n/a" },
        { &percent, &known, "25.0 %" }, { &percent, &unknown, "n/a" },
        { &digits, &known, "0.2500" },  { &digits, &large, "12346" },
        { &count, &large, "12346" },    { &count, &unknown, "n/a" },
        { &flag, &known, "yes" },       { &flag, &unknown, "NO" },
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(trit_table_cell(cases[i].column, cases[i].row, out, sizeof out),
                            cases[i].want);
}

static void put(const char *root, const char *zone, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, zone);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", root, zone, name);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
}

static void put_zone(const char *root, const char *zone, const char *name, const char *uj)
{
    put(root, zone, "name", name);
    put(root, zone, "energy_uj", uj);
    put(root, zone, "max_energy_range_uj", "10000000\n");
}

/* A package and its memory count, its cores do not; a counter wraps. */
static void energy(void **state)
{
    (void)state;
    char root[] = "/tmp/test_compare.XXXXXX", command[64];
    const char *why = NULL;
    assert_non_null(mkdtemp(root));
    struct trit_energy *e = trit_energy_open(root, &why);
    assert_true(!e && why);
    put_zone(root, "intel-rapl:0", "package-0\n", "9000000\n");
    put_zone(root, "intel-rapl:0:0", "core\n", "0\n");
    put_zone(root, "intel-rapl:0:1", "dram\n", "1000000\n");
    e = trit_energy_open(root, &why);
    assert_non_null(e);
    assert_true(fabs(trit_energy_joules(e)) < 1e-9);
    put(root, "intel-rapl:0", "energy_uj", "500000\n");
    put(root, "intel-rapl:0:0", "energy_uj", "7000000\n");
    put(root, "intel-rapl:0:1", "energy_uj", "3000000\n");
    assert_true(fabs(trit_energy_joules(e) - (1.5 + 2.0)) < 1e-9);
    trit_energy_close(e);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
    assert_null(trit_energy_open("/nonexistent", &why));
    trit_energy_close(NULL);
}

/* Where there are no counters there is a reason. */
static void counters(void **state)
{
    (void)state;
    const char *why = NULL;
    struct trit_counters *c = trit_counters_open(&why);
    if (!c) {
        assert_non_null(why);
        print_message("no counters: %s\n", why);
        return;
    }
    volatile double sum = 0;
    trit_counters_start(c);
    for (int i = 0; i < 1000000; i++)
        sum = sum + i;
    double ipc = trit_counters_ipc(c);
    assert_true(ipc > 0.01 && ipc < 20);
    trit_counters_close(c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_of_the_median),
        cmocka_unit_test(cells),
        cmocka_unit_test(energy),
        cmocka_unit_test(counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
