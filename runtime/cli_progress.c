/* Long work seen from the terminal: a progress line, Ctrl-C, the clock, sizes as text. */
#include "runtime/cli.h"

#include <signal.h>
#include <unistd.h>

#include "runtime/clock.h"

static volatile sig_atomic_t stop_wanted;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_wanted = 1;
}

void trit_catch_stop(void)
{
    struct sigaction action = { .sa_handler = on_stop, .sa_flags = SA_RESTART | (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool trit_stopped(void)
{
    return stop_wanted;
}

double trit_now(void)
{
    return 1e-9 * (double)trit_clock();
}

char *trit_bytes_text(double bytes, char *out)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(out, 16, "%.*f %s", unit && bytes < 99.95 ? 1 : 0, bytes, units[unit]);
    return out;
}

enum { BAR = 24 };
static const double FIRST_AFTER = 0.3, THEN_EVERY = 0.1; /* seconds: what is quick shows nothing */

void trit_progress_begin(struct trit_progress *p, const char *what)
{
    *p = (struct trit_progress){ .what = what, .started = trit_now(), .active = isatty(2) };
}

static void show(struct trit_progress *p, double now, double done, double total)
{
    double share = total > 0 ? done / total : 0;
    int full = (int)(share * BAR);
    char so_far[16], whole[16], speed[16];
    trit_bytes_text(done, so_far);
    trit_bytes_text(total, whole);
    trit_bytes_text(done / (now - p->started), speed);
    fprintf(stderr, "\r%s  %.*s%.*s %3.0f %%  %s of %s  %s/s\033[K", p->what, full,
            "########################", BAR - full, "........................", share * 100, so_far,
            whole, speed);
    fflush(stderr);
    p->shown = now;
}

bool trit_progress_step(void *progress, uint64_t done, uint64_t total)
{
    struct trit_progress *p = progress;
    double now = p->active ? trit_now() : 0;
    double due = p->shown > 0 ? p->shown + THEN_EVERY : p->started + FIRST_AFTER;
    if (p->active && now >= due)
        show(p, now, done < total ? (double)done : (double)total, (double)total);
    return !trit_stopped();
}

void trit_progress_end(struct trit_progress *p)
{
    if (p->active && p->shown > 0)
        fputs("\r\033[K", stderr);
    p->active = false;
}
