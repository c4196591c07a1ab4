/* A few threads that run what is put to them, in order. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/internal.h"

struct trit_tasks {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct trit_task *first, **last;
    bool ending;
    int threads;
    pthread_t ids[];
};

static void *work(void *arg)
{
    struct trit_tasks *t = arg;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (!t->first && !t->ending)
            pthread_cond_wait(&t->more, &t->lock);
        struct trit_task *task = t->first;
        if (!task)
            break;
        t->first = task->next;
        if (!t->first)
            t->last = &t->first;
        pthread_mutex_unlock(&t->lock);
        task->run(task->arg); /* the task may be gone after this */
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

enum trit_code trit_tasks_start(struct trit_tasks **tasks, int threads, struct trit_error *error)
{
    struct trit_tasks *t = *tasks = trit_alloc(1, sizeof *t + (size_t)threads * sizeof t->ids[0]);
    if (!t)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->more, NULL);
    t->last = &t->first;
    for (; t->threads < threads; t->threads++) {
        const int failed = pthread_create(&t->ids[t->threads], NULL, work, t);
        if (failed) {
            trit_tasks_stop(t);
            *tasks = NULL;
            return trit_fail(error, TRIT_EMEMORY, "cannot start a thread: %s", strerror(failed));
        }
    }
    return TRIT_OK;
}

void trit_tasks_put(struct trit_tasks *t, struct trit_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&t->lock);
    *t->last = task;
    t->last = &task->next;
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
}

void trit_tasks_stop(struct trit_tasks *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_broadcast(&t->more);
    pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->threads; i++)
        pthread_join(t->ids[i], NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->more);
    free(t);
}
