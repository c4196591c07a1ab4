/* Files mapped read only. One that becomes shorter while it is mapped raises SIGBUS where its end
   is read: a program that asked for it then says which file that was, and ends, or goes on with
   zeros in the place of what is gone, and can ask which file it was. */
#ifndef TRIT_MAPPING_H
#define TRIT_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct trit_mapping {
    const uint8_t *base; /* NULL: nothing is mapped */
    size_t bytes;
    bool huge;
    struct trit_mapped *entry; /* private; NULL: its faults have no name */
};

/* Maps the first bytes (0: base is NULL) of an open file, which may be closed then; huge: on huge
   pages where the system has the file in them, as a block of trit_map_file. The path is for
   messages. The first 64 files mapped at a time have names in trit_mapping_guard's line. */
enum trit_code trit_mapping_open(struct trit_mapping *mapping, int fd, size_t bytes, bool huge,
                                 const char *path, struct trit_error *error);
void trit_mapping_close(struct trit_mapping *mapping); /* one that is all zeros: nothing */

/* For programs, once, at their start: a fault in any mapped file, now or later, on any thread that
   does not block SIGBUS, becomes one line on stderr that names the file, and exit code 1. Other
   faults kill as ever. A library user who does not call it gets SIGBUS. */
void trit_mapping_guard(void);

/* For servers, likewise: the pages from the one that was read to the mapping's end become zeros,
   and trit_mapping_broken tells. Only of the first 64 files mapped at a time; a fault in another
   ends the program. */
void trit_mapping_survive(void);
/* A page of it was gone when it was read: what was read since is not the file's. Any thread. */
bool trit_mapping_broken(const struct trit_mapping *mapping);

#endif
