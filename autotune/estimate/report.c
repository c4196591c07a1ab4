/* An estimate as text with a table, JSON or CSV. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/estimate/internal.h"
#include "runtime/base/text.h"
#include "runtime/cli/json.h"
#include "runtime/cpu/cpu.h"

/* "pp512", "tg128 @ d3968", as bench has it. */
static char *test_name(const struct trit_estimate_test *t, char out[48])
{
    int n = snprintf(out, 48, "%s%zu", t->decode ? "tg" : "pp", t->n);
    if (t->depth)
        snprintf(out + n, 48 - (size_t)n, " @ d%zu", t->depth);
    return out;
}

static void show_memory(const struct trit_estimate *e)
{
    const struct {
        const char *what;
        uint64_t bytes;
    } parts[] = { { "weights", e->memory.weights },
                  { "head", e->memory.head },
                  { "KV cache", e->memory.kv },
                  { "states", e->memory.states },
                  { "working memory", e->memory.work } };
    char text[16];
    printf("memory       %s", trit_bytes_text((double)e->need, text));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].bytes)
            printf("%s %s %s", i ? "," : ":", parts[i].what,
                   trit_bytes_text((double)parts[i].bytes, text));
    printf("\nfree         %s\n", trit_bytes_text((double)e->free, text));
    printf("context      %zu tokens of %s; the largest that fits %zu, the model's own %zu\n",
           e->context, trit_kv_name(e->kv), e->largest, trit_model_config(e->outline)->context);
    printf("packed cache %s on disk\n",
           trit_bytes_text((double)trit_model_packed(e->outline), text));
}

static const double STEADY = 0.1; /* spread of a limit of which nothing need be said */

static void show_limits(const struct trit_estimate *e)
{
    const struct trit_estimate_limits *l = &e->limits;
    char note[TRIT_QUOTA_NOTE];
    printf("limits       ");
    if (*l->source)
        printf("%.1f GB/s read, %.1f GMAC/s int8 with %d thread%s: %s\n", l->read_gbs,
               l->int8_gmacs, e->threads, e->threads == 1 ? "" : "s", l->source);
    else
        puts("not known");
    const double read = *l->source ? l->read_spread / l->read_gbs : 0,
                 int8 = *l->source ? l->int8_spread / l->int8_gmacs : 0;
    if (fmax(read, int8) > STEADY)
        printf("note         %s varied by ± %.0f %% while it was measured\n",
               read > int8 ? "reading" : "int8", 100 * fmax(read, int8));
    if (trit_cpu_quota_note(trit_cpu_get(), e->threads, note))
        printf("quota        %s\n", note);
}

static void show_table(const struct trit_estimate *e)
{
    char name[48], allowed[24] = "", expected[24] = "", share[24] = "";
    printf(
        "\n| test             | MB/token | GMAC/token | t/s allowed | t/s expected | of limit |\n"
        "| ---------------- | -------: | ---------: | ----------: | -----------: | -------: |\n");
    for (size_t i = 0; i < e->ntests; i++) {
        const struct trit_estimate_test *t = &e->tests[i];
        if (t->ts > 0) {
            snprintf(allowed, sizeof allowed, "%.2f", t->limit_ts);
            snprintf(expected, sizeof expected, "%.2f", t->ts);
            snprintf(share, sizeof share, "%.0f %%", 100 * t->ts / t->limit_ts);
        }
        printf("| %-16s | %8.1f | %10.3f | %11s | %12s | %8s |\n", test_name(t, name),
               t->bytes * 1e-6, t->int8 * 1e-9, allowed, expected, share);
    }
}

static void show(const struct trit_estimate *e)
{
    printf("model        %s\n", e->name);
    printf("runs here    %s%s\n", e->why_not.code ? "no: " : "yes",
           e->why_not.code ? trit_estimate_reason(e) : "");
    if (!e->outline)
        return;
    show_memory(e);
    show_limits(e);
    show_table(e);
}

/* What all tests share. */
static json_t *subject_json(const struct trit_estimate *e)
{
    const struct trit_text name = { e->name, strlen(e->name) },
                           why = { e->why_not.text, strlen(e->why_not.text) };
    json_t *out =
        json_pack("{s:o, s:b, s:o, s:i, s:s}", "model", trit_json_text(name), "runs_here",
                  !e->why_not.code, "why_not", e->why_not.code ? trit_json_text(why) : json_null(),
                  "n_threads", e->threads, "type_kv", trit_kv_name(e->kv));
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "context", e->context },
        { "context_largest", e->largest },
        { "context_model", e->outline ? trit_model_config(e->outline)->context : 0 },
        { "need_bytes", e->need },
        { "weights_bytes", e->memory.weights },
        { "head_bytes", e->memory.head },
        { "kv_bytes", e->memory.kv },
        { "state_bytes", e->memory.states },
        { "work_bytes", e->memory.work },
        { "free_bytes", e->free },
        { "packed_cache_bytes", e->outline ? trit_model_packed(e->outline) : 0 },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(out, numbers[i].name,
                            e->outline ? trit_json_u64(numbers[i].value) : json_null());
    const struct trit_estimate_limits *l = &e->limits;
    json_object_set_new(out, "limit_read_gbs", *l->source ? json_real(l->read_gbs) : json_null());
    json_object_set_new(out, "limit_int8_gmacs",
                        *l->source ? json_real(l->int8_gmacs) : json_null());
    json_object_set_new(out, "spread_limit_read_gbs",
                        *l->source ? json_real(l->read_spread) : json_null());
    json_object_set_new(out, "spread_limit_int8_gmacs",
                        *l->source ? json_real(l->int8_spread) : json_null());
    json_object_set_new(out, "limits",
                        *l->source
                            ? trit_json_text((struct trit_text){ l->source, strlen(l->source) })
                            : json_null());
    return out;
}

static void put_test(json_t *out, const struct trit_estimate_test *t)
{
    char name[48];
    json_object_set_new(out, "test", json_string(test_name(t, name)));
    json_object_set_new(out, "n_prompt", json_integer(t->decode ? 0 : (json_int_t)t->n));
    json_object_set_new(out, "n_gen", json_integer(t->decode ? (json_int_t)t->n : 0));
    json_object_set_new(out, "n_depth", json_integer((json_int_t)t->depth));
    json_object_set_new(out, "bytes_per_token", json_integer((json_int_t)t->bytes));
    json_object_set_new(out, "int8_per_token", json_integer((json_int_t)t->int8));
    json_object_set_new(out, "allowed_ts", t->ts > 0 ? json_real(t->limit_ts) : json_null());
    json_object_set_new(out, "expected_ts", t->ts > 0 ? json_real(t->ts) : json_null());
}

static enum trit_code print_json(const struct trit_estimate *e, struct trit_error *error)
{
    json_t *root = subject_json(e), *tests = json_array();
    for (size_t i = 0; i < e->ntests; i++) {
        json_t *test = json_object();
        put_test(test, &e->tests[i]);
        json_array_append_new(tests, test);
    }
    json_object_set_new(root, "tests", tests);
    return trit_json_print(root, error);
}

/* A line for each test; one for a model that does not run. */
static enum trit_code print_csv(const struct trit_estimate *e, struct trit_error *error)
{
    static const struct trit_estimate_test none = { .n = 0 };
    for (size_t i = 0; i < (e->ntests ? e->ntests : 1); i++) {
        json_t *line = subject_json(e);
        if (!line)
            return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
        put_test(line, e->ntests ? &e->tests[i] : &none);
        trit_csv_line(line, i == 0);
        json_decref(line);
    }
    return TRIT_OK;
}

enum trit_code trit_estimate_show(const struct trit_estimate *e, int output,
                                  struct trit_error *error)
{
    if (output == TRIT_ESTIMATE_JSON)
        return print_json(e, error);
    if (output == TRIT_ESTIMATE_CSV)
        return print_csv(e, error);
    show(e);
    return TRIT_OK;
}
