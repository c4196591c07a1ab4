/* A mapped file that becomes shorter while it is read: one line, exit code 1, no crash. */
#ifndef TRIT_CLI_GUARD_H
#define TRIT_CLI_GUARD_H

/* To be called before a file is mapped; the last path given is the one that is named. */
void trit_guard_mapping(const char *path);
/* For a file that is mapped beside its packed cache: the line names both. */
void trit_guard_cache(const char *path, const char *cache);

#endif
