/* The table of pre-tokenizers. */
#include "runtime/text/pre.h"

#include <string.h>

#include "runtime/base/text.h"

/* FORMATS-2, section 7. */
#define WORDS(word, digits, letters)                                                          \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?" word "+|" digits "| ?[^\\s" letters \
    "\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define TRIPLE "[0-9][0-9][0-9]"

enum { LLAMA3, QWEN2, QWEN35, GPT2, SMOLLM, FALCON, FALCON_E, DEFAULT, NPRE };

static const struct trit_pre pres[NPRE] = {
    [LLAMA3] = { .name = "llama-bpe",
                 .steps = { WORDS("\\p{L}", "\\p{N}{1,3}", "\\p{L}") },
                 .whole = true,
                 .add_bos = true },
    [QWEN2] = { .name = "qwen2", .steps = { WORDS("\\p{L}", "\\p{N}", "\\p{L}") } },
    [QWEN35] = { .name = "qwen35", .steps = { WORDS("[\\p{L}\\p{M}]", "\\p{N}", "\\p{L}\\p{M}") } },
    [GPT2] = { .name = "gpt-2", .steps = { TRIT_PRE_BYTE_LEVEL } },
    [SMOLLM] = { .name = "smollm", .steps = { TRIT_PRE_DIGIT, TRIT_PRE_BYTE_LEVEL } },
    [FALCON] = { .name = "falcon", .steps = { TRIT_PRE_PUNCTUATION, TRIT_PRE_BYTE_LEVEL, TRIPLE } },
    [FALCON_E] = { .name = "falcon_e",
                   .steps = { TRIT_PRE_PUNCTUATION, TRIT_PRE_BYTE_LEVEL, "[0-9]" } },
    /* Its signs lack the ` that Falcon's have. */
    [DEFAULT] = { .name = "default",
                  .steps = { "[\\p{P}\\$\\+<=>\\^~\\|]+", TRIT_PRE_BYTE_LEVEL, TRIT_PRE_DIGITS,
                             TRIPLE } },
};

/* Falcon's tokenizer.json has digits apart before it counts them. No token of it has both a digit
   and something else, so that the ids are the same. */
static const char *const falcon_json[TRIT_PRE_STEPS] = { TRIT_PRE_PUNCTUATION, TRIT_PRE_BYTE_LEVEL,
                                                         TRIT_PRE_DIGITS, TRIPLE };

/* All names that files have. */
static const struct {
    const char *name;
    int pre;
} names[] = {
    { "llama-bpe", LLAMA3 }, { "llama3", LLAMA3 }, { "llama-v3", LLAMA3 },   { "falcon3", LLAMA3 },
    { "qwen2", QWEN2 },      { "qwen35", QWEN35 }, { "gpt-2", GPT2 },        { "olmo", GPT2 },
    { "smollm", SMOLLM },    { "falcon", FALCON }, { "falcon_e", FALCON_E },
};
enum { NNAMES = sizeof names / sizeof *names };

const struct trit_pre *trit_pre_named(struct trit_text name)
{
    for (size_t i = 0; i < NNAMES; i++)
        if (trit_text_is(name, names[i].name))
            return &pres[names[i].pre];
    return NULL;
}

static bool same(const char *const *a, size_t n, const char *const b[TRIT_PRE_STEPS])
{
    size_t i = 0;
    while (i < n && i < TRIT_PRE_STEPS && b[i] && !strcmp(a[i], b[i]))
        i++;
    return i == n && (i == TRIT_PRE_STEPS || !b[i]);
}

const struct trit_pre *trit_pre_find(const char *const *steps, size_t n)
{
    for (size_t i = 0; i < NPRE; i++)
        if (same(steps, n, pres[i].steps))
            return &pres[i];
    return same(steps, n, falcon_json) ? &pres[FALCON] : NULL;
}

const struct trit_pre *trit_pre_absent(bool llama3s)
{
    return &pres[llama3s ? LLAMA3 : DEFAULT];
}

char *trit_pre_list(char *out, size_t room)
{
    const char *list[NNAMES];
    for (size_t i = 0; i < NNAMES; i++)
        list[i] = names[i].name;
    return trit_list_text(list, NNAMES, "", out, room);
}
