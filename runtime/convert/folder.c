/* A folder as Hugging Face has them, as a source of tensors. */
#include <stdlib.h>
#include <string.h>

#include "runtime/convert/hf.h"

static enum trit_code put_keys(struct trit_source *source, struct trit_gguf_writer *w,
                               struct trit_error *error)
{
    struct trit_hf_folder *f = (struct trit_hf_folder *)source;
    trit_hf_put_config(&f->config, w);
    trit_hf_sampling_put(&f->sampling, w);
    const enum trit_code code = trit_hf_rotation_put(f, w, error);
    return code ? code : trit_hf_vocab_put(f->vocab, w, error);
}

static void close_folder(struct trit_source *source)
{
    struct trit_hf_folder *f = (struct trit_hf_folder *)source;
    trit_hf_vocab_free(f->vocab);
    trit_hf_rotation_free(&f->rotation);
    trit_hf_config_free(&f->config);
    trit_safetensors_close(&f->st);
    free(f->tensors);
    free(f->recipes);
    free(f->path);
    free(f);
}

static const struct trit_source_kind kind = {
    .put_keys = put_keys,
    .rows = trit_hf_rows,
    .prepare = trit_hf_prepare,
    .close = close_folder,
};

static enum trit_code open_folder(struct trit_hf_folder *f, struct trit_error *error)
{
    enum trit_code code = trit_hf_config_read(&f->config, f->path, error);
    if (code || (code = trit_safetensors_open(&f->st, f->path, error)) ||
        (code = trit_hf_tensors(f, error)) || (code = trit_hf_rotation_read(f, error)) ||
        (code = trit_hf_sampling_read(&f->sampling, f->path, error)))
        return code;
    return trit_hf_vocab_read(&f->vocab, f->path, f->config.dim[TRIT_HF_VOCAB], error);
}

/* The path without slashes at its end, as messages show it. */
static char *trimmed(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return strndup(path, n);
}

enum trit_code trit_source_folder(struct trit_source **source, const char *path,
                                  struct trit_error *error)
{
    struct trit_hf_folder *f = calloc(1, sizeof *f);
    *source = NULL;
    if (!f || !(f->path = trimmed(path))) {
        free(f);
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    }
    const enum trit_code code = open_folder(f, error);
    if (code) {
        close_folder(&f->base);
        return code;
    }
    f->base = (struct trit_source){ .kind = &kind,
                                    .path = f->path,
                                    .ntensors = f->n,
                                    .tensors = f->tensors,
                                    .arch = f->config.family->arch };
    *source = &f->base;
    return TRIT_OK;
}
