/* Numbers as people read them. */
#ifndef TRIT_TEXT_H
#define TRIT_TEXT_H

/* 1234567 -> "1.2 MB" (powers of ten); out has 16 bytes. Returns out. */
char *trit_bytes_text(double bytes, char *out);

#endif
