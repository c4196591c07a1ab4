# cmake -DSOURCE=DIR -DHEADER=FILE -P commit.cmake: writes the commit of the sources into a header
# for version.c, at each build, so that a later commit shows without configuring again. Only of a
# repository whose root SOURCE is: one around it is of something else.
unset(ENV{GIT_DIR})
unset(ENV{GIT_WORK_TREE})
unset(ENV{GIT_INDEX_FILE})
set(COMMIT "")
if(EXISTS ${SOURCE}/.git)
  execute_process(
    COMMAND git --git-dir=${SOURCE}/.git --work-tree=${SOURCE} describe --always --dirty
    WORKING_DIRECTORY ${SOURCE}
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT COMMIT MATCHES "^[-A-Za-z0-9._/+]+$")
  set(COMMIT unknown)
endif()
set(TEXT "#define TRIT_COMMIT \"${COMMIT}\"\n")
if(EXISTS ${HEADER})
  file(READ ${HEADER} OLD)
endif()
if(NOT "${OLD}" STREQUAL "${TEXT}")
  file(WRITE ${HEADER} "${TEXT}")
endif()
