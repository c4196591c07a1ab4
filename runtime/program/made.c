/* What a created model brings along for a chat: its parameters, system message and messages. */
#include "runtime/program/made.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/store/store.h"

/* Parameters that are options of a chat. */
static const struct setting {
    const char *name;
    size_t at;
    bool real;
} settings[] = {
    { "num_ctx", offsetof(struct trit_talk_options, context), false },
    { "num_predict", offsetof(struct trit_talk_options, predict), false },
    { "top_k", offsetof(struct trit_talk_options, sampling.top_k), false },
    { "repeat_last_n", offsetof(struct trit_talk_options, sampling.repeat_last_n), false },
    { "temperature", offsetof(struct trit_talk_options, sampling.temperature), true },
    { "top_p", offsetof(struct trit_talk_options, sampling.top_p), true },
    { "min_p", offsetof(struct trit_talk_options, sampling.min_p), true },
    { "repeat_penalty", offsetof(struct trit_talk_options, sampling.repeat_penalty), true },
};

static void set(struct trit_talk_options *o, const struct trit_talk_options *none,
                const struct setting *s, const char *value)
{
    char *place = (char *)o + s->at;
    const char *was = (const char *)none + s->at;
    if (s->real && isnan(*(double *)place))
        *(double *)place = strtod(value, NULL);
    else if (!s->real && *(int *)place == *(const int *)was)
        *(int *)place = (int)strtol(value, NULL, 10);
}

static enum trit_code read_made(const char *name, struct trit_modelfile *m,
                                struct trit_error *error)
{
    struct trit_store *store;
    struct trit_store_model model;
    enum trit_code code = TRIT_OK;
    if (trit_store_open(&store, NULL, NULL))
        return TRIT_OK;
    if (!trit_store_find(store, name, &model, NULL) && model.created)
        code = trit_store_modelfile(store, &model, m, error);
    trit_store_close(store);
    return code;
}

enum trit_code trit_made_apply(struct trit_talk_options *o, struct trit_modelfile *m,
                               struct trit_error *error)
{
    const struct trit_talk_options none = { .predict = -1, .sampling = trit_cli_sampling_none() };
    *m = (struct trit_modelfile){ 0 };
    if (!o->model || !trit_store_is_name(o->model) || !access(o->model, F_OK))
        return TRIT_OK;
    const enum trit_code code = read_made(o->model, m, error);
    if (code)
        return code;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const char *value = trit_modelfile_value(m, settings[i].name);
        if (value)
            set(o, &none, &settings[i], value);
    }
    const char *seed = trit_modelfile_value(m, "seed");
    if (seed && o->sampling.seed == UINT64_MAX)
        o->sampling.seed = (uint64_t)strtoll(seed, NULL, 10);
    if (!o->system)
        o->system = m->system;
    return TRIT_OK;
}

enum trit_code trit_made_messages(struct trit_talk *talk, const struct trit_modelfile *m,
                                  struct trit_error *error)
{
    for (size_t i = 0; i < m->messages.n; i++) {
        const struct trit_modelfile_pair *p = &m->messages.v[i];
        if (json_array_append_new(talk->messages,
                                  json_pack("{ssss}", "role", p->name, "content", p->value)))
            return trit_fail(error, TRIT_EMEMORY, "no memory for messages");
    }
    return TRIT_OK;
}
