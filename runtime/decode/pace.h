/* What passes with drafts cost, as they were: kernels that take several tokens at a time make it a
   staircase. Times are in passes of one token. */
#ifndef TRIT_PACE_H
#define TRIT_PACE_H

#include <stddef.h>

enum { TRIT_PACE_MOST = 64 }; /* drafts of a pass */

struct trit_pace {
    double xx, xy; /* sums over drafts x and what they cost, y: xy / xx is the cost of one */
    double pass;   /* seconds of a pass with one token; 0: not known */
    double hope;   /* share of what is likely that numbers of drafts cost which were seldom tried */
    struct trit_pace_step {
        double n, y;
    } steps[TRIT_PACE_MOST + 1];
};

/* hope below 1: what is cheaper than it seems is found out, at the price of trials. */
void trit_pace_init(struct trit_pace *pace, double hope);
/* What that many drafts add to a pass. */
double trit_pace_cost(const struct trit_pace *pace, size_t drafts);
/* A pass with so many took that long; one that was held up counts as twice what was expected.
   Returns what its drafts cost. Passes without any are told too: they are the measure. 0 seconds:
   not known, what was expected is returned. */
double trit_pace_learn(struct trit_pace *pace, size_t drafts, double seconds);

#endif
