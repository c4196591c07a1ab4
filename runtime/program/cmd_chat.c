/* `tritmill chat`: talks with a model, on a terminal or through pipes. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/stop.h"
#include "runtime/cli/commands.h"
#include "runtime/program/chat.h"
#include "runtime/program/made.h"

#define AT(member)          offsetof(struct trit_talk_options, member)
#define AT_SAMPLING(member) AT(sampling.member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "--models", TRIT_OPT_TEXT, AT(models), "DIR",
      "the models folder (default: TRITMILL_MODELS, else ~/.local/share/tritmill/models)", 0, 0,
      NULL },
    TRIT_TALK_OPTIONS(AT),
    { "-n,--predict;--n-predict", TRIT_OPT_INT, AT(predict), "N",
      "tokens of an answer at most (default -1: until it ends)", -1, 1e9, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "context in tokens (default: the model's, as far as it fits the free memory)", 0, 1 << 24,
      NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    TRIT_SAMPLING_OPTIONS(AT_SAMPLING),
    { "--draft", TRIT_OPT_CHOICE, AT(draft), NULL,
      "tokens tried several at a time, with the same text: auto, mtp, lookup, none", 0, 0,
      "auto|mtp|lookup|none" },
    { "--draft-n;--draft-max", TRIT_OPT_INT, AT(draft_n), "N",
      "draft N tokens at a time, by lookup at most (default: as they pay)", 1, TRIT_LOOKUP_MAX,
      NULL },
    { "--chunk", TRIT_OPT_INT, AT(chunk), "N", "prompt tokens evaluated together (default 256)", 1,
      65536, NULL },
    { "--sparse", TRIT_OPT_CHOICE, AT(sparse), NULL,
      "skip weights that meet zeros: auto (as 'pack' measured), on, off", 0, 0, "auto|on|off" },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), NULL,
      "elements of the KV cache: f16 (default), i8 (half the size; changes the text a little)", 0,
      0, "f16|i8" },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "nothing on stderr but errors", 0, 0, NULL },
};

static const char detail[] =
    "On a terminal lines are edited, and remembered for the next time. A line that ends in a \\ "
    "goes\n"
    "on in the next one; what stands between two \"\"\" is one message, as is what is pasted.\n"
    "Ctrl-C ends an answer, what there is of it stands; Ctrl-D ends the chat. /help lists the\n"
    "commands. Without a terminal each line of stdin is a message, and stdout gets the answers\n"
    "alone, without thinking. The seed of the first answer is that of -s, each further one's is "
    "one\n"
    "more.";

/* --- what is shown --- */

static bool show_piece(void *arg, const struct trit_answer_piece *piece)
{
    struct trit_chatting *c = arg;
    const bool thinking = piece->part == TRIT_ANSWER_THINKING;
    if (thinking && !c->terminal)
        return true;
    if (thinking != c->dimmed) {
        fputs(thinking ? "\033[2m" : "\033[0m\n", stdout);
        c->dimmed = thinking;
    }
    fwrite(piece->text, 1, piece->bytes, stdout);
    return trit_cli_flush();
}

static void end_answer(struct trit_chatting *c)
{
    if (c->dimmed)
        fputs("\033[0m", stdout);
    c->dimmed = false;
    putchar('\n');
    trit_cli_flush();
}

static const char *why(const struct trit_chatting *c)
{
    const struct trit_talk *t = &c->talk;
    if (t->cut)
        return "; stopped";
    if (t->last.end == TRIT_JOB_LENGTH)
        return t->predict && t->nmade == t->predict ? "; the number of tokens is reached"
                                                    : "; the context is full";
    return "";
}

void trit_chat_stats(const struct trit_chatting *c)
{
    const struct trit_talk *t = &c->talk;
    const struct trit_job_result *r = &t->last;
    const char *on = c->terminal ? "\033[2m" : "", *off = c->terminal ? "\033[0m" : "";
    fprintf(stderr,
            "%s[%zu tokens, %.1f t/s; prompt of %zu, %zu of them known, %.2f s; context %zu of "
            "%zu%s]%s\n",
            on, t->nmade, r->decode > 0 ? (double)t->nmade / r->decode : 0, t->prompt, r->reused,
            r->prefill, t->prompt + t->nmade, t->engine.context, why(c), off);
}

void trit_chat_answer(struct trit_chatting *c)
{
    struct trit_error error;
    size_t dropped;
    trit_catch_stop();
    enum trit_code code = trit_talk_answer(&c->talk, show_piece, c, &dropped, &error);
    end_answer(c);
    if (dropped && !c->talk.options->quiet)
        fprintf(stderr,
                "tritmill: the context of %zu tokens is full: the oldest %zu message%s no longer "
                "shown to the model (-c raises it)\n",
                c->talk.engine.context, dropped, dropped == 1 ? " is" : "s are");
    if (code) {
        trit_cli_error(&error);
        trit_talk_drop_last(&c->talk, "user");
        c->failed = !c->terminal;
    } else if (c->terminal && !c->talk.options->quiet) {
        trit_chat_stats(c);
    }
}

/* --- the loop --- */

static void greet(const struct trit_chatting *c)
{
    const struct trit_talk *t = &c->talk;
    const struct trit_chat_traits *traits = trit_chat_traits(t->chat);
    if (t->options->quiet || !c->terminal)
        return;
    fprintf(stderr, "%s, context %zu, %s template (%s)\nseed %llu; /help lists the commands\n",
            t->engine.config.name[0] ? t->engine.config.name : t->engine.path, t->engine.context,
            traits->name, traits->why, (unsigned long long)t->sampling.seed);
}

static void take_message(struct trit_chatting *c, const char *text, size_t bytes)
{
    struct trit_error error;
    if (!bytes)
        return;
    if (trit_talk_say(&c->talk, text, bytes, &error)) {
        trit_cli_error(&error);
        c->failed = !c->terminal;
        return;
    }
    trit_chat_answer(c);
}

/* A Ctrl-C on a terminal is for the answer that is made, or for the line that is typed. */
static bool goes_on(const struct trit_chatting *c)
{
    if (c->terminal && trit_stop_signal() == SIGINT)
        trit_forget_stop();
    return !c->quit && !c->failed && !trit_stopped();
}

static enum trit_code talk(struct trit_chatting *c, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    greet(c);
    while (goes_on(c)) {
        enum trit_line what;
        const char *text;
        size_t bytes;
        code = trit_lines_next(c->lines, &what, &text, &bytes, error);
        if (code || what == TRIT_LINE_END || !goes_on(c))
            break;
        if (what == TRIT_LINE_AGAIN)
            continue;
        if (*text == '/')
            trit_chat_command(c, text);
        else
            take_message(c, text, bytes);
    }
    return code;
}

static int run(int argc, char **argv)
{
    struct trit_talk_options o = { .predict = -1,
                                   .chunk = 256,
                                   .sampling = trit_cli_sampling_none() };
    struct trit_chatting c = { 0 };
    struct trit_error error;
    enum trit_parse parse = trit_cli_parse(&trit_cmd_chat, argc, argv, &o, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    struct trit_modelfile made;
    if (o.models)
        setenv("TRITMILL_MODELS", o.models, 1);
    enum trit_code code = trit_made_apply(&o, &made, &error);
    if (!code)
        code = trit_talk_open(&c.talk, &o, &error);
    if (!code)
        code = trit_made_messages(&c.talk, &made, &error);
    if (!code)
        code = trit_lines_open(&c.lines, trit_chat_commands(), &error);
    c.terminal = !code && trit_lines_terminal(c.lines);
    if (!code)
        code = talk(&c, &error);
    trit_lines_close(c.lines);
    trit_talk_close(&c.talk);
    trit_modelfile_free(&made);
    return code ? trit_cli_error(&error) : c.failed;
}

const struct trit_command trit_cmd_chat = {
    .name = "chat",
    .summary = "talk with a model",
    .usage = "[-m FILE] [--system TEXT] [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
