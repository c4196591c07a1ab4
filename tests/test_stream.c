/* labels: threads */
/* Does a stream do every job exactly once, and all before it returns, whatever the threads,
   how many of them are active, the sizes, and however long one of the threads is held up? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/head/cost.h"
#include "runtime/thread/internal.h"
#include "runtime/thread/stream.h"

enum { MOST_THREADS = 5, MOST_JOBS = 300, ROUNDS = 400 };

struct record {
    uint8_t done[MOST_JOBS]; /* times; every job has one writer, or it is done twice */
    size_t most, held;
    _Atomic size_t wrong;
};

static void job(void *arg, size_t begin, size_t end, int thread)
{
    struct record *r = arg;
    if (begin >= end || end - begin > r->most || thread < 0 || thread >= MOST_THREADS)
        r->wrong++;
    for (size_t i = begin; i < end; i++)
        r->done[i]++;
    for (volatile size_t i = 0; (size_t)thread == r->held && i < 20000; i++)
        continue;
}

static void every_job_once(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        struct trit_pool *pool;
        assert_int_equal(trit_pool_create(&pool, threads, NULL), TRIT_OK);
        for (int round = 0; round < ROUNDS; round++) {
            seed = seed * 1664525u + 1013904223u;
            const size_t count = (seed >> 8) % (round % 2 ? MOST_JOBS : 9);
            struct record r = { .most = 1 + (seed >> 20) % 50, .held = (seed >> 5) % 16 };
            if (round % 4 == 0)
                trit_pool_set_active(pool, 1 + (int)(seed >> 26) % threads);
            trit_stream(pool, TRIT_PART_QKV, count, r.most, job, &r);
            assert_int_equal(r.wrong, 0);
            for (size_t i = 0; i < MOST_JOBS; i++)
                assert_int_equal(r.done[i], i < count);
        }
        trit_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_job_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
