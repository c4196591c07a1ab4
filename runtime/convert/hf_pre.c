/* How a tokenizer.json cuts text before it merges: its pre_tokenizer and normalizer, as what
   tokenizer.ggml.pre names, or as SentencePiece's spaces. What would cut or change text in another
   way is refused. */
#include <string.h>

#include "runtime/convert/hf_vocab.h"
#include "runtime/text/pre.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */

/* The steps of a pre_tokenizer. */
struct steps {
    const struct trit_json_in *in;
    const char *list[TRIT_PRE_STEPS];
    size_t n;
    bool bytes; /* one of them is ByteLevel */
};

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type ? type : "";
}

static enum trit_code refuse(const struct trit_json_in *in, const char *key, const json_t *part,
                             const char *why)
{
    return trit_fail(in->error, TRIT_EUNSUPPORTED, "%s: key '%s', type '%.40s': %s", in->path, key,
                     type_of(part), why);
}

static bool flag(const json_t *part, const char *key, bool fallback)
{
    const json_t *value = json_object_get(part, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* The step that one part is: "" for none, NULL for one that is not known. */
static const char *step_of(const json_t *part)
{
    const char *type = type_of(part);
    if (!strcmp(type, "ByteLevel"))
        return flag(part, "add_prefix_space", true) ? NULL
               : flag(part, "use_regex", true)      ? TRIT_PRE_BYTE_LEVEL
                                                    : "";
    if (!strcmp(type, "Digits"))
        return flag(part, "individual_digits", false) ? TRIT_PRE_DIGIT : TRIT_PRE_DIGITS;
    if (!strcmp(type, "Punctuation"))
        return trit_json_is(json_object_get(part, "behavior"), "Contiguous") ? TRIT_PRE_PUNCTUATION
                                                                             : NULL;
    if (!strcmp(type, "Split") && !flag(part, "invert", false) &&
        trit_json_is(json_object_get(part, "behavior"), "Isolated"))
        return json_string_value(json_object_get(json_object_get(part, "pattern"), "Regex"));
    return NULL;
}

static enum trit_code add_step(struct steps *s, const json_t *part)
{
    const char *step = step_of(part);
    if (!step || s->n == TRIT_PRE_STEPS)
        return refuse(s->in, "pre_tokenizer", part, "it does not cut text in a way that is known");
    s->bytes = s->bytes || !strcmp(type_of(part), "ByteLevel");
    if (*step)
        s->list[s->n++] = step;
    return TRIT_OK;
}

static enum trit_code read_steps(struct steps *s)
{
    const json_t *pre = trit_json_get(s->in, "pre_tokenizer");
    const bool many = !strcmp(type_of(pre), "Sequence");
    const json_t *list = many ? json_object_get(pre, "pretokenizers") : NULL;
    enum trit_code code = TRIT_OK;
    if (!many)
        code = add_step(s, pre);
    for (size_t i = 0; i < json_array_size(list) && !code; i++)
        code = add_step(s, json_array_get(list, i));
    if (!code && !s->bytes)
        code = refuse(s->in, "pre_tokenizer", pre, "has no ByteLevel");
    return code;
}

/* NFC alone, which programs that read GGUF leave out (FORMATS-2 2). */
static enum trit_code check_normalizer(const struct trit_json_in *in)
{
    const json_t *normalizer = trit_json_get(in, "normalizer");
    const json_t *list = json_object_get(normalizer, "normalizers");
    bool known = !normalizer || !strcmp(type_of(normalizer), "NFC");
    if (!known && !strcmp(type_of(normalizer), "Sequence")) {
        known = true;
        for (size_t i = 0; i < json_array_size(list); i++)
            known = known && !strcmp(type_of(json_array_get(list, i)), "NFC");
    }
    return known
               ? TRIT_OK
               : refuse(in, "normalizer", normalizer, "it changes text in a way that is not known");
}

enum trit_code trit_hf_pre_read(struct trit_hf_vocab *v, const struct trit_json_in *root,
                                bool whole)
{
    struct steps s = { .in = root };
    enum trit_code code = check_normalizer(root);
    if (code || (code = read_steps(&s)))
        return code;
    const struct trit_pre *pre = trit_pre_find(s.list, s.n);
    if (!pre)
        return trit_fail(root->error, TRIT_EUNSUPPORTED,
                         "%s: key 'pre_tokenizer': '%.200s' is no pre-tokenizer that is known",
                         root->path, s.n ? s.list[0] : "");
    if (whole && !pre->whole)
        return trit_fail(root->error, TRIT_EUNSUPPORTED,
                         "%s: key 'model.ignore_merges' is true, which '%s' does not have",
                         root->path, pre->name);
    v->pre = pre->name;
    v->add_bos = pre->add_bos; /* unless the files say otherwise */
    return TRIT_OK;
}

/* --- SentencePiece's spaces --- */

static bool puts_spaces(const json_t *part)
{
    const json_t *from = json_object_get(json_object_get(part, "pattern"), "String");
    return !strcmp(type_of(part), "Replace") && trit_json_is(from, " ") &&
           trit_json_is(json_object_get(part, "content"), SPACE);
}

static bool is_prefix(const json_t *part)
{
    return !strcmp(type_of(part), "Prepend") &&
           trit_json_is(json_object_get(part, "prepend"), SPACE);
}

static enum trit_code read_replace(struct trit_hf_vocab *v, const struct trit_json_in *root)
{
    const json_t *normalizer = trit_json_get(root, "normalizer");
    const json_t *pre = trit_json_get(root, "pre_tokenizer");
    const json_t *list = json_object_get(normalizer, "normalizers");
    const size_t n = json_array_size(list);
    v->space_prefix = n == 2 && is_prefix(json_array_get(list, 0));
    const json_t *last = n ? json_array_get(list, n - 1) : normalizer;
    if (n > 2 || (n == 2 && !v->space_prefix) || !puts_spaces(last))
        return refuse(root, "normalizer", normalizer, "it changes text in a way that is not known");
    /* Gemma's cuts at spaces, of which there are none any more. */
    const json_t *at = json_object_get(json_object_get(pre, "pattern"), "String");
    if (pre && !(!strcmp(type_of(pre), "Split") && trit_json_is(at, " ")))
        return refuse(root, "pre_tokenizer", pre, "it does not cut text in a way that is known");
    return TRIT_OK;
}

enum trit_code trit_hf_spaces_read(struct trit_hf_vocab *v, const struct trit_json_in *root)
{
    const json_t *pre = trit_json_get(root, "pre_tokenizer");
    if (trit_json_get(root, "normalizer") || strcmp(type_of(pre), "Metaspace"))
        return read_replace(v, root);
    const json_t *scheme = json_object_get(pre, "prepend_scheme");
    if (!trit_json_is(json_object_get(pre, "replacement"), SPACE))
        return refuse(root, "pre_tokenizer", pre, "its replacement is not U+2581");
    v->space_prefix = scheme ? !trit_json_is(scheme, "never") : flag(pre, "add_prefix_space", true);
    return TRIT_OK;
}
