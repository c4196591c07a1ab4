/* A conversation with a model: what `chat` and `run --chat` share. */
#ifndef TRIT_PROGRAM_TALK_H
#define TRIT_PROGRAM_TALK_H

#include <jansson.h>

#include "runtime/chat/chat.h"
#include "runtime/cli/open.h"
#include "runtime/cli/sampling.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/schedule.h"

struct trit_talk_options {
    const char *model, *models, *system, *chat_template, *profile;
    int predict, context, threads, chunk, draft, draft_n, sparse, kv, i2s;
    int think; /* enum trit_think */
    struct trit_cli_sampling sampling;
    bool quiet;
};

/* Rows of both commands' tables; AT(member) is the offset of that member. */
/* clang-format off */
#define TRIT_TALK_OPTIONS(AT) \
    { "--system;-sys,--system-prompt", TRIT_OPT_TEXT, AT(system), "TEXT", \
      "the system's message", 0, 0, NULL }, \
    { "--think", TRIT_OPT_CHOICE, AT(think), NULL, \
      "whether the model thinks before it answers, where it can: as its template has it, on, off", \
      0, 0, "default|on|off" }, \
    { "--chat-template", TRIT_OPT_TEXT, AT(chat_template), "TEMPLATE", \
      "what makes a prompt of messages: a built-in template, or a file in Jinja " \
      "(default: the model's)", \
      0, 0, NULL }, \
    TRIT_LAYOUT_OPTION(AT(i2s))
/* clang-format on */

/* Pieces of an answer as they come, on another thread than the caller's; false ends it. */
typedef bool trit_talk_show_fn(void *arg, const struct trit_answer_piece *piece);

struct trit_talk {
    const struct trit_talk_options *options;
    struct trit_engine engine;
    struct trit_chat *chat;
    struct trit_scheduler *scheduler;
    struct trit_sampling sampling; /* of the next answer; each has a seed of its own */
    enum trit_think think;
    size_t predict;   /* tokens of an answer at most; 0: as the context allows */
    json_t *messages; /* OpenAI's array; the system's, if there is one, first */
    size_t dropped;   /* behind the system's: so many the context has no room for */
    /* Of the last answer. */
    struct trit_job_result last;
    bool cut;      /* by Ctrl-C, or by `show` */
    size_t prompt; /* tokens */
    int32_t *made; /* nmade tokens, the end token not among them */
    size_t nmade;
};

/* Opens, checks and loads; whatever happened, trit_talk_close. */
enum trit_code trit_talk_open(struct trit_talk *talk, const struct trit_talk_options *options,
                              struct trit_error *error);
void trit_talk_close(struct trit_talk *talk);

/* The system's message from now on; NULL or empty: none. */
enum trit_code trit_talk_system(struct trit_talk *talk, const char *text, struct trit_error *error);
/* The user's next message; not UTF-8: TRIT_EARGUMENT. */
enum trit_code trit_talk_say(struct trit_talk *talk, const char *text, size_t bytes,
                             struct trit_error *error);
/* The answer to the messages so far, which becomes one. Old messages are dropped where the context
   is full (*dropped: how many now). Ctrl-C (runtime/base/stop.h, caught) ends it; what there is of
   it stands. After an error there is no new message. */
enum trit_code trit_talk_answer(struct trit_talk *talk, trit_talk_show_fn *show, void *arg,
                                size_t *dropped, struct trit_error *error);
/* Takes the last message away if it is of that role; false: it is not. */
bool trit_talk_drop_last(struct trit_talk *talk, const char *role);
/* All but the system's. */
void trit_talk_reset(struct trit_talk *talk);

/* The messages in a file of their own, as JSON, and what was computed for them beside it
   (PATH.state). Where that cannot be used, which *slow then says, they are evaluated again. */
enum trit_code trit_talk_save(struct trit_talk *talk, const char *path, struct trit_error *error);
enum trit_code trit_talk_load(struct trit_talk *talk, const char *path, char *slow, size_t room,
                              struct trit_error *error);

#endif
