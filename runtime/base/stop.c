/* The flag that Ctrl-C, SIGTERM and SIGHUP set, and the way out where nobody looks at it. */
#include "runtime/base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "runtime/base/litter.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { NSIGNALS = sizeof signals / sizeof *signals, EXIT_BASE = 128 };

static volatile sig_atomic_t caught, stop_signal;

static void on_stop(int number)
{
    if (!caught || stop_signal) {
        trit_litter_sweep();
        _exit(EXIT_BASE + number);
    }
    stop_signal = number;
}

static void install(void)
{
    struct sigaction action = { .sa_handler = on_stop, .sa_flags = SA_RESTART }, old;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < NSIGNALS; i++)
        sigaddset(&action.sa_mask, signals[i]);
    for (size_t i = 0; i < NSIGNALS; i++)
        if (signals[i] != SIGHUP || sigaction(SIGHUP, NULL, &old) || old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

void trit_handle_stop(void)
{
    trit_litter_own();
    install();
}

void trit_catch_stop(void)
{
    caught = 1;
    install();
}

void trit_release_stop(void)
{
    caught = 0;
}

bool trit_stopped(void)
{
    return stop_signal != 0;
}

void trit_forget_stop(void)
{
    stop_signal = 0;
}

int trit_stop_signal(void)
{
    return stop_signal;
}
