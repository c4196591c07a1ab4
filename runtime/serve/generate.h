/* An answer to a request of any of the APIs: what was asked in one form, and the answer piece by
   piece to a writer, which gives it the API's form. */
#ifndef TRIT_SERVE_GENERATE_H
#define TRIT_SERVE_GENERATE_H

#include <stdatomic.h>

#include "runtime/serve/http.h"
#include "runtime/serve/models.h"
#include "runtime/serve/text.h"

struct trit_server;     /* runtime/serve/serve.h */
struct trit_generation; /* under way */

enum trit_format { TRIT_FORMAT_TEXT, TRIT_FORMAT_JSON, TRIT_FORMAT_SCHEMA };
enum trit_tool_choice { TRIT_TOOLS_AUTO, TRIT_TOOLS_NONE, TRIT_TOOLS_MUST };

/* Parameters that a request may leave to the model's Modelfile. */
enum trit_given {
    TRIT_GIVEN_TEMPERATURE = 1,
    TRIT_GIVEN_TOP_K = 2,
    TRIT_GIVEN_TOP_P = 4,
    TRIT_GIVEN_MIN_P = 8,
    TRIT_GIVEN_REPEAT_PENALTY = 16,
    TRIT_GIVEN_REPEAT_LAST_N = 32,
    TRIT_GIVEN_PRESENCE = 64,
    TRIT_GIVEN_FREQUENCY = 128,
    TRIT_GIVEN_SEED = 256,
    TRIT_GIVEN_PREDICT = 512,
    TRIT_GIVEN_STOP = 1024,
};

enum { TRIT_CHOICES = 16, TRIT_TOP_LOGPROBS = 20, TRIT_BIASES = 1024 };
enum { TRIT_MESSAGES_MOST = 16384, TRIT_PREDICT_MOST = 1 << 24 };

/* Made by trit_ask_create, freed by trit_ask_free. The references to JSON are its own. */
struct trit_ask {
    char model[TRIT_STORE_NAME];
    double keep_alive; /* seconds, negative: for ever; NAN: as the server has it */

    /* One of the two: a chat, or prompts. */
    json_t *messages, *tools, *kwargs;
    enum trit_think think;
    json_t *prompts;    /* an array: texts (in which control tokens are read), or arrays of ids */
    const char *system; /* before the messages where they have none; NULL: the Modelfile's; it is
                           of `source` */
    const char *chat_template; /* in place of the model's, of `source`; NULL: the model's */
    struct trit_chat *chat;    /* made of it: generate.c's */
    json_t *context;           /* an array of ids, which the chat goes on from; NULL: it begins */
    bool must_think;           /* it is refused where the model does not think */
    bool truncate;             /* a chat that is longer than the context loses its oldest turns */

    enum trit_tool_choice choice;
    const char *only; /* of `tools`: the one that must be called, or NULL */
    bool parallel;
    enum trit_format format;
    json_t *schema;

    struct trit_sampling sampling; /* bias: `biases` */
    struct trit_bias *biases;
    unsigned given;    /* enum trit_given */
    size_t predict, n; /* tokens at most, 0: as the context allows; answers to each prompt */
    char *stop[TRIT_STOPS];
    size_t nstop;
    bool logprobs, stream, usage, echo, endless;
    size_t top;
    bool keep_ids; /* tokens of the answer stand in the choice */

    json_t *source; /* the request, which texts above point into */
};
struct trit_ask *trit_ask_create(void);   /* NULL: no memory */
void trit_ask_free(struct trit_ask *ask); /* NULL allowed */

/* A call of a tool in an answer. */
struct trit_call {
    char id[32];
    struct trit_buffer name, arguments;
};

/* One answer. Belongs to the scheduler's thread until it has ended. */
struct trit_choice {
    struct trit_generation *generation;
    size_t index;
    struct trit_buffer content, thinking;
    struct trit_call *calls;
    size_t ncalls;
    json_t *logprobs; /* of the tokens so far: {id, token, logprob, bytes, top_logprobs}; NULL */
    size_t told;      /* of those, how many the writer has told */
    size_t offset;    /* bytes of the text before the last token */
    int32_t *ids;     /* nids: its tokens, where the ask keeps them, an end token included */
    size_t nids, ids_room;
    bool ended;
    struct trit_job_result result;
    void *own; /* the writer's */

    _Atomic(struct trit_job *) job; /* all from here are of generate.c */
    struct trit_answer *answer;
    struct trit_utf8_stream utf8;
    struct trit_stops stops;
    struct trit_buffer out;
    size_t prompt; /* number of its prompt */
    double last;   /* when the token before came, or it was asked for */
    bool told_first;
};

/* What gives an answer its form. All but `fail` on the scheduler's thread. */
struct trit_writer {
    /* Text of the answer has come, which also stands in the choice. NULL: it is not told of it. */
    void (*piece)(struct trit_choice *choice, const struct trit_answer_piece *piece);
    void (*ended)(struct trit_choice *choice); /* NULL allowed */
    /* All have; replies, or ends the stream. */
    void (*done)(struct trit_generation *generation);
    /* In place of done, and after all choices have ended, where it went wrong. Nothing was replied
       yet, unless the writer has begun a stream. */
    void (*fail)(struct trit_generation *generation, unsigned status, const char *param,
                 const char *message);
};

struct trit_generation {
    struct trit_server *server;
    struct trit_request *request;
    struct trit_ask *ask;
    const struct trit_writer *writer;
    void *own;       /* the writer's; free()d at the end */
    bool streaming;  /* the writer's: its stream has begun */
    char id[40];     /* random: "5f3c..." */
    int64_t created; /* seconds since 1970 */
    struct trit_served *served;
    struct trit_choice *choices; /* of each prompt n, one after another */
    size_t nchoices;
    double load_seconds, total_seconds;
};

/* Takes the ask; own may be NULL. From a handler, or a thread that may read files. */
void trit_generation_begin(struct trit_server *server, struct trit_request *request,
                           struct trit_ask *ask, const struct trit_writer *writer, void *own);
/* Why a choice ended, in OpenAI's words: "stop", "length", "tool_calls". */
const char *trit_choice_reason(const struct trit_choice *choice);
/* The tokens of its prompt: n. */
const int32_t *trit_choice_prompt(const struct trit_choice *choice, size_t *n);
/* Tokens of all choices; of the prompts each once. */
struct trit_usage {
    size_t prompt, reused, made;
    double prefill, decode;
};
struct trit_usage trit_generation_usage(const struct trit_generation *generation);

#endif
