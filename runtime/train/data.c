/* Streams of tokens, and the sequences that are cut from them. */
#include "runtime/train/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/mem.h"
#include "runtime/base/random.h"
#include "runtime/train/documents.h"
#include "runtime/train/order.h"

/* Ids of 2 or 4 bytes, by the size of the vocabulary. */
struct stream {
    void *ids;
    size_t n, room;
};

enum { TRAINED, HELD, STREAMS };

struct file {
    struct trit_train_file about;
    char *path;
    struct stream streams[STREAMS];
};

struct trit_train_data {
    struct file *files;
    size_t nfiles;
    size_t id_bytes; /* 2 or 4 */
    size_t context;
    uint64_t seed, digest;
    uint32_t *lengths; /* bytes of text of each token */
    struct trit_train_mix mix;
};

enum trit_code trit_train_source_parse(struct trit_train_source *source, const char *word,
                                       struct trit_error *error)
{
    const char *colon = strrchr(word, ':');
    char *end = NULL;
    const double weight = colon && colon > word ? strtod(colon + 1, &end) : 0;
    const bool given = end && end > colon + 1 && !*end;
    *source = (struct trit_train_source){ .weight = given ? weight : 0 };
    if (given && !(weight > 0 && isfinite(weight)))
        return trit_fail(error, TRIT_EARGUMENT, "'%s': the share must be above 0", word);
    source->path = given ? strndup(word, (size_t)(colon - word)) : strdup(word);
    return source->path ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "%s: no memory", word);
}

/* --- reading --- */

static enum trit_code no_memory(const char *path, struct trit_error *error)
{
    return trit_fail(error, TRIT_EMEMORY, "%s: no memory for its tokens", path);
}

static void put_id(const struct trit_train_data *d, struct stream *s, int32_t id)
{
    if (d->id_bytes == sizeof(uint16_t))
        ((uint16_t *)s->ids)[s->n++] = (uint16_t)id;
    else
        ((uint32_t *)s->ids)[s->n++] = (uint32_t)id;
}

/* BOS, then the ids. */
static bool append(const struct trit_train_data *d, struct stream *s, int32_t bos,
                   const int32_t *ids, size_t n)
{
    if (!trit_grow(&s->ids, &s->room, s->n + n + 1, d->id_bytes))
        return false;
    put_id(d, s, bos);
    for (size_t i = 0; i < n; i++)
        put_id(d, s, ids[i]);
    return true;
}

static enum trit_code add_document(const struct trit_train_data *d, struct file *f,
                                   const struct trit_train_data_ask *ask, struct trit_text document,
                                   struct trit_error *error)
{
    const int32_t bos = trit_tokenizer_bos(ask->tokenizer);
    struct trit_train_file *about = &f->about;
    int32_t *ids;
    size_t n;
    if (document.n > TRIT_TEXT_MAX)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s: a document of %zu bytes, at most %d can be tokenized: end documents "
                         "with a line %s",
                         f->path, document.n, TRIT_TEXT_MAX, TRIT_TRAIN_END);
    enum trit_code code = trit_tokenizer_encode(ask->tokenizer, document, true, &ids, &n, error);
    if (code)
        return code;
    const size_t i = about->documents + about->held_documents;
    const bool held = ask->held && i % ask->held == ask->held - 1;
    *(held ? &about->held_documents : &about->documents) += 1;
    *(held ? &about->held_bytes : &about->bytes) += document.n;
    if (!append(d, &f->streams[held ? HELD : TRAINED],
                bos >= 0 ? bos : trit_tokenizer_eos(ask->tokenizer), ids, n))
        code = no_memory(f->path, error);
    free(ids);
    return code;
}

static enum trit_code encode(const struct trit_train_data *d, struct file *f,
                             const struct trit_train_data_ask *ask, struct trit_error *error)
{
    struct trit_train_text text;
    struct trit_text document;
    size_t at = 0;
    enum trit_code code = trit_train_text_open(&text, f->path, error);
    if (code)
        return code;
    while (!code && trit_train_text_next(&text, &at, &document)) {
        code = add_document(d, f, ask, document, error);
        if (!code && ask->progress && !ask->progress(ask->progress_arg, at, text.bytes))
            code = trit_fail(error, TRIT_ESTOPPED, "%s: stopped", f->path);
    }
    trit_train_text_close(&text);
    return code;
}

static enum trit_code read_file(const struct trit_train_data *d, struct file *f,
                                const struct trit_train_data_ask *ask, struct trit_error *error)
{
    struct trit_train_file *about = &f->about;
    const size_t t = d->context;
    enum trit_code code = encode(d, f, ask, error);
    if (code)
        return code;
    about->tokens = f->streams[TRAINED].n;
    about->held_tokens = f->streams[HELD].n;
    about->sequences = about->tokens / t;
    about->held_sequences = about->held_tokens ? (about->held_tokens - 1) / t : 0;
    if (about->tokens < t + 1)
        return trit_fail(
            error, TRIT_EARGUMENT,
            "%s: %zu tokens to train on are less than one sequence of %zu: take a longer "
            "text, or a smaller --ctx-size",
            f->path, about->tokens, t + 1);
    return TRIT_OK;
}

/* --- shares --- */

static enum trit_code share(struct trit_train_data *d, const struct trit_train_source *sources,
                            struct trit_error *error)
{
    double shares[TRIT_TRAIN_FILES_MAX], sum = 0;
    for (size_t i = 0; i < d->nfiles; i++) {
        shares[i] = sources[0].weight > 0 ? sources[i].weight : (double)d->files[i].about.tokens;
        sum += shares[i];
    }
    for (size_t i = 0; i < d->nfiles; i++) {
        d->files[i].about.share = shares[i] /= sum;
        if (shares[i] * TRIT_TRAIN_PERIOD < 1)
            return trit_fail(error, TRIT_EARGUMENT,
                             "%s: its share is %.3g of all: must be at least 1/%d",
                             d->files[i].path, shares[i], TRIT_TRAIN_PERIOD);
    }
    return trit_train_mix_create(&d->mix, shares, d->nfiles)
               ? TRIT_OK
               : trit_fail(error, TRIT_EMEMORY, "no memory for the order of sequences");
}

static enum trit_code check_ask(const struct trit_train_data_ask *ask, struct trit_error *error)
{
    if (ask->nsources == 0 || ask->nsources > TRIT_TRAIN_FILES_MAX)
        return trit_fail(error, TRIT_EARGUMENT, "%zu texts: must be 1 to %d", ask->nsources,
                         TRIT_TRAIN_FILES_MAX);
    if (ask->context == 0 || ask->held == 1)
        return trit_fail(error, TRIT_EARGUMENT,
                         ask->held == 1 ? "every document held out: nothing is left to train on"
                                        : "sequences of 0 tokens");
    for (size_t i = 0; i < ask->nsources; i++)
        if ((ask->sources[i].weight > 0) != (ask->sources[0].weight > 0))
            return trit_fail(error, TRIT_EARGUMENT,
                             "%s has %s share: give one to every text, or to none",
                             ask->sources[i].path, ask->sources[i].weight > 0 ? "a" : "no");
    return TRIT_OK;
}

/* --- opening --- */

static uint64_t digest(const struct trit_train_data *d, const struct trit_train_data_ask *ask)
{
    uint64_t all = d->seed;
    const uint64_t sizes[] = { d->context, ask->held, d->nfiles, d->id_bytes };
    all = XXH3_64bits_withSeed(sizes, sizeof sizes, all);
    for (size_t i = 0; i < d->nfiles; i++) {
        all = XXH3_64bits_withSeed(&d->files[i].about.share, sizeof(double), all);
        for (size_t j = 0; j < STREAMS; j++)
            all = XXH3_64bits_withSeed(d->files[i].streams[j].ids,
                                       d->files[i].streams[j].n * d->id_bytes, all);
    }
    return all;
}

static enum trit_code open_files(struct trit_train_data *d, const struct trit_train_data_ask *ask,
                                 struct trit_error *error)
{
    const size_t vocabulary = trit_tokenizer_size(ask->tokenizer);
    enum trit_code code = TRIT_OK;
    d->id_bytes = vocabulary > UINT16_MAX + 1u ? sizeof(uint32_t) : sizeof(uint16_t);
    d->context = ask->context;
    d->seed = ask->seed;
    d->files = trit_alloc(ask->nsources, sizeof *d->files);
    d->lengths = trit_alloc(vocabulary, sizeof *d->lengths);
    if (!d->files || !d->lengths)
        return no_memory(ask->sources[0].path, error);
    for (size_t i = 0; i < vocabulary; i++)
        d->lengths[i] = (uint32_t)trit_tokenizer_decode(ask->tokenizer, (int32_t)i, false).n;
    for (size_t i = 0; i < ask->nsources && !code; i++) {
        struct file *f = &d->files[d->nfiles++];
        f->about.path = f->path = strdup(ask->sources[i].path);
        code = f->path ? read_file(d, f, ask, error) : no_memory(ask->sources[i].path, error);
    }
    if (!code)
        code = share(d, ask->sources, error);
    if (!code)
        d->digest = digest(d, ask);
    return code;
}

enum trit_code trit_train_data_open(struct trit_train_data **data,
                                    const struct trit_train_data_ask *ask, struct trit_error *error)
{
    *data = NULL;
    enum trit_code code = check_ask(ask, error);
    if (code)
        return code;
    struct trit_train_data *d = trit_alloc(1, sizeof *d);
    if (!d)
        return no_memory(ask->sources[0].path, error);
    code = open_files(d, ask, error);
    if (code)
        trit_train_data_free(d);
    else
        *data = d;
    return code;
}

void trit_train_data_free(struct trit_train_data *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->nfiles; i++) {
        free(d->files[i].path);
        for (size_t j = 0; j < STREAMS; j++)
            free(d->files[i].streams[j].ids);
    }
    free(d->files);
    free(d->lengths);
    trit_train_mix_free(&d->mix);
    free(d);
}

/* --- asking --- */

size_t trit_train_data_files(const struct trit_train_data *d)
{
    return d->nfiles;
}

const struct trit_train_file *trit_train_data_file(const struct trit_train_data *d, size_t file)
{
    return &d->files[file].about;
}

uint64_t trit_train_data_digest(const struct trit_train_data *d)
{
    return d->digest;
}

static int32_t id_at(const struct trit_train_data *d, const struct stream *s, size_t at)
{
    return d->id_bytes == sizeof(uint16_t) ? ((const uint16_t *)s->ids)[at]
                                           : (int32_t)((const uint32_t *)s->ids)[at];
}

/* T + 1 tokens of the ring. */
static void cut(const struct trit_train_data *d, const struct stream *s, size_t at, int32_t *tokens)
{
    for (size_t i = 0; i <= d->context; i++) {
        tokens[i] = id_at(d, s, at);
        at = at + 1 < s->n ? at + 1 : 0;
    }
}

void trit_train_data_sequence(const struct trit_train_data *d, uint64_t index, int32_t *tokens)
{
    uint64_t before;
    const uint32_t number = trit_train_mix_at(&d->mix, index, &before);
    const struct file *f = &d->files[number];
    const uint64_t n = f->about.sequences, epoch = before / n;
    uint64_t state = trit_random_mix(d->seed ^ trit_random_mix((uint64_t)number << 48 ^ epoch));
    const uint64_t offset = trit_random_next(&state) % f->about.tokens,
                   which = trit_train_permute(before % n, n, trit_random_next(&state));
    cut(d, &f->streams[TRAINED], (offset + which * d->context) % f->about.tokens, tokens);
}

size_t trit_train_data_held(const struct trit_train_data *d, size_t file, size_t number,
                            int32_t *tokens)
{
    size_t bytes = 0;
    cut(d, &d->files[file].streams[HELD], number * d->context, tokens);
    for (size_t i = 1; i <= d->context; i++)
        bytes += d->lengths[tokens[i]];
    return bytes;
}
