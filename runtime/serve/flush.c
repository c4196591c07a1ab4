/* Streams are written to at most every few milliseconds: what comes faster is gathered, since each
   writing costs a system call and wakes a thread, on a CPU that makes tokens. */
#include <poll.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/serve/internal.h"

struct trit_flush {
    struct trit_http *http;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    atomic_bool wanted;
    bool ending;
};

static void *work(void *arg)
{
    struct trit_flush *f = arg;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->wanted && !f->ending)
            pthread_cond_wait(&f->asked, &f->lock);
        if (f->ending)
            break;
        pthread_mutex_unlock(&f->lock);
        poll(NULL, 0, TRIT_STREAM_MILLISECONDS);
        f->wanted = false; /* what is held back from here on asks again */
        trit_http_flush(f->http);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

enum trit_code trit_flush_start(struct trit_flush **flush, struct trit_http *http,
                                struct trit_error *error)
{
    struct trit_flush *f = trit_alloc(1, sizeof *f);
    *flush = NULL;
    if (!f)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    f->http = http;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->asked, NULL);
    if (pthread_create(&f->thread, NULL, work, f)) {
        free(f);
        return trit_fail(error, TRIT_EMEMORY, "cannot start a thread");
    }
    *flush = f;
    return TRIT_OK;
}

void trit_flush_ask(struct trit_flush *f)
{
    if (atomic_exchange(&f->wanted, true))
        return;
    pthread_mutex_lock(&f->lock);
    pthread_cond_signal(&f->asked);
    pthread_mutex_unlock(&f->lock);
}

void trit_flush_stop(struct trit_flush *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    pthread_cond_signal(&f->asked);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->asked);
    free(f);
}
