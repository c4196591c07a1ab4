/* The turn of the schedulers of a process: models share the cores, so one evaluates at a time. */
#include "runtime/engine/internal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static uint64_t next_ticket, served;

void trit_turn_take(void)
{
    pthread_mutex_lock(&lock);
    const uint64_t ticket = next_ticket++;
    while (served != ticket)
        pthread_cond_wait(&given, &lock);
    pthread_mutex_unlock(&lock);
}

void trit_turn_give(void)
{
    pthread_mutex_lock(&lock);
    served++;
    pthread_cond_broadcast(&given);
    pthread_mutex_unlock(&lock);
}
