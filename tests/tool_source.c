/* Writes what a source of tensors gives, all of it as F32, with its keys: for tests that compare
   with what went into a checkpoint.

     source FOLDER OUT.gguf [THREADS [ROWS]]      ROWS: that are asked for at once */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/convert/source.h"

static enum trit_code copy_tensor(struct trit_source *s, size_t i, size_t at_once,
                                  struct trit_gguf_writer *w, struct trit_error *e)
{
    const struct trit_source_tensor *t = &s->tensors[i];
    const size_t rows = (size_t)(t->ne[1] * t->ne[2] * t->ne[3]), k = (size_t)t->ne[0];
    float *out = malloc(at_once * k * sizeof *out);
    enum trit_code code = out ? TRIT_OK : trit_fail(e, TRIT_EMEMORY, "out of memory");
    for (size_t row = 0; row < rows && !code; row += at_once) {
        const size_t n = rows - row < at_once ? rows - row : at_once;
        code = s->kind->rows(s, i, row, n, out, e);
        if (!code)
            trit_gguf_write(w, out, n * k * sizeof *out);
    }
    free(out);
    return code;
}

static enum trit_code copy(struct trit_source *s, struct trit_gguf_writer *w,
                           struct trit_pool *pool, size_t at_once, struct trit_error *e)
{
    enum trit_code code = s->kind->put_keys(s, w, e);
    for (size_t i = 0; i < s->ntensors && !code; i++)
        trit_gguf_put_tensor(w, s->tensors[i].name, TRIT_F32, s->tensors[i].ndims,
                             s->tensors[i].ne);
    if (!code)
        code = trit_gguf_write_begin(w, e);
    for (size_t i = 0; i < s->ntensors && !code; i++) {
        printf("%s %d %s\n", s->tensors[i].name, (int)s->tensors[i].role,
               trit_type_find(s->tensors[i].type)->name);
        if (s->kind->prepare)
            code = s->kind->prepare(s, i, pool, e);
        if (!code)
            code = copy_tensor(s, i, at_once, w, e);
    }
    return code;
}

static int failed(const struct trit_error *e)
{
    fprintf(stderr, "source: %s\n", e->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct trit_error e = { 0 };
    struct trit_gguf_writer *w;
    struct trit_source *s;
    struct trit_pool *pool;
    if (argc < 3)
        return fprintf(stderr, "usage: source FOLDER OUT.gguf [THREADS [ROWS]]\n"), 2;
    const int at_once = argc > 4 ? atoi(argv[4]) : 37;
    if (trit_source_folder(&s, argv[1], &e))
        return failed(&e);
    if (trit_pool_create(&pool, argc > 3 ? atoi(argv[3]) : 1, &e) ||
        trit_gguf_writer_create(&w, argv[2], &e))
        return failed(&e);
    enum trit_code code = copy(s, w, pool, (size_t)at_once, &e);
    if (code)
        trit_gguf_writer_abandon(w);
    else
        code = trit_gguf_writer_finish(w, &e);
    s->kind->close(s);
    trit_pool_destroy(pool);
    return code ? failed(&e) : 0;
}
