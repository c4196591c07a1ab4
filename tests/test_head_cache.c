/* labels: threads */
/* Do the head's planes come back from a packed cache as they were, and answer the same? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cache/cache.h"
#include "tests/lib_head.h"

enum { ROWS = 1500, WIDTH = 192, BEST = 40 };

static char path[] = "/tmp/trit-head-cache-XXXXXX";
static struct trit_pool *pool;
static struct trit_head_case made;

static void write_cache(void)
{
    struct trit_section sections[TRIT_HEAD_SECTIONS];
    const struct trit_cache_source source = { .bytes = 1 };
    struct trit_error e = { 0 };
    const size_t n = trit_head_sections(made.head, sections);
    assert_int_equal(n, TRIT_HEAD_SECTIONS);
    for (size_t i = 0; i < n; i++)
        assert_true(sections[i].layout && sections[i].lazy == i / 2);
    if (trit_cache_write(path, &source, sections, n, pool, &e))
        fail_msg("%s", e.text);
}

static void same_answer(struct trit_head *head, const float *x)
{
    struct trit_candidate best[2][BEST];
    struct trit_head *heads[] = { made.head, head };
    for (int i = 0; i < 2; i++) {
        struct trit_top top = { .k = BEST, .best = best[i] }, *tops[] = { &top };
        assert_int_equal(
            trit_head_top(heads[i], &(struct trit_states){ x, 1, WIDTH }, tops, NULL, NULL),
            TRIT_OK);
        assert_int_equal(top.count, BEST);
    }
    assert_memory_equal(best[0], best[1], sizeof best[0]);
}

static void planes_come_back(void **state)
{
    struct trit_cache *cache = NULL;
    struct trit_head *head = NULL;
    struct trit_error e = { 0 };
    uint64_t seed = 7;
    float x[WIDTH];
    (void)state;
    write_cache();
    if (trit_cache_open(&cache, path, &e) || trit_cache_verify(cache, pool, &e) ||
        trit_head_create(&head, &made.rows, pool, TRIT_HEAD_ALWAYS, cache, &e))
        fail_msg("%s", e.text);
    assert_true(head->plane[0].cached && !head->plane[1].w);
    for (size_t i = 0; i < 6 * STATE_NKINDS; i++) {
        trit_head_case_state(&made, i % STATE_NKINDS, x, &seed);
        same_answer(head, x);
    }
    assert_true(head->plane[1].w && head->plane[1].cached); /* some state asked for it */
    for (int i = 0; i < 2; i++) {
        const struct trit_head_plane *a = &made.head->plane[i], *b = &head->plane[i];
        assert_memory_equal(a->w, b->w, a->bytes);
        assert_memory_equal(a->r, b->r, a->bounds_bytes);
    }
    trit_head_free(head);
    trit_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(planes_come_back) };
    const int file = mkstemp(path);
    if (file < 0 || trit_pool_create(&pool, 2, NULL))
        return 1;
    close(file);
    trit_head_case_make(&made, TRIT_F16, ROWS_NORMAL, ROWS, WIDTH, pool, 1);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_head_case_free(&made);
    trit_pool_destroy(pool);
    unlink(path);
    return failed;
}
