/* What every command says in the same way: errors, and the name that was probably meant. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/litter.h"

static bool told; /* an error */

int trit_cli_error(const struct trit_error *error)
{
    fflush(stdout);
    told = true;
    fprintf(stderr, "tritmill: %s\n", error->text);
    return error->code == TRIT_EARGUMENT ? 2 : 1;
}

int trit_cli_usage_error(const char *format, ...)
{
    char text[sizeof((struct trit_error *)0)->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct trit_error error;
    trit_fail(&error, TRIT_EARGUMENT, "%s", text);
    return trit_cli_error(&error);
}

static int output_failure; /* errno of the first failed write to stdout */

bool trit_cli_flush(void)
{
    errno = 0;
    bool broken = fflush(stdout) || ferror(stdout);
    if (broken && !output_failure)
        output_failure = errno ? errno : EIO;
    return !output_failure;
}

int trit_cli_output_code(int code)
{
    if (trit_cli_flush() || output_failure == EPIPE || told)
        return code;
    struct trit_error error;
    trit_fail(&error, TRIT_EIO, "standard output: %s", strerror(output_failure));
    trit_cli_error(&error);
    return code ? code : 1;
}

int trit_cli_exit_code(int code)
{
    enum { EXIT_BASE = 128 };
    code = trit_cli_output_code(code);
    trit_litter_sweep();
    return trit_stopped() ? EXIT_BASE + trit_stop_signal() : code;
}

enum { LONGEST = 32 }; /* longer words are near to nothing */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One more row of the edit distance table, of which rows holds the last three, row i at i % 3:
   a[i - 1] against all of b; its first element is i on return. */
static void distance_row(const char *a, size_t i, const char *b, size_t nb,
                         size_t rows[3][LONGEST + 1])
{
    const size_t *before2 = rows[(i + 1) % 3], *before = rows[(i + 2) % 3];
    size_t *row = rows[i % 3];
    row[0] = i;
    for (size_t j = 1; j <= nb; j++) {
        size_t same = before[j - 1] + (a[i - 1] != b[j - 1]);
        row[j] = least(same, 1 + least(before[j], row[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            row[j] = least(row[j], before2[j - 2] + 1);
    }
}

/* Insertions, deletions, changes and swaps of neighbours that make a into b; both at most LONGEST.
 */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++)
        distance_row(a, i, b, nb, rows);
    return rows[na % 3][nb];
}

/* A flag without its dashes and without "=value". */
static size_t bare(const char **word)
{
    *word += strspn(*word, "-");
    return strcspn(*word, "=");
}

const char *trit_cli_nearest(const char *word, const char *const *names, size_t n)
{
    const char *nearest = NULL, *w = word;
    size_t nw = bare(&w), best = (nw + 1) / 3 + 1; /* a third of the letters may be wrong */
    for (size_t i = 0; i < n && nw <= LONGEST; i++) {
        const char *name = names[i];
        size_t nn = bare(&name);
        if (nn > LONGEST)
            continue;
        size_t d = distance(w, nw, name, nn);
        if (nw >= 3 && nn > nw && !strncmp(w, name, nw))
            d = least(d, 1); /* cut short */
        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}
