/* The rows of calls.h: literals byte for byte as the families' templates teach them. */
#include "runtime/grammar/calls.h"

#include <stddef.h>

const struct trit_call_form_row trit_call_forms[TRIT_NCALLS] = {
    [TRIT_CALLS_NONE] = { .name = "none" },
    [TRIT_CALLS_JSON] = { .name = "json",
                          .begin = "<tool_call>\n{\"name\": \"",
                          .named = "\", \"arguments\": ",
                          .end = "}\n</tool_call>",
                          .next = "\n",
                          .enter = "<tool_call>" },
    [TRIT_CALLS_XML] = { .name = "xml",
                         .begin = "<tool_call>\n<function=",
                         .named = ">\n",
                         .end = "</function>\n</tool_call>",
                         .next = "\n",
                         .enter = "<tool_call>",
                         .parameter = "<parameter=",
                         .value = ">\n",
                         .after = "\n</parameter>\n" },
    [TRIT_CALLS_LLAMA] = { .name = "llama",
                           .begin = "{\"name\": \"",
                           .named = "\", \"parameters\": ",
                           .end = "}",
                           .enter = "{\"name\": \"" },
};
