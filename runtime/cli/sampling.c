/* What the options of sampling come to. */
#include "runtime/cli/sampling.h"

#include <limits.h>
#include <math.h>
#include <sys/random.h>
#include <time.h>

struct trit_cli_sampling trit_cli_sampling_none(void)
{
    return (struct trit_cli_sampling){ .seed = UINT64_MAX,
                                       .top_k = INT_MIN,
                                       .repeat_last_n = INT_MIN,
                                       .temperature = NAN,
                                       .top_p = NAN,
                                       .min_p = NAN,
                                       .repeat_penalty = NAN };
}

static uint64_t random_seed(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint32_t)time(NULL);
    return seed;
}

static float real(double given, float usual)
{
    return isnan(given) ? usual : (float)given;
}

static int whole(int given, int usual)
{
    return given == INT_MIN ? usual : given;
}

struct trit_sampling trit_cli_sampling(const struct trit_cli_sampling *o,
                                       const struct trit_sampling *usual)
{
    return (struct trit_sampling){
        .temperature = real(o->temperature, usual->temperature),
        .top_k = whole(o->top_k, usual->top_k),
        .top_p = real(o->top_p, usual->top_p),
        .min_p = real(o->min_p, usual->min_p),
        .repeat_penalty = real(o->repeat_penalty, usual->repeat_penalty),
        .repeat_last_n = whole(o->repeat_last_n, usual->repeat_last_n),
        .seed = o->seed == UINT64_MAX ? random_seed() : o->seed,
    };
}
