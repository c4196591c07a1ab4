/* The chat page, as it was when the program was built. */
#ifndef TRIT_PAGE_H
#define TRIT_PAGE_H

#include <stddef.h>

extern const unsigned char trit_page[];
extern const size_t trit_page_bytes; /* 0: the program was built without */

/* Of its bytes: made when first asked for, on one thread. */
const char *trit_page_tag(void);    /* "\"5f3c...\"" */
const char *trit_page_policy(void); /* which scripts may run: those that stand in it */

#endif
