/* Turns at something that one thread at a time uses, in the order in which they ask: a mutex alone
   would go back to the thread that just gave it up. */
#ifndef TRIT_TURN_H
#define TRIT_TURN_H

#include <pthread.h>
#include <stdint.h>

struct trit_turn {
    pthread_mutex_t lock;
    pthread_cond_t given;
    uint64_t next, served; /* tickets */
};

#define TRIT_TURN_INIT                                            \
    {                                                             \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 \
    }

void trit_turn_take(struct trit_turn *turn);
void trit_turn_give(struct trit_turn *turn);
void trit_turn_end(struct trit_turn *turn); /* nobody has it, or waits for it */

#endif
