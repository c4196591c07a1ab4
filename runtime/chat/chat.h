/* Chats as text. The template that makes a prompt of messages is the file's (Jinja, in a subset,
   run with limits on steps, depth, output and memory, and without files, clock or host), or one of
   those built in. A chat does not change once opened; several threads may render with it. */
#ifndef TRIT_CHAT_H
#define TRIT_CHAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/format/gguf.h"
#include "runtime/grammar/calls.h"
#include "runtime/text/tokenizer.h"

struct trit_chat;

/* wanted: the name of a template that is built in, or the text of one; NULL: the file's own, or the
   family's where the file has none, one that the subset does not cover, or one known to be wrong.
 */
enum trit_code trit_chat_open(struct trit_chat **chat, const struct trit_gguf *gguf,
                              const char *wanted, struct trit_error *error);
void trit_chat_free(struct trit_chat *chat); /* NULL allowed */

struct trit_chat_traits {
    const char *name;            /* "file", "given", or of the built-in: "qwen3" */
    const char *why;             /* one line: why it was taken */
    const char *source;          /* its text */
    bool system, tools;          /* it takes a system message; tools */
    bool thinks, quiet;          /* answers may begin with thinking; it can be turned off */
    const char *think, *thought; /* around thinking: "<think>", "</think>" */
    enum trit_call_form calls;
};
const struct trit_chat_traits *trit_chat_traits(const struct trit_chat *chat);
const char *const *trit_chat_names(void); /* of those built in, NULL at the end */

enum trit_think { TRIT_THINK_DEFAULT, TRIT_THINK_ON, TRIT_THINK_OFF };
struct trit_chat_ask {
    /* OpenAI's array. role; content: a string, null, or parts of which only text is taken; of the
       assistant reasoning_content and tool_calls [{id, type, function {name, arguments: an object,
       or its text}}]; of tools tool_call_id, name. */
    const json_t *messages;
    const json_t *tools;  /* OpenAI's array; NULL or empty: none */
    const json_t *kwargs; /* an object: further variables of the template; NULL: none */
    enum trit_think think;
    bool closed; /* no turn of the assistant is begun at the end. Else one is; a last message that
                    is the assistant's is gone on with */
};
struct trit_chat_prompt {
    char *text; /* free with trit_chat_prompt_free */
    size_t bytes;
    uint8_t *given; /* a byte a byte: 1 where it came from a message, so is no control token */
    bool thinking;  /* the answer begins within its thinking */
};
/* Messages that are no messages, or that the template refuses (raise_exception), are TRIT_EARGUMENT
   naming the message; a template that goes past a limit is TRIT_EUNSUPPORTED. */
enum trit_code trit_chat_render(const struct trit_chat *chat, const struct trit_chat_ask *ask,
                                struct trit_chat_prompt *prompt, struct trit_error *error);
void trit_chat_prompt_free(struct trit_chat_prompt *prompt);
/* Its ids, BOS first where the model wants one and the text has none; free() *ids. turns: positions
   at which a turn begins (the ids of the tokens before are what a longer chat can share),
   ascending; free() *turns. Both NULL: not wanted. */
struct trit_chat_ids {
    int32_t *ids;
    size_t n;
    size_t *turns, nturns;
};
enum trit_code trit_chat_encode(const struct trit_tokenizer *tokenizer,
                                const struct trit_chat_prompt *prompt, struct trit_chat_ids *ids,
                                struct trit_error *error);

/* The text of a token of an answer, as trit_answer_feed takes it: of control tokens only those that
   stand around thinking and calls have one. As long as the tokenizer. */
struct trit_text trit_chat_piece(const struct trit_chat *chat,
                                 const struct trit_tokenizer *tokenizer, int32_t id);

/* An answer taken apart as it comes. */
enum trit_answer_part {
    TRIT_ANSWER_CONTENT,
    TRIT_ANSWER_THINKING,
    TRIT_ANSWER_CALL,      /* a call begins: text is the function's name */
    TRIT_ANSWER_ARGUMENTS, /* of the call that began last: its object as JSON, piece by piece */
};
struct trit_answer_piece {
    enum trit_answer_part part;
    size_t call; /* number of the call, from 0 */
    const char *text;
    size_t bytes;
};
struct trit_answer_sink {
    void (*take)(void *arg, const struct trit_answer_piece *piece);
    void *arg;
};
struct trit_answer;
/* thinking: of the prompt. tools: those that may be called; NULL: calls are content. Each piece
   goes to sink->take, on the thread that feeds. Text that only looked like a call is content. The
   chat must outlive the answer. */
enum trit_code trit_answer_create(struct trit_answer **answer, const struct trit_chat *chat,
                                  bool thinking, const json_t *tools,
                                  const struct trit_answer_sink *sink, struct trit_error *error);
enum trit_code trit_answer_feed(struct trit_answer *answer, const char *text, size_t bytes,
                                struct trit_error *error);
/* What was held back comes; a call that was cut is content, from its beginning where nothing of it
   was told, else its arguments end as they are. */
enum trit_code trit_answer_end(struct trit_answer *answer, struct trit_error *error);
size_t trit_answer_calls(const struct trit_answer *answer);
void trit_answer_free(struct trit_answer *answer); /* NULL allowed */

#endif
