/* labels: threads
   May kernels be added while other threads read the registry? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/kernel.h"

enum { READERS = 3, WRITERS = 2, BATCHES = 60, ROWS = 400 };

static struct trit_kernel rows[WRITERS][BATCHES][ROWS];
static char names[WRITERS][BATCHES][ROWS][48];
static size_t before;
static _Atomic int writing = WRITERS;

static void *write_rows(void *arg)
{
    const size_t writer = *(const size_t *)arg;
    for (size_t b = 0; b < BATCHES; b++)
        if (trit_kernels_add(rows[writer][b], ROWS, NULL))
            abort();
    writing--;
    return NULL;
}

/* Returns a text where something is wrong. */
static void *read_rows(void *arg)
{
    (void)arg;
    size_t seen = before;
    do {
        const size_t n = trit_kernel_count();
        if (n < seen)
            return (void *)"kernels went away";
        seen = n;
        const size_t at[] = { 0, before - 1, n / 2, n - 1 };
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            const struct trit_kernel *kernel = trit_kernel_at(at[i]);
            if (!kernel || strncmp(kernel->name, "trit_", 5) != 0)
                return (void *)"a counted kernel is not there";
        }
        if (trit_kernel_at(SIZE_MAX))
            return (void *)"there is a kernel past the end";
    } while (writing > 0);
    return NULL;
}

static void adding_and_reading_go_together(void **state)
{
    (void)state;
    pthread_t readers[READERS], writers[WRITERS];
    size_t numbers[WRITERS];
    before = trit_kernel_count();
    for (size_t w = 0; w < WRITERS; w++)
        for (size_t b = 0; b < BATCHES; b++)
            for (size_t r = 0; r < ROWS; r++) {
                char *name = names[w][b][r];
                snprintf(name, sizeof names[w][b][r], "trit_half_f16_f32_1x1x16__c_w%zub%zur%zu", w,
                         b, r);
                rows[w][b][r] = (struct trit_kernel){ .name = name, .op = TRIT_OP_half };
            }
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_rows, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&writers[i], NULL, write_rows, &numbers[i]), 0);
    }
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    for (size_t i = 0; i < READERS; i++) {
        void *wrong;
        pthread_join(readers[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(trit_kernel_count(), before + WRITERS * BATCHES * ROWS);
    for (size_t w = 0; w < WRITERS; w++)
        for (size_t b = 0; b < BATCHES; b++)
            assert_ptr_equal(trit_kernel_find(names[w][b][b]), &rows[w][b][b]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(adding_and_reading_go_together) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
