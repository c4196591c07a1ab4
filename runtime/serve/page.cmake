# Writes the page as C: cmake -DPAGE=page.html -DOUT=page_bytes.c -P page.cmake.
# Without a page: none.
if(EXISTS ${PAGE})
  file(READ ${PAGE} bytes HEX)
endif()
string(LENGTH "${bytes}" n)
math(EXPR n "${n} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT}.new "/* Made of ${PAGE}. */
#include \"runtime/serve/page.h\"

const size_t trit_page_bytes = ${n};
const unsigned char trit_page[] = {\n${bytes}0\n};
")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
