/* `run --chat`: one message, one answer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/stop.h"
#include "runtime/program/internal.h"
#include "runtime/program/talk.h"

static bool show(void *arg, const struct trit_answer_piece *piece)
{
    const struct trit_run_options *o = arg;
    if (o->output != TRIT_RUN_TEXT || piece->part == TRIT_ANSWER_THINKING)
        return true;
    fwrite(piece->text, 1, piece->bytes, stdout);
    return trit_cli_flush();
}

static struct trit_talk_options options_of(const struct trit_run_options *o)
{
    return (struct trit_talk_options){ .model = o->model,
                                       .system = o->system,
                                       .chat_template = o->chat_template,
                                       .profile = o->profile,
                                       .predict = o->predict,
                                       .context = o->context,
                                       .threads = o->threads,
                                       .chunk = o->chunk,
                                       .draft = o->draft,
                                       .draft_n = o->draft_n,
                                       .sparse = o->sparse,
                                       .i2s = o->i2s,
                                       .kv = o->kv,
                                       .think = o->think,
                                       .sampling = o->sampling,
                                       .quiet = o->quiet };
}

static enum trit_run_stop stop_of(const struct trit_talk *t)
{
    if (t->cut)
        return trit_stopped() ? TRIT_RUN_INTERRUPT : TRIT_RUN_CLOSED;
    if (t->last.end == TRIT_JOB_ENDED)
        return TRIT_RUN_END;
    return t->predict && t->nmade == t->predict ? TRIT_RUN_LENGTH : TRIT_RUN_CONTEXT;
}

static enum trit_code report(const struct trit_talk *t, const struct trit_run_options *o,
                             struct trit_text prompt, double begin, struct trit_error *error)
{
    const struct trit_job_result *last = &t->last;
    const size_t chosen = t->nmade + (last->end == TRIT_JOB_ENDED),
                 decoded = chosen ? chosen - 1 : 0;
    const struct trit_decoded passes = { .from = (enum trit_draft)o->draft,
                                         .passes = decoded - last->right,
                                         .guessed = last->drafted,
                                         .right = last->right };
    const struct trit_run_result result = { .model = t->engine.path,
                                            .cache = trit_engine_cache_used(&t->engine),
                                            .tokenizer = t->engine.tokenizer,
                                            .threads = trit_pool_threads(t->engine.pool),
                                            .seed = t->sampling.seed - 1,
                                            .prompt = prompt,
                                            .tokens = t->made,
                                            .nprompt = t->prompt,
                                            .ntokens = t->nmade,
                                            .decoded = decoded,
                                            .passes = &passes,
                                            .context = t->engine.context,
                                            .trained = t->engine.config.context,
                                            .stop = stop_of(t),
                                            .load = t->engine.load_seconds,
                                            .prefill = last->prefill,
                                            .decode = last->decode,
                                            .total = trit_now() - begin };
    if (o->output != TRIT_RUN_TEXT)
        return trit_run_json(&result, error);
    if (!o->quiet)
        trit_run_summary(&result);
    return TRIT_OK;
}

enum trit_code trit_run_chat(const struct trit_run_options *o, struct trit_text prompt,
                             struct trit_error *error)
{
    const double begin = trit_now();
    const struct trit_talk_options options = options_of(o);
    struct trit_talk talk;
    size_t dropped;
    enum trit_code code = trit_talk_open(&talk, &options, error);
    trit_catch_stop();
    if (!code)
        code = trit_talk_say(&talk, prompt.s, prompt.n, error);
    if (!code)
        code = trit_talk_answer(&talk, show, (void *)o, &dropped, error);
    if (!code && o->output == TRIT_RUN_TEXT && isatty(1))
        putchar('\n'); /* for the shell's next line */
    if (!code)
        code = report(&talk, o, prompt, begin, error);
    trit_talk_close(&talk);
    return code;
}
