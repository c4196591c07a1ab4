/* What the files of one command share: inspect, profile, run. */
#ifndef TRIT_PROGRAM_INTERNAL_H
#define TRIT_PROGRAM_INTERNAL_H

#include <stdio.h>

#include "autotune/estimate/estimate.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/cli/sampling.h"
#include "runtime/decode/decode.h"
#include "runtime/decode/sampler.h"
#include "runtime/engine/engine.h"
#include "runtime/format/gguf.h"
#include "runtime/plan/profile.h"

struct trit_inspect {
    const char *model; /* -m: the file; NULL: the argument */
    int format, i2s;   /* index in "text|json"; enum trit_i2s */
    bool tensors, all;
    struct trit_estimate estimate; /* of the file, by the limits that its profile keeps */
};

/* What the file holds of one tensor type. */
struct trit_inspect_share {
    uint32_t type;
    size_t tensors;
    uint64_t elements, bytes;
};
/* The types in the file, most bytes first; free() them. NULL without memory. */
struct trit_inspect_share *trit_inspect_shares(const struct trit_gguf *gguf, size_t *count);

uint64_t trit_inspect_elements(const struct trit_gguf_tensor *t);

/* "I2_S", or "type 99", made in room, for one that is not known. */
const char *trit_inspect_type(uint32_t type, char room[16]);

/* Bytes that follow the last tensor and its padding. 0 also where a size is unknown. */
uint64_t trit_inspect_trailing(const struct trit_gguf *gguf);

/* What a model made of the file takes in memory, in bytes. */
struct trit_inspect_memory {
    uint64_t trits;   /* weights of the packed matrices */
    uint64_t plane;   /* of the head: 4 bits of every element */
    uint64_t kv;      /* f16, per token */
    char cache[4096]; /* where its packed cache is, "" where there is none */
    uint64_t cache_bytes;
};
/* False where no model can be made of it. */
bool trit_inspect_memory(const struct trit_gguf *gguf, struct trit_inspect_memory *memory);
/* The elements of a metadata value, one after another. */
enum trit_inspect_kind {
    TRIT_IS_TEXT,
    TRIT_IS_BOOL,
    TRIT_IS_SIGNED,
    TRIT_IS_UNSIGNED,
    TRIT_IS_F32,
    TRIT_IS_F64
};
struct trit_inspect_item {
    enum trit_inspect_kind kind;
    struct trit_text text; /* TEXT */
    uint64_t bits;         /* BOOL, UNSIGNED; SIGNED: of an int64_t */
    double real;           /* F32, F64 */
};
struct trit_inspect_walk {
    const uint8_t *next; /* starts as kv->data */
    uint64_t i;          /* starts as 0 */
};
/* False past the last. */
bool trit_inspect_next(const struct trit_gguf_kv *kv, struct trit_inspect_walk *walk,
                       struct trit_inspect_item *item);

/* Write to stdout. */
enum trit_code trit_inspect_text(const struct trit_gguf *gguf, const struct trit_inspect *options,
                                 struct trit_error *error);
enum trit_code trit_inspect_json(const struct trit_gguf *gguf, const struct trit_inspect *options,
                                 struct trit_error *error);

/* Private to `tritmill profile`: profiles for people. */

/* "47.1 us" or "5.21 ms" into out (16 bytes). Returns out. */
char *trit_profile_time(double ns, char *out);

void trit_profile_show(const struct trit_profile *profile, FILE *to);
json_t *trit_profile_json(const struct trit_profile *profile);
/* What differs from a to b; returns how many lines and plans do. */
size_t trit_profile_diff(const struct trit_profile *a, const struct trit_profile *b, FILE *to);

/* Private to `tritmill run`: what was asked, what happened, and how it is told. */

enum trit_run_output { TRIT_RUN_TEXT, TRIT_RUN_JSON };

struct trit_run_options {
    const char *model, *prompt, *file, *profile, *system, *chat_template;
    int think, predict, context, threads, chunk, output, draft, draft_n, sparse, kv, i2s;
    struct trit_cli_sampling sampling;
    bool escape, no_escape, no_special, no_display_prompt, ignore_eos, quiet, chat;
};

enum trit_run_stop {
    TRIT_RUN_ON, /* nothing stops it */
    TRIT_RUN_LENGTH,
    TRIT_RUN_END,
    TRIT_RUN_CONTEXT,
    TRIT_RUN_INTERRUPT,
    TRIT_RUN_CLOSED,
};

struct trit_run_result {
    const char *model, *cache; /* cache: the packed cache that was used, NULL: none */
    const struct trit_tokenizer *tokenizer;
    int threads;
    uint64_t seed;
    struct trit_text prompt;
    const int32_t *tokens;            /* the continuation, without the end token */
    size_t nprompt, ntokens, decoded; /* tokens; decoded: chosen after the first */
    const struct trit_decoded *passes;
    size_t context, trained; /* of this run, of the model */
    enum trit_run_stop stop;
    double load, prefill, decode, total; /* seconds */
};

/* run --chat: the prompt is a message, the continuation its answer. */
enum trit_code trit_run_chat(const struct trit_run_options *options, struct trit_text prompt,
                             struct trit_error *error);

void trit_run_summary(const struct trit_run_result *result);
/* One JSON object on stdout. */
enum trit_code trit_run_json(const struct trit_run_result *result, struct trit_error *error);

#endif
