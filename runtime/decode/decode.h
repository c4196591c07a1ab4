/* A sequence that goes on: prompt in, token after token out. Between the two stand the head's
   candidates, the sampler and guesses that are checked several at a time; the tokens are those that
   one pass for each would give, whatever is guessed. A decoder, its session and its sampler belong
   to one thread at a time; feed and next of another decoder of the model at the same time are
   TRIT_EARGUMENT (runtime/model/model.h), and can be called again. */
#ifndef TRIT_DECODE_H
#define TRIT_DECODE_H

#include "runtime/decode/lookup.h"
#include "runtime/decode/predict.h"
#include "runtime/decode/sampler.h"
#include "runtime/model/model.h"

struct trit_decoder;

/* Where drafts come from. AUTO: from the model's prediction block where it has one, else from the
   text. */
enum trit_draft { TRIT_DRAFT_AUTO, TRIT_DRAFT_MTP, TRIT_DRAFT_LOOKUP, TRIT_DRAFT_NONE };
struct trit_drafting {
    enum trit_draft from;
    size_t most; /* tokens at a time: of a block always as many, of the text at most; 0: as they
                    pay. In a model with states never more than TRIT_DRAFTS */
};

/* For a session of the model; both, and the sampler, must outlive it. TRIT_DRAFT_MTP without a
   block, and drafts of more than TRIT_LOOKUP_MAX tokens, are TRIT_EARGUMENT. */
enum trit_code trit_decoder_create(struct trit_decoder **decoder, struct trit_model *model,
                                   struct trit_session *session, struct trit_sampler *sampler,
                                   struct trit_drafting drafting, struct trit_error *error);
void trit_decoder_free(struct trit_decoder *decoder); /* NULL allowed */

/* These tokens stand in the text: the sampler and guesses know them. Evaluates nothing. */
void trit_decoder_tell(struct trit_decoder *decoder, const int32_t *tokens, size_t n);

/* Evaluates tokens that were told, as trit_session_prefill does; the next choice is what follows
   them. */
enum trit_code trit_decoder_feed(struct trit_decoder *decoder, const int32_t *tokens, size_t n,
                                 struct trit_error *error);

/* The next token, chosen and told; evaluates the one before, and guesses, where that was not done.
   wanted: how many tokens the caller will take, this one included. The context must have room for
   the token before. */
enum trit_code trit_decoder_next(struct trit_decoder *decoder, size_t wanted, int32_t *token,
                                 struct trit_error *error);

/* The halves of feed and of next, for callers who evaluate the runs of several decoders together.
   Between them *run is evaluated (runtime/model/model.h); after an error of that nothing has
   changed but what the session has, and a first half comes again. `tokens` stay there until the
   second. */
/* A part of tokens that were told, at most a pass's where the block drafts; last: the next choice
   is what follows it. */
enum trit_code trit_decoder_part(struct trit_decoder *decoder, const int32_t *tokens, size_t n,
                                 bool last, struct trit_run *run, struct trit_error *error);
/* The last token that was taken, and drafts; wanted as in next. */
enum trit_code trit_decoder_begin(struct trit_decoder *decoder, size_t wanted, struct trit_run *run,
                                  struct trit_error *error);
/* seconds: that the pass took; 0: it says nothing of what drafts cost. An error is one of drafting:
   the choices are made, and without drafts (trit_decoder_plain) all goes on. */
enum trit_code trit_decoder_end(struct trit_decoder *decoder, double seconds,
                                struct trit_error *error);
/* The next token that was chosen; false: there is none. */
bool trit_decoder_take(struct trit_decoder *decoder, int32_t *token);

/* Whole rows of logits are asked for, always; and the row of the token taken last, NULL where it
   was none, as long as no part or pass begins. */
void trit_decoder_rows(struct trit_decoder *decoder);
const float *trit_decoder_row(const struct trit_decoder *decoder);
/* No more drafts. */
void trit_decoder_plain(struct trit_decoder *decoder);

struct trit_decoded {
    enum trit_draft from;  /* AUTO: settled */
    size_t passes;         /* after the prompt's */
    size_t guessed, right; /* tokens */
};
const struct trit_decoded *trit_decoder_stats(const struct trit_decoder *decoder);
/* What passes of the block that drafts cost so far; NULL: none drafts. Those of the model are its
   working memory's. */
const struct trit_counts *trit_decoder_counts(const struct trit_decoder *decoder);
const char *trit_draft_name(enum trit_draft from); /* "mtp" */

#endif
