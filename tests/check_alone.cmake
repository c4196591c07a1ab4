# `tritmill check` as one static program that needs no packages: kernels, reference, CPU and the
# check itself.
file(GLOB CHECK_ALONE CONFIGURE_DEPENDS runtime/base/*.c runtime/cpu/*.c runtime/thread/*.c
     runtime/kernel/*.c runtime/cli/*.c autotune/check/*.c)
list(FILTER CHECK_ALONE EXCLUDE REGEX
     "/kernel/library|/check/make.c$|/cli/(default|json|open|plan|sampling).c$")
add_executable(check ${CHECK_ALONE} tests/check_alone.c ${KERNELS})
target_include_directories(check PRIVATE ${GEN})
target_compile_definitions(check PRIVATE TRIT_NO_HWLOC)
target_link_libraries(check facts -static m)
