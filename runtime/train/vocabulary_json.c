/* A vocabulary as Hugging Face's tokenizer.json, and tokenizer_config.json, which alone can say
   what ends a text and how a chat is written. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/train/vocabulary_parts.h"

/* Whether it begins as an object, and one of the keys is among what is seen of it. */
static bool has_key(const char *head, size_t bytes, const char *const *keys, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found = found || memmem(head, bytes, keys[i], strlen(keys[i]));
    return found && *head == '{';
}

static bool is_tokenizer(const char *head, size_t bytes)
{
    static const char *const keys[] = { "\"added_tokens\"", "\"truncation\"" };
    return has_key(head, bytes, keys, sizeof keys / sizeof *keys);
}

static bool is_config(const char *head, size_t bytes)
{
    static const char *const keys[] = { "\"tokenizer_class\"", "\"bos_token\"",
                                        "\"added_tokens_decoder\"" };
    return has_key(head, bytes, keys, sizeof keys / sizeof *keys);
}

const struct trit_file_kind trit_train_output_json = { "a tokenizer.json", is_tokenizer, 0666 },
                            trit_train_output_config = { "a tokenizer_config.json", is_config,
                                                         0666 };

char *trit_train_beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    char *out = malloc(n + strlen(name) + 1);
    if (!out)
        return NULL;
    memcpy(out, path, n);
    strcpy(out + n, name);
    return out;
}

static json_t *string_of(struct trit_text text)
{
    return json_stringn(text.s, text.n);
}

/* Cuts by regular expressions, one after the other, then spells bytes. */
static json_t *pre_tokenizer(const struct trit_pre *pre)
{
    json_t *list = json_array();
    for (size_t i = 0; i < TRIT_PRE_STEPS && pre->steps[i]; i++)
        json_array_append_new(list, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split",
                                              "pattern", "Regex", pre->steps[i], "behavior",
                                              "Isolated", "invert", 0));
    json_array_append_new(list,
                          json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
                                    0, "trim_offsets", 1, "use_regex", 0));
    return json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", list);
}

static json_t *added_tokens(const struct trit_train_vocabulary *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++)
        if (v->types[i] == TRIT_TOKEN_CONTROL || v->types[i] == TRIT_TOKEN_USER)
            json_array_append_new(
                list, json_pack("{s:i, s:o, s:b, s:b, s:b, s:b, s:b}", "id", (int)i, "content",
                                string_of(v->tokens[i]), "single_word", 0, "lstrip", 0, "rstrip", 0,
                                "normalized", 0, "special", v->types[i] == TRIT_TOKEN_CONTROL));
    return list;
}

/* The text of a token; NULL where there is none. */
static json_t *token_text(const struct trit_train_vocabulary *v, int32_t id)
{
    return id >= 0 ? string_of(v->tokens[id]) : NULL;
}

static json_t *special_token(const struct trit_train_vocabulary *v)
{
    return json_pack("{s:{s:o, s:i}}", "SpecialToken", "id", token_text(v, v->bos), "type_id", 0);
}

static json_t *sequence(const char *id, int type)
{
    return json_pack("{s:{s:s, s:i}}", "Sequence", "id", id, "type_id", type);
}

/* BOS before a text, if that is wanted. */
static json_t *post_processor(const struct trit_train_vocabulary *v)
{
    if (!v->add_bos)
        return json_null();
    const struct trit_text bos = v->tokens[v->bos];
    json_t *special = json_object();
    json_object_setn_new(special, bos.s, bos.n,
                         json_pack("{s:o, s:[i], s:[o]}", "id", string_of(bos), "ids", (int)v->bos,
                                   "tokens", string_of(bos)));
    return json_pack("{s:s, s:[o, o], s:[o, o, o], s:o}", "type", "TemplateProcessing", "single",
                     special_token(v), sequence("A", 0), "pair", special_token(v), sequence("A", 0),
                     sequence("B", 1), "special_tokens", special);
}

static size_t normal(const struct trit_train_vocabulary *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->types[i] == TRIT_TOKEN_NORMAL;
    return n;
}

static json_t *model(const struct trit_train_vocabulary *v)
{
    json_t *vocab = json_object(), *merges = json_array();
    for (size_t i = 0; i < v->n; i++)
        if (v->types[i] == TRIT_TOKEN_NORMAL)
            json_object_setn_new(vocab, v->tokens[i].s, v->tokens[i].n,
                                 json_integer((json_int_t)i));
    for (size_t i = 0; i < v->nmerges; i++)
        json_array_append_new(merges, string_of(v->merges[i]));
    if (json_object_size(vocab) + json_array_size(merges) < normal(v) + v->nmerges) {
        json_decref(vocab); /* there was no memory */
        vocab = NULL;
    }
    return json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout",
                     "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                     "byte_fallback", 0, "ignore_merges", v->pre->whole, "vocab", vocab, "merges",
                     merges);
}

static json_t *tokenizer(const struct trit_train_vocabulary *v)
{
    return json_pack("{s:s, s:n, s:n, s:o, s:n, s:o, s:o, s:{s:s, s:b, s:b, s:b}, s:o}", "version",
                     "1.0", "truncation", "padding", "added_tokens", added_tokens(v), "normalizer",
                     "pre_tokenizer", pre_tokenizer(v->pre), "post_processor", post_processor(v),
                     "decoder", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                     "use_regex", 0, "model", model(v));
}

static json_t *config(const struct trit_train_vocabulary *v)
{
    json_t *chat = v->chat_template.n ? string_of(v->chat_template) : NULL;
    return json_pack("{s:s, s:o*, s:o*, s:b, s:b, s:o*}", "tokenizer_class",
                     "PreTrainedTokenizerFast", "bos_token", token_text(v, v->bos), "eos_token",
                     token_text(v, v->eos), "add_bos_token", v->add_bos, "add_eos_token", 0,
                     "chat_template", chat);
}

enum trit_code trit_train_write_json(json_t *json, const char *path,
                                     const struct trit_file_kind *kind, struct trit_error *error)
{
    struct trit_file *file;
    char *text = json ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    if (!text)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    enum trit_code code = trit_file_create_as(&file, path, kind, error);
    if (!code) {
        trit_file_write(file, text, strlen(text));
        trit_file_write(file, "\n", 1);
        code = trit_file_commit(file, error);
    }
    free(text);
    return code;
}

enum trit_code trit_train_vocabulary_write_json(const struct trit_train_vocabulary *v,
                                                const char *path, struct trit_error *error)
{
    char *beside = trit_train_beside(path, TRIT_TRAIN_CONFIG_NAME);
    if (!beside)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    enum trit_code code =
        trit_train_write_json(config(v), beside, &trit_train_output_config, error);
    free(beside);
    return code ? code : trit_train_write_json(tokenizer(v), path, &trit_train_output_json, error);
}
