/* A vocabulary put together of what was learnt, and written as GGUF keys. */
#include "runtime/train/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/train/vocabulary_parts.h"

static const char chat_template[] =
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}"
    "{{ '" TRIT_TRAIN_USER "\\n' + message['content'] + '\\n' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '" TRIT_TRAIN_ASSISTANT "\\n' + message['content'] + '" TRIT_TRAIN_END "' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '" TRIT_TRAIN_ASSISTANT "\\n' }}{% endif %}";

/* --- making one --- */

/* Bytes as the alphabet spells them, at *to, which moves behind them. */
static struct trit_text spell(struct trit_text bytes, char **to)
{
    char *s = *to;
    for (size_t i = 0; i < bytes.n; i++)
        *to += trit_alphabet_encode((unsigned char)bytes.s[i], *to);
    return (struct trit_text){ s, (size_t)(*to - s) };
}

static struct trit_text copy(struct trit_text text, char **to)
{
    char *s = *to;
    memcpy(s, text.s, text.n);
    *to += text.n;
    return (struct trit_text){ s, text.n };
}

/* Room for all texts: a byte is spelt by two at most. */
static bool reserve(struct trit_train_vocabulary *v, const struct trit_train_bpe *bpe,
                    const struct trit_text *control, size_t ncontrol)
{
    size_t bytes = 2 * bpe->tokens.used;
    for (size_t i = 0; i < bpe->nmerges; i++)
        bytes += 2 * (trit_string(&bpe->tokens, bpe->merges[i].left).n +
                      trit_string(&bpe->tokens, bpe->merges[i].right).n) +
                 1;
    for (size_t i = 0; i < ncontrol; i++)
        bytes += control[i].n;
    v->tokens = trit_alloc(bpe->tokens.n + ncontrol, sizeof *v->tokens);
    v->types = trit_alloc(bpe->tokens.n + ncontrol, sizeof *v->types);
    v->merges = trit_alloc(bpe->nmerges, sizeof *v->merges);
    v->text = trit_alloc(bytes, 1);
    return v->tokens && v->types && v->merges && v->text;
}

static void add_learnt(struct trit_train_vocabulary *v, const struct trit_train_bpe *bpe, char **to)
{
    for (size_t i = 0; i < bpe->tokens.n; i++) {
        v->types[v->n] = TRIT_TOKEN_NORMAL;
        v->tokens[v->n++] = spell(trit_string(&bpe->tokens, i), to);
    }
    for (size_t i = 0; i < bpe->nmerges; i++) {
        struct trit_text merge = copy(v->tokens[bpe->merges[i].left], to);
        merge.n += copy((struct trit_text){ " ", 1 }, to).n;
        merge.n += copy(v->tokens[bpe->merges[i].right], to).n;
        v->merges[v->nmerges++] = merge;
    }
}

static enum trit_code add_control(struct trit_train_vocabulary *v, struct trit_text text, char **to,
                                  struct trit_error *error)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->tokens[i].n == text.n && !memcmp(v->tokens[i].s, text.s, text.n))
            return trit_fail(error, TRIT_EARGUMENT,
                             "the control token '%.*s' is spelt as token %zu is", (int)text.n,
                             text.s, i);
    if (trit_text_is(text, TRIT_TRAIN_END))
        v->bos = v->eos = (int32_t)v->n;
    v->types[v->n] = TRIT_TOKEN_CONTROL;
    v->tokens[v->n++] = copy(text, to);
    return TRIT_OK;
}

enum trit_code trit_train_vocabulary_create(struct trit_train_vocabulary *v,
                                            const struct trit_train_bpe *bpe,
                                            const struct trit_pre *pre,
                                            const struct trit_text *control, size_t ncontrol,
                                            struct trit_error *error)
{
    *v = (struct trit_train_vocabulary){ .pre = pre,
                                         .bos = -1,
                                         .eos = -1,
                                         .add_bos = true,
                                         .chat_template = { chat_template,
                                                            sizeof chat_template - 1 } };
    enum trit_code code = TRIT_OK;
    if (!reserve(v, bpe, control, ncontrol))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for the vocabulary");
    char *to = v->text;
    if (!code)
        add_learnt(v, bpe, &to);
    for (size_t i = 0; i < ncontrol && !code; i++)
        code = add_control(v, control[i], &to, error);
    if (code)
        trit_train_vocabulary_free(v);
    return code;
}

void trit_train_vocabulary_free(struct trit_train_vocabulary *v)
{
    free(v->tokens);
    free(v->types);
    free(v->merges);
    free(v->text);
    *v = (struct trit_train_vocabulary){ 0 };
}

/* --- GGUF --- */

#define KEY(name) "tokenizer.ggml." name

static void put(const struct trit_train_vocabulary *v, struct trit_gguf_writer *w)
{
    trit_gguf_put_text(w, KEY("model"), "gpt2");
    trit_gguf_put_text(w, KEY("pre"), v->pre->name);
    trit_gguf_put_texts(w, KEY("tokens"), v->tokens, v->n);
    trit_gguf_put_i32s(w, KEY("token_type"), v->types, v->n);
    trit_gguf_put_texts(w, KEY("merges"), v->merges, v->nmerges);
    if (v->bos >= 0)
        trit_gguf_put_u32(w, KEY("bos_token_id"), (uint32_t)v->bos);
    if (v->eos >= 0)
        trit_gguf_put_u32(w, KEY("eos_token_id"), (uint32_t)v->eos);
    trit_gguf_put_bool(w, KEY("add_bos_token"), v->add_bos && v->bos >= 0);
    trit_gguf_put_bool(w, KEY("add_eos_token"), false);
    trit_gguf_put_text(w, "tokenizer.chat_template", chat_template);
}

static enum trit_code write_gguf(const struct trit_train_vocabulary *v, const char *path,
                                 struct trit_error *error)
{
    struct trit_gguf_writer *w;
    enum trit_code code = trit_gguf_writer_create(&w, path, error);
    if (code)
        return code;
    /* The architecture says how llama.cpp reads a vocabulary without a model. */
    trit_gguf_put_text(w, "general.architecture", "gpt2");
    trit_gguf_put_text(w, "general.name", "vocabulary");
    put(v, w);
    code = trit_gguf_write_begin(w, error);
    if (code) {
        trit_gguf_writer_abandon(w);
        return code;
    }
    return trit_gguf_writer_finish(w, error);
}

/* --- forms --- */

/* By the ending of the file's name; the last is that of all others. */
static const struct trit_train_vocabulary_form forms[] = {
    { ".json", &trit_train_output_json, TRIT_TRAIN_CONFIG_NAME, trit_train_vocabulary_write_json },
    { "", &trit_output_gguf, NULL, write_gguf },
};

const struct trit_train_vocabulary_form *trit_train_vocabulary_form(const char *path)
{
    const struct trit_train_vocabulary_form *form = forms;
    while (*form->ending && !trit_ends_with(path, form->ending))
        form++;
    return form;
}

enum trit_code trit_train_vocabulary_check(const char *path, const char *const *inputs, size_t n,
                                           struct trit_error *error)
{
    const struct trit_train_vocabulary_form *form = trit_train_vocabulary_form(path);
    enum trit_code code = trit_output_check(path, form->kind, inputs, n, error);
    if (code || !form->beside)
        return code;
    char *beside = trit_train_beside(path, form->beside);
    if (!beside)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    code = trit_output_check(beside, &trit_train_output_config, &path, 1, error);
    if (!code)
        code = trit_output_check(beside, &trit_train_output_config, inputs, n, error);
    free(beside);
    return code;
}
