/* Does a pool give up threads that lose their core, take them back, and leave quiet ones alone? In
   made-up time: no clock is asked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/thread/internal.h"

static const uint64_t US = 1000, MS = 1000000, REGION = 100000, SLICE = 4000000;

/* A pool whose last `lost` threads share cores with others, and what became of its regions. */
struct scene {
    struct trit_crowd crowd;
    uint64_t now, full; /* full: time in regions that lost threads took part in */
    int lost, least, most;
};

static struct scene open_scene(int threads, int lost)
{
    return (struct scene){ .crowd = { .threads = threads, .active = threads }, .lost = lost };
}

static void run_region(struct scene *s, uint64_t wall, uint64_t stood, double missing)
{
    s->now += wall;
    trit_crowd_add(&s->crowd, s->now, wall, stood, missing);
    s->least = s->crowd.active < s->least ? s->crowd.active : s->least;
    s->most = s->crowd.active > s->most ? s->crowd.active : s->most;
    assert_in_range(s->crowd.active, 1, s->crowd.threads);
}

/* Regions for so long; a lost thread that takes part is gone for a slice every two slices. */
static void run_for(struct scene *s, uint64_t time)
{
    const uint64_t end = s->now + time;
    s->least = s->most = s->crowd.active;
    s->full = 0;
    for (uint64_t slice = s->now; s->now < end;) {
        const int healthy = s->crowd.threads - s->lost;
        const bool hit = s->crowd.active > healthy && s->now - slice >= SLICE;
        s->full += s->crowd.active > healthy ? REGION + hit * SLICE : 0;
        run_region(s, REGION + hit * SLICE, hit ? SLICE : 5 * US, 0);
        slice = hit ? s->now : slice;
    }
}

static void quiet_threads_are_left_alone(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 8; threads++) {
        struct scene s = open_scene(threads, 0);
        run_for(&s, 1000 * MS);
        assert_int_equal(s.least, threads);
    }
}

/* A slice once in a while is no crowd: a daemon, an interrupt. */
static void a_rare_loss_is_borne(void **state)
{
    struct scene s = open_scene(2, 0);
    (void)state;
    for (int i = 0; i < 50; i++) {
        run_region(&s, SLICE + REGION, SLICE, 0);
        run_for(&s, 40 * MS);
        assert_int_equal(s.least, 2);
    }
}

/* Short waits at the ends of regions are theirs, however many there are. */
static void small_waits_do_not_count(void **state)
{
    struct scene s = open_scene(2, 0);
    (void)state;
    for (int i = 0; i < 100000; i++)
        run_region(&s, REGION, 30 * US, 0);
    assert_int_equal(s.crowd.active, 2);
}

static void lost_threads_are_given_up_but_for_tries(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 8; threads++)
        for (int lost = 1; lost < threads && lost <= 2; lost++) {
            struct scene s = open_scene(threads, lost);
            run_for(&s, 200 * MS);
            assert_in_range(s.least, 1, threads - lost);
            run_for(&s, 5000 * MS);
            assert_in_range(s.least, 1, threads - lost);
            assert_true(s.most > threads - lost); /* it is tried */
            assert_true(s.full < 5000 * MS / 20); /* but seldom */
        }
}

/* A worker that has no core never comes, or so late that all is done. */
static void threads_that_do_not_come_are_given_up(void **state)
{
    struct scene s = open_scene(2, 0);
    (void)state;
    for (int i = 0; i < 500 && s.crowd.active == 2; i++)
        run_region(&s, REGION, 0, 0.5);
    assert_int_equal(s.crowd.active, 1);
}

static void threads_come_back_when_it_is_quiet(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 8; threads++) {
        struct scene s = open_scene(threads, 1);
        run_for(&s, 5000 * MS);
        s.lost = 0;
        run_for(&s, (uint64_t)threads * 330 * MS);
        assert_int_equal(s.crowd.active, threads);
        run_for(&s, 100 * MS);
        assert_int_equal(s.least, threads);
        assert_true(s.crowd.pause == 0); /* and what was is forgotten */
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_threads_are_left_alone),
        cmocka_unit_test(a_rare_loss_is_borne),
        cmocka_unit_test(small_waits_do_not_count),
        cmocka_unit_test(lost_threads_are_given_up_but_for_tries),
        cmocka_unit_test(threads_that_do_not_come_are_given_up),
        cmocka_unit_test(threads_come_back_when_it_is_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
