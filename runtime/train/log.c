/* The log of a training run. */
#include "runtime/train/log.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"

static const char header[] = "step,tokens,seconds,loss,lr,gradient_norm,tokens_per_second,"
                             "valid_loss,valid_perplexity,valid_bits_per_byte\n";

static bool is_log(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, header);
}

const struct trit_file_kind trit_train_output_log = { "a log of training", is_log, 0666 };

enum { LOG_MAX = 1 << 30 };

/* Bytes of the old log's rows that are of steps so far. */
static size_t rows_until(const char *text, size_t bytes, uint64_t step)
{
    size_t at = sizeof header - 1;
    if (bytes < at || memcmp(text, header, at) != 0)
        return 0;
    while (at < bytes && isdigit((unsigned char)text[at]) &&
           strtoull(text + at, NULL, 10) <= step) {
        const char *end = memchr(text + at, '\n', bytes - at);
        if (!end)
            break;
        at = (size_t)(end - text) + 1;
    }
    return at;
}

static enum trit_code cannot_write(const struct trit_train_run *r, struct trit_error *error)
{
    return trit_fail(error, TRIT_EIO, "%s: cannot write: %s", r->log, strerror(errno));
}

enum trit_code trit_train_log_open(struct trit_train_run *r, struct trit_error *error)
{
    struct trit_file *file;
    char *old = NULL;
    size_t bytes = 0, kept = 0;
    if (!r->log)
        return TRIT_OK;
    if (r->state.step && !access(r->log, F_OK)) {
        const enum trit_code code = trit_file_read(r->log, LOG_MAX, &old, &bytes, error);
        if (code)
            return code;
        kept = rows_until(old, bytes, r->state.step);
    }
    enum trit_code code = trit_file_create_as(&file, r->log, &trit_train_output_log, error);
    if (!code) {
        if (kept)
            trit_file_write(file, old, kept);
        else
            trit_file_write(file, header, sizeof header - 1);
        code = trit_file_commit(file, error);
    }
    free(old);
    if (code)
        return code;
    r->rows = fopen(r->log, "ae");
    return r->rows ? TRIT_OK : cannot_write(r, error);
}

static uint64_t tokens_of_step(const struct trit_train_run *r)
{
    return (uint64_t)r->state.batch * r->net.length;
}

static enum trit_code put_row(struct trit_train_run *r, const struct trit_train_told *t,
                              struct trit_error *error)
{
    const double loss = trit_train_valid_loss(&r->valid);
    fprintf(r->rows, "%llu,%llu,%.1f,%.6f,%.6g,%.6g,%.1f", (unsigned long long)r->state.step,
            (unsigned long long)(r->state.step * tokens_of_step(r)), r->state.seconds, t->loss,
            t->lr, t->norm, (double)tokens_of_step(r) / t->seconds);
    if (t->valid)
        fprintf(r->rows, ",%.6f,%.4f,%.5f\n", loss, exp(loss), trit_train_valid_bits(&r->valid));
    else
        fputs(",,,\n", r->rows);
    return fflush(r->rows) ? cannot_write(r, error) : TRIT_OK;
}

static void left(double seconds, char text[32])
{
    const unsigned minutes = (unsigned)(seconds / 60 + 0.5);
    snprintf(text, 32, minutes >= 60 ? "%u h %02u min" : "%.0u%u min", minutes / 60, minutes % 60);
}

static bool is_live(const struct trit_train_run *r)
{
    return !r->quiet && isatty(2);
}

static void live(struct trit_train_run *r, const struct trit_train_told *t)
{
    static const double every = 0.1; /* seconds */
    char time[32];
    const uint64_t behind = r->state.step, steps = r->schedule.steps;
    const double now = trit_now();
    if (now - r->shown < every)
        return;
    r->shown = now;
    left((double)(steps - behind) * r->state.seconds / (double)behind, time);
    fprintf(stderr, "\rstep %llu of %llu  loss %.4f  %.0f tokens/s  %s left\033[K",
            (unsigned long long)behind, (unsigned long long)steps, r->loss,
            (double)tokens_of_step(r) / t->seconds, time);
    fflush(stderr);
}

void trit_train_log_end(const struct trit_train_run *r)
{
    if (is_live(r))
        fputs("\r\033[K", stderr);
}

static void table(const struct trit_train_run *r, const struct trit_train_told *t)
{
    const double loss = trit_train_valid_loss(&r->valid);
    trit_train_log_end(r);
    printf("step %6llu  loss %7.4f  validation %7.4f  perplexity %9.3f  bits/byte %6.4f  lr %.2e\n",
           (unsigned long long)r->state.step, r->loss, loss, exp(loss),
           trit_train_valid_bits(&r->valid), t->lr);
    fflush(stdout);
}

enum trit_code trit_train_log_step(struct trit_train_run *r, const struct trit_train_told *t,
                                   struct trit_error *error)
{
    if (t->valid && !r->quiet)
        table(r, t);
    if (is_live(r))
        live(r, t);
    return r->rows ? put_row(r, t, error) : TRIT_OK;
}
