/* Regions and threads over time, in the Trace Event Format that chrome://tracing and Perfetto read:
 * a process for each thread count, its thread 0 the regions, thread i + 1 the pool's thread i. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "autotune/bench/internal.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"

struct trit_bench_trace {
    struct trit_file *file;
    int processes;
    size_t written, lost;
};

__attribute__((format(printf, 2, 3))) static void put(struct trit_bench_trace *t,
                                                      const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    trit_file_write(t->file, text, (size_t)n);
}

/* The comma before all but the first. */
static const char *comma(struct trit_bench_trace *t)
{
    return t->written++ ? ",\n" : "\n";
}

/* Format and program: viewers leave alone what they do not know. */
static const char head[] = "{\"tritmill\": \"trace\", ";

static bool is_trace(const char *bytes, size_t n)
{
    return trit_head_is(bytes, n, head);
}

const struct trit_file_kind trit_output_trace = { "a trace of tritmill's", is_trace, 0666 };

enum trit_code trit_bench_trace_open(struct trit_bench_trace **trace, const char *path,
                                     struct trit_error *error)
{
    struct trit_bench_trace *t = trit_alloc(1, sizeof *t);
    if (!t)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a trace");
    enum trit_code code = trit_file_create_as(&t->file, path, &trit_output_trace, error);
    if (code) {
        free(t);
        return code;
    }
    put(t, "%s\"displayTimeUnit\": \"ns\", \"traceEvents\": [", head);
    *trace = t;
    return TRIT_OK;
}

static void put_names(struct trit_bench_trace *t, const char *name, int threads)
{
    put(t,
        "%s{\"ph\": \"M\", \"pid\": %d, \"name\": \"process_name\", \"args\": {\"name\": \"%s\"}}",
        comma(t), t->processes, name);
    for (int i = 0; i <= threads; i++) {
        char thread[32] = "regions";
        if (i > 0)
            snprintf(thread, sizeof thread, "thread %d", i - 1);
        put(t,
            "%s{\"ph\": \"M\", \"pid\": %d, \"tid\": %d, \"name\": \"thread_name\", "
            "\"args\": {\"name\": \"%s\"}}",
            comma(t), t->processes, i, thread);
    }
}

void trit_bench_trace_add(struct trit_bench_trace *t, const char *name,
                          const struct trit_trace *trace, int threads)
{
    size_t n, lost;
    const struct trit_event *events = trit_trace_events(trace, &n, &lost);
    t->processes++;
    t->lost += lost;
    put_names(t, name, threads);
    for (size_t i = 0; i < n && !trit_file_failed(t->file); i++) {
        const struct trit_event *e = &events[i];
        put(t,
            "%s{\"ph\": \"X\", \"pid\": %d, \"tid\": %d, \"ts\": %.3f, \"dur\": %.3f, "
            "\"name\": \"%s\"}",
            comma(t), t->processes, e->thread + 1, (double)e->begin * 1e-3,
            (double)(e->end - e->begin) * 1e-3, trit_part_name(e->part));
    }
}

enum trit_code trit_bench_trace_close(struct trit_bench_trace *t, bool keep,
                                      struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (!t)
        return TRIT_OK;
    put(t, "\n], \"otherData\": {\"events_lost\": %zu}}\n", t->lost);
    if (keep)
        code = trit_file_commit(t->file, error);
    else
        trit_file_abandon(t->file);
    free(t);
    return code;
}
