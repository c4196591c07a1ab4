# What is installed: the program and what it reads; the library for other programs, shared and
# static, made of the same objects; manual pages and completions.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(DATA ${CMAKE_INSTALL_DATADIR}/tritmill)

# --- the program ---
install(TARGETS tritmill COMPONENT runtime)
set(BITNET "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/bitnet")
install(CODE "file(CREATE_LINK tritmill \"${BITNET}\" SYMBOLIC)" COMPONENT runtime)
install(FILES runtime/train/recipe/tales.gguf DESTINATION ${DATA} COMPONENT runtime)
install(FILES runtime/train/recipe/CARD.md DESTINATION ${DATA} RENAME tales.md COMPONENT runtime)
install(DIRECTORY profiles DESTINATION ${DATA} COMPONENT runtime
        FILES_MATCHING PATTERN "*.profile")
install(DIRECTORY templates DESTINATION ${DATA} COMPONENT runtime)
install(DIRECTORY generator DESTINATION ${DATA} COMPONENT runtime FILES_MATCHING PATTERN "*.lua")
# What kernels include.
install(FILES runtime/kernel.h runtime/library.h DESTINATION ${DATA}/include/runtime
        COMPONENT runtime)
install(FILES runtime/base/error.h DESTINATION ${DATA}/include/runtime/base COMPONENT runtime)
install(FILES runtime/cpu/cpu.h DESTINATION ${DATA}/include/runtime/cpu COMPONENT runtime)

# --- its pages ---
set(PAGES ${CMAKE_BINARY_DIR}/pages)
if(NOT CMAKE_CROSSCOMPILING)
  add_custom_command(OUTPUT ${PAGES}/made DEPENDS tritmill runtime/cli/pages.cmake VERBATIM
                     COMMAND ${CMAKE_COMMAND} -DTRITMILL=$<TARGET_FILE:tritmill> -DPAGES=${PAGES}
                             -P ${CMAKE_SOURCE_DIR}/runtime/cli/pages.cmake)
  add_custom_target(pages ALL DEPENDS ${PAGES}/made)
  install(DIRECTORY ${PAGES}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT runtime)
  install(FILES ${PAGES}/tritmill.bash RENAME tritmill COMPONENT runtime
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${PAGES}/tritmill.zsh RENAME _tritmill COMPONENT runtime
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${PAGES}/tritmill.fish COMPONENT runtime
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# --- the library ---
if(NOT LIBRARY)
  return()
endif()
set(MAP ${CMAKE_CURRENT_LIST_DIR}/tritmill.map)
add_library(tritmill_shared SHARED ${OBJECTS})
target_link_libraries(tritmill_shared PRIVATE ${NEEDS})
target_link_options(tritmill_shared PRIVATE LINKER:--version-script=${MAP} LINKER:-z,defs)
set_target_properties(tritmill_shared PROPERTIES OUTPUT_NAME tritmill EXPORT_NAME shared
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                      LINK_DEPENDS ${MAP})

# The static one is a single object that shows nothing but what the shared one shows.
set(WHOLE ${CMAKE_BINARY_DIR}/tritmill.o)
add_custom_command(OUTPUT ${WHOLE} DEPENDS ${OBJECTS} VERBATIM COMMAND_EXPAND_LISTS
                   COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${WHOLE}
                           "$<FILTER:${OBJECTS},EXCLUDE,[.]gch$>"
                   COMMAND ${CMAKE_OBJCOPY} --localize-hidden --strip-debug ${WHOLE})
set_source_files_properties(${WHOLE} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
add_library(tritmill_static STATIC ${WHOLE})
set_target_properties(tritmill_static PROPERTIES OUTPUT_NAME tritmill EXPORT_NAME static
                      LINKER_LANGUAGE C)
target_link_libraries(tritmill_static INTERFACE Threads::Threads m ${CMAKE_DL_LIBS})
add_custom_target(installed DEPENDS tritmill tritmill_shared tritmill_static)
if(TARGET pages)
  add_dependencies(installed pages)
endif()

foreach(kind shared static)
  target_include_directories(tritmill_${kind} INTERFACE
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS tritmill_${kind} EXPORT ${kind}
          LIBRARY COMPONENT runtime NAMELINK_COMPONENT dev
          ARCHIVE COMPONENT dev)
  set(CONFIG ${CMAKE_INSTALL_LIBDIR}/cmake/tritmill)
  install(EXPORT ${kind} FILE tritmill-${kind}.cmake NAMESPACE tritmill:: DESTINATION ${CONFIG}
          COMPONENT dev)
endforeach()
# For whoever links the static one; by library, not as Requires.private, since that asks for what
# static ones of theirs would need.
set(LIBRARIES ${DEPS_LIBRARIES} ${CPUID_LIBRARIES})
list(TRANSFORM LIBRARIES PREPEND -l)
list(JOIN LIBRARIES " " LIBRARIES)
list(JOIN DEPS_MODULES " " MODULES)
if(CPUID_FOUND)
  string(APPEND MODULES " libcpuid")
endif()
file(RELATIVE_PATH UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_package_config_file(runtime/api/config.cmake.in pages/tritmill-config.cmake
                              INSTALL_DESTINATION ${CONFIG})
write_basic_package_version_file(${PAGES}/tritmill-config-version.cmake
                                 COMPATIBILITY SameMajorVersion)
configure_file(runtime/api/tritmill.pc.in pages/tritmill.pc @ONLY)
install(FILES runtime/api/tritmill.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(FILES ${PAGES}/tritmill.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
install(FILES ${PAGES}/tritmill-config.cmake ${PAGES}/tritmill-config-version.cmake
        DESTINATION ${CONFIG} COMPONENT dev)
install(FILES runtime/api/tritmill.h.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT dev)
install(DIRECTORY runtime/api/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT dev
        FILES_MATCHING PATTERN "*.c")
install(FILES runtime/api/tritmill.py runtime/api/pyproject.toml DESTINATION ${DATA}/python
        COMPONENT runtime)
