/* SHA-256 of the models in the folder, which Ollama's lists tell: a thread makes those that are not
   known, one file after another, where nothing else wants the CPU. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/serve/serve.h"

struct trit_digests {
    struct trit_store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool look;
    atomic_bool ending;
};

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    const struct trit_digests *d = arg;
    (void)done;
    (void)total;
    return !d->ending;
}

/* What cannot be read has none. */
static void look(struct trit_digests *d)
{
    struct trit_store_model *list;
    size_t n;
    if (trit_store_list(d->store, &list, &n, NULL))
        return;
    for (size_t i = 0; i < n && !d->ending; i++)
        if (!*list[i].digest && !list[i].missing)
            trit_store_digest(d->store, &list[i], go_on, d, NULL);
    free(list);
}

static void *work(void *arg)
{
    struct trit_digests *d = arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), 19); /* of this thread alone */
    pthread_mutex_lock(&d->lock);
    while (!d->ending) {
        const bool wanted = d->look;
        d->look = false;
        if (!wanted) {
            pthread_cond_wait(&d->rung, &d->lock);
            continue;
        }
        pthread_mutex_unlock(&d->lock);
        look(d);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

struct trit_digests *trit_digests_start(struct trit_store *store)
{
    struct trit_digests *d = store ? trit_alloc(1, sizeof *d) : NULL;
    if (!d)
        return NULL;
    d->store = store;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->rung, NULL);
    if (pthread_create(&d->thread, NULL, work, d)) {
        free(d);
        return NULL;
    }
    return d;
}

static void ring(struct trit_digests *d)
{
    pthread_mutex_lock(&d->lock);
    d->look = true;
    pthread_cond_signal(&d->rung);
    pthread_mutex_unlock(&d->lock);
}

void trit_digests_look(struct trit_digests *d)
{
    if (d)
        ring(d);
}

void trit_digests_stop(struct trit_digests *d)
{
    if (!d)
        return;
    d->ending = true;
    ring(d);
    pthread_join(d->thread, NULL);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->rung);
    free(d);
}
