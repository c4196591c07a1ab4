/* The case under way: its text, its count, and the way out when it fails or a signal comes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autotune/check/internal.h"

bool trit_check_quick;

static sigjmp_buf way_out;
static volatile sig_atomic_t in_kernel;
static char case_text[256], how[256], failure[600];
static size_t cases;

static const struct {
    int number;
    const char *name;
} caught[] = {
    { SIGILL, "SIGILL" },
    { SIGSEGV, "SIGSEGV: access outside the buffers, or write to an input" },
    { SIGBUS, "SIGBUS" },
    { SIGFPE, "SIGFPE" },
    { SIGABRT, "SIGABRT" },
    { SIGTRAP, "SIGTRAP" },
};
enum { NCAUGHT = sizeof caught / sizeof *caught };

static void on_signal(int number)
{
    static const char text[] = "check: signal in the check itself\n";
    if (in_kernel)
        siglongjmp(way_out, number);
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(3);
}

static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };
    for (size_t i = 0; i < NCAUGHT; i++)
        sigaction(caught[i].number, &action, NULL);
}

static const char *signal_text(int number)
{
    for (size_t i = 0; i < NCAUGHT; i++)
        if (caught[i].number == number)
            return caught[i].name;
    return how;
}

bool trit_check_run(trit_check_fn *check, const struct trit_kernel *kernel, uint64_t seed)
{
    catch_signals();
    cases = 0;
    case_text[0] = '\0';
    trit_check_seed(seed);
    trit_check_scratch_reset();
    int number = sigsetjmp(way_out, 1); /* a signal's number, or -1 from trit_check_fail */
    in_kernel = 0;
    if (number) {
        snprintf(failure, sizeof failure, "%s: %s", case_text, signal_text(number));
        return false;
    }
    check(kernel);
    return true;
}

const char *trit_check_failure(void)
{
    return failure;
}

size_t trit_check_cases(void)
{
    return cases;
}

void trit_check_case(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(case_text, sizeof case_text, format, args);
    va_end(args);
    cases++;
}

_Noreturn void trit_check_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(how, sizeof how, format, args);
    va_end(args);
    siglongjmp(way_out, -1);
}

void trit_check_enter(void)
{
    in_kernel = 1;
}

void trit_check_leave(void)
{
    in_kernel = 0;
}
