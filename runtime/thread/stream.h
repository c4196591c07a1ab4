/* Regions over jobs whose data follow each other in memory. */
#ifndef TRIT_STREAM_H
#define TRIT_STREAM_H

#include "runtime/thread/trace.h"

/* trit_region over count < 2^32 jobs, each thread along a stretch of its own, so that what it
   prefetched behind one piece is its next piece. A thread that is through takes half of what is
   left of the longest stretch. Pieces have at most `most` (>= 1) jobs, and towards the end of a
   stretch fewer and fewer. */
void trit_stream(struct trit_pool *pool, int part, size_t count, size_t most, trit_job_fn *fn,
                 void *arg);

#endif
