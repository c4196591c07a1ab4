/* Hardware counters through perf_event_open, where the kernel and the machine let us. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "autotune/compare/internal.h"

struct trit_counters {
    int cycles, instructions; /* file descriptors; cycles leads the group */
};

/* This thread, user space only. */
static int open_event(uint64_t config, int group)
{
    struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
                                    .size = sizeof attr,
                                    .config = config,
                                    .disabled = group < 0,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1,
                                    .read_format = PERF_FORMAT_GROUP };
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, PERF_FLAG_FD_CLOEXEC);
}

static const char *reason(int code)
{
    if (code == EACCES || code == EPERM)
        return "perf_event_open is not permitted (kernel.perf_event_paranoid)";
    if (code == ENOENT || code == EOPNOTSUPP || code == ENODEV)
        return "the CPU's counters are not visible here (a virtual machine?)";
    return "perf_event_open is not there";
}

struct trit_counters *trit_counters_open(const char **why)
{
    struct trit_counters *c = malloc(sizeof *c);
    *why = "no memory";
    if (!c)
        return NULL;
    c->cycles = open_event(PERF_COUNT_HW_CPU_CYCLES, -1);
    c->instructions = c->cycles < 0 ? -1 : open_event(PERF_COUNT_HW_INSTRUCTIONS, c->cycles);
    *why = c->instructions < 0 ? reason(errno) : NULL;
    if (c->instructions >= 0)
        return c;
    trit_counters_close(c);
    return NULL;
}

void trit_counters_close(struct trit_counters *c)
{
    if (!c)
        return;
    if (c->instructions >= 0)
        close(c->instructions);
    if (c->cycles >= 0)
        close(c->cycles);
    free(c);
}

void trit_counters_start(struct trit_counters *c)
{
    ioctl(c->cycles, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
    ioctl(c->cycles, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

double trit_counters_ipc(struct trit_counters *c)
{
    uint64_t values[3] = { 0 }; /* how many, cycles, instructions */
    ioctl(c->cycles, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
    ssize_t n = read(c->cycles, values, sizeof values);
    return n == sizeof values && values[1] ? (double)values[2] / (double)values[1] : NAN;
}
