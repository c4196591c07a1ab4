/* From variants to a loaded library (autotune/build/build.h): which files there are, what is
   compiled how, in which order. */
#define _GNU_SOURCE
#include "autotune/build/build.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autotune/build/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/cli/cli.h"
#include "runtime/cpu/cpu.h"

enum {
    KERNEL_SECONDS = 60, /* for a compiler to make one kernel */
    LIST_LIMIT = 64 << 20,
    MAX_WORDS = 64, /* of a compiler's command line */
    MAX_JOBS = 64,  /* compilers at the same time */
};

enum state { WAITING, RUNNING, BUILT, FAILED };

/* One kernel by one compiler. */
struct job {
    char *name, *flags, *row; /* as the generator told them, one allocation: name */
    uint64_t hash;            /* of the generated text */
    int compiler;
    size_t rank;
    enum state state;
    struct trit_child child;
};

struct build {
    const struct trit_build *what;
    struct trit_built *built;
    struct trit_error *error;
    const char *work;       /* the temporary folder */
    char include[PATH_MAX]; /* where runtime/kernel.h is */
    struct job *jobs;
    size_t njobs, room, done;
    double started;
};

/* FOLDER/NAME into path. The temporary folder's own path is short (trit_temporary_folder), so that
   what lies in it always fits. */
static bool join(char *path, const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* WORK/COMPILER/NAME + end into path. */
static bool job_path(const struct build *b, const struct job *j, const char *end, char *path)
{
    return snprintf(path, PATH_MAX, "%s/%s/%s%s", b->work, b->what->compilers->suffix[j->compiler],
                    j->name, end) < PATH_MAX;
}

/* An object is named by its text, so that one of another text is never taken for it. */
static bool object_path(const struct build *b, const struct job *j, char *path)
{
    char end[32];
    snprintf(end, sizeof end, "-%016llx.o", (unsigned long long)j->hash);
    return job_path(b, j, end, path);
}

/* Copies texts, one after the other, each with its 0. */
static char *join_texts(const char *const *texts, char **at, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(texts[i]) + 1;
    char *to = malloc(bytes), *all = to;
    for (size_t i = 0; to && i < n; i++) {
        at[i] = memcpy(to, texts[i], strlen(texts[i]) + 1);
        to += strlen(texts[i]) + 1;
    }
    return all;
}

/* A compiler's variants as they come from the generator. */
struct arrival {
    struct build *build;
    int compiler;
    bool full; /* no memory */
};

static void add_job(void *arg, const struct trit_variant *v)
{
    struct arrival *a = arg;
    struct build *b = a->build;
    if (b->njobs == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        struct job *more = realloc(b->jobs, room * sizeof *more);
        if ((a->full |= !more))
            return;
        b->jobs = more;
        b->room = room;
    }
    char *texts[3];
    if ((a->full |= !join_texts((const char *[]){ v->name, v->flags, v->row }, texts, 3)))
        return;
    const struct trit_build *what = b->what;
    b->jobs[b->njobs] =
        (struct job){ .name = texts[0],
                      .flags = texts[1],
                      .row = texts[2],
                      .compiler = a->compiler,
                      .hash = strtoull(v->hash, NULL, 16),
                      .rank = what->rank ? what->rank(what->want_arg, v->name) : b->njobs };
    b->njobs++;
}

static int by_rank(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static enum trit_code generate_for(struct build *b, int compiler)
{
    char out[PATH_MAX];
    struct trit_generate g = b->what->generate;
    g.suffix = b->what->compilers->suffix[compiler];
    g.out = out;
    g.want = b->what->want;
    g.want_arg = b->what->want_arg;
    join(out, b->work, g.suffix);
    struct arrival arrival = { .build = b, .compiler = compiler };
    enum trit_code code = trit_generate(&g, add_job, &arrival, b->error);
    if (!code && arrival.full)
        code = trit_fail(b->error, TRIT_EMEMORY, "no memory to build kernels");
    return code;
}

/* Adds words of text, blanks between them, to argv; false where there is no room. */
static bool add_words(const char **argv, size_t *n, char *text)
{
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (*n >= MAX_WORDS - 1)
            return false;
        argv[(*n)++] = word;
    }
    argv[*n] = NULL;
    return true;
}

/* One call of a compiler: source to object, its complaints to log. */
struct call {
    int compiler;
    const char *flags, *source, *object, *log;
};

/* 0 or an errno, as trit_child_start. */
static int compile(struct trit_child *child, const struct build *b, const struct call *call)
{
    const struct trit_compilers *c = b->what->compilers;
    char own[PATH_MAX + 8], include[PATH_MAX + 8], map[PATH_MAX + 32], words[1024];
    const char *argv[MAX_WORDS] = { c->name[call->compiler],
                                    "-std=gnu11",
                                    "-O3",
                                    "-fPIC",
                                    "-ffp-contract=off",
                                    "-c",
                                    call->source,
                                    "-o",
                                    call->object,
                                    own,
                                    include,
                                    map };
    size_t n = 12;
    snprintf(own, sizeof own, "-I%s/%s", b->work, c->suffix[call->compiler]);
    snprintf(include, sizeof include, "-I%s", b->include);
    snprintf(map, sizeof map, "-ffile-prefix-map=%s/=", b->work); /* the same bytes every time */
    const bool fits = snprintf(words, sizeof words, "%s", call->flags) < (int)sizeof words &&
                      add_words(argv, &n, words);
    return fits ? trit_child_start(child, argv, call->log) : E2BIG;
}

/* The first failure is told. */
static void fail(struct build *b, struct job *j, const char *why)
{
    j->state = FAILED;
    if (b->built->failed++ == 0)
        snprintf(b->built->failure, sizeof b->built->failure, "%s: %s: %s", j->name,
                 b->what->compilers->name[j->compiler], why);
}

static void begin(struct build *b, struct job *j)
{
    char source[PATH_MAX], object[PATH_MAX], part[PATH_MAX], log[PATH_MAX], why[320];
    const bool named = job_path(b, j, ".c", source) && object_path(b, j, object) &&
                       job_path(b, j, ".part", part) && job_path(b, j, ".log", log);
    if (named && !access(object, R_OK)) {
        j->state = BUILT;
        b->done++;
        return;
    }
    j->state = RUNNING;
    const struct call call = { j->compiler, j->flags, source, part, log };
    const int failed = named ? compile(&j->child, b, &call) : ENAMETOOLONG;
    if (!failed)
        return;
    snprintf(why, sizeof why, "cannot be started in %.200s: %s", b->work, strerror(failed));
    b->done++;
    fail(b, j, why);
}

static void look(struct build *b, struct job *j)
{
    char object[PATH_MAX], part[PATH_MAX], log[PATH_MAX], line[256] = "its object cannot be kept";
    const enum trit_child_state how = trit_child_look(&j->child, KERNEL_SECONDS);
    if (how == TRIT_CHILD_RUNS)
        return;
    b->done++;
    j->state = BUILT;
    if (how == TRIT_CHILD_DONE && object_path(b, j, object) && job_path(b, j, ".part", part) &&
        !rename(part, object))
        return;
    if (how != TRIT_CHILD_DONE && job_path(b, j, ".log", log))
        trit_child_complaint(&j->child, how, log, line, sizeof line);
    fail(b, j, line);
}

/* One step of all: starts what there is room for, looks at what runs. */
static size_t step(struct build *b, size_t most)
{
    size_t running = 0;
    for (size_t i = 0; i < b->njobs; i++)
        if (b->jobs[i].state == RUNNING) {
            look(b, &b->jobs[i]);
            running += b->jobs[i].state == RUNNING;
        }
    for (size_t i = 0; i < b->njobs && running < most; i++)
        if (b->jobs[i].state == WAITING) {
            begin(b, &b->jobs[i]);
            running += b->jobs[i].state == RUNNING;
        }
    return running;
}

static void kill_all(struct build *b)
{
    for (size_t i = 0; i < b->njobs; i++)
        if (b->jobs[i].state == RUNNING) {
            trit_child_kill(&b->jobs[i].child);
            b->jobs[i].state = WAITING;
        }
}

static enum trit_code compile_all(struct build *b)
{
    const int logical = trit_cpu_get()->logical;
    const size_t most = logical < 1 ? 1 : logical > MAX_JOBS ? MAX_JOBS : (size_t)logical;
    const struct trit_build *what = b->what;
    while (b->done < b->njobs) {
        const bool late = what->seconds > 0 && trit_now() - b->started > what->seconds;
        if (late || (what->progress && !what->progress(what->progress_arg, b->done, b->njobs))) {
            kill_all(b);
            b->built->late = b->njobs - b->done;
            return late ? TRIT_OK : trit_fail(b->error, TRIT_ESTOPPED, "stopped while compiling");
        }
        if (step(b, most) > 0)
            trit_nap();
    }
    return TRIT_OK;
}

/* The generator's table, to where it includes the rows of what was built. */
static enum trit_code copy_table(struct build *b)
{
    char from[PATH_MAX], to[PATH_MAX], folder[PATH_MAX], *text;
    size_t bytes;
    struct trit_file *file;
    join(folder, b->work, b->what->compilers->suffix[0]);
    if (!join(from, folder, "library.c"))
        return trit_fail(b->error, TRIT_EARGUMENT, "%.64s...: the path is too long", folder);
    join(to, b->work, "library.c");
    enum trit_code code = trit_file_read(from, LIST_LIMIT, &text, &bytes, b->error);
    if (code)
        return code;
    if (!(code = trit_file_create(&file, to, b->error))) {
        trit_file_write(file, text, bytes);
        code = trit_file_commit(file, b->error);
    }
    free(text);
    return code;
}

/* kernels.inc with the rows of what was built, and beside it the table that includes it. */
static enum trit_code write_table(struct build *b)
{
    char path[PATH_MAX];
    struct trit_file *file;
    join(path, b->work, "kernels.inc");
    enum trit_code code = trit_file_create(&file, path, b->error);
    if (code)
        return code;
    for (size_t i = 0; i < b->njobs; i++)
        if (b->jobs[i].state == BUILT) {
            trit_file_write(file, b->jobs[i].row, strlen(b->jobs[i].row));
            trit_file_write(file, "\n", 1);
            b->built->built++;
        }
    code = trit_file_commit(file, b->error);
    return code ? code : copy_table(b);
}

/* Runs the first compiler on what is not one kernel: the table, the link. */
static enum trit_code end_child(struct build *b, struct trit_child *child, int failed,
                                const char *what, const char *log)
{
    const char *name = b->what->compilers->name[0];
    char line[256];
    if (failed)
        return trit_fail(b->error, TRIT_EIO, "%s: cannot be started in %s: %s", name, b->work,
                         strerror(failed));
    const enum trit_child_state state = trit_child_wait(child, KERNEL_SECONDS);
    if (state == TRIT_CHILD_DONE)
        return TRIT_OK;
    if (state == TRIT_CHILD_STOPPED)
        return trit_fail(b->error, TRIT_ESTOPPED, "stopped while compiling");
    trit_child_complaint(child, state, log, line, sizeof line);
    return trit_fail(b->error, TRIT_EIO, "%s: %s: %s", name, what, line);
}

static enum trit_code compile_table(struct build *b)
{
    char source[PATH_MAX], object[PATH_MAX], log[PATH_MAX];
    struct trit_child child;
    join(source, b->work, "library.c");
    join(object, b->work, "library.o");
    join(log, b->work, "library.log");
    const int failed = compile(&child, b, &(struct call){ 0, "", source, object, log });
    return end_child(b, &child, failed, "the library's table does not compile", log);
}

/* Objects' names, to be freed together with the list. */
static char **object_names(const struct build *b, size_t *n)
{
    char **names = calloc(b->built->built, sizeof *names);
    for (size_t i = 0; names && i < b->njobs; i++) {
        char path[PATH_MAX];
        if (b->jobs[i].state == BUILT && object_path(b, &b->jobs[i], path))
            names[(*n)++] = strdup(path);
    }
    return names;
}

/* No start files: nothing in the library runs before it is asked. */
static enum trit_code link_library(struct build *b, const char *out)
{
    const char *const head[] = { b->what->compilers->name[0],
                                 "-shared",
                                 "-nostartfiles",
                                 "-Wl,-Bsymbolic",
                                 "-Wl,-z,relro,-z,now,-z,noexecstack",
                                 "-Wl,--build-id=none",
                                 "-o",
                                 out };
    enum { NHEAD = sizeof head / sizeof *head };
    char table[PATH_MAX], log[PATH_MAX];
    size_t n = 0;
    char **objects = object_names(b, &n);
    const char **argv = calloc(NHEAD + n + 2, sizeof *argv);
    struct trit_child child;
    join(table, b->work, "library.o");
    join(log, b->work, "library.log");
    enum trit_code code = TRIT_OK;
    bool named = objects && argv;
    for (size_t i = 0; i < n; i++)
        named = named && objects[i];
    if (named) {
        memcpy(argv, head, sizeof head);
        memcpy(argv + NHEAD, objects, n * sizeof *argv);
        argv[NHEAD + n] = table;
        const int failed = trit_child_start(&child, argv, log);
        code = end_child(b, &child, failed, "the library cannot be linked", log);
    } else {
        code = trit_fail(b->error, TRIT_EMEMORY, "no memory to link kernels");
    }
    for (size_t i = 0; i < n; i++)
        free(objects[i]);
    free(objects);
    free(argv);
    return code;
}

static bool is_library(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, "\177ELF");
}

/* Nobody else may write it. */
static const struct trit_file_kind kernel_library = { "a kernel library", is_library, 0600 };

/* Copies the library to its place. */
static enum trit_code install(struct build *b, const char *from)
{
    struct trit_built *built = b->built;
    const char *folder = b->what->folder ? b->what->folder : b->work;
    char *data;
    size_t bytes;
    struct trit_file *file;
    snprintf(built->file, sizeof built->file, "tritmill-%.16s.so", built->sha256);
    if (!join(built->path, folder, built->file))
        return trit_fail(b->error, TRIT_EARGUMENT, "%.64s...: the path is too long", folder);
    enum trit_code code = trit_file_read(from, LIST_LIMIT, &data, &bytes, b->error);
    if (code)
        return code;
    code = trit_file_create_as(&file, built->path, &kernel_library, b->error);
    if (!code) {
        trit_file_write(file, data, bytes);
        code = trit_file_commit(file, b->error);
    }
    free(data);
    return code;
}

static enum trit_code make_library(struct build *b)
{
    char out[PATH_MAX];
    struct trit_built *built = b->built;
    join(out, b->work, "library.so");
    enum trit_code code = write_table(b);
    if (!code && built->built == 0)
        code = trit_fail(b->error, TRIT_EUNSUPPORTED, "no kernel was built%s%s",
                         built->failed || built->late ? ": " : "",
                         built->failed ? built->failure
                         : built->late ? "the time for compilers ended"
                                       : "");
    if (!code)
        code = compile_table(b);
    if (!code)
        code = link_library(b, out);
    if (!code)
        code = trit_file_sha256(out, built->sha256, b->error);
    if (!code)
        code = install(b, out);
    return code ? code : trit_library_load(built->path, built->sha256, NULL, NULL, b->error);
}

static enum trit_code find_include(struct build *b)
{
    char probe[PATH_MAX];
    if (trit_file_locate("TRITMILL_INCLUDE", "include", TRIT_SOURCE_DIR, b->include,
                         sizeof b->include)) {
        if (join(probe, b->include, "runtime/kernel.h") && !access(probe, R_OK))
            return TRIT_OK;
    }
    const char *named = getenv("TRITMILL_INCLUDE");
    if (named && *named)
        return trit_fail(b->error, TRIT_EIO, "TRITMILL_INCLUDE=%s: runtime/kernel.h is not there",
                         named);
    return trit_fail(b->error, TRIT_EIO,
                     "the headers that kernels include are not where they were installed: `make "
                     "install`");
}

enum trit_code trit_build(const struct trit_build *what, struct trit_built *built,
                          struct trit_error *error)
{
    struct build b = { .what = what, .built = built, .error = error, .started = trit_now() };
    *built = (struct trit_built){ 0 };
    if (what->compilers->n == 0)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s", what->compilers->why);
    enum trit_code code = find_include(&b);
    if (!code && !(b.work = trit_temporary_folder(error)))
        code = TRIT_EIO;
    for (int i = 0; i < what->compilers->n && !code; i++)
        code = generate_for(&b, i);
    if (!code && b.njobs > 0)
        qsort(b.jobs, b.njobs, sizeof *b.jobs, by_rank);
    if (!code)
        code = compile_all(&b);
    if (!code)
        code = make_library(&b);
    for (size_t i = 0; i < b.njobs; i++)
        free(b.jobs[i].name);
    free(b.jobs);
    return code;
}
