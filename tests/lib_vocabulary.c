/* Writes small vocabularies as GGUF bytes, good and bad ones alike. */
#include "tests/lib_vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file so far. Tests have memory: there is no other error handling. */
struct bytes {
    uint8_t *data;
    size_t n, room;
    uint64_t nkeys;
};

static void put(struct bytes *b, const void *data, size_t n)
{
    if (b->n + n > b->room) {
        b->room = 2 * (b->n + n);
        b->data = realloc(b->data, b->room);
        if (!b->data)
            abort();
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_u32(struct bytes *b, uint32_t value)
{
    put(b, &value, sizeof value);
}

static void put_u64(struct bytes *b, uint64_t value)
{
    put(b, &value, sizeof value);
}

static void put_text(struct bytes *b, const char *s, size_t n)
{
    put_u64(b, n);
    put(b, s, n);
}

/* Begins a key; false where it was left out or written as a bool. */
static bool put_key(struct bytes *b, const struct trit_words *v, const char *key,
                    enum trit_gguf_type type)
{
    bool as_bool = v->as_bool && !strcmp(v->as_bool, key);
    if (v->omit && !strcmp(v->omit, key))
        return false;
    b->nkeys++;
    put_text(b, key, strlen(key));
    put_u32(b, as_bool ? TRIT_GGUF_BOOL : type);
    if (as_bool)
        put(b, "\1", 1);
    return !as_bool;
}

static void put_array(struct bytes *b, enum trit_gguf_type item, size_t n)
{
    put_u32(b, item);
    put_u64(b, n);
}

static void put_optional_text(struct bytes *b, const struct trit_words *v, const char *key,
                              const char *text)
{
    if (text && put_key(b, v, key, TRIT_GGUF_STRING))
        put_text(b, text, strlen(text));
}

static void put_optional_id(struct bytes *b, const struct trit_words *v, const char *key,
                            int64_t id)
{
    if (id >= 0 && put_key(b, v, key, TRIT_GGUF_U32))
        put_u32(b, (uint32_t)id);
}

static void put_optional_bool(struct bytes *b, const struct trit_words *v, const char *key,
                              int value)
{
    if (value >= 0 && put_key(b, v, key, TRIT_GGUF_BOOL))
        put(b, value ? "\1" : "\0", 1);
}

static bool sentence(const struct trit_words *v)
{
    return v->model && !strcmp(v->model, "llama");
}

static void put_arrays(struct bytes *b, const struct trit_words *v)
{
    if (put_key(b, v, "tokenizer.ggml.tokens", TRIT_GGUF_ARRAY)) {
        put_array(b, TRIT_GGUF_STRING, v->ntokens);
        for (size_t i = 0; i < v->ntokens; i++)
            put_text(b, v->tokens[i].s, v->tokens[i].n);
    }
    if (v->ntypes && put_key(b, v, "tokenizer.ggml.token_type", TRIT_GGUF_ARRAY)) {
        put_array(b, TRIT_GGUF_I32, v->ntypes);
        put(b, v->types, v->ntypes * sizeof *v->types);
    }
    if (v->nscores && put_key(b, v, "tokenizer.ggml.scores", TRIT_GGUF_ARRAY)) {
        put_array(b, TRIT_GGUF_F32, v->nscores);
        put(b, v->scores, v->nscores * sizeof *v->scores);
    }
    if (!sentence(v) && put_key(b, v, "tokenizer.ggml.merges", TRIT_GGUF_ARRAY)) {
        put_array(b, TRIT_GGUF_STRING, v->nmerges);
        for (size_t i = 0; i < v->nmerges; i++)
            put_text(b, v->merges[i], strlen(v->merges[i]));
    }
}

uint8_t *trit_vocabulary_write(const struct trit_words *v, size_t *bytes)
{
    struct bytes b = { 0 };
    put(&b, "GGUF", 4);
    put_u32(&b, 3);
    put_u64(&b, 0);
    put_u64(&b, 0); /* the number of keys, filled in below */
    put_optional_text(&b, v, "general.architecture", v->arch);
    put_optional_text(&b, v, "tokenizer.chat_template", v->chat);
    put_optional_text(&b, v, "tokenizer.ggml.model", v->model);
    put_optional_text(&b, v, "tokenizer.ggml.pre", v->pre);
    put_arrays(&b, v);
    put_optional_id(&b, v, "tokenizer.ggml.bos_token_id", v->bos);
    put_optional_id(&b, v, "tokenizer.ggml.eos_token_id", v->eos);
    put_optional_id(&b, v, "tokenizer.ggml.eot_token_id", v->eot);
    put_optional_bool(&b, v, "tokenizer.ggml.add_bos_token", v->add_bos);
    put_optional_bool(&b, v, "tokenizer.ggml.add_eos_token", v->add_eos);
    put_optional_bool(&b, v, "tokenizer.ggml.add_space_prefix", v->prefix);
    put_optional_bool(&b, v, "tokenizer.ggml.remove_extra_whitespaces", v->fold);
    memcpy(b.data + 16, &b.nkeys, sizeof b.nkeys);
    *bytes = b.n;
    return b.data;
}

enum trit_code trit_vocabulary_load(const struct trit_words *v, struct trit_tokenizer **tokenizer,
                                    struct trit_error *error)
{
    size_t bytes;
    uint8_t *data = trit_vocabulary_write(v, &bytes);
    struct trit_gguf *gguf = NULL;
    enum trit_code code = trit_gguf_parse(&gguf, data, bytes, "memory", error);
    if (!code)
        code = trit_tokenizer_load(tokenizer, gguf, error);
    trit_gguf_close(gguf);
    free(data);
    return code;
}

/* The byte-level alphabet by its rule, not by the runtime's table: printable Latin-1 stands for
   itself, the other bytes in order for U+0100 and on. */
static void spell(struct trit_words *v)
{
    unsigned next = 0x100;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
        unsigned point = printable ? byte : next++;
        if (point < 0x80)
            snprintf(v->alphabet[byte], sizeof v->alphabet[byte], "%c", (int)point);
        else
            snprintf(v->alphabet[byte], sizeof v->alphabet[byte], "%c%c", (int)(0xc0 | point >> 6),
                     (int)(0x80 | (point & 0x3f)));
    }
}

static void begin(struct trit_words *v, const char *model, const char *pre)
{
    *v = (struct trit_words){ .model = model,
                              .pre = pre,
                              .bos = -1,
                              .eos = -1,
                              .eot = -1,
                              .add_bos = -1,
                              .add_eos = -1,
                              .prefix = -1,
                              .fold = -1 };
}

void trit_vocabulary_init(struct trit_words *v)
{
    begin(v, "gpt2", "llama-bpe");
    spell(v);
    for (int byte = 0; byte < 256; byte++)
        trit_vocabulary_add(v, v->alphabet[byte], 1);
}

void trit_vocabulary_init_sentence(struct trit_words *v)
{
    begin(v, "llama", NULL);
    for (int byte = 0; byte < 256; byte++) {
        snprintf(v->alphabet[byte], sizeof v->alphabet[byte], "<0x%02X>", (unsigned)byte);
        trit_vocabulary_add(v, v->alphabet[byte], 6);
    }
}

int32_t trit_vocabulary_add(struct trit_words *v, const char *token, int32_t type)
{
    v->tokens[v->ntokens] = (struct trit_text){ token, strlen(token) };
    v->types[v->ntokens] = type;
    v->scores[v->ntokens] = 0;
    v->ntypes = ++v->ntokens;
    v->nscores = sentence(v) ? v->ntokens : 0;
    return (int32_t)v->ntokens - 1;
}

int32_t trit_vocabulary_score(struct trit_words *v, const char *token, float score)
{
    const int32_t id = trit_vocabulary_add(v, token, 1);
    v->scores[id] = score;
    return id;
}

void trit_vocabulary_merge(struct trit_words *v, const char *merge)
{
    v->merges[v->nmerges++] = merge;
}
