/* How a run is told: llama.cpp's timing lines on stderr, or one JSON object. */
#include "runtime/program/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/cli/json.h"

static const struct {
    const char *name, *text;
} stops[] = {
    [TRIT_RUN_ON] = { "none", "not" },
    [TRIT_RUN_LENGTH] = { "length", "the requested number of tokens" },
    [TRIT_RUN_END] = { "end", "end of text" },
    [TRIT_RUN_CONTEXT] = { "context", "the context is full (-c raises it)" },
    [TRIT_RUN_INTERRUPT] = { "interrupt", "interrupted" },
    [TRIT_RUN_CLOSED] = { "closed", "standard output is closed" },
};

static double each_ms(double seconds, size_t n)
{
    return n ? seconds * 1e3 / (double)n : 0;
}

static double per_second(double seconds, size_t n)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

static void line(const char *what, double seconds, size_t n, const char *unit)
{
    fprintf(stderr, "%16s = %10.2f ms / %5zu %s (%8.2f ms per token, %8.2f tokens per second)\n",
            what, seconds * 1e3, n, unit, each_ms(seconds, n), per_second(seconds, n));
}

void trit_run_summary(const struct trit_run_result *r)
{
    fprintf(stderr, "\n%16s = %s, %d thread%s, seed %llu\n", "model", r->model, r->threads,
            r->threads == 1 ? "" : "s", (unsigned long long)r->seed);
    fprintf(stderr, "%16s = %10.2f ms%s%s\n", "load time", r->load * 1e3,
            r->cache ? ", packed cache " : "", r->cache ? r->cache : "");
    if (r->context > r->trained)
        fprintf(stderr, "%16s = %zu tokens, where the model was trained for %zu\n", "context",
                r->context, r->trained);
    line("prompt eval time", r->prefill, r->nprompt, "tokens");
    line("eval time", r->decode, r->decoded, "runs  ");
    if (r->passes->guessed)
        fprintf(stderr,
                "%16s = %zu of %zu drafted tokens accepted: %zu passes for %zu tokens, %.2f each\n",
                trit_draft_name(r->passes->from), r->passes->right, r->passes->guessed,
                r->passes->passes, r->decoded, (double)r->decoded / (double)r->passes->passes);
    fprintf(stderr, "%16s = %10.2f ms / %5zu tokens\n", "total time", r->total * 1e3,
            r->nprompt + r->decoded);
    fprintf(stderr, "%16s = %s\n", "stopped", stops[r->stop].text);
}

static json_t *continuation_json(const struct trit_run_result *r)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < r->ntokens; i++)
        n += trit_tokenizer_decode(r->tokenizer, r->tokens[i], false).n;
    char *text = malloc(n + 1);
    for (size_t i = 0; i < r->ntokens && text; i++) {
        struct trit_text piece = trit_tokenizer_decode(r->tokenizer, r->tokens[i], false);
        for (size_t j = 0; j < piece.n; j++)
            text[at++] = piece.s[j];
    }
    json_t *json = text ? trit_json_text((struct trit_text){ text, n }) : NULL;
    free(text);
    return json;
}

static json_t *ids_json(const int32_t *ids, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_integer(ids[i]));
    return array;
}

static json_t *timings_json(const struct trit_run_result *r)
{
    return json_pack(
        "{sf sI sf sf sf sI sf sf sf sI ss sI sI sf}", "load_ms", r->load * 1e3, "prompt_n",
        (json_int_t)r->nprompt, "prompt_ms", r->prefill * 1e3, "prompt_per_token_ms",
        each_ms(r->prefill, r->nprompt), "prompt_per_second", per_second(r->prefill, r->nprompt),
        "predicted_n", (json_int_t)r->decoded, "predicted_ms", r->decode * 1e3,
        "predicted_per_token_ms", each_ms(r->decode, r->decoded), "predicted_per_second",
        per_second(r->decode, r->decoded), "passes", (json_int_t)r->passes->passes, "draft",
        trit_draft_name(r->passes->from), "draft_n", (json_int_t)r->passes->guessed,
        "draft_n_accepted", (json_int_t)r->passes->right, "total_ms", r->total * 1e3);
}

enum trit_code trit_run_json(const struct trit_run_result *r, struct trit_error *error)
{
    struct trit_text model = { r->model, strlen(r->model) };
    json_t *cache =
        r->cache ? trit_json_text((struct trit_text){ r->cache, strlen(r->cache) }) : json_null();
    json_t *json = json_pack(
        "{so so so si so sI so so ss so}", "model", trit_json_text(model), "packed_cache", cache,
        "seed", trit_json_u64(r->seed), "threads", r->threads, "prompt", trit_json_text(r->prompt),
        "prompt_tokens", (json_int_t)r->nprompt, "text", continuation_json(r), "tokens",
        ids_json(r->tokens, r->ntokens), "stop", stops[r->stop].name, "timings", timings_json(r));
    return trit_json_print(json, error);
}
