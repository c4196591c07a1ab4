/* Contexts of the C interface in files and in memory. */
#include "runtime/api/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/model/snapshot.h"

/* The session is what was saved; tokens: which it consists of. */
static enum trit_code became(struct trit_lm_context *c, const int32_t *tokens, const char *name,
                             struct trit_error *error)
{
    const size_t n = trit_session_position(c->session);
    c->n = 0;
    if (!n || tokens) {
        trit_context_append(c, tokens ? tokens : c->tokens, n);
        return TRIT_OK;
    }
    trit_session_rewind(c->session, 0);
    return trit_fail(error, TRIT_EFORMAT, "%s: has no tokens with it; the context is empty now",
                     name);
}

enum trit_lm_code trit_lm_context_save(struct trit_lm_context *c, const char *path,
                                       struct trit_lm_error *error)
{
    struct trit_error e;
    trit_context_settle(c);
    trit_turn_take(&c->lm->turn);
    const enum trit_code code = trit_snapshot_write(c->session, c->tokens, path, &e);
    trit_turn_give(&c->lm->turn);
    return trit_api_result(code, &e, error);
}

enum trit_lm_code trit_lm_context_load(struct trit_lm_context *c, const char *path,
                                       struct trit_lm_error *error)
{
    struct trit_error e;
    int32_t *tokens = NULL;
    size_t n;
    trit_context_settle(c);
    trit_turn_take(&c->lm->turn);
    enum trit_code code = trit_snapshot_read(c->session, path, &tokens, &n, &e);
    trit_turn_give(&c->lm->turn);
    if (!code)
        code = became(c, tokens, path, &e);
    free(tokens);
    return trit_api_result(code, &e, error);
}

size_t trit_lm_context_saved_bytes(struct trit_lm_context *c)
{
    trit_context_settle(c);
    return trit_snapshot_bytes(c->session, true);
}

enum trit_lm_code trit_lm_context_store(struct trit_lm_context *c, void *memory, size_t bytes,
                                        struct trit_lm_error *error)
{
    struct trit_error e;
    enum trit_code code = TRIT_OK;
    const size_t need = trit_lm_context_saved_bytes(c);
    if (bytes < need)
        code = trit_fail(&e, TRIT_EARGUMENT, "%zu bytes are too few: the context takes %zu", bytes,
                         need);
    trit_turn_take(&c->lm->turn);
    if (!code)
        code = trit_snapshot_take(c->session, c->tokens, memory, &e);
    trit_turn_give(&c->lm->turn);
    return trit_api_result(code, &e, error);
}

enum trit_lm_code trit_lm_context_restore(struct trit_lm_context *c, const void *memory,
                                          size_t bytes, struct trit_lm_error *error)
{
    static const char name[] = "the saved context";
    struct trit_error e;
    const int32_t *tokens = NULL;
    enum trit_code code = TRIT_OK;
    trit_context_settle(c);
    if ((uintptr_t)memory % 8)
        code = trit_fail(&e, TRIT_EARGUMENT, "%s: memory is not aligned to 8 bytes", name);
    trit_turn_take(&c->lm->turn);
    if (!code)
        code = trit_snapshot_put(c->session, memory, bytes, name, &tokens, &e);
    trit_turn_give(&c->lm->turn);
    if (!code)
        code = became(c, tokens, name, &e);
    return trit_api_result(code, &e, error);
}
