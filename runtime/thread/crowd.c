/* When a pool gives up cores that another process wants.

   A region ends with its last piece. A thread that loses its core in the middle of a piece, to a
   process that is as entitled to it, is gone for a time slice (1 to 4 ms), and a token has 150
   regions of 100 us: all other threads stand. Or a worker shares the caller's core: then it does
   nothing but push the caller aside at times, and the stretch that was meant for it is done in
   stolen bits. Either way two threads give less than one that has a core of its own, and the core
   is free for the other process as soon as a thread sleeps. So time lost is counted, and when it is
   more than a share of all time, regions get a thread less for a while; then the lost one is tried
   again. */
#include "runtime/thread/internal.h"

/* Nanoseconds. */
static const uint64_t stall = 50000; /* less is no stall: on quiet cores threads end within 10 us */
static const uint64_t limit = 6000000; /* of debt: one slice lost is no crowd, two in a row are */
static const uint64_t probation = 4500000; /* a thread that is tried again may lose less than one */
static const uint64_t first_pause = 20000000; /* doubled with each try that fails, */
static const uint64_t last_pause = 320000000; /* up to this: a try costs up to 8 ms, 3 % of it */

/* Time that pays for a part of lost time, so that a fifth of all is bearable: where the second of
   two threads adds 18 %, which is what decode has of it where memory is the bound, four fifths of
   both are still 0.95 of one. */
enum { GOOD = 4 };

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void retreat(struct trit_crowd *c, uint64_t now)
{
    c->active--;
    c->debt = probation;
    c->pause = c->pause ? 2 * c->pause : first_pause;
    c->pause = c->pause < last_pause ? c->pause : last_pause;
    c->until = now + c->pause;
}

void trit_crowd_add(struct trit_crowd *c, uint64_t now, uint64_t wall, uint64_t stood,
                    double missing)
{
    const uint64_t lost = (stood > stall ? stood : 0) + (uint64_t)(missing * (double)wall);
    c->debt = less(c->debt + lost, less(wall, lost) / GOOD);
    if (c->debt > limit && c->active > 1)
        retreat(c, now);
    else if (c->active < c->threads && now >= c->until) {
        c->active++;
        c->debt = probation;
        c->until = now + c->pause;
    } else if (c->debt == 0 && c->active == c->threads)
        c->pause = 0;
}
