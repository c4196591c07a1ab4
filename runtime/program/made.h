/* What a created model brings along for a chat. */
#ifndef TRIT_PROGRAM_MADE_H
#define TRIT_PROGRAM_MADE_H

#include "runtime/program/talk.h"
#include "runtime/store/modelfile.h"

/* Where o->model is a name that was created from a Modelfile: *m is that, and the options which
   were left as they are by default are set by its parameters and its system message (o points into
   m). Else *m is empty. trit_modelfile_free, whatever happened. What is wrong with the name is left
   to those who open it. */
enum trit_code trit_made_apply(struct trit_talk_options *o, struct trit_modelfile *m,
                               struct trit_error *error);
/* Its messages become the chat's first. */
enum trit_code trit_made_messages(struct trit_talk *talk, const struct trit_modelfile *m,
                                  struct trit_error *error);

#endif
