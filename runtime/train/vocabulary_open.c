/* Vocabularies read from files: as a GGUF's keys, and from there as what is written again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/litter.h"
#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/convert/hf.h"
#include "runtime/train/vocabulary.h"

#define KEY(name) "tokenizer.ggml." name

/* --- opening --- */

static enum trit_code write_keys(const struct trit_hf_vocab *v, const char *path,
                                 struct trit_error *error)
{
    struct trit_gguf_writer *w;
    enum trit_code code = trit_gguf_writer_create(&w, path, error);
    if (code)
        return code;
    code = trit_hf_vocab_put(v, w, error);
    if (!code)
        code = trit_gguf_write_begin(w, error);
    if (!code)
        return trit_gguf_writer_finish(w, error);
    trit_gguf_writer_abandon(w);
    return code;
}

/* Messages name the file that was given. */
static enum trit_code rename_to(struct trit_gguf *gguf, const char *path, struct trit_error *error)
{
    char *copy = strdup(path);
    if (!copy)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    free(gguf->path);
    gguf->path = copy;
    return TRIT_OK;
}

/* A tokenizer.json as the GGUF that a model of it would have, by way of a temporary file. */
static enum trit_code open_json(struct trit_gguf **gguf, const char *path, struct trit_error *error)
{
    const char *given = getenv("TMPDIR");
    char temporary[4096];
    struct trit_hf_vocab *v;
    enum trit_code code = trit_hf_vocab_file(&v, path, error);
    if (code)
        return code;
    const int n = snprintf(temporary, sizeof temporary, "%s/tritmill-vocabulary-XXXXXX",
                           given && *given ? given : "/tmp");
    const int fd = (size_t)n < sizeof temporary ? mkstemp(temporary) : -1;
    if (fd < 0) {
        trit_hf_vocab_free(v);
        return trit_fail(error, TRIT_EIO, "%s: cannot make a temporary file", temporary);
    }
    close(fd);
    const int litter = trit_litter_add(temporary);
    code = write_keys(v, temporary, error);
    if (!code)
        code = trit_gguf_open(gguf, temporary, error);
    unlink(temporary);
    if (!code)
        code = rename_to(*gguf, path, error);
    trit_litter_forget(litter);
    trit_hf_vocab_free(v);
    return code;
}

enum trit_code trit_train_vocabulary_open(struct trit_gguf **gguf,
                                          struct trit_tokenizer **tokenizer, const char *path,
                                          struct trit_error *error)
{
    *gguf = NULL;
    *tokenizer = NULL;
    enum trit_code code = trit_ends_with(path, ".json") ? open_json(gguf, path, error)
                                                        : trit_gguf_open(gguf, path, error);
    if (!code)
        code = trit_tokenizer_load(tokenizer, *gguf, error);
    if (!code && trit_tokenizer_bos(*tokenizer) < 0 && trit_tokenizer_eos(*tokenizer) < 0)
        code = trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: its vocabulary has neither BOS nor EOS, one of which is to stand "
                         "between documents",
                         path);
    if (code) {
        trit_tokenizer_free(*tokenizer);
        trit_gguf_close(*gguf);
        *gguf = NULL;
        *tokenizer = NULL;
    }
    return code;
}

/* --- writing again --- */

void trit_train_vocabulary_copy(const struct trit_gguf *gguf, struct trit_gguf_writer *w)
{
    static const char prefix[] = "tokenizer.";
    for (size_t i = 0; i < gguf->nkv; i++)
        if (gguf->kv[i].key.n >= sizeof prefix &&
            !memcmp(gguf->kv[i].key.s, prefix, sizeof prefix - 1))
            trit_gguf_put_copy(w, &gguf->kv[i]);
}

static int32_t id_of(const struct trit_gguf *gguf, const char *key)
{
    uint32_t id;
    return trit_gguf_find(gguf, key) && !trit_gguf_u32(gguf, key, &id, NULL) ? (int32_t)id : -1;
}

static enum trit_code read_pre(struct trit_train_vocabulary *v, const struct trit_gguf *gguf,
                               struct trit_error *error)
{
    struct trit_text model, name;
    enum trit_code code = trit_gguf_text(gguf, KEY("model"), &model, error);
    if (!code && !trit_text_is(model, "gpt2"))
        code = trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: " KEY("model") " is '%.*s': only byte-level vocabularies ('gpt2') "
                                             "are written as tokenizer.json",
                         gguf->path, (int)(model.n < 40 ? model.n : 40), model.s);
    if (!code)
        code = trit_gguf_text(gguf, KEY("pre"), &name, error);
    if (!code && !(v->pre = trit_pre_named(name)))
        code = trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: " KEY("pre") " is '%.*s', which tokenizer.json has no words for",
                         gguf->path, (int)(name.n < 40 ? name.n : 40), name.s);
    return code;
}

static enum trit_code read_types(struct trit_train_vocabulary *v, const struct trit_gguf *gguf,
                                 struct trit_error *error)
{
    int64_t *types = NULL;
    size_t n = 0;
    enum trit_code code = TRIT_OK;
    if (!(v->types = trit_alloc(v->n, sizeof *v->types)))
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", gguf->path);
    if (trit_gguf_find(gguf, KEY("token_type")))
        code = trit_gguf_ints(gguf, KEY("token_type"), &types, &n, error);
    for (size_t i = 0; i < v->n; i++)
        v->types[i] = i < n ? (int32_t)types[i] : TRIT_TOKEN_NORMAL;
    free(types);
    return code;
}

enum trit_code trit_train_vocabulary_read(struct trit_train_vocabulary *v,
                                          const struct trit_gguf *gguf, struct trit_error *error)
{
    *v = (struct trit_train_vocabulary){ 0 };
    enum trit_code code = read_pre(v, gguf, error);
    if (code || (code = trit_gguf_texts(gguf, KEY("tokens"), &v->tokens, &v->n, error)) ||
        (code = trit_gguf_texts(gguf, KEY("merges"), &v->merges, &v->nmerges, error)) ||
        (code = read_types(v, gguf, error)))
        return code;
    v->bos = id_of(gguf, KEY("bos_token_id"));
    v->eos = id_of(gguf, KEY("eos_token_id"));
    v->add_bos = v->pre->add_bos;
    if (trit_gguf_find(gguf, KEY("add_bos_token")))
        code = trit_gguf_bool(gguf, KEY("add_bos_token"), &v->add_bos, error);
    v->add_bos = v->add_bos && v->bos >= 0;
    if (!code && trit_gguf_find(gguf, "tokenizer.chat_template"))
        code = trit_gguf_text(gguf, "tokenizer.chat_template", &v->chat_template, error);
    return code;
}
