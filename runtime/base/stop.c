/* The flag that Ctrl-C and SIGTERM set. */
#include "runtime/base/stop.h"

#include <signal.h>
#include <stddef.h>

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
