/* Modelfiles: a model's file with the parameters, texts and messages that go with it, as Ollama's
   users write them. */
#ifndef TRIT_MODELFILE_H
#define TRIT_MODELFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"

struct trit_modelfile_pair {
    char *name, *value; /* a parameter and its value; a message's role and its text */
};
struct trit_modelfile_pairs {
    struct trit_modelfile_pair *v;
    size_t n;
};

/* All zeros is an empty one. Texts are UTF-8 without NUL; NULL where they were not given. */
struct trit_modelfile {
    char *from;          /* as it is written */
    char *system;        /* "" is one, too: it takes back that of the model below */
    char *chat_template; /* of TEMPLATE: see trit_modelfile_template_serves */
    char *license;       /* several are joined by an empty line */
    struct trit_modelfile_pairs parameters; /* in order; names in lower case. Of a name that comes
                                               again the last counts, but of "stop" all do */
    struct trit_modelfile_pairs messages;
};

enum { TRIT_MODELFILE_MOST = 1 << 20 }; /* bytes of one, and of any text in one */

/* Keywords in any case: FROM, PARAMETER, SYSTEM, TEMPLATE, MESSAGE, LICENSE; ADAPTER is
   TRIT_EUNSUPPORTED. A value reaches to the end of its line, or from """ (or ") to the """ (") that
   ends a line. Lines that begin with # are comments. Unknown parameters are kept. `name` is the
   file's, for messages: TRIT_EFORMAT with name and line. FROM may be missing: the caller sees to
   it. m is freed by trit_modelfile_free, whatever happened. */
enum trit_code trit_modelfile_parse(struct trit_modelfile *m, const char *text, size_t bytes,
                                    const char *name, struct trit_error *error);
void trit_modelfile_free(struct trit_modelfile *m);

/* One more of them, for those that come in another way than as a text. TRIT_EARGUMENT: a parameter
   that is known, with a value that it cannot have, a role that is not system, user or assistant; a
   text that is not UTF-8, has a NUL or is too long. */
enum trit_code trit_modelfile_set(struct trit_modelfile *m, const char *keyword, const char *value,
                                  struct trit_error *error);
enum trit_code trit_modelfile_parameter(struct trit_modelfile *m, const char *name,
                                        const char *value, struct trit_error *error);
enum trit_code trit_modelfile_message(struct trit_modelfile *m, const char *role, const char *text,
                                      struct trit_error *error);

/* Its text, which parses to the same, as far as a Modelfile can say it: """ at the end of a line
   inside of a text gets a dot behind it. free() it; NULL: no memory. */
char *trit_modelfile_text(const struct trit_modelfile *m);

/* The last value of that parameter; NULL: it was not given. */
const char *trit_modelfile_value(const struct trit_modelfile *m, const char *name);

/* What tritmill makes of a parameter. */
enum trit_parameter_use {
    TRIT_PARAMETER_UNKNOWN, /* kept, and nothing else */
    TRIT_PARAMETER_IGNORED, /* Ollama's, of things that tritmill has not or decides itself */
    TRIT_PARAMETER_USED,
};
enum trit_parameter_use trit_parameter_use(const char *name);

/* Whether TEMPLATE's text is used: a Jinja template is; one of Ollama's Go templates ({{ .Prompt
   }}) is kept and shown, but the model's own stands in its place. */
bool trit_modelfile_template_serves(const struct trit_modelfile *m);

/* Lines about what of it is not used, for the user, parted by newlines; "" where all is. */
void trit_modelfile_notes(const struct trit_modelfile *m, char *out, size_t room);

#endif
