/* Which keys --meta may give, and of what kind their values are. */
#include "runtime/train/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/base/utf8.h"

static const char name_key[] = "name";

static enum trit_code no_advice(const struct trit_train_fact *fact, struct trit_error *e)
{
    const char *names[TRIT_ADVICES];
    char list[192];
    for (size_t i = 0; i < TRIT_ADVICES; i++)
        names[i] = trit_advices[i].key;
    return trit_fail(e, TRIT_EARGUMENT, "--meta %s: of sampling.* there are %s", fact->key,
                     trit_list_text(names, TRIT_ADVICES, "", list, sizeof list));
}

/* A key of sampling is a number, as those who read the file will have it. */
static enum trit_code read_number(struct trit_train_fact *fact, struct trit_error *e)
{
    char *end, out[96];
    if (strncmp(fact->key, "sampling.", 9))
        return TRIT_OK;
    fact->advice = trit_advice_find(fact->key);
    if (!fact->advice)
        return no_advice(fact, e);
    fact->number = strtod(fact->value, &end);
    if (*end || end == fact->value)
        fact->number = NAN;
    const char *fault = trit_advice_fault(fact->advice, fact->number, out);
    return fault ? trit_fail(e, TRIT_EARGUMENT, "--meta %s=%s: %s", fact->key, fact->value, fault)
                 : TRIT_OK;
}

/* Keys that others write, or --name. */
static bool is_taken(const struct trit_train_facts *f, const char *key)
{
    static const char *const others[] = { "architecture", "name", "file_type", "alignment",
                                          "quantization_version" };
    bool taken = false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        taken |= !strcmp(key, others[i]);
    for (size_t i = 0; i < f->n; i++)
        taken |= !strcmp(key, f->list[i].key);
    return taken;
}

static enum trit_code check_text(const char *option, const char *text, struct trit_error *e)
{
    const size_t valid = trit_utf8_valid(text, strlen(text));
    return text[valid] ? trit_fail(e, TRIT_EARGUMENT, "%s: is not UTF-8 at byte %zu", option, valid)
                       : TRIT_OK;
}

static enum trit_code read_fact(struct trit_train_facts *f, const char *word, struct trit_error *e)
{
    const size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    if (n == 0 || n > 48 || word[n] != '=')
        return trit_fail(e, TRIT_EARGUMENT,
                         "--meta %s: must be KEY=VALUE, KEY of at most 48 of a-z, 0-9, '_' and '.'",
                         word);
    char *key = strndup(word, n);
    if (!key)
        return trit_fail(e, TRIT_EMEMORY, "no memory for --meta");
    const bool taken = is_taken(f, key);
    struct trit_train_fact *fact = &f->list[f->n++];
    *fact = (struct trit_train_fact){ .key = key, .value = word + n + 1 };
    if (taken)
        return trit_fail(e, TRIT_EARGUMENT,
                         "--meta %s: the key %s is given twice, or is not --meta's to give", word,
                         key);
    const enum trit_code code = check_text("--meta", word, e);
    return code ? code : read_number(fact, e);
}

enum trit_code trit_train_facts_read(struct trit_train_facts *f, const char *name,
                                     const struct trit_texts *meta, struct trit_error *e)
{
    enum trit_code code = name ? check_text("--name", name, e) : TRIT_OK;
    if (name)
        f->list[f->n++] = (struct trit_train_fact){ .key = name_key, .value = name };
    for (int i = 0; i < meta->n && !code; i++)
        code = read_fact(f, meta->v[i], e);
    return code;
}

void trit_train_facts_free(struct trit_train_facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].key != name_key)
            free((char *)(uintptr_t)f->list[i].key);
}
