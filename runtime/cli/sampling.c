/* What the options of sampling come to. */
#include "runtime/cli/sampling.h"

#include <sys/random.h>
#include <time.h>

const struct trit_cli_sampling trit_cli_sampling_default = {
    .seed = UINT64_MAX,
    .top_k = 40,
    .repeat_last_n = 64,
    .temperature = 0.8,
    .top_p = 0.95,
    .min_p = 0.05,
    .repeat_penalty = 1,
};

static uint64_t random_seed(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint32_t)time(NULL);
    return seed;
}

struct trit_sampling trit_cli_sampling(const struct trit_cli_sampling *o)
{
    return (struct trit_sampling){
        .temperature = (float)o->temperature,
        .top_k = o->top_k,
        .top_p = (float)o->top_p,
        .min_p = (float)o->min_p,
        .repeat_penalty = (float)o->repeat_penalty,
        .repeat_last_n = o->repeat_last_n,
        .seed = o->seed == UINT64_MAX ? random_seed() : o->seed,
    };
}
