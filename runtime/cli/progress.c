/* Long work seen from the terminal: a progress line. */
#include "runtime/cli/cli.h"

#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/stop.h"
#include "runtime/base/text.h"

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
    trit_bytes_text((done - (double)p->before) / (now - p->started), speed);
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
