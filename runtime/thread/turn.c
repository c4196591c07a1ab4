/* Turns by tickets. */
#include "runtime/thread/turn.h"

void trit_turn_take(struct trit_turn *t)
{
    pthread_mutex_lock(&t->lock);
    const uint64_t ticket = t->next++;
    while (t->served != ticket)
        pthread_cond_wait(&t->given, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void trit_turn_give(struct trit_turn *t)
{
    pthread_mutex_lock(&t->lock);
    t->served++;
    pthread_cond_broadcast(&t->given);
    pthread_mutex_unlock(&t->lock);
}

void trit_turn_end(struct trit_turn *t)
{
    pthread_cond_destroy(&t->given);
    pthread_mutex_destroy(&t->lock);
}
