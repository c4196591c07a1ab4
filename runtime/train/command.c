/* What `tritmill train` does: texts and vocabulary to a run, and what it made to files. */
#include "runtime/train/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/file.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cpu/cpu.h"
#include "runtime/train/export.h"
#include "runtime/train/facts.h"
#include "runtime/train/gemm.h"
#include "runtime/train/log.h"
#include "runtime/train/peak.h"
#include "runtime/train/run.h"
#include "runtime/train/vocabulary.h"
#include "runtime/train/vocabulary_parts.h"

enum { OUTPUTS = 3 };

/* All that a command holds. */
struct work {
    const struct trit_train_options *o;
    struct trit_gguf *vocabulary;
    struct trit_tokenizer *tokenizer;
    struct trit_train_source sources[TRIT_TRAIN_FILES_MAX];
    const char *files[TRIT_TRAIN_FILES_MAX + 1 + OUTPUTS]; /* what is read, what is written */
    size_t nfiles;
    struct trit_train_data *data;
    struct trit_pool *pool;
    struct trit_train_run run;
    struct trit_train_layout layout;
    struct trit_train_facts facts;
};

/* The largest power of two, at most 1024, that divides both widths. */
static uint32_t rotation_of(const struct trit_train_shape *s)
{
    const uint32_t widths = s->heads * s->head_dim | s->ffn, block = widths & -widths;
    return block < 1024 ? block : 1024;
}

static void shape_of(const struct trit_train_options *o, struct trit_train_shape *s)
{
    const bool qwen3 = o->family == TRIT_TRAIN_QWEN3;
    *s = (struct trit_train_shape){
        .family = (uint32_t)o->family,
        .weights = o->dense    ? TRIT_TRAIN_DENSE
                   : o->binary ? TRIT_TRAIN_BINARY
                               : TRIT_TRAIN_TERNARY,
        .weight_group = o->groups == 2 ? TRIT_TRAIN_GROUP : 0,
        .input_group = o->groups ? TRIT_TRAIN_GROUP : 0,
        .input_bits = o->dense ? 0 : (uint32_t)o->bits,
        .low_rows = o->low_rows,
        .hidden = (uint32_t)o->hidden,
        .ffn = (uint32_t)o->ffn,
        .layers = (uint32_t)o->layers,
        .heads = (uint32_t)o->heads,
        .kv_heads = (uint32_t)(o->kv_heads ? o->kv_heads : o->heads),
        .head_dim = (uint32_t)(o->head_dim ? o->head_dim : o->hidden / o->heads),
        .context = (uint32_t)o->context,
        .eps = qwen3 ? 1e-6f : 1e-5f,
        .rope_base = (float)o->rope_base,
    };
    s->hadamard = o->hadamard ? rotation_of(s) : 0;
}

static enum trit_code open_texts(struct work *w, struct trit_error *e)
{
    const struct trit_train_options *o = w->o;
    struct trit_progress progress;
    const struct trit_train_data_ask ask = { .sources = w->sources,
                                             .nsources = (size_t)o->ntexts,
                                             .tokenizer = w->tokenizer,
                                             .context = w->run.state.shape.context,
                                             .seed = o->seed,
                                             .held = (size_t)o->hold_out,
                                             .progress = trit_progress_step,
                                             .progress_arg = &progress };
    trit_progress_begin(&progress, "reading texts");
    progress.active = progress.active && !o->quiet;
    const enum trit_code code = trit_train_data_open(&w->data, &ask, e);
    trit_progress_end(&progress);
    if (code)
        return code;
    const struct trit_train_file *first = trit_train_data_file(w->data, 0);
    if (o->patience && !first->held_sequences)
        return trit_fail(e, TRIT_EARGUMENT,
                         "--patience: nothing is held out of %s to validate on: take a smaller "
                         "--hold-out, or a longer text",
                         first->path);
    w->run.state.data = trit_train_data_digest(w->data);
    return TRIT_OK;
}

static enum trit_code open_vocabulary(struct work *w, struct trit_error *e)
{
    struct trit_train_shape *s = &w->run.state.shape;
    const enum trit_code code =
        trit_train_vocabulary_open(&w->vocabulary, &w->tokenizer, w->o->tokenizer, e);
    if (code)
        return code;
    s->vocab = (uint32_t)trit_tokenizer_size(w->tokenizer);
    return trit_train_shape_check(s, e);
}

static uint64_t warmup_of(const struct trit_train_options *o)
{
    const uint64_t tenth = o->steps / 10;
    if (o->warmup >= 0)
        return (uint64_t)o->warmup;
    return tenth < TRIT_TRAIN_WARMUP ? tenth : TRIT_TRAIN_WARMUP;
}

static void set_run(struct work *w)
{
    const struct trit_train_options *o = w->o;
    struct trit_train_run *r = &w->run;
    r->schedule = (struct trit_train_schedule){ .steps = o->steps,
                                                .warmup = warmup_of(o),
                                                .second = (uint64_t)((double)o->steps * o->second),
                                                .lr = o->lr,
                                                .lr2 = o->lr2 > 0 ? o->lr2 : o->lr * 2 / 3,
                                                .decay = o->decay,
                                                .clip = o->clip };
    r->checkpoint = o->checkpoint;
    r->log = o->log;
    r->hours = o->hours;
    r->save_minutes = o->save_minutes;
    r->valid_steps = (uint64_t)o->valid_steps;
    r->valid_sequences = (size_t)o->valid_sequences;
    r->patience = (unsigned)o->patience;
    r->quiet = o->quiet;
    r->data = w->data;
    r->state.version = TRIT_TRAIN_VERSION;
    r->state.batch = (uint32_t)o->batch;
    r->state.pass = (uint32_t)(o->pass < o->batch ? o->pass : o->batch);
    r->state.seed = o->seed;
}

static void tell_start(const struct work *w)
{
    const struct trit_train_run *r = &w->run;
    const struct trit_train_file *first = trit_train_data_file(w->data, 0);
    const double tokens = (double)r->schedule.steps * r->state.batch * (double)r->net.length;
    printf("%.3g M parameters, %.3g M tokens to see; texts of", (double)r->net.layout.floats / 1e6,
           tokens / 1e6);
    for (size_t i = 0; i < trit_train_data_files(w->data); i++) {
        const struct trit_train_file *f = trit_train_data_file(w->data, i);
        printf("%s %.3g M (%s, %.0f %%)", i ? "," : "", (double)f->tokens / 1e6, f->path,
               100 * f->share);
    }
    printf("\n");
    if (w->o->hold_out && !first->held_sequences)
        printf("no validation: %s has %zu document%s, of which each %dth is held out: too little "
               "for a sequence\n",
               first->path, first->documents + first->held_documents,
               first->documents + first->held_documents == 1 ? "" : "s", w->o->hold_out);
    fflush(stdout);
}

/* Of this process's fastest step, so that a busy machine does not tell another one's speed. */
static void tell_speed(const struct trit_train_run *r)
{
    if (!(r->speed > 0))
        return;
    const double work = r->speed * trit_train_work(&r->net.shape) / 1e9,
                 peak = trit_train_peak(r->net.pool);
    const int threads = trit_pool_threads(r->net.pool);
    printf(
        "%.0f tokens/s, %.1f GFLOP/s: %.0f %% of the binary32 peak of %d thread%s, %.1f GFLOP/s, "
        "measured now; OpenBLAS's kernels are those of %s\n",
        r->speed, work, 100 * work / peak, threads, threads == 1 ? "" : "s", peak,
        trit_gemm_kernels());
}

static enum trit_code tell_end(struct work *w, struct trit_error *e)
{
    struct trit_train_run *r = &w->run;
    printf("%s: step %llu, %.0f s of training\n", r->ended, (unsigned long long)r->state.step,
           r->state.seconds);
    tell_speed(r);
    for (size_t i = 0; i < trit_train_data_files(w->data); i++) {
        const struct trit_train_file *f = trit_train_data_file(w->data, i);
        struct trit_train_valid v;
        if (!f->held_sequences)
            continue;
        const enum trit_code code = trit_train_run_validate(r, i, 0, true, &v, e);
        if (code)
            return code;
        printf("%s: perplexity %.4f, %.4f bits/byte, on %.0f tokens held out\n", f->path,
               exp(trit_train_valid_loss(&v)), trit_train_valid_bits(&v), v.tokens);
    }
    if (r->net.inputs)
        printf("zeros among the inputs of ffn_down, by layer:");
    for (size_t i = 0; i < r->net.shape.layers && r->net.inputs; i++)
        printf(" %.2f%s", (double)r->net.zeros[i] / (double)r->net.inputs,
               i + 1 < r->net.shape.layers ? "" : "\n");
    return TRIT_OK;
}

/* What the run is to become. Masters are not there yet; the layout is w's own. */
static enum trit_code plan_export(struct work *w, struct trit_train_export *x, struct trit_error *e)
{
    const struct trit_train_options *o = w->o;
    enum trit_code code = trit_train_layout_create(&w->layout, &w->run.state.shape, e);
    *x = (struct trit_train_export){ .shape = &w->run.state.shape,
                                     .layout = &w->layout,
                                     .pool = w->pool,
                                     .vocabulary = w->vocabulary,
                                     .facts = w->facts.list,
                                     .nfacts = w->facts.n,
                                     .type = o->matrices,
                                     .rows = o->rows };
    if (!code && o->output)
        code = trit_train_export_check(x, o->output, e);
    if (!code && o->masters)
        code = trit_train_masters_check(x, o->masters, w->files, w->nfiles, e);
    return code;
}

/* With inputs of 4 bits where this command's schedule has come to its second stage. Both files are
   tried; the first error is told. */
static enum trit_code export_run(const struct work *w, struct trit_train_export *x,
                                 struct trit_error *e)
{
    const struct trit_train_options *o = w->o;
    struct trit_train_shape shape = w->run.state.shape;
    enum trit_code code = TRIT_OK;
    shape.input_bits = trit_train_run_bits(&w->run, w->run.state.step);
    x->shape = &shape;
    x->w = w->run.net.w;
    if (o->output)
        code = trit_train_export_gguf(x, o->output, e);
    if (o->masters) {
        const enum trit_code masters = trit_train_export_masters(x, o->masters, code ? NULL : e);
        code = code ? code : masters;
    }
    return code;
}

static enum trit_code train(struct work *w, struct trit_error *e)
{
    struct trit_train_export export;
    enum trit_code code = open_vocabulary(w, e);
    if (code || (code = plan_export(w, &export, e)) || (code = open_texts(w, e)))
        return code;
    set_run(w);
    if ((code = trit_train_run_open(&w->run, w->pool, w->o->resume, e)))
        return code;
    if (!w->o->quiet)
        tell_start(w);
    if ((code = trit_train_run_steps(&w->run, e)) || (code = export_run(w, &export, e)))
        return code;
    return w->o->quiet ? TRIT_OK : tell_end(w, e);
}

/* A run that begins anew where another's checkpoint is would be the end of that one. */
static enum trit_code check_checkpoint(const struct trit_train_options *o, struct trit_error *e)
{
    struct trit_train_state state;
    struct stat st;
    if (o->resume)
        return trit_train_checkpoint_state(o->checkpoint, &state, e);
    if (o->checkpoint && !stat(o->checkpoint, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
        return trit_fail(e, TRIT_EARGUMENT,
                         "%s: is the checkpoint of a run already: go on from it with --resume, or "
                         "remove it to begin anew",
                         o->checkpoint);
    return TRIT_OK;
}

/* A tokenizer.json is read with what lies beside it, some of which masters have, too. */
static enum trit_code check_masters(const struct trit_train_options *o, struct trit_error *e)
{
    struct stat a, b;
    if (!o->masters || !trit_ends_with(o->tokenizer, ".json"))
        return TRIT_OK;
    char *folder = trit_train_beside(o->tokenizer, ".");
    if (!folder)
        return trit_fail(e, TRIT_EMEMORY, "no memory for --masters");
    const bool same =
        !stat(folder, &a) && !stat(o->masters, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    free(folder);
    return same ? trit_fail(e, TRIT_EARGUMENT,
                            "--masters %s: the vocabulary is read from this folder: take another",
                            o->masters)
                : TRIT_OK;
}

/* What is written, beside what is read and what else is written. */
static enum trit_code check_outputs(struct work *w, struct trit_error *e)
{
    const struct trit_train_options *o = w->o;
    const struct {
        const char *path;
        const struct trit_file_kind *kind;
    } outputs[] = { { o->output, &trit_output_gguf },
                    { o->checkpoint, &trit_output_checkpoint },
                    { o->log, &trit_train_output_log } };
    w->files[w->nfiles++] = o->tokenizer;
    for (int i = 0; i < o->ntexts; i++)
        w->files[w->nfiles++] = w->sources[i].path;
    for (size_t i = 0; i < OUTPUTS; i++) {
        if (!outputs[i].path)
            continue;
        const enum trit_code code =
            trit_output_check(outputs[i].path, outputs[i].kind, w->files, w->nfiles, e);
        if (code)
            return code;
        w->files[w->nfiles++] = outputs[i].path;
    }
    const enum trit_code code = check_masters(o, e);
    return code ? code : check_checkpoint(o, e);
}

enum trit_code trit_train_command(const struct trit_train_options *o, struct trit_error *e)
{
    struct work w = { .o = o };
    shape_of(o, &w.run.state.shape);
    const int threads = o->threads > 0 ? o->threads : trit_cpu_get()->threads;
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < o->ntexts && !code; i++)
        code = trit_train_source_parse(&w.sources[i], o->texts[i], e);
    if (!code)
        code = trit_train_facts_read(&w.facts, o->name, &o->meta, e);
    if (!code)
        code = check_outputs(&w, e);
    if (!code)
        code = trit_gemm_open(e);
    if (!code)
        code = trit_pool_create(&w.pool, threads, e);
    trit_catch_stop();
    if (!code)
        code = train(&w, e);
    trit_train_run_close(&w.run);
    trit_train_layout_free(&w.layout);
    trit_train_data_free(w.data);
    trit_tokenizer_free(w.tokenizer);
    trit_gguf_close(w.vocabulary);
    trit_pool_destroy(w.pool);
    for (int i = 0; i < o->ntexts; i++)
        free(w.sources[i].path);
    trit_train_facts_free(&w.facts);
    return code;
}
