# `tritmill check` as one static program that needs no packages: kernels, reference, CPU and the check itself.
file(GLOB CHECK_ALONE CONFIGURE_DEPENDS runtime/cpu*.c runtime/ref*.c runtime/pack*.c autotune/check*.c)
list(REMOVE_ITEM CHECK_ALONE ${CMAKE_SOURCE_DIR}/autotune/check_make.c)
foreach(name runtime/registry runtime/probe runtime/mem runtime/error runtime/cli runtime/cli_parse runtime/cli_help
        runtime/cli_guard runtime/cli_progress runtime/cli_stats runtime/clock autotune/cmd_check tests/check_alone)
  list(APPEND CHECK_ALONE ${CMAKE_SOURCE_DIR}/${name}.c)
endforeach()
add_executable(check ${CHECK_ALONE} ${KERNEL_FILES})
target_include_directories(check PRIVATE ${GEN})
target_compile_definitions(check PRIVATE TRIT_NO_HWLOC)
target_link_libraries(check -static m)
