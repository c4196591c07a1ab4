/* gen-tool LUA_DIR TEMPLATE_DIR OUT_DIR [ARCH]: the generator as CMake runs it, before there is a
 * tritmill. */
#include <stdio.h>

#include "generator/generate.h"

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: gen-tool LUA_DIR TEMPLATE_DIR OUT_DIR [ARCH]\n");
        return 2;
    }
    struct trit_generate what = {
        .lua = argv[1], .templates = argv[2], .out = argv[3], .arch = argv[4]
    };
    struct trit_error error;
    if (trit_generate(&what, NULL, NULL, &error)) {
        fprintf(stderr, "gen-tool: %s\n", error.text);
        return 1;
    }
    return 0;
}
