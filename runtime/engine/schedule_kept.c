/* What is kept of texts that were evaluated: which of them a new prompt can go on with, what is
   copied and what is taken over, and what is forgotten where the memory is needed. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/engine/internal.h"

enum {
    LEAST = 16,    /* tokens that are worth a copy */
    SHORT = 64,    /* tokens that may be lost where a sequence is taken over */
    NEAR = 64,     /* a mark so near to another is not worth its memory */
    THIN = 2,      /* marks that a sequence keeps where memory is short */
    PAGE = 2 << 20 /* what memory comes in */
};

/* --- memory --- */

static uint64_t mark_bytes(const struct trit_sequence *q)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < q->nmarks; i++)
        bytes += trit_round_up(trit_mark_bytes(q->marks[i]), PAGE);
    return bytes;
}

static uint64_t kv_bytes(const struct trit_sequence *q)
{
    return trit_round_up(trit_session_taken(q->session).kv, PAGE);
}

static uint64_t state_bytes(const struct trit_sequence *q)
{
    return trit_round_up(trit_session_taken(q->session).states, PAGE) + mark_bytes(q);
}

/* What the limit is for: sequences that ended, and the marks of all. */
static uint64_t limited(const struct trit_scheduler *s)
{
    uint64_t bytes = 0;
    for (const struct trit_sequence *q = s->kept; q; q = q->next)
        bytes += kv_bytes(q) + state_bytes(q);
    for (size_t i = 0; i < s->nrunning; i++)
        bytes += mark_bytes(s->running[i]->sequence);
    return bytes;
}

static void drop_mark(struct trit_sequence *q, size_t i)
{
    trit_mark_free(q->marks[i]);
    q->nmarks--;
    memmove(q->marks + i, q->marks + i + 1, (q->nmarks - i) * sizeof(struct trit_mark *));
}

void trit_sequence_free(struct trit_sequence *q)
{
    if (!q)
        return;
    while (q->nmarks)
        drop_mark(q, q->nmarks - 1);
    trit_session_free(q->session);
    free(q->tokens);
    free(q);
}

/* The mark that is nearest to the place before it; the last one only where there is no other. */
static void thin(struct trit_sequence *q)
{
    size_t least = SIZE_MAX, which = 0, before = 0;
    for (size_t i = 0; i + 1 < q->nmarks; i++) {
        const size_t at = trit_mark_position(q->marks[i]);
        if (at - before < least) {
            least = at - before;
            which = i;
        }
        before = at;
    }
    drop_mark(q, which);
}

/* The one that was used longest ago; many: of those with more marks than are kept at need. */
static struct trit_sequence **oldest(struct trit_scheduler *s, bool many)
{
    struct trit_sequence **found = NULL;
    for (struct trit_sequence **at = &s->kept; *at; at = &(*at)->next)
        if (!many || (*at)->nmarks > THIN)
            found = at;
    return found;
}

static bool drop_oldest(struct trit_scheduler *s)
{
    struct trit_sequence **at = oldest(s, false);
    if (!at)
        return false;
    struct trit_sequence *q = *at;
    *at = q->next;
    trit_sequence_free(q);
    return true;
}

/* Gives up the least of what is kept: marks, then sequences, then marks of those that run. */
static bool give_up(struct trit_scheduler *s)
{
    struct trit_sequence **at = oldest(s, true);
    if (at)
        thin(*at);
    else if (!drop_oldest(s)) {
        struct trit_sequence *most = NULL;
        for (size_t i = 0; i < s->nrunning; i++)
            if (!most || s->running[i]->sequence->nmarks > most->nmarks)
                most = s->running[i]->sequence;
        if (!most || !most->nmarks)
            return false;
        thin(most);
    }
    return true;
}

static void fit(struct trit_scheduler *s)
{
    while (limited(s) > s->sizes.kept_bytes && give_up(s))
        ;
}

static void count_one(const struct trit_sequence *q, struct trit_scheduler_stats *stats)
{
    stats->kv_bytes += kv_bytes(q);
    stats->state_bytes += state_bytes(q);
}

void trit_sequences_count(const struct trit_scheduler *s, struct trit_scheduler_stats *stats)
{
    stats->kept = stats->kv_bytes = stats->state_bytes = 0;
    for (const struct trit_sequence *q = s->kept; q; q = q->next) {
        count_one(q, stats);
        stats->kept++;
    }
    stats->kept_bytes = stats->kv_bytes + stats->state_bytes;
    for (size_t i = 0; i < s->nrunning; i++)
        count_one(s->running[i]->sequence, stats);
}

void trit_sequences_drop(struct trit_scheduler *s)
{
    while (drop_oldest(s))
        ;
}

/* --- marks --- */

size_t trit_sequence_marked(const struct trit_sequence *q)
{
    return q->nmarks ? trit_mark_position(q->marks[q->nmarks - 1]) : 0;
}

/* Marks that it has gone back before. */
static void drop_lost(struct trit_sequence *q)
{
    while (q->nmarks && trit_mark_position(q->marks[q->nmarks - 1]) == SIZE_MAX)
        drop_mark(q, q->nmarks - 1);
}

void trit_sequence_recover(struct trit_sequence *q)
{
    if (q->nmarks)
        trit_mark_back(q->marks[q->nmarks - 1]);
    drop_lost(q);
}

/* Want of memory is no error: it is done without. */
static void add_mark(struct trit_sequence *q)
{
    struct trit_mark *mark;
    if (trit_mark_settled(&mark, q->session, NULL))
        return;
    if (q->nmarks == TRIT_SEQUENCE_MARKS)
        thin(q);
    q->marks[q->nmarks++] = mark;
}

/* Whether a place of a text can be gone back to: of any text, or there is room for states. */
static bool can_mark(const struct trit_scheduler *s)
{
    return !s->states || s->sizes.kept_bytes >= s->state_bytes;
}

void trit_sequence_mark(struct trit_scheduler *s, struct trit_job *job)
{
    if (!can_mark(s))
        return;
    add_mark(job->sequence);
    fit(s);
}

/* --- what others have of a prompt --- */

/* A sequence, how many of its tokens a prompt begins with, and as many of them as it can give. */
struct match {
    struct trit_sequence *sequence;
    struct trit_sequence **kept; /* where it hangs; NULL: it runs */
    size_t common, usable;
    const struct trit_mark *mark; /* NULL: it goes back by itself */
    bool copied;                  /* it stays as it is: of states only marks can be copied */
};

/* Tokens that a prompt has in common with the first n of a sequence, but for its own last one. */
static size_t alike(const struct trit_sequence *q, size_t n, const struct trit_job *job)
{
    const size_t most = job->ask.ntokens - 1;
    size_t i = 0;
    n = n < most ? n : most;
    while (i < n && q->tokens[i] == job->ask.tokens[i])
        i++;
    return i;
}

/* Of those that it has evaluated. */
static size_t common_of(const struct trit_sequence *q, const struct trit_job *job)
{
    const size_t position = trit_session_position(q->session);
    return alike(q, position < q->n ? position : q->n, job);
}

static void look_at(const struct trit_scheduler *s, const struct trit_job *job,
                    struct trit_sequence *q, struct trit_sequence **kept, struct match *best)
{
    struct match m = { q, kept, common_of(q, job), 0, NULL, best->copied };
    if (!s->states || (kept && !m.copied))
        m.usable = trit_session_back(q->session, m.common);
    for (size_t i = 0; i < q->nmarks; i++) {
        const size_t at = trit_mark_position(q->marks[i]);
        if (at <= m.common && at > m.usable) {
            m.usable = at;
            m.mark = q->marks[i];
        }
    }
    if (m.usable > best->usable)
        *best = m;
}

static struct match best_match(struct trit_scheduler *s, const struct trit_job *job, bool copied)
{
    struct match best = { .copied = copied };
    for (struct trit_sequence **at = &s->kept; *at; at = &(*at)->next)
        look_at(s, job, *at, at, &best);
    for (size_t i = 0; i < s->nrunning; i++)
        if (s->running[i] != job)
            look_at(s, job, s->running[i]->sequence, NULL, &best);
    return best;
}

/* Whether nothing is lost that another prompt may want: little, or the end of this conversation. */
static bool is_ours(const struct match *m)
{
    const struct trit_sequence *q = m->sequence;
    return m->kept && (q->n - m->usable <= SHORT || m->common >= q->turn);
}

/* --- a sequence for a prompt --- */

enum trit_code trit_sequence_create(struct trit_scheduler *s, struct trit_sequence **sequence,
                                    struct trit_error *error)
{
    struct trit_sequence *q = trit_alloc(1, sizeof *q);
    enum trit_code code = TRIT_EMEMORY;
    if (q)
        q->tokens = trit_alloc(s->sizes.context + 1, sizeof *q->tokens);
    if (!q || !q->tokens)
        trit_fail(error, TRIT_EMEMORY, "no memory for a text of %zu tokens", s->sizes.context);
    else
        code = trit_session_join(&q->session, s->work, s->sizes.context, error);
    if (code) {
        trit_sequence_free(q);
        q = NULL;
    }
    *sequence = q;
    return code;
}

/* That much will be filled at once: there must be as much. */
static enum trit_code check_room(const struct trit_sequence *q, size_t tokens,
                                 struct trit_error *error)
{
    const size_t context = trit_session_context(q->session),
                 kv = trit_session_kv_bytes(q->session) / context * tokens;
    return trit_need_memory("the prompt", kv + trit_session_taken(q->session).states, NULL, error);
}

/* A new one; what is kept makes room for it. */
static enum trit_code create_fitting(struct trit_scheduler *s, size_t tokens,
                                     struct trit_sequence **sequence, struct trit_error *error)
{
    for (;;) {
        enum trit_code code = trit_sequence_create(s, sequence, error);
        if (!code && !(code = check_room(*sequence, tokens, error)))
            return TRIT_OK;
        trit_sequence_free(*sequence);
        *sequence = NULL;
        if (!drop_oldest(s))
            return code;
    }
}

/* The sequence itself, back at the place; where it stood may be wanted again. */
static struct trit_sequence *take_over(struct trit_scheduler *s, const struct match *m)
{
    struct trit_sequence *q = m->sequence;
    *m->kept = q->next;
    q->next = NULL;
    if (!(m->mark ? trit_mark_back(m->mark) : trit_session_rewind(q->session, m->usable))) {
        trit_sequence_free(q);
        return NULL;
    }
    drop_lost(q);
    if (s->states && s->sizes.kept_bytes && m->usable >= trit_sequence_marked(q) + NEAR)
        add_mark(q);
    if (q->n > m->usable)
        trit_session_trim(q->session);
    return q;
}

static bool copy_into(struct trit_sequence *to, const struct match *m)
{
    return m->mark ? trit_mark_copy(m->mark, to->session)
                   : trit_session_copy(to->session, m->sequence->session, m->usable);
}

/* It was used. */
static void put_first(struct trit_scheduler *s, struct trit_sequence **at)
{
    struct trit_sequence *q = *at;
    *at = q->next;
    q->next = s->kept;
    s->kept = q;
}

/* What there is before copying: whatever making room for it dropped may have been the source. */
static enum trit_code copied(struct trit_scheduler *s, struct trit_job *job,
                             struct trit_sequence **sequence, size_t *reused,
                             struct trit_error *error)
{
    const enum trit_code code = create_fitting(s, job->ask.ntokens, sequence, error);
    const struct match m = best_match(s, job, true);
    *reused = 0;
    if (code || m.usable < LEAST || !copy_into(*sequence, &m))
        return code;
    *reused = m.usable;
    if (m.kept)
        put_first(s, m.kept);
    return TRIT_OK;
}

static size_t turn_of(const struct trit_job *job)
{
    const size_t n = job->ask.ntokens;
    size_t turn = n - 1;
    for (size_t i = 0; i < job->ask.nturns; i++)
        if (job->ask.turns[i] < n)
            turn = job->ask.turns[i];
    return turn;
}

enum trit_code trit_sequence_find(struct trit_scheduler *s, struct trit_job *job,
                                  struct trit_error *error)
{
    const struct match m = best_match(s, job, false);
    struct trit_sequence *q = m.usable && is_ours(&m) ? take_over(s, &m) : NULL;
    size_t reused = q ? m.usable : 0;
    const enum trit_code code = q ? TRIT_OK : copied(s, job, &q, &reused, error);
    if (code)
        return code;
    memcpy(q->tokens, job->ask.tokens, job->ask.ntokens * sizeof *q->tokens);
    q->n = job->ask.ntokens;
    q->turn = turn_of(job);
    s->state_bytes = trit_session_taken(q->session).states;
    job->sequence = q;
    job->result.reused = reused;
    return TRIT_OK;
}

/* --- prompts that begin alike and come together --- */

/* Whether r is to evaluate next what j wants, too: the one that is further, or came first. */
static bool leads(const struct trit_job *r, const struct trit_job *j)
{
    const size_t at = trit_session_position(r->sequence->session),
                 behind = trit_session_position(j->sequence->session);
    if (r->answers || at < behind || (at == behind && r->number > j->number))
        return false;
    const size_t common = alike(r->sequence, r->sequence->n, j);
    return common > at && common >= behind + LEAST;
}

bool trit_sequence_follows(const struct trit_scheduler *s, const struct trit_job *j)
{
    if (!can_mark(s) || j->answers)
        return false;
    for (size_t i = 0; i < s->nrunning; i++)
        if (s->running[i] != j && leads(s->running[i], j))
            return true;
    return false;
}

size_t trit_sequence_wanted(const struct trit_scheduler *s, const struct trit_job *r, size_t after)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < s->nrunning && s->states; i++) {
        const struct trit_job *j = s->running[i];
        const size_t at = j->follows && j != r ? alike(r->sequence, r->ask.ntokens, j) : 0;
        first = at > after && at < first ? at : first;
    }
    return first;
}

void trit_sequence_catch_up(struct trit_scheduler *s, struct trit_job *j)
{
    struct trit_sequence *q = j->sequence;
    const struct match m = best_match(s, j, true);
    if (m.usable < trit_session_position(q->session) + LEAST || !copy_into(q, &m))
        return;
    drop_lost(q);
    pthread_mutex_lock(&s->bell->lock);
    s->stats.reused_tokens += m.usable - j->result.reused;
    pthread_mutex_unlock(&s->bell->lock);
    j->result.reused = m.usable;
}

void trit_sequence_keep(struct trit_scheduler *s, struct trit_job *job)
{
    struct trit_sequence *q = job->sequence;
    job->sequence = NULL;
    if (!q)
        return;
    const size_t position = trit_session_position(q->session);
    if (position > q->n)
        trit_session_rewind(q->session, q->n);
    q->n = trit_session_position(q->session);
    drop_lost(q);
    if (!q->n || !s->sizes.kept_bytes) {
        trit_sequence_free(q);
        return;
    }
    q->next = s->kept;
    s->kept = q;
    fit(s);
}

void trit_sequence_adopt(struct trit_scheduler *s, struct trit_sequence *q)
{
    if (s->states)
        add_mark(q);
    q->next = s->kept;
    s->kept = q;
    fit(s);
}
