/* The account of what drafts cost. */
#include "runtime/decode/pace.h"

static const double KEPT = 0.96; /* what is old fades */
static const double FIRST_SLOPE = 0.2, FIRST_DRAFTS = 4, LEAST_SLOPE = 0.01, NEWS = 0.125;

void trit_pace_init(struct trit_pace *p, double hope)
{
    *p = (struct trit_pace){ .xx = FIRST_DRAFTS * FIRST_DRAFTS, .hope = hope };
    p->xy = p->xx * FIRST_SLOPE / hope;
}

/* As passes with as many drafts were. Where there were few of them, less than all passes together
   make likely: else what is cheaper than it seems would never be tried. */
double trit_pace_cost(const struct trit_pace *p, size_t drafts)
{
    const struct trit_pace_step *known = &p->steps[drafts];
    const double likely = p->xy / p->xx * (double)drafts;
    return (p->hope * likely + known->y) / (1 + known->n);
}

static double within(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

double trit_pace_learn(struct trit_pace *p, size_t drafts, double seconds)
{
    const double x = (double)drafts, expected = 1 + trit_pace_cost(p, drafts);
    double y = expected - 1;
    if (!(seconds > 0))
        return drafts ? y : 0;
    if (!drafts) {
        const double news = p->pass > 0 && seconds > 2 * p->pass ? 2 * p->pass : seconds;
        p->pass += p->pass > 0 ? NEWS * (news - p->pass) : seconds;
    } else if (p->pass > 0) {
        y = within(seconds / p->pass, 1 + LEAST_SLOPE * x, 2 * expected) - 1;
        p->xx = p->xx * KEPT + x * x;
        p->xy = p->xy * KEPT + x * y;
        for (size_t i = 0; i <= TRIT_PACE_MOST; i++)
            p->steps[i] = (struct trit_pace_step){ p->steps[i].n * KEPT, p->steps[i].y * KEPT };
        p->steps[drafts].n += 1;
        p->steps[drafts].y += y;
    }
    return drafts ? y : 0;
}
