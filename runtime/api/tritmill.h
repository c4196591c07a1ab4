/* tritmill: ternary (1.58-bit) and 1-bit language models on CPUs. The C library's one header.

       struct trit_lm *lm;
       struct trit_lm_context *context;
       if (trit_lm_open(&lm, "model.gguf", NULL, &error) ||
           trit_lm_context_create(&context, lm, 0, &error))
           ...

   What fails returns a code other than TRIT_LM_OK, fills the caller's struct trit_lm_error (NULL is
   allowed) with a line that says what was wrong and where, and sets the handle it should have made
   to NULL. What cannot fail returns its answer. No input makes the library print, exit or abort.
   (A model file that is cut while it is open raises SIGBUS where it is read.)

   Structs that may grow begin with their size: the caller sets it to sizeof the struct, and every
   other field to 0 where it wants what is usual. A program that was compiled with an older header
   keeps working with a newer library of the same soname.

   Threads. A model may be used by any number of threads at once. What is made of it (contexts,
   samplers, writers, batches, answers) is used by one thread at a time, each; different ones by
   different threads at once. Evaluations of one model take turns, pass by pass, in the order in
   which they come; those of different models run side by side. Chats and grammars do not change.

   Texts are bytes with a length; they need not be UTF-8. Tokens are ids from 0 up. */
#ifndef TRITMILL_H
#define TRITMILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRIT_LM_API __attribute__((visibility("default")))

/* --- version --- */

#define TRIT_LM_VERSION_MAJOR 0
#define TRIT_LM_VERSION_MINOR 1
#define TRIT_LM_VERSION_PATCH 0
#define TRIT_LM_VERSION \
    (TRIT_LM_VERSION_MAJOR * 10000 + TRIT_LM_VERSION_MINOR * 100 + TRIT_LM_VERSION_PATCH)

/* Of the library that runs: TRIT_LM_VERSION of its own header, and as text: "0.1.0". */
TRIT_LM_API int trit_lm_version(void);
TRIT_LM_API const char *trit_lm_version_text(void);

/* --- errors --- */

enum trit_lm_code { /* these numbers never change */
                    TRIT_LM_OK = 0,
                    TRIT_LM_EIO = 1,          /* the system refused: open, read, write, map */
                    TRIT_LM_EFORMAT = 2,      /* a file's bytes contradict its format */
                    TRIT_LM_EUNSUPPORTED = 3, /* well formed, but nothing here handles it */
                    TRIT_LM_EARGUMENT = 4,    /* the caller's value is out of range */
                    TRIT_LM_EMEMORY = 5,
                    TRIT_LM_ESTOPPED = 6, /* the caller asked to stop */
                    TRIT_LM_EBUSY = 7
};

struct trit_lm_error {
    enum trit_lm_code code;
    char text[1024]; /* one line, without a newline */
};

/* --- models --- */

struct trit_lm;

enum trit_lm_kv {
    TRIT_LM_KV_F16 = 0,
    TRIT_LM_KV_I8 = 1
}; /* i8: half the size, answers differ a
      little */
enum trit_lm_sparse { TRIT_LM_SPARSE_AUTO = 0, TRIT_LM_SPARSE_ON = 1, TRIT_LM_SPARSE_OFF = 2 };

struct trit_lm_options {
    size_t size; /* sizeof(struct trit_lm_options) */
    int threads; /* 0: one per physical core */
    int kv;      /* enum trit_lm_kv: elements of the caches of all contexts */
    int sparse;  /* enum trit_lm_sparse: skip weights that meet zeros; same answers */
    bool block;  /* load the prediction block, too, if there is one: writers draft with it */
    const char *profile; /* a file, or "none"; NULL: this machine's */
    const char *cache;   /* the packed cache: a file, or "none"; NULL: looked for */
    size_t contexts;     /* how many there shall be memory for; 0: one. More can be made */
    size_t context;      /* tokens of each; 0: as many as the free memory has room for, at most as
                            many as the model was trained with */
    size_t chunk;        /* tokens of a prompt that a pass takes; 0: 256 */
    /* How far loading is; false ends it (TRIT_LM_ESTOPPED). On the thread that opens; may be NULL.
     */
    bool (*progress)(void *arg, uint64_t done, uint64_t total);
    /* A line, without a newline, for each thing about profile and packed cache that was passed
       over; likewise. */
    void (*tell)(void *arg, const char *line);
    void *arg;
};

/* Opens a GGUF file, checks all of it, and packs its weights. options may be NULL. */
TRIT_LM_API enum trit_lm_code trit_lm_open(struct trit_lm **lm, const char *path,
                                           const struct trit_lm_options *options,
                                           struct trit_lm_error *error);
/* What was made of it is freed before. NULL is allowed, here and in all that frees. */
TRIT_LM_API void trit_lm_close(struct trit_lm *lm);

struct trit_lm_facts {
    size_t size;        /* sizeof(struct trit_lm_facts) */
    const char *path;   /* texts live as long as the model */
    const char *name;   /* general.name; "" where the file has none */
    const char *family; /* general.architecture: "bitnet-b1.58", "qwen3", ... */
    const char *cache;  /* the packed cache that is in use, or NULL */
    size_t vocab;       /* length of a row of logits */
    size_t trained;     /* tokens of the longest context that it was trained with */
    size_t context;     /* tokens of a context where none are asked for */
    size_t layers, hidden;
    uint64_t params, file_bytes;
    uint64_t memory_bytes; /* weights and head, contexts not counted */
    double load_seconds;
    int threads;
    bool block;   /* there is a prediction block, and it is loaded */
    bool rewinds; /* contexts can go back to any position; else to 0 and to marks */
    int32_t bos;  /* the token at the beginning of a text; -1: none */
};
/* Sets the fields that lie within facts->size. */
TRIT_LM_API void trit_lm_facts(const struct trit_lm *lm, struct trit_lm_facts *facts);

/* --- texts and tokens --- */

enum trit_lm_encode {
    TRIT_LM_BOS = 1,    /* the BOS first, where the model wants one and the text has none */
    TRIT_LM_CONTROL = 2 /* control tokens that are written out become their ids: not for texts that
                           come from others */
};
struct trit_lm_tokens {
    int32_t *ids; /* freed with trit_lm_free */
    size_t n;
};
/* The tokens of a text; flags: of enum trit_lm_encode. */
TRIT_LM_API enum trit_lm_code trit_lm_tokenize(const struct trit_lm *lm, const char *text,
                                               size_t bytes, unsigned flags,
                                               struct trit_lm_tokens *tokens,
                                               struct trit_lm_error *error);
TRIT_LM_API void trit_lm_free(void *memory);
/* The bytes of one token, not terminated, living as long as the model; of a control token its name
   where control, else nothing. Token by token they are the text, byte for byte, but a character may
   begin in one and end in the next. */
TRIT_LM_API const char *trit_lm_token_text(const struct trit_lm *lm, int32_t token, bool control,
                                           size_t *bytes);
/* Whether it ends a text or a turn. */
TRIT_LM_API bool trit_lm_token_ends(const struct trit_lm *lm, int32_t token);

/* Whole characters out of pieces of text; begins as zeros. */
struct trit_lm_utf8 {
    unsigned char held[4];
    int n;
};
/* Writes what is whole of what was held and of the piece to out, which has room for bytes + 4;
   returns how much. What can never become UTF-8 comes unchanged. */
TRIT_LM_API size_t trit_lm_utf8_feed(struct trit_lm_utf8 *utf8, const char *piece, size_t bytes,
                                     char *out);
/* What is still held, to out with room for 4. */
TRIT_LM_API size_t trit_lm_utf8_flush(struct trit_lm_utf8 *utf8, char *out);

/* --- contexts: sequences of tokens that the model has read --- */

struct trit_lm_context;

/* tokens: how long it may become; 0: trit_lm_facts.context. Memory is taken as it fills. */
TRIT_LM_API enum trit_lm_code trit_lm_context_create(struct trit_lm_context **context,
                                                     struct trit_lm *lm, size_t tokens,
                                                     struct trit_lm_error *error);
TRIT_LM_API void trit_lm_context_free(struct trit_lm_context *context);
TRIT_LM_API size_t trit_lm_context_size(const struct trit_lm_context *context);
/* Tokens evaluated so far, and which: valid until the context is used again. */
TRIT_LM_API size_t trit_lm_context_position(const struct trit_lm_context *context);
TRIT_LM_API const int32_t *trit_lm_context_tokens(const struct trit_lm_context *context);
/* Memory of its cache and states, now. */
TRIT_LM_API uint64_t trit_lm_context_bytes(const struct trit_lm_context *context);

/* Forgets all from that position on. False, and nothing is forgotten, where the model has states
   that cannot go back there: they go to 0, and to the mark. */
TRIT_LM_API bool trit_lm_context_rewind(struct trit_lm_context *context, size_t position);
/* Remembers this position, in the place of the last mark, so that a context with states can come
   back to it. It costs a copy of the states; nothing in a model without. */
TRIT_LM_API enum trit_lm_code trit_lm_context_mark(struct trit_lm_context *context,
                                                   struct trit_lm_error *error);
/* For a text whose beginning may be here already: goes back to where the context and these tokens
   part, or as far before as it must, and returns that position, which is less than n. The tokens
   from there on are to be evaluated. */
TRIT_LM_API size_t trit_lm_context_match(struct trit_lm_context *context, const int32_t *tokens,
                                         size_t n);

enum trit_lm_want { TRIT_LM_LAST = 0, TRIT_LM_ALL = 1, TRIT_LM_NONE = 2 };
/* Reads n >= 1 tokens behind those that are there. *logits: what may follow the last of them, a row
   of trit_lm_facts.vocab floats, or n such rows, one behind each (TRIT_LM_ALL); valid until the
   next evaluation of this context. After an error the context is as before, or, where it has states
   that were touched, at 0. */
TRIT_LM_API enum trit_lm_code trit_lm_eval(struct trit_lm_context *context, const int32_t *tokens,
                                           size_t n, enum trit_lm_want want, const float **logits,
                                           struct trit_lm_error *error);
/* The evaluation that is under way, or the next, ends between two passes (TRIT_LM_ESTOPPED). Any
   thread may call this, and a handler of signals. */
TRIT_LM_API void trit_lm_context_stop(struct trit_lm_context *context);

/* A context with its tokens in a file, or in memory, and back, bit for bit. It belongs to the model
   file and the kind of cache that it was made with; what does not fit is TRIT_LM_EFORMAT, and the
   context stays as it was. An old file is there until the new one is whole. */
TRIT_LM_API enum trit_lm_code trit_lm_context_save(struct trit_lm_context *context,
                                                   const char *path, struct trit_lm_error *error);
TRIT_LM_API enum trit_lm_code trit_lm_context_load(struct trit_lm_context *context,
                                                   const char *path, struct trit_lm_error *error);
/* How much memory it takes; into it; and back. memory is aligned to 8. */
TRIT_LM_API size_t trit_lm_context_saved_bytes(struct trit_lm_context *context);
TRIT_LM_API enum trit_lm_code trit_lm_context_store(struct trit_lm_context *context, void *memory,
                                                    size_t bytes, struct trit_lm_error *error);
TRIT_LM_API enum trit_lm_code trit_lm_context_restore(struct trit_lm_context *context,
                                                      const void *memory, size_t bytes,
                                                      struct trit_lm_error *error);

/* --- batches: several contexts of one model in the same passes over its weights --- */

struct trit_lm_batch;

TRIT_LM_API enum trit_lm_code trit_lm_batch_create(struct trit_lm_batch **batch, struct trit_lm *lm,
                                                   struct trit_lm_error *error);
TRIT_LM_API void trit_lm_batch_free(struct trit_lm_batch *batch);
/* The context shall read n >= 1 tokens, which are copied; each context once. */
TRIT_LM_API enum trit_lm_code trit_lm_batch_add(struct trit_lm_batch *batch,
                                                struct trit_lm_context *context,
                                                const int32_t *tokens, size_t n,
                                                enum trit_lm_want want,
                                                struct trit_lm_error *error);
/* Each context gets the bits that it would get alone. After an error all are as before, or, where
   the model has states that were touched, at 0. The batch is empty afterwards. */
TRIT_LM_API enum trit_lm_code trit_lm_batch_eval(struct trit_lm_batch *batch,
                                                 struct trit_lm_error *error);
/* Of what was added i-th to the last evaluation, as from trit_lm_eval; valid until the next one.
   NULL: none were wanted. */
TRIT_LM_API const float *trit_lm_batch_logits(const struct trit_lm_batch *batch, size_t i);

/* --- chats: messages as the text that a model was trained to read --- */

struct trit_lm_chat;

/* wanted: the name of a template that is built in ("qwen3", "chatml", ...), or the text of one
   (Jinja); NULL: the file's own, or its family's where that cannot be used. The model outlives it.
 */
TRIT_LM_API enum trit_lm_code trit_lm_chat_open(struct trit_lm_chat **chat, struct trit_lm *lm,
                                                const char *wanted, struct trit_lm_error *error);
TRIT_LM_API void trit_lm_chat_close(struct trit_lm_chat *chat);

struct trit_lm_chat_facts {
    size_t size;         /* sizeof(struct trit_lm_chat_facts) */
    const char *name;    /* "file", "given", or of one built in; texts live as long as the chat */
    const char *why;     /* a line: why it was taken */
    const char *source;  /* its text */
    const char *think;   /* before an answer's thinking: "<think>"; NULL: there is none */
    const char *thought; /* after it */
    bool system;         /* it takes a system message */
    bool tools;          /* it takes tools */
    bool quiet;          /* thinking can be turned off */
};
/* Sets the fields that lie within facts->size. */
TRIT_LM_API void trit_lm_chat_facts(const struct trit_lm_chat *chat,
                                    struct trit_lm_chat_facts *facts);

struct trit_lm_message {
    const char *role; /* "system", "user", "assistant" */
    const char *content;
};
enum trit_lm_think { TRIT_LM_THINK_DEFAULT = 0, TRIT_LM_THINK_ON = 1, TRIT_LM_THINK_OFF = 2 };
struct trit_lm_ask {
    size_t size; /* sizeof(struct trit_lm_ask) */
    const struct trit_lm_message *messages;
    size_t nmessages;
    const char *json;  /* in place of both: the array of OpenAI's API, as JSON, for what has more
                          than a role and a text, such as calls of tools and their results */
    const char *tools; /* OpenAI's array, as JSON; NULL: none */
    const char *variables; /* an object, as JSON: further ones of the template; NULL: none */
    int think;             /* enum trit_lm_think */
    bool closed;           /* no answer is begun at the end */
};
struct trit_lm_prompt {
    size_t size; /* sizeof(struct trit_lm_prompt) */
    char *text;  /* ends with a NUL, too */
    size_t bytes;
    struct trit_lm_tokens tokens; /* BOS first where the model wants one */
    size_t turn; /* the tokens before are what a longer chat begins with, too: a place for a mark */
    bool thinking; /* the answer begins within its thinking */
};
/* Control tokens that are written out in messages stay text. */
TRIT_LM_API enum trit_lm_code trit_lm_chat_prompt(const struct trit_lm_chat *chat,
                                                  const struct trit_lm_ask *ask,
                                                  struct trit_lm_prompt *prompt,
                                                  struct trit_lm_error *error);
TRIT_LM_API void trit_lm_prompt_free(struct trit_lm_prompt *prompt);

/* An answer taken apart as it comes. */
struct trit_lm_answer;
enum trit_lm_part {
    TRIT_LM_CONTENT = 0,
    TRIT_LM_THINKING = 1,
    TRIT_LM_CALL = 2,     /* a call of a tool begins: its name */
    TRIT_LM_ARGUMENTS = 3 /* of the call that began last: an object as JSON, piece by piece */
};
struct trit_lm_taking {
    size_t size;       /* sizeof(struct trit_lm_taking) */
    bool thinking;     /* trit_lm_prompt.thinking */
    const char *tools; /* those of the ask; NULL: calls are content */
    /* Each piece, on the thread that feeds; call: number of the call, from 0. */
    void (*take)(void *arg, enum trit_lm_part part, size_t call, const char *text, size_t bytes);
    void *arg;
};
/* The chat outlives it. */
TRIT_LM_API enum trit_lm_code trit_lm_answer_create(struct trit_lm_answer **answer,
                                                    const struct trit_lm_chat *chat,
                                                    const struct trit_lm_taking *taking,
                                                    struct trit_lm_error *error);
TRIT_LM_API void trit_lm_answer_free(struct trit_lm_answer *answer);
TRIT_LM_API enum trit_lm_code trit_lm_answer_feed(struct trit_lm_answer *answer, const char *text,
                                                  size_t bytes, struct trit_lm_error *error);
/* There is no more: what was held back comes. */
TRIT_LM_API enum trit_lm_code trit_lm_answer_end(struct trit_lm_answer *answer,
                                                 struct trit_lm_error *error);

/* --- grammars: what a text is held to --- */

struct trit_lm_grammar;

/* JSON as a JSON Schema describes it (as JSON; NULL: any object); what is outside of the supported
   subset is refused by name. until: what the text is held to begins behind this ("</think>\n\n");
   NULL: at once. The model outlives it. */
TRIT_LM_API enum trit_lm_code trit_lm_grammar_schema(struct trit_lm_grammar **grammar,
                                                     struct trit_lm *lm, const char *schema,
                                                     const char *until,
                                                     struct trit_lm_error *error);
struct trit_lm_calls {
    size_t size;       /* sizeof(struct trit_lm_calls) */
    const char *tools; /* OpenAI's array, as JSON */
    const char *only;  /* the name of the one that must be called; NULL: any */
    const char *until; /* as above */
    bool parallel;     /* several */
    bool must;         /* the answer is calls; else any text, in which what begins a call is one */
};
/* Calls of tools as the chat's template has them. */
TRIT_LM_API enum trit_lm_code trit_lm_grammar_calls(struct trit_lm_grammar **grammar,
                                                    const struct trit_lm_chat *chat,
                                                    const struct trit_lm_calls *calls,
                                                    struct trit_lm_error *error);
TRIT_LM_API void trit_lm_grammar_free(struct trit_lm_grammar *grammar);

/* --- samplers: the choice of the next token, the same by the same seed on every machine --- */

struct trit_lm_bias {
    int32_t token;
    float add; /* to its logit; -infinity: it is never chosen */
};
struct trit_lm_sampling {
    size_t size;                     /* sizeof(struct trit_lm_sampling) */
    float temperature;               /* 0.8; <= 0: the likeliest */
    int top_k;                       /* 40; <= 0: all */
    float top_p;                     /* 0.95; >= 1: all */
    float min_p;                     /* 0.05; <= 0: all */
    float repeat_penalty;            /* 1: off */
    int repeat_last_n;               /* 64 tokens are looked at for penalties; -1: all */
    float presence_penalty;          /* 0: off */
    float frequency_penalty;         /* 0: off */
    const struct trit_lm_bias *bias; /* copied where it is taken */
    size_t nbias;
    uint64_t seed; /* 0 */
};
/* The values above into what lies within size bytes. */
TRIT_LM_API void trit_lm_sampling_default(struct trit_lm_sampling *sampling, size_t size);
/* The same, but for what the model's file advises (general.sampling.temp and its like). */
TRIT_LM_API void trit_lm_sampling_of(const struct trit_lm *lm, struct trit_lm_sampling *sampling,
                                     size_t size);

struct trit_lm_sampler;
/* sampling NULL: as the model's file advises, or the values above. */
TRIT_LM_API enum trit_lm_code trit_lm_sampler_create(struct trit_lm_sampler **sampler,
                                                     struct trit_lm *lm,
                                                     const struct trit_lm_sampling *sampling,
                                                     struct trit_lm_error *error);
TRIT_LM_API void trit_lm_sampler_free(struct trit_lm_sampler *sampler);
/* A token of the text, of the prompt or chosen: for the penalties. */
TRIT_LM_API void trit_lm_sampler_accept(struct trit_lm_sampler *sampler, int32_t token);
/* Chooses from a row of logits, which it leaves as it is. -1: a grammar holds the text, and there
   is no memory for it. */
TRIT_LM_API int32_t trit_lm_sampler_next(struct trit_lm_sampler *sampler, const float *logits);
/* From now on the tokens that are accepted are to be a text of the grammar, which outlives the
   sampler, and next chooses such. NULL: any text again. */
TRIT_LM_API enum trit_lm_code trit_lm_sampler_hold(struct trit_lm_sampler *sampler,
                                                   const struct trit_lm_grammar *grammar,
                                                   struct trit_lm_error *error);

/* --- writers: an answer, token by token --- */

struct trit_lm_writer;

enum trit_lm_draft {
    TRIT_LM_DRAFT_AUTO = 0,   /* by the prediction block where it is loaded, else from the text */
    TRIT_LM_DRAFT_MTP = 1,    /* by the block */
    TRIT_LM_DRAFT_LOOKUP = 2, /* as the text went on where its last tokens stood before */
    TRIT_LM_DRAFT_NONE = 3
};
struct trit_lm_writing {
    size_t size;                             /* sizeof(struct trit_lm_writing) */
    const struct trit_lm_sampling *sampling; /* NULL: as above; copied */
    const struct trit_lm_grammar *grammar;   /* which outlives the writer; NULL: none */
    size_t most;                             /* tokens of an answer; 0: as the context allows */
    size_t draft_most;                       /* tokens drafted at a time; 0: as they pay */
    int draft;    /* enum trit_lm_draft: never changes the text, only its speed */
    bool endless; /* end tokens are never chosen */
};
/* writing may be NULL. */
TRIT_LM_API enum trit_lm_code trit_lm_writer_create(struct trit_lm_writer **writer,
                                                    struct trit_lm_context *context,
                                                    const struct trit_lm_writing *writing,
                                                    struct trit_lm_error *error);
TRIT_LM_API void trit_lm_writer_free(struct trit_lm_writer *writer); /* before its context */

/* The context reads n >= 1 tokens, and an answer begins behind them, its draws at the seed. A token
   that was written last is read before them, unless something else has moved the context. */
TRIT_LM_API enum trit_lm_code trit_lm_writer_feed(struct trit_lm_writer *writer,
                                                  const int32_t *tokens, size_t n,
                                                  struct trit_lm_error *error);

enum trit_lm_end {
    TRIT_LM_GOES_ON = 0,
    TRIT_LM_END_TOKEN = 1, /* this is an end token, which is not part of the text */
    TRIT_LM_END_MOST = 2,  /* this is the last that was wanted */
    TRIT_LM_END_FULL = 3   /* the context is full */
};
struct trit_lm_piece {
    size_t size;      /* sizeof(struct trit_lm_piece) */
    const char *text; /* whole characters; valid until the writer is used again */
    size_t bytes;
    int32_t token;
    int end; /* enum trit_lm_end */
};
/* The next token. It is not read by the context before the next one is asked for. */
TRIT_LM_API enum trit_lm_code trit_lm_writer_next(struct trit_lm_writer *writer,
                                                  struct trit_lm_piece *piece,
                                                  struct trit_lm_error *error);

#ifdef __cplusplus
}
#endif

#endif
