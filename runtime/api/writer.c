/* Writers of the C interface: a decoder on a context, that begins anew with each answer, so that an
   answer depends on the context's tokens and on the sampling alone. */
#include "runtime/api/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/grammar.h"

struct trit_lm_writer {
    struct trit_lm_context *context;
    struct trit_choosing choosing;
    struct trit_drafting drafting;
    bool endless;
    size_t most;
    const struct trit_lm_grammar *grammar;
    struct trit_matcher *matcher; /* of the answer; NULL: any text */
    struct trit_sampler *sampler;
    struct trit_decoder *decoder;
    size_t moves;   /* of the context, when this was the one that moved it */
    int32_t last;   /* written, and not read yet, */
    bool unread;    /* if there is one */
    bool writing;   /* an answer has begun, and has not ended */
    size_t written; /* tokens of it */
    struct trit_utf8_stream utf8;
    char *text;
    size_t text_room;
};

static enum trit_code check(const struct trit_lm_writing *w, const struct trit_lm *lm,
                            struct trit_error *error)
{
    if (w->draft < 0 || w->draft > TRIT_LM_DRAFT_NONE)
        return trit_fail(error, TRIT_EARGUMENT, "enum trit_lm_draft has no value %d", w->draft);
    if (w->draft == TRIT_LM_DRAFT_MTP && !trit_model_block(lm->engine.model))
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s: its prediction block is not loaded, or it has none", lm->engine.path);
    if (w->draft_most > TRIT_LOOKUP_MAX)
        return trit_fail(error, TRIT_EARGUMENT, "drafts of %zu tokens are too long: at most %d",
                         w->draft_most, TRIT_LOOKUP_MAX);
    return TRIT_OK;
}

static void stop_decoder(struct trit_lm_writer *w)
{
    trit_decoder_free(w->decoder);
    trit_sampler_free(w->sampler);
    trit_matcher_free(w->matcher);
    w->decoder = NULL;
    w->sampler = NULL;
    w->matcher = NULL;
    w->writing = false;
}

/* What may be chosen next is as the grammar has it. */
static enum trit_code hold(struct trit_lm_writer *w, struct trit_error *error)
{
    const uint32_t *mask = w->matcher ? trit_matcher_mask(w->matcher) : NULL;
    if (w->matcher && !mask)
        return trit_fail(error, TRIT_EMEMORY, "no memory for what the grammar allows");
    trit_sampler_mask(w->sampler, mask);
    return TRIT_OK;
}

/* A decoder that knows what the context has. */
static enum trit_code start_decoder(struct trit_lm_writer *w, struct trit_error *error)
{
    struct trit_lm_context *c = w->context;
    stop_decoder(w);
    enum trit_code code =
        trit_sampler_create(&w->sampler, &w->choosing.sampling, c->lm->engine.config.vocab, error);
    if (!code)
        code = trit_decoder_create(&w->decoder, c->lm->engine.model, c->session, w->sampler,
                                   w->drafting, error);
    if (!code)
        code = trit_hold_begin(&w->matcher, w->grammar, error);
    if (!code)
        code = hold(w, error);
    if (code)
        return code;
    if (w->endless)
        trit_engine_ban_ends(&w->context->lm->engine, w->sampler);
    trit_decoder_tell(w->decoder, c->tokens, c->n);
    w->written = 0;
    return TRIT_OK;
}

static enum trit_code create(struct trit_lm_writer *w, const struct trit_lm_writing *writing,
                             struct trit_error *error)
{
    struct trit_lm_writing all;
    enum trit_code code = trit_api_take(&all, sizeof all, writing, "trit_lm_writing", error);
    if (!code)
        code = check(&all, w->context->lm, error);
    if (!code)
        code = trit_choosing_copy(&w->choosing, w->context->lm, all.sampling, error);
    /* A grammar says of one choice after the other what it can be. */
    w->drafting =
        (struct trit_drafting){ all.grammar ? TRIT_DRAFT_NONE : (enum trit_draft)all.draft,
                                all.draft_most };
    w->grammar = all.grammar;
    w->endless = all.endless;
    w->most = all.most ? all.most : SIZE_MAX;
    return code ? code : start_decoder(w, error); /* what is wrong with the sampling, is told now */
}

enum trit_lm_code trit_lm_writer_create(struct trit_lm_writer **writer,
                                        struct trit_lm_context *context,
                                        const struct trit_lm_writing *writing,
                                        struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_writer *w = calloc(1, sizeof *w);
    *writer = NULL;
    if (!w)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for a writer"), &e, error);
    w->context = context;
    const enum trit_code code = create(w, writing, &e);
    if (code)
        trit_lm_writer_free(w);
    else
        *writer = w;
    return trit_api_result(code, &e, error);
}

void trit_lm_writer_free(struct trit_lm_writer *w)
{
    if (!w)
        return;
    trit_context_settle(w->context);
    stop_decoder(w);
    free(w->choosing.bias);
    free(w->text);
    free(w);
}

/* A pass at a time, so that others get their turn in between. */
static enum trit_code read_tokens(struct trit_lm_writer *w, const int32_t *tokens, size_t n,
                                  struct trit_error *error)
{
    struct trit_lm_context *c = w->context;
    const size_t chunk = trit_work_chunk(c->lm->work), start = c->n;
    enum trit_code code = TRIT_OK;
    trit_decoder_tell(w->decoder, tokens, n);
    for (size_t at = 0, some; at < n && !code; at += some) {
        some = n - at < chunk ? n - at : chunk;
        trit_turn_take(&c->lm->turn);
        code = trit_context_stopped(c, error);
        if (!code)
            code = trit_decoder_feed(w->decoder, tokens + at, some, error);
        trit_turn_give(&c->lm->turn);
        if (!code)
            trit_context_append(c, tokens + at, some);
    }
    if (code) {
        trit_context_back(c, start);
        stop_decoder(w);
    }
    return code;
}

static enum trit_code feed(struct trit_lm_writer *w, const int32_t *tokens, size_t n,
                           struct trit_error *error)
{
    struct trit_lm_context *c = w->context;
    const bool own = w->decoder && w->moves == c->moves;
    w->unread = own && w->unread;
    enum trit_code code = trit_context_room(c, n ? n + w->unread : 0, error);
    if (code)
        return code;
    int32_t *all = malloc((n + 1) * sizeof *all);
    if (!all)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", n);
    all[0] = w->last;
    memcpy(all + w->unread, tokens, n * sizeof *all);
    trit_context_settle(c);
    code = own && !w->written ? TRIT_OK : start_decoder(w, error);
    if (!code)
        code = read_tokens(w, all, n + w->unread, error);
    free(all);
    w->unread = false;
    w->writing = !code;
    w->utf8.n = 0;
    w->moves = code ? w->moves : c->moves;
    return code;
}

enum trit_lm_code trit_lm_writer_feed(struct trit_lm_writer *w, const int32_t *tokens, size_t n,
                                      struct trit_lm_error *error)
{
    struct trit_error e;
    return trit_api_result(feed(w, tokens, n, &e), &e, error);
}

/* The next token, which the decoder may have ready. */
static enum trit_code choose(struct trit_lm_writer *w, int32_t *token, struct trit_error *error)
{
    struct trit_lm_context *c = w->context;
    if (!w->writing || w->moves != c->moves)
        return trit_fail(error, TRIT_EARGUMENT,
                         w->writing ? "the context was moved: the writer is to be fed first"
                                    : "no answer has begun, or it has ended");
    trit_turn_take(&c->lm->turn);
    enum trit_code code = trit_context_stopped(c, error);
    const bool stopped = code != TRIT_OK;
    if (!code)
        code = trit_decoder_next(w->decoder, w->most - w->written, token, error);
    trit_turn_give(&c->lm->turn);
    if (code && !stopped) {
        trit_context_back(c, c->n);
        stop_decoder(w);
    }
    return code;
}

static enum trit_code write_text(struct trit_lm_writer *w, struct trit_lm_piece *piece,
                                 struct trit_error *error)
{
    const struct trit_text text =
        trit_tokenizer_decode(w->context->lm->engine.tokenizer, piece->token, false);
    enum { HELD = 4 };
    w->text = trit_outgrow(w->text, &w->text_room, text.n + 2 * HELD, 1);
    if (!w->text)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a piece of text");
    if (piece->end != TRIT_LM_END_TOKEN)
        piece->bytes = trit_utf8_feed(&w->utf8, text, w->text);
    if (piece->end)
        piece->bytes += trit_utf8_flush(&w->utf8, w->text + piece->bytes);
    piece->text = w->text;
    return TRIT_OK;
}

static enum trit_lm_end end_of(const struct trit_lm_writer *w)
{
    const struct trit_lm_context *c = w->context;
    if (trit_tokenizer_is_end(c->lm->engine.tokenizer, w->last))
        return TRIT_LM_END_TOKEN;
    if (w->written == w->most)
        return TRIT_LM_END_MOST;
    return c->n == trit_session_context(c->session) ? TRIT_LM_END_FULL : TRIT_LM_GOES_ON;
}

static enum trit_code next(struct trit_lm_writer *w, struct trit_lm_piece *piece,
                           struct trit_error *error)
{
    int32_t token;
    enum trit_code code = choose(w, &token, error);
    if (code)
        return code;
    if (w->unread)
        trit_context_append(w->context, &w->last, 1);
    w->last = token;
    w->unread = true;
    w->written++;
    piece->token = token;
    piece->end = end_of(w);
    w->writing = !piece->end;
    if (w->matcher)
        trit_matcher_accept(w->matcher, token);
    code = w->writing ? hold(w, error) : TRIT_OK;
    return code ? code : write_text(w, piece, error);
}

enum trit_lm_code trit_lm_writer_next(struct trit_lm_writer *w, struct trit_lm_piece *piece,
                                      struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_piece all = { .size = sizeof all, .text = "" };
    const enum trit_code code = next(w, &all, &e);
    trit_api_give(piece, &all, sizeof all);
    return trit_api_result(code, &e, error);
}
