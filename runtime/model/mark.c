/* Places that a sequence can go back to: copies of its states. Keys and values stay where they are,
   so a place is lost as soon as the sequence goes back before it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

struct trit_mark {
    struct trit_session *session; /* NULL: it was freed, or went back before this */
    struct trit_mark *next;
    size_t position;
    void *states;
    size_t bytes;
};

/* Of what the states are now, at that position. */
static enum trit_code take(struct trit_mark **mark, struct trit_session *s, size_t position,
                           struct trit_error *error)
{
    struct trit_mark *m = trit_alloc(1, sizeof *m);
    const size_t bytes = position ? s->states.bytes : 0; /* at 0 they are zeros */
    if (m && bytes)
        m->states = trit_map(bytes);
    if (!m || (bytes && !m->states)) {
        free(m);
        return trit_fail(error, TRIT_EMEMORY, "no memory for a copy of a sequence's states");
    }
    m->bytes = bytes;
    if (m->bytes)
        memcpy(m->states, s->states.memory, m->bytes);
    m->position = position;
    m->session = s;
    m->next = s->marks;
    s->marks = m;
    *mark = m;
    return TRIT_OK;
}

enum trit_code trit_mark_take(struct trit_mark **mark, struct trit_session *s,
                              struct trit_error *error)
{
    *mark = NULL;
    const enum trit_code code = trit_delta_settle(s, error);
    return code ? code : take(mark, s, s->position, error);
}

enum trit_code trit_mark_settled(struct trit_mark **mark, struct trit_session *s,
                                 struct trit_error *error)
{
    *mark = NULL;
    return take(mark, s, trit_config_deltas(&s->model->config) ? s->states.settled : s->position,
                error);
}

size_t trit_mark_position(const struct trit_mark *m)
{
    return m->session ? m->position : SIZE_MAX;
}

size_t trit_mark_bytes(const struct trit_mark *m)
{
    return m->bytes;
}

bool trit_mark_copy(const struct trit_mark *m, struct trit_session *to)
{
    if (!m->session || !trit_cache_copy(to, m->session, m->position))
        return false;
    trit_marks_detach(to);
    if (m->bytes)
        memcpy(to->states.memory, m->states, m->bytes);
    to->position = to->states.settled = m->position;
    return true;
}

bool trit_mark_back(const struct trit_mark *m)
{
    struct trit_session *s = m->session;
    if (!s)
        return false;
    if (m->bytes && s->states.settled != m->position)
        memcpy(s->states.memory, m->states, m->bytes);
    s->position = s->states.settled = m->position;
    trit_marks_forget(s, m->position);
    return true;
}

void trit_marks_forget(struct trit_session *s, size_t position)
{
    for (struct trit_mark **at = &s->marks; *at;) {
        struct trit_mark *m = *at;
        if (m->position <= position) {
            at = &m->next;
            continue;
        }
        m->session = NULL;
        *at = m->next;
    }
}

void trit_marks_detach(struct trit_session *s)
{
    for (struct trit_mark *m = s->marks; m; m = m->next)
        m->session = NULL;
    s->marks = NULL;
}

void trit_mark_free(struct trit_mark *m)
{
    if (!m)
        return;
    struct trit_mark **at = m->session ? &m->session->marks : NULL;
    while (at && *at != m)
        at = &(*at)->next;
    if (at)
        *at = m->next;
    trit_unmap(m->states, m->bytes);
    free(m);
}
