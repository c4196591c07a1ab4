/* `tritmill train-tokenizer`: a vocabulary of byte-level BPE, learnt from texts. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/base/utf8.h"
#include "runtime/cli/commands.h"
#include "runtime/train/vocabulary.h"

enum {
    FILES_MAX = 256,
    USUAL_SIZE = 4096,
    CONTROL_MAX = 3 + TRIT_LIST_MAX,
    SPECIAL_MAX = 64, /* bytes of a control token */
};

struct options {
    const char *output, *pre;
    int size;
    struct trit_texts special;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-o,--output", TRIT_OPT_TEXT, AT(output), "FILE",
      "the vocabulary: a GGUF without tensors, or, where its name ends in .json, a tokenizer.json, "
      "beside which a tokenizer_config.json is written",
      0, 0, NULL },
    { "--size", TRIT_OPT_INT, AT(size), "N",
      "tokens, the 256 bytes and the control tokens among them (default 4096)", 1,
      TRIT_TRAIN_VOCAB_MAX, NULL },
    { "--pre", TRIT_OPT_TEXT, AT(pre), "NAME",
      "pre-tokenizer: qwen2 (default), llama-bpe, gpt-2 or another that tokenizer.ggml.pre may "
      "name",
      0, 0, NULL },
    { "--special", TRIT_OPT_TEXTS, AT(special), "TOKEN",
      "one control token more, behind <|endoftext|>, <|user|> and <|assistant|>", 0, 0, NULL },
};
#undef AT

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "-o" },
};

struct work {
    struct options options;
    const char *const *files;
    size_t nfiles;
    const struct trit_pre *pre;
    struct trit_text control[CONTROL_MAX];
    size_t ncontrol;
    struct trit_train_counts *counts;
    struct trit_train_bpe bpe;
    struct trit_train_vocabulary vocabulary;
    size_t bytes, documents;
};

static enum trit_code add_control(struct work *w, const char *text, struct trit_error *error)
{
    const size_t n = strlen(text);
    if (n == 0 || n > SPECIAL_MAX || trit_utf8_valid(text, n) < n)
        return trit_fail(error, TRIT_EARGUMENT, "--special '%.64s': must be 1 to %d bytes of UTF-8",
                         text, SPECIAL_MAX);
    for (size_t i = 0; i < w->ncontrol; i++)
        if (trit_text_is(w->control[i], text))
            return trit_fail(error, TRIT_EARGUMENT, "--special '%s': there is such a token already",
                             text);
    w->control[w->ncontrol++] = (struct trit_text){ text, n };
    return TRIT_OK;
}

/* The options by themselves. */
static enum trit_code prepare(struct work *w, struct trit_error *error)
{
    static const char *const usual[] = { TRIT_TRAIN_END, TRIT_TRAIN_USER, TRIT_TRAIN_ASSISTANT };
    const struct options *o = &w->options;
    enum trit_code code = TRIT_OK;
    char list[256];
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !code; i++)
        code = add_control(w, usual[i], error);
    for (int i = 0; i < o->special.n && !code; i++)
        code = add_control(w, o->special.v[i], error);
    if (code)
        return code;
    w->pre = trit_pre_named((struct trit_text){ o->pre, strlen(o->pre) });
    if (!w->pre)
        return trit_fail(error, TRIT_EARGUMENT, "--pre '%.64s': there are %s", o->pre,
                         trit_pre_list(list, sizeof list));
    if ((size_t)o->size < TRIT_TRAIN_BYTES + w->ncontrol)
        return trit_fail(error, TRIT_EARGUMENT,
                         "--size %d: %d bytes and %zu control tokens need at least %zu", o->size,
                         TRIT_TRAIN_BYTES, w->ncontrol, TRIT_TRAIN_BYTES + w->ncontrol);
    return trit_train_vocabulary_check(o->output, w->files, w->nfiles, error);
}

static enum trit_code count_file(struct work *w, const char *path, struct trit_error *error)
{
    struct trit_train_text text;
    struct trit_text document;
    struct trit_progress progress;
    size_t at = 0;
    enum trit_code code = trit_train_text_open(&text, path, error);
    if (code)
        return code;
    trit_progress_begin(&progress, path);
    while (!code && trit_train_text_next(&text, &at, &document)) {
        w->bytes += document.n;
        w->documents++;
        code = trit_train_counts_add(w->counts, document, error);
        if (!code && !trit_progress_step(&progress, at, text.bytes))
            code = trit_fail(error, TRIT_ESTOPPED, "train-tokenizer: stopped");
    }
    trit_progress_end(&progress);
    trit_train_text_close(&text);
    return code;
}

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    return !trit_stopped();
}

static enum trit_code learn(struct work *w, struct trit_error *error)
{
    const struct trit_train_bpe_ask ask = { .tokens = (size_t)w->options.size - w->ncontrol,
                                            .progress = go_on };
    enum trit_code code = trit_train_bpe_learn(&w->bpe, w->counts, &ask, error);
    if (!code && w->bpe.tokens.n < ask.tokens)
        code = trit_fail(error, TRIT_EARGUMENT,
                         "--size %d: in these texts no pair of tokens is left that occurs twice: "
                         "they allow at most %zu",
                         w->options.size, w->bpe.tokens.n + w->ncontrol);
    return code;
}

static void report(const struct work *w)
{
    char bytes[16];
    printf("%s: %zu tokens (%zu merges, %zu control tokens) from %s of text in %zu document%s; "
           "%.3f bytes a token\n",
           w->options.output, w->vocabulary.n, w->vocabulary.nmerges, w->ncontrol,
           trit_bytes_text((double)w->bytes, bytes), w->documents, w->documents == 1 ? "" : "s",
           w->bpe.length ? (double)w->bytes / (double)w->bpe.length : 0.0);
}

static enum trit_code train(struct work *w, struct trit_error *error)
{
    enum trit_code code = prepare(w, error);
    if (!code)
        code = trit_train_counts_create(&w->counts, w->pre, w->control, w->ncontrol, error);
    for (size_t i = 0; i < w->nfiles && !code; i++)
        code = count_file(w, w->files[i], error);
    if (!code)
        code = learn(w, error);
    if (!code)
        code = trit_train_vocabulary_create(&w->vocabulary, &w->bpe, w->pre, w->control,
                                            w->ncontrol, error);
    if (!code)
        code = trit_train_vocabulary_form(w->options.output)
                   ->write(&w->vocabulary, w->options.output, error);
    if (!code)
        report(w);
    trit_train_counts_free(w->counts);
    trit_train_bpe_free(&w->bpe);
    trit_train_vocabulary_free(&w->vocabulary);
    return code;
}

static int run(int argc, char **argv)
{
    const char *files[FILES_MAX];
    struct trit_rest rest = { files, FILES_MAX, 0 };
    struct work w = { .options = { .size = USUAL_SIZE, .pre = "qwen2" } };
    struct trit_error error;
    const enum trit_parse parsed =
        trit_cli_parse(&trit_cmd_train_tokenizer, argc, argv, &w.options, &rest);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (rest.n == 0)
        return trit_cli_usage_error("train-tokenizer: give at least one text file");
    w.files = files;
    w.nfiles = (size_t)rest.n;
    trit_catch_stop();
    return train(&w, &error) ? trit_cli_error(&error) : trit_cli_output_code(0);
}

const struct trit_command trit_cmd_train_tokenizer = {
    .name = "train-tokenizer",
    .summary = "learn a vocabulary of byte-level BPE from texts",
    .usage = "FILE... -o FILE [options]",
    .detail =
        "Texts are UTF-8; a line that is <|endoftext|> ends a document and is no part of it. The "
        "pair of\nneighbouring tokens that occurs most often becomes a token, again and again; of "
        "equally frequent\nones the pair with the smaller ids, the left one first. The same texts "
        "give the same file. Ids are the\n256 bytes, then merges, then control tokens. "
        "<|endoftext|> begins and ends texts; the chat template\nwrites turns as "
        "<|user|>, line end, text, line end, <|assistant|>, line end, text, <|endoftext|>.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
