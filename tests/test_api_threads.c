/* labels: threads */
/* Do contexts of one model in several threads, and a second model beside, write what each writes
   alone; and is one that is stopped from another thread stopped? */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/api/tritmill.h"

enum { WRITERS = 3, ANSWERS = 3, MADE = 12 };
static const char *const texts[WRITERS] = { "Once upon a time", "The little dog", "Lily and Tom" };

struct author {
    struct trit_lm *lm;
    const char *text;
    int32_t made[ANSWERS][MADE];
    struct trit_lm_error error;
    bool failed;
    pthread_barrier_t *begin; /* NULL: alone */
};

static bool answer(struct author *a, struct trit_lm_writer *w, size_t i)
{
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm_tokens tokens;
    if (trit_lm_tokenize(a->lm, a->text, strlen(a->text), TRIT_LM_BOS, &tokens, &a->error))
        return false;
    bool fine = !trit_lm_writer_feed(w, tokens.ids, tokens.n, &a->error);
    for (size_t j = 0; j < MADE && fine; j++) {
        fine = !trit_lm_writer_next(w, &piece, &a->error);
        a->made[i][j] = piece.token;
    }
    trit_lm_free(tokens.ids);
    return fine;
}

static void *write_all(void *arg)
{
    const struct trit_lm_writing writing = { .size = sizeof writing, .endless = true };
    struct author *a = arg;
    struct trit_lm_context *c = NULL;
    struct trit_lm_writer *w = NULL;
    a->failed = trit_lm_context_create(&c, a->lm, 0, &a->error) ||
                trit_lm_writer_create(&w, c, &writing, &a->error);
    if (a->begin)
        pthread_barrier_wait(a->begin);
    for (size_t i = 0; i < ANSWERS && !a->failed; i++)
        a->failed = !answer(a, w, i);
    trit_lm_writer_free(w);
    trit_lm_context_free(c);
    return NULL;
}

struct reader {
    struct trit_lm_context *context;
    enum trit_lm_code code;
    atomic_bool *reads;
};

/* The same token as often as it fits, until it is stopped. */
static void *read_on(void *arg)
{
    struct reader *r = arg;
    const int32_t token = 42;
    do {
        trit_lm_context_rewind(r->context, 0);
        r->code = trit_lm_eval(r->context, &token, 1, TRIT_LM_NONE, NULL, NULL);
        atomic_store(r->reads, true);
    } while (!r->code);
    return NULL;
}

static bool stopped_from_here(struct trit_lm *lm)
{
    atomic_bool reads = false;
    struct reader r = { .reads = &reads };
    pthread_t thread;
    if (trit_lm_context_create(&r.context, lm, 0, NULL))
        return false;
    pthread_create(&thread, NULL, read_on, &r);
    while (!atomic_load(&reads))
        ;
    trit_lm_context_stop(r.context);
    pthread_join(thread, NULL);
    trit_lm_context_free(r.context);
    return r.code == TRIT_LM_ESTOPPED;
}

int main(void)
{
    static struct author alone[WRITERS], together[WRITERS];
    const struct trit_lm_options options = {
        .size = sizeof options, .threads = 2, .context = 128, .chunk = 3
    };
    struct trit_lm *lm[2];
    struct trit_lm_error error;
    pthread_t threads[WRITERS];
    pthread_barrier_t begin;
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/models/stories.gguf", getenv("TRIT_SOURCE"));
    for (int i = 0; i < 2; i++)
        if (trit_lm_open(&lm[i], path, &options, &error)) {
            printf("FAILED: %s\n", error.text);
            return 1;
        }
    pthread_barrier_init(&begin, NULL, WRITERS);
    for (int i = 0; i < WRITERS; i++) {
        alone[i] = (struct author){ .lm = lm[i == WRITERS - 1], .text = texts[i] };
        together[i] = alone[i];
        together[i].begin = &begin;
        write_all(&alone[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_all, &together[i]);
    int failed = 0;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        if (alone[i].failed || together[i].failed) {
            printf("FAILED: %s%s\n", alone[i].error.text, together[i].error.text);
            failed = 1;
        }
        if (memcmp(alone[i].made, together[i].made, sizeof alone[i].made) != 0) {
            printf("FAILED: '%s' goes on otherwise beside others\n", texts[i]);
            failed = 1;
        }
    }
    if (!stopped_from_here(lm[0])) {
        printf("FAILED: a context was not stopped\n");
        failed = 1;
    }
    pthread_barrier_destroy(&begin);
    for (int i = 0; i < 2; i++)
        trit_lm_close(lm[i]);
    return failed;
}
