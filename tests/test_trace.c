/* labels: threads */
/* Does a trace account for all the time of all threads, and for every region and piece? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/head/cost.h"

enum { THREADS = 3, ROUNDS = 200 };

/* The parts of a round, and how many pieces they have. */
static const struct {
    enum trit_part part;
    size_t count, grain, pieces;
} regions[] = {
    { TRIT_PART_QKV, 64, 4, 16 }, { TRIT_PART_ATTENTION, 7, 2, 4 }, { TRIT_PART_O, 5, 8, 1 },
    { TRIT_PART_QKV, 1, 1, 1 },   { TRIT_PART_HEAD_FULL, 0, 3, 0 },
};
enum { NREGIONS = sizeof regions / sizeof *regions };

static void spin(void *arg, size_t begin, size_t end, int thread)
{
    unsigned char *done = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        for (volatile int n = 200; n > 0; n--)
            continue;
        done[i]++;
    }
}

static void run(struct trit_pool *pool, int rounds)
{
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < NREGIONS; i++) {
            unsigned char done[64] = { 0 };
            trit_region(pool, regions[i].part, regions[i].count, regions[i].grain, spin, done);
            for (size_t j = 0; j < sizeof done; j++)
                assert_int_equal(done[j], j < regions[i].count);
        }
}

static struct trit_trace *open_trace(struct trit_pool **pool, int threads, size_t events)
{
    struct trit_trace *trace;
    assert_int_equal(trit_pool_create(pool, threads, NULL), TRIT_OK);
    assert_int_equal(trit_trace_create(&trace, *pool, events, NULL), TRIT_OK);
    return trace;
}

static void close_trace(struct trit_trace *trace, struct trit_pool *pool)
{
    trit_trace_free(trace);
    trit_pool_destroy(pool);
}

/* Regions and pieces of a part in one round. */
static void expected(enum trit_part part, uint64_t *nregions, uint64_t *pieces)
{
    *nregions = *pieces = 0;
    for (size_t i = 0; i < NREGIONS; i++)
        if (regions[i].part == part) {
            ++*nregions;
            *pieces += regions[i].pieces;
        }
}

static void every_nanosecond_has_its_place(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS; threads++) {
        struct trit_pool *pool;
        struct trit_trace *trace = open_trace(&pool, threads, 0);
        trit_trace_start(trace);
        run(pool, ROUNDS);
        trit_trace_stop(trace);
        uint64_t all = 0;
        for (int p = 0; p < TRIT_NPARTS; p++) {
            const struct trit_part_time *t = trit_trace_part(trace, (enum trit_part)p);
            uint64_t nregions, pieces;
            expected((enum trit_part)p, &nregions, &pieces);
            assert_int_equal(t->regions, nregions * ROUNDS);
            assert_int_equal(t->pieces, pieces * ROUNDS);
            assert_int_equal(t->late + t->busy + t->wait + t->idle, (uint64_t)threads * t->wall);
            all += t->before + t->wall;
        }
        assert_true(all > 0 && all <= trit_trace_wall(trace));
        close_trace(trace, pool);
    }
}

static void nothing_counts_while_it_is_off(void **state)
{
    struct trit_pool *pool;
    struct trit_trace *trace = open_trace(&pool, 2, 16);
    size_t n, lost;
    (void)state;
    run(pool, 2);
    trit_trace_start(trace);
    trit_trace_stop(trace);
    const uint64_t wall = trit_trace_wall(trace);
    run(pool, 2);
    trit_trace_stop(trace);
    assert_int_equal(trit_trace_wall(trace), wall);
    for (int p = 0; p < TRIT_NPARTS; p++)
        assert_int_equal(trit_trace_part(trace, (enum trit_part)p)->regions, 0);
    trit_trace_events(trace, &n, &lost);
    assert_int_equal(n + lost, 0);
    close_trace(trace, pool);
}

static void events_lie_in_their_regions(void **state)
{
    enum { ROOM = 40 };
    struct trit_pool *pool;
    struct trit_trace *trace = open_trace(&pool, THREADS, ROOM);
    size_t n, lost, inside = 0;
    uint64_t first = UINT64_MAX, before = 0;
    (void)state;
    trit_trace_start(trace);
    run(pool, ROUNDS);
    trit_trace_stop(trace);
    const struct trit_event *events = trit_trace_events(trace, &n, &lost);
    assert_int_equal(n, ROOM);
    assert_true(lost >= (NREGIONS - 1) * ROUNDS * 2 + ROUNDS - ROOM);
    for (size_t i = 0; i < n; i++) {
        const struct trit_event *e = &events[i];
        assert_true(e->begin <= e->end && e->thread >= -1 && e->thread < THREADS);
        first = e->begin < first ? e->begin : first;
        if (e->thread >= 0) {
            assert_true(e->begin >= before);
            inside++;
            continue;
        }
        assert_true(e->begin <= first && e->begin >= before);
        before = e->end;
        first = UINT64_MAX;
    }
    assert_true(inside > 0);
    close_trace(trace, pool);
}

/* A watch of somebody else, who knows nothing of traces. */
struct stranger {
    struct trit_watch watch;
    uint64_t calls, regions[TRIT_NPARTS], wrong;
    unsigned char guard[4096]; /* where a trace would have its sums */
};

static void note(struct trit_watch *watch, int part, uint64_t begin, uint64_t end)
{
    struct stranger *s = (struct stranger *)watch;
    s->calls++;
    s->regions[part]++;
    s->wrong += begin > end || watch != &s->watch;
}

static void a_watch_need_not_be_a_trace(void **state)
{
    struct trit_pool *pool;
    struct trit_stamp stamps[THREADS] = { 0 };
    static struct stranger s;
    (void)state;
    memset(&s, 0, sizeof s);
    memset(s.guard, 0x5a, sizeof s.guard);
    s.watch = (struct trit_watch){ .stamps = stamps, .ended = note };
    assert_int_equal(trit_pool_create(&pool, THREADS, NULL), TRIT_OK);
    trit_pool_watch(pool, &s.watch);
    run(pool, ROUNDS);
    trit_pool_watch(pool, NULL);
    trit_pool_destroy(pool);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(s.calls, NREGIONS * ROUNDS);
    for (int p = 0; p < TRIT_NPARTS; p++) {
        uint64_t nregions, pieces;
        expected((enum trit_part)p, &nregions, &pieces);
        assert_int_equal(s.regions[p], nregions * ROUNDS);
    }
    for (size_t i = 0; i < sizeof s.guard; i++)
        assert_int_equal(s.guard[i], 0x5a);
}

static void sums_start_again(void **state)
{
    struct trit_pool *pool;
    struct trit_trace *trace = open_trace(&pool, 2, 0);
    (void)state;
    trit_trace_start(trace);
    run(pool, 3);
    trit_trace_stop(trace);
    trit_trace_clear(trace);
    assert_int_equal(trit_trace_wall(trace), 0);
    trit_trace_start(trace);
    run(pool, 5);
    trit_trace_stop(trace);
    assert_int_equal(trit_trace_part(trace, TRIT_PART_QKV)->regions, 10);
    close_trace(trace, pool);
}

static void every_part_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < TRIT_NPARTS; i++) {
        const char *name = trit_part_name((enum trit_part)i);
        assert_true(name && *name && strlen(name) <= 16);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, trit_part_name((enum trit_part)j));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_nanosecond_has_its_place),
        cmocka_unit_test(nothing_counts_while_it_is_off),
        cmocka_unit_test(events_lie_in_their_regions),
        cmocka_unit_test(a_watch_need_not_be_a_trace),
        cmocka_unit_test(sums_start_again),
        cmocka_unit_test(every_part_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
