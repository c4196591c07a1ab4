/* The scheduler: its thread, the queue, who is admitted, what it says of itself. */
#include "runtime/engine/schedule.h"

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/engine/internal.h"

/* --- the queue --- */

/* Start-time fair queueing: a client's jobs come one turn after the other, and none before what is
   being admitted. */
static uint64_t turn_of(const struct trit_scheduler *s, uint64_t client)
{
    uint64_t turn = s->turn;
    for (const struct trit_job *j = s->queue; j; j = j->next)
        if (j->ask.client == client && j->turn >= turn)
            turn = j->turn + 1;
    for (size_t i = 0; i < s->nrunning; i++)
        if (s->running[i]->ask.client == client && s->running[i]->turn >= turn)
            turn = s->running[i]->turn + 1;
    return turn;
}

/* Behind all whose turn is not later. */
static void enqueue(struct trit_scheduler *s, struct trit_job *job)
{
    struct trit_job **at = &s->queue;
    job->turn = turn_of(s, job->ask.client);
    while (*at && (*at)->turn <= job->turn)
        at = &(*at)->next;
    job->next = *at;
    *at = job;
    s->stats.waiting++;
}

static struct trit_job *dequeue(struct trit_scheduler *s, struct trit_job **at)
{
    struct trit_job *job = *at;
    *at = job->next;
    job->next = NULL;
    s->stats.waiting--;
    return job;
}

enum trit_code trit_scheduler_submit(struct trit_scheduler *s, const struct trit_job_ask *ask,
                                     struct trit_job **job, struct trit_error *error)
{
    struct trit_job *j;
    *job = NULL;
    enum trit_code code = trit_job_create(&j, s, ask, error);
    if (code)
        return code;
    pthread_mutex_lock(&s->bell->lock);
    const size_t room = s->sizes.slots - s->nrunning + s->sizes.queue;
    if (s->stopping)
        code = trit_fail(error, TRIT_ESTOPPED, "no more jobs are taken");
    else if (s->stats.waiting >= room)
        code = trit_fail(error, TRIT_EBUSY, "%zu jobs run and %zu wait: no more are taken",
                         s->nrunning, s->stats.waiting);
    if (code)
        s->stats.refused++;
    else
        enqueue(s, j);
    s->stats.jobs += !code;
    *job = code ? NULL : j;
    pthread_cond_signal(&s->bell->rung);
    pthread_mutex_unlock(&s->bell->lock);
    if (code)
        trit_job_release(j);
    if (code)
        trit_job_release(j);
    return code;
}

/* --- the thread --- */

/* The next job that was cancelled while it waited, or (any) the next at all; NULL: there is none.
   Under the lock. */
static struct trit_job *next_of(struct trit_scheduler *s, bool any)
{
    for (struct trit_job **at = &s->queue; *at; at = &(*at)->next)
        if (any || (*at)->cancelled)
            return dequeue(s, at);
    return NULL;
}

/* Until there is something to do; false: to stop. */
static bool wait_for_work(struct trit_scheduler *s)
{
    pthread_mutex_lock(&s->bell->lock);
    while (!s->stopping && !s->nrunning && !s->queue && !s->errand)
        pthread_cond_wait(&s->bell->rung, &s->bell->lock);
    const bool stopping = s->stopping;
    pthread_mutex_unlock(&s->bell->lock);
    return !stopping;
}

static struct trit_job *take(struct trit_scheduler *s, bool any)
{
    pthread_mutex_lock(&s->bell->lock);
    struct trit_job *job = next_of(s, any);
    pthread_mutex_unlock(&s->bell->lock);
    return job;
}

static void count_end(struct trit_scheduler *s, enum trit_job_end end)
{
    pthread_mutex_lock(&s->bell->lock);
    s->stats.cancelled += end == TRIT_JOB_CANCELLED;
    s->stats.failed += end == TRIT_JOB_FAILED;
    pthread_mutex_unlock(&s->bell->lock);
}

/* Of a job that never ran. */
static void turn_away(struct trit_scheduler *s, struct trit_job *job, enum trit_job_end end,
                      const struct trit_error *error)
{
    job->result.queued = trit_now() - job->since;
    count_end(s, end);
    trit_job_done(job, end, error);
}

static void admit_one(struct trit_scheduler *s, struct trit_job *job)
{
    struct trit_error error;
    const double now = trit_now();
    job->number = s->admitted++;
    if (trit_job_open(job, s, &error)) {
        trit_job_close(job);
        trit_sequence_keep(s, job);
        turn_away(s, job, TRIT_JOB_FAILED, &error);
        return;
    }
    job->result.queued = now - job->since;
    job->since = now;
    pthread_mutex_lock(&s->bell->lock);
    s->turn = job->turn > s->turn ? job->turn : s->turn;
    s->running[s->nrunning++] = job;
    s->stats.prompt_tokens += job->result.prompt;
    s->stats.reused_tokens += job->result.reused;
    pthread_mutex_unlock(&s->bell->lock);
}

static void admit(struct trit_scheduler *s)
{
    struct trit_job *job;
    while ((job = take(s, false)))
        turn_away(s, job, TRIT_JOB_CANCELLED, NULL);
    while (s->nrunning < s->sizes.slots && (job = take(s, true)))
        admit_one(s, job);
}

void trit_schedule_end(struct trit_scheduler *s, struct trit_job *job, enum trit_job_end end,
                       const struct trit_error *error)
{
    size_t i = 0;
    while (s->running[i] != job)
        i++;
    pthread_mutex_lock(&s->bell->lock);
    s->running[i] = s->running[--s->nrunning];
    s->stats.drafted += job->result.drafted;
    s->stats.right += job->result.right;
    pthread_mutex_unlock(&s->bell->lock);
    *(job->answers ? &job->result.decode : &job->result.prefill) = trit_now() - job->since;
    trit_job_close(job);
    trit_sequence_keep(s, job);
    count_end(s, end);
    trit_job_done(job, end, error);
}

static void end_all(struct trit_scheduler *s)
{
    struct trit_error error;
    struct trit_job *job;
    trit_fail(&error, TRIT_ESTOPPED, "the model is closed");
    while (s->nrunning)
        trit_schedule_end(s, s->running[0], TRIT_JOB_FAILED, &error);
    while ((job = take(s, true)))
        turn_away(s, job, TRIT_JOB_FAILED, &error);
}

static void count_memory(struct trit_scheduler *s)
{
    pthread_mutex_lock(&s->bell->lock);
    trit_sequences_count(s, &s->stats);
    pthread_mutex_unlock(&s->bell->lock);
}

static void run_errand(struct trit_scheduler *s)
{
    pthread_mutex_lock(&s->bell->lock);
    struct trit_errand *e = s->errand;
    s->errand = NULL;
    pthread_mutex_unlock(&s->bell->lock);
    if (!e)
        return;
    e->code = s->stopping ? trit_fail(&e->error, TRIT_ESTOPPED, "the model is closed")
                          : e->run(s, e->path, &e->error);
    pthread_mutex_lock(&s->bell->lock);
    e->done = true;
    pthread_cond_signal(&e->over);
    pthread_mutex_unlock(&s->bell->lock);
}

static void *serve(void *arg)
{
    struct trit_scheduler *s = arg;
    while (wait_for_work(s)) {
        run_errand(s);
        admit(s);
        if (s->nrunning)
            trit_schedule_pass(s);
        count_memory(s);
    }
    end_all(s);
    return NULL;
}

/* --- its life --- */

static enum trit_code check_sizes(const struct trit_scheduler_sizes *z, struct trit_error *error)
{
    const struct {
        const char *name;
        size_t value;
    } all[] = { { "slots", z->slots }, { "context", z->context }, { "chunk", z->chunk } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value < 1 || all[i].value > (size_t)1 << 24)
            return trit_fail(error, TRIT_EARGUMENT, "%s: %zu, must be 1 .. %d", all[i].name,
                             all[i].value, 1 << 24);
    return TRIT_OK;
}

static bool allocate(struct trit_scheduler *s)
{
    s->bell = trit_bell_create();
    s->running = trit_alloc(s->sizes.slots, sizeof(struct trit_job *));
    s->passing = trit_alloc(s->sizes.slots, sizeof(struct trit_job *));
    s->runs = trit_alloc(s->sizes.slots, sizeof *s->runs);
    return s->bell && s->running && s->passing && s->runs;
}

static void free_parts(struct trit_scheduler *s)
{
    trit_sequences_drop(s);
    trit_vocabulary_free(s->vocabulary);
    trit_work_free(s->work);
    trit_bell_release(s->bell);
    free(s->running);
    free(s->passing);
    free(s->runs);
    free(s);
}

enum trit_code trit_scheduler_create(struct trit_scheduler **scheduler, struct trit_engine *engine,
                                     const struct trit_scheduler_sizes *sizes,
                                     struct trit_error *error)
{
    *scheduler = NULL;
    enum trit_code code = check_sizes(sizes, error);
    if (code)
        return code;
    struct trit_scheduler *s = trit_alloc(1, sizeof *s);
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a scheduler");
    s->engine = engine;
    s->sizes = *sizes;
    s->states = trit_model_config(engine->model)->delta.v_heads > 0;
    s->stats.slots = sizes->slots;
    code = allocate(s) ? trit_work_create(&s->work, engine->model, sizes->chunk, error)
                       : trit_fail(error, TRIT_EMEMORY, "no memory for a scheduler");
    if (!code && pthread_create(&s->thread, NULL, serve, s))
        code = trit_fail(error, TRIT_EMEMORY, "no thread for a scheduler");
    if (code)
        free_parts(s);
    else
        *scheduler = s;
    return code;
}

void trit_scheduler_free(struct trit_scheduler *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->bell->lock);
    s->stopping = true;
    pthread_cond_signal(&s->bell->rung);
    pthread_mutex_unlock(&s->bell->lock);
    pthread_join(s->thread, NULL);
    free_parts(s);
}

static enum trit_code send(struct trit_scheduler *s, struct trit_errand *e,
                           struct trit_error *error)
{
    pthread_mutex_lock(&s->bell->lock);
    if (s->errand) {
        pthread_mutex_unlock(&s->bell->lock);
        return trit_fail(error, TRIT_EBUSY, "another file is being read or written");
    }
    s->errand = e;
    pthread_cond_signal(&s->bell->rung);
    while (!e->done)
        pthread_cond_wait(&e->over, &s->bell->lock);
    pthread_mutex_unlock(&s->bell->lock);
    return e->code ? trit_fail(error, e->code, "%s", e->error.text) : TRIT_OK;
}

enum trit_code trit_scheduler_save(struct trit_scheduler *s, const char *path,
                                   struct trit_error *error)
{
    struct trit_errand e = { trit_sequence_save, path, .over = PTHREAD_COND_INITIALIZER };
    return send(s, &e, error);
}

enum trit_code trit_scheduler_restore(struct trit_scheduler *s, const char *path,
                                      struct trit_error *error)
{
    struct trit_errand e = { trit_sequence_restore, path, .over = PTHREAD_COND_INITIALIZER };
    return send(s, &e, error);
}

void trit_scheduler_stats(struct trit_scheduler *s, struct trit_scheduler_stats *stats)
{
    pthread_mutex_lock(&s->bell->lock);
    *stats = s->stats;
    stats->running = s->nrunning;
    pthread_mutex_unlock(&s->bell->lock);
}
