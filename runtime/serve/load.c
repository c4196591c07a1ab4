/* Loading a model that is to be served: its engine, the template of its chats, its scheduler. */
#include "runtime/serve/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/room.h"

enum {
    LEAST_CONTEXT = 512,
    USUAL_CONTEXT = 32768, /* the model's own, where that is less */
    KEPT_SHARE = 8,        /* of the free memory */
};

struct stop {
    const bool *flag;
};

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    return !__atomic_load_n(((const struct stop *)arg)->flag, __ATOMIC_RELAXED);
}

static void say(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "tritmill: %s\n", line);
}

/* That of the options, of the Modelfile, or the model's own. */
static size_t find_context(const struct trit_served *s, const struct trit_models_options *o)
{
    const size_t own = s->engine.config.context, usual = own < USUAL_CONTEXT ? own : USUAL_CONTEXT;
    const char *made = trit_modelfile_value(&s->made_of, "num_ctx");
    const size_t wanted = made ? strtoull(made, NULL, 10) : 0;
    return o->context ? o->context : !wanted ? usual : wanted < own ? wanted : own;
}

/* A context that was not asked for by an option shrinks to what the memory has room for. */
static enum trit_code load_weights(struct trit_served *s, const struct trit_models_options *o,
                                   struct trit_error *error)
{
    struct trit_engine *e = &s->engine;
    e->sequences = o->slots;
    e->chunk = o->chunk;
    e->context = find_context(s, o);
    enum trit_code code = trit_engine_load_model(e, o->threads, error);
    if (code != TRIT_EMEMORY || o->context)
        return code;
    e->context = LEAST_CONTEXT;
    e->fit = true;
    return trit_engine_load_model(e, o->threads, error);
}

static enum trit_code open_engine(struct trit_served *s, const struct trit_models_options *o,
                                  uint64_t room, struct stop *stop, struct trit_error *error)
{
    struct trit_engine *e = &s->engine;
    enum trit_code code = trit_engine_open(e, s->model.path, error);
    if (code)
        return code;
    e->room = room;
    e->wanted = o->profile;
    e->kv = o->kv;
    e->gguf->i2s = (enum trit_i2s)o->i2s;
    e->progress = go_on;
    e->progress_arg = stop;
    e->tell = o->quiet ? NULL : say;
    code = trit_engine_want_drafts(e, (enum trit_draft)o->draft, error);
    if (!code)
        code = trit_engine_load_tokenizer(e, error);
    if (!code)
        code = load_weights(s, o, error);
    e->progress = NULL;
    if (!code && trit_engine_broken(e))
        code = trit_fail(error, TRIT_EIO, "%s: the file became shorter while it was read", e->path);
    return code;
}

static enum trit_code open_chat(struct trit_served *s, const struct trit_models_options *o,
                                struct trit_error *error)
{
    const char *wanted = o->chat_template;
    if (!wanted && trit_modelfile_template_serves(&s->made_of))
        wanted = s->made_of.chat_template;
    return trit_chat_open(&s->chat, s->engine.gguf, wanted, error);
}

static enum trit_code start_scheduler(struct trit_served *s, const struct trit_models_options *o,
                                      struct trit_error *error)
{
    const uint64_t room = trit_memory_room();
    const struct trit_scheduler_sizes sizes = {
        .slots = o->slots,
        .context = s->engine.context,
        .chunk = o->chunk < s->engine.context ? o->chunk : s->engine.context,
        .queue = o->queue,
        .kept_bytes = o->kept_bytes == UINT64_MAX ? room / KEPT_SHARE : o->kept_bytes,
        .drafting = { (enum trit_draft)o->draft, (size_t)o->draft_n },
    };
    s->context = s->engine.context;
    s->slots = o->slots;
    return trit_scheduler_create(&s->scheduler, &s->engine, &sizes, error);
}

static void close_all(struct trit_served *s)
{
    trit_scheduler_free(s->scheduler);
    trit_chat_free(s->chat);
    trit_engine_close(&s->engine);
    trit_modelfile_free(&s->made_of);
    s->scheduler = NULL;
    s->chat = NULL;
    s->made_of = (struct trit_modelfile){ 0 };
}

enum trit_code trit_served_load(struct trit_served *s, const struct trit_models_options *o,
                                uint64_t room, const bool *flag, struct trit_error *error)
{
    struct stop stop = { flag };
    const double begin = trit_now();
    const uint64_t before = trit_memory_room();
    enum trit_code code = TRIT_OK;
    if (o->store && s->model.created)
        code = trit_store_modelfile(o->store, &s->model, &s->made_of, error);
    if (!code)
        code = open_engine(s, o, room, &stop, error);
    if (!code)
        code = open_chat(s, o, error);
    if (!code)
        code = start_scheduler(s, o, error);
    if (code) {
        close_all(s);
        return code;
    }
    const uint64_t after = trit_memory_room();
    s->bytes = before > after ? before - after : 0;
    if (s->bytes < trit_gguf_bytes(s->engine.gguf))
        s->bytes = trit_gguf_bytes(s->engine.gguf);
    s->load_seconds = trit_now() - begin;
    return TRIT_OK;
}

void trit_served_free(struct trit_served *s)
{
    close_all(s);
    free(s);
}

bool trit_served_replaced(const struct trit_served *s)
{
    const struct trit_gguf *part;
    bool replaced = false;
    for (size_t i = 0; (part = trit_gguf_part(s->engine.gguf, i)); i++) {
        const int fd = open(i ? part->path : s->model.path, O_RDONLY | O_CLOEXEC);
        const struct trit_file_id now =
            fd < 0 ? (struct trit_file_id){ 0 } : trit_file_identify(fd);
        if (fd >= 0)
            close(fd);
        replaced |= !trit_file_same(&now, &part->file);
    }
    return replaced;
}
