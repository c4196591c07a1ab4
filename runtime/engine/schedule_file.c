/* What is kept of a text, in a file and out of it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/engine/internal.h"
#include "runtime/model/snapshot.h"

/* A copy of the sequence at its last turn: a longer chat may have another answer behind it. */
static enum trit_code copy_at_turn(struct trit_scheduler *s, const struct trit_sequence *q,
                                   struct trit_sequence **copy, struct trit_error *error)
{
    const struct trit_mark *mark = q->marks[0];
    for (size_t i = 0; i < q->nmarks; i++)
        if (trit_mark_position(q->marks[i]) <= q->turn)
            mark = q->marks[i];
    enum trit_code code = trit_sequence_create(s, copy, error);
    if (!code && !trit_mark_copy(mark, (*copy)->session))
        code = trit_fail(error, TRIT_EMEMORY, "no copy of a text can be made");
    return code;
}

enum trit_code trit_sequence_save(struct trit_scheduler *s, const char *path,
                                  struct trit_error *error)
{
    const struct trit_sequence *q = s->kept;
    struct trit_sequence *copy = NULL;
    if (!q)
        return trit_fail(error, TRIT_EARGUMENT, "%s: nothing was evaluated yet", path);
    enum trit_code code = q->nmarks ? copy_at_turn(s, q, &copy, error) : TRIT_OK;
    if (!code)
        code = trit_snapshot_write(copy ? copy->session : q->session, q->tokens, path, error);
    trit_sequence_free(copy);
    return code;
}

enum trit_code trit_sequence_restore(struct trit_scheduler *s, const char *path,
                                     struct trit_error *error)
{
    struct trit_sequence *q;
    int32_t *tokens = NULL;
    size_t n = 0;
    enum trit_code code = trit_sequence_create(s, &q, error);
    if (!code)
        code = trit_snapshot_read(q->session, path, &tokens, &n, error);
    if (!code && !n)
        code = trit_fail(error, TRIT_EFORMAT, "%s: has no tokens", path);
    if (code) {
        free(tokens);
        trit_sequence_free(q);
        return code;
    }
    memcpy(q->tokens, tokens, n * sizeof *tokens);
    free(tokens);
    q->n = q->turn = n;
    trit_sequence_adopt(s, q);
    return TRIT_OK;
}
