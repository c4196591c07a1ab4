/* Which models are loaded, who uses them, and who waits. */
#include "runtime/serve/models.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/load.h"

enum { WANTED, LOADED, LEAVING };

struct trit_models {
    const struct trit_models_options *options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct trit_served *served; /* newest first */
    bool ending;
    pthread_t loader;
    bool started;
    struct trit_store_model single; /* of options->file */
};

static void tell(struct trit_want *want, struct trit_served *served, unsigned status,
                 const struct trit_error *error)
{
    want->ready(want->arg, served, status, error);
}

/* Under the lock; those who want it are told without it. */
static void give(struct trit_models *m, struct trit_served *served, unsigned status,
                 const struct trit_error *error)
{
    struct trit_want *want = served->wants, *next;
    served->wants = NULL;
    served->last_want = &served->wants;
    for (struct trit_want *w = want; w && !error; w = w->next)
        served->users++;
    pthread_mutex_unlock(&m->lock);
    for (; want; want = next) {
        next = want->next;
        want->waited = trit_now() - want->waited;
        tell(want, error ? NULL : served, status, error);
    }
    pthread_mutex_lock(&m->lock);
}

static void take_out(struct trit_models *m, struct trit_served *served)
{
    struct trit_served **at = &m->served;
    while (*at != served)
        at = &(*at)->next;
    *at = served->next;
}

/* Under the lock, which is let go for the time that it takes. */
static void unload(struct trit_models *m, struct trit_served *served)
{
    take_out(m, served);
    pthread_mutex_unlock(&m->lock);
    trit_served_free(served);
    pthread_mutex_lock(&m->lock);
}

/* The one that nobody uses and that was used longest ago; NULL: none. */
static struct trit_served *oldest_idle(struct trit_models *m, bool *any)
{
    struct trit_served *best = NULL;
    *any = false;
    for (struct trit_served *s = m->served; s; s = s->next) {
        if (s->state == WANTED)
            continue;
        *any = true;
        if (!s->users && (!best || s->used < best->used))
            best = s;
    }
    return best;
}

/* The one that was loaded first, unless one is on its way out. */
static void retire_one(struct trit_models *m)
{
    struct trit_served *last = NULL;
    for (struct trit_served *s = m->served; s; s = s->next) {
        if (s->state == LEAVING)
            return;
        if (s->state == LOADED)
            last = s;
    }
    if (last)
        last->state = LEAVING;
}

static size_t count_loaded(const struct trit_models *m)
{
    size_t n = 0;
    for (const struct trit_served *s = m->served; s; s = s->next)
        n += s->state != WANTED;
    return n;
}

/* Something goes, or is waited for; false: there is nothing else that takes memory. Models that are
   always used would keep others out for ever: after some time one is given to nobody any more. */
static bool make_way(struct trit_models *m)
{
    enum { PATIENCE = 2 }; /* seconds */
    bool any;
    struct trit_served *idle = oldest_idle(m, &any);
    if (idle) {
        unload(m, idle);
    } else if (any && !m->ending) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE;
        if (pthread_cond_timedwait(&m->changed, &m->lock, &until) == ETIMEDOUT)
            retire_one(m);
    }
    return any && !m->ending;
}

static unsigned status_of(enum trit_code code)
{
    return code == TRIT_EMEMORY || code == TRIT_ESTOPPED ? 503 : 500;
}

/* Bytes that one more model may take; 0: as many as are free. */
static uint64_t room_for_one(const struct trit_models *m)
{
    uint64_t taken = 0;
    for (const struct trit_served *s = m->served; s; s = s->next)
        taken += s->state == LOADED || s->state == LEAVING ? s->engine.need : 0;
    if (!m->options->memory)
        return 0;
    return taken < m->options->memory ? m->options->memory - taken : 1;
}

static void load(struct trit_models *m, struct trit_served *served)
{
    struct trit_error error;
    enum trit_code code;
    while (count_loaded(m) >= m->options->loaded && make_way(m))
        continue;
    do {
        const uint64_t room = room_for_one(m);
        pthread_mutex_unlock(&m->lock);
        code = trit_served_load(served, m->options, room, &m->ending, &error);
        pthread_mutex_lock(&m->lock);
    } while (code == TRIT_EMEMORY && make_way(m));
    if (!m->options->quiet)
        fprintf(stderr, "tritmill: %s%s\n", code ? "" : "loaded ", code ? error.text : served->key);
    if (code) {
        take_out(m, served);
        give(m, served, status_of(code), &error);
        pthread_mutex_unlock(&m->lock);
        trit_served_free(served);
        pthread_mutex_lock(&m->lock);
        return;
    }
    served->state = LOADED;
    served->used = trit_now();
    served->expires = INFINITY; /* until the first who wanted it leaves */
    give(m, served, 200, NULL);
}

/* What there is to do next: something to load, something to unload, or NULL. */
static struct trit_served *next_work(struct trit_models *m, double now)
{
    struct trit_served *found = NULL;
    for (struct trit_served *s = m->served; s; s = s->next)
        if (s->state == WANTED ||
            (!s->users && (s->state == LEAVING || now >= s->expires || m->ending)))
            found = s;
    return found;
}

static void *run(void *arg)
{
    struct trit_models *m = arg;
    pthread_mutex_lock(&m->lock);
    for (;;) {
        struct trit_served *s = next_work(m, trit_now());
        if (s && s->state == WANTED)
            load(m, s);
        else if (s)
            unload(m, s);
        else if (m->ending && !m->served)
            break;
        if (s)
            continue;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++; /* those that expire */
        pthread_cond_timedwait(&m->changed, &m->lock, &until);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* What is said of the one model that was given as a file. */
static enum trit_code look_at_file(struct trit_models *m, struct trit_error *error)
{
    const char *path = m->options->file, *slash = strrchr(path, '/');
    struct trit_store_model *s = &m->single;
    struct trit_engine engine;
    struct stat st;
    enum trit_code code = trit_engine_open(&engine, path, error);
    if (!code)
        code = trit_engine_want_drafts(&engine, (enum trit_draft)m->options->draft, error);
    if (!code && !stat(path, &st)) {
        s->bytes = (uint64_t)st.st_size;
        s->modified = st.st_mtime;
    }
    trit_engine_close(&engine);
    snprintf(s->path, sizeof s->path, "%s", path);
    trit_store_header(s);
    snprintf(s->name, sizeof s->name, "%s",
             m->options->alias ? m->options->alias
             : slash           ? slash + 1
                               : path);
    char *end = strrchr(s->name, '.');
    if (!m->options->alias && end && !strcmp(end, ".gguf"))
        *end = 0;
    return code;
}

enum trit_code trit_models_start(struct trit_models **models,
                                 const struct trit_models_options *options,
                                 struct trit_error *error)
{
    struct trit_models *m = *models = trit_alloc(1, sizeof *m);
    if (!m)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    m->options = options;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    enum trit_code code = options->file ? look_at_file(m, error) : TRIT_OK;
    m->started = !code && !pthread_create(&m->loader, NULL, run, m);
    if (!code && !m->started)
        code = trit_fail(error, TRIT_EMEMORY, "cannot start a thread");
    if (code) {
        trit_models_stop(m);
        *models = NULL;
    }
    return code;
}

void trit_models_end(struct trit_models *m)
{
    pthread_mutex_lock(&m->lock);
    __atomic_store_n(&m->ending, true, __ATOMIC_RELAXED); /* loading looks at it without the lock */
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void trit_models_stop(struct trit_models *m)
{
    if (!m)
        return;
    trit_models_end(m);
    if (m->started)
        pthread_join(m->loader, NULL);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->changed);
    free(m);
}

/* "NAME:latest" is NAME. */
static bool same_name(const char *a, const char *b)
{
    static const char latest[] = ":latest";
    size_t n = strlen(a), l = sizeof latest - 1;
    if (n > l && !strcasecmp(a + n - l, latest))
        n -= l;
    return strlen(b) == n && !strncasecmp(a, b, n);
}

enum trit_code trit_models_find(struct trit_models *m, const char *name,
                                struct trit_store_model *model, struct trit_error *error)
{
    if (m->options->store) {
        if (*name)
            return trit_store_find(m->options->store, name, model, error);
        return trit_fail(error, TRIT_EARGUMENT, "the request names no model");
    }
    if (*name && !same_name(name, m->single.name))
        return trit_fail(error, TRIT_EIO, "model '%.200s' not found: this server has '%s'", name,
                         m->single.name);
    *model = m->single;
    return TRIT_OK;
}

enum trit_code trit_models_list(struct trit_models *m, struct trit_store_model **list,
                                size_t *count, struct trit_error *error)
{
    if (m->options->store)
        return trit_store_list(m->options->store, list, count, error);
    *count = 1;
    *list = malloc(sizeof **list);
    if (!*list)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    **list = m->single;
    return TRIT_OK;
}

struct trit_store *trit_models_store(struct trit_models *m)
{
    return m->options->store;
}

static struct trit_served *find_served(struct trit_models *m, const char *key)
{
    for (struct trit_served *s = m->served; s; s = s->next)
        if (s->state != LEAVING && !strcmp(s->key, key))
            return s;
    return NULL;
}

static struct trit_served *add_served(struct trit_models *m, const struct trit_store_model *model)
{
    struct trit_served *s = trit_alloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->model = *model;
    snprintf(s->key, sizeof s->key, "%s", model->name);
    s->last_want = &s->wants;
    s->next = m->served;
    m->served = s;
    return s;
}

void trit_models_want(struct trit_models *m, struct trit_want *want)
{
    struct trit_store_model *model = trit_alloc(1, sizeof *model);
    struct trit_error error;
    enum trit_code code = model ? trit_models_find(m, want->name, model, &error)
                                : trit_fail(&error, TRIT_EMEMORY, "out of memory");
    if (code) {
        free(model);
        tell(want, NULL, code == TRIT_EIO ? 404 : code == TRIT_EARGUMENT ? 400 : 500, &error);
        return;
    }
    pthread_mutex_lock(&m->lock);
    struct trit_served *s = find_served(m, model->name);
    if (!s && !m->ending)
        s = add_served(m, model);
    const bool loaded = s && s->state == LOADED;
    want->next = NULL;
    want->waited = loaded ? 0 : trit_now();
    if (loaded) {
        s->users++;
        s->going = false;
    } else if (s) {
        *s->last_want = want;
        s->last_want = &want->next;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    free(model);
    if (!s)
        trit_fail(&error, TRIT_EMEMORY, "the model cannot be loaded now");
    if (loaded || !s)
        tell(want, s, s ? 200 : 503, s ? NULL : &error);
}

void trit_models_leave(struct trit_models *m, struct trit_served *s, double keep_alive)
{
    if (isnan(keep_alive))
        keep_alive = m->options->keep_alive;
    pthread_mutex_lock(&m->lock);
    s->users--;
    s->used = trit_now();
    s->expires = s->going ? 0 : keep_alive < 0 ? INFINITY : s->used + keep_alive;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void trit_models_unload(struct trit_models *m, const char *name)
{
    struct trit_store_model *model = trit_alloc(1, sizeof *model);
    if (model && !trit_models_find(m, name, model, NULL)) {
        pthread_mutex_lock(&m->lock);
        struct trit_served *s = find_served(m, model->name);
        if (s && s->state == LOADED) {
            s->going = true; /* whoever has it still does not change that by leaving */
            s->expires = 0;
        }
        pthread_cond_broadcast(&m->changed);
        pthread_mutex_unlock(&m->lock);
    }
    free(model);
}

void trit_models_forget(struct trit_models *m, const char *name)
{
    struct trit_store_model *model = trit_alloc(1, sizeof *model);
    if (model && !trit_models_find(m, name, model, NULL)) {
        pthread_mutex_lock(&m->lock);
        struct trit_served *s = find_served(m, model->name);
        if (s && s->state == LOADED)
            s->state = LEAVING;
        pthread_cond_broadcast(&m->changed);
        pthread_mutex_unlock(&m->lock);
    }
    free(model);
}

void trit_models_spoil(struct trit_models *m, struct trit_served *s)
{
    pthread_mutex_lock(&m->lock);
    s->state = LEAVING;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void trit_models_rescan(struct trit_models *m)
{
    pthread_mutex_lock(&m->lock);
    for (struct trit_served *s = m->served; s; s = s->next)
        if (s->state == LOADED && trit_served_replaced(s))
            s->state = LEAVING;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void trit_models_each(struct trit_models *m, void (*each)(void *arg, struct trit_served *served),
                      void *arg)
{
    pthread_mutex_lock(&m->lock);
    for (struct trit_served *s = m->served; s; s = s->next)
        if (s->state == LOADED)
            each(arg, s);
    pthread_mutex_unlock(&m->lock);
}
