/* How families write calls of tools in their answers: one row a form, which the grammar that holds
   an answer to it and the parser that takes it apart both read. */
#ifndef TRIT_CALLS_H
#define TRIT_CALLS_H

#include <stdbool.h>

enum trit_call_form {
    TRIT_CALLS_NONE,  /* the template has no tools */
    TRIT_CALLS_JSON,  /* <tool_call>\n{"name": F, "arguments": {..}}\n</tool_call> */
    TRIT_CALLS_XML,   /* <tool_call>\n<function=F>\n<parameter=A>\nVALUE\n</parameter>\n... */
    TRIT_CALLS_LLAMA, /* {"name": F, "parameters": {..}}, all of the answer */
    TRIT_NCALLS,
};

struct trit_call_form_row {
    const char *name;
    const char *begin; /* before the name of the function: `<tool_call>\n{"name": "` */
    const char *named; /* after it */
    const char *end;   /* after the arguments */
    const char *next;  /* between calls; NULL: an answer has one */
    const char *enter; /* the first bytes of begin that no text has: `<tool_call>` */
    /* Of arguments that are no JSON object, else NULL. */
    const char *parameter, *value,
        *after; /* before a name, between name and value, after the value */
};
extern const struct trit_call_form_row trit_call_forms[TRIT_NCALLS];

#endif
