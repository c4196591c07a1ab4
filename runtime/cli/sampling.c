/* What the options of sampling come to. */
#include "runtime/cli/sampling.h"

#include <sys/random.h>
#include <time.h>

struct trit_cli_sampling trit_cli_sampling_usual(void)
{
    const struct trit_sampling *usual = &trit_sampling_default;
    return (struct trit_cli_sampling){ .seed = UINT64_MAX,
                                       .top_k = usual->top_k,
                                       .repeat_last_n = usual->repeat_last_n,
                                       .temperature = (double)usual->temperature,
                                       .top_p = (double)usual->top_p,
                                       .min_p = (double)usual->min_p,
                                       .repeat_penalty = (double)usual->repeat_penalty };
}

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
