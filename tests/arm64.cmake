# SPDX-License-Identifier: Apache-2.0

# The tests of `recording` and `encoding`, compiled for arm64 and run under qemu-user. What that can show is what the compiler makes of the code,
# alignment, and the counter cntvct_el0 with its pace; not the order of memory accesses: the processor below keeps an order of its own.
# Not here:
#   `oracle`    is compared with libprotobuf, which is here for this machine's processor only
#   hot_path    steps through a span with ptrace, which qemu-user does not have
#   load        measures whether the background thread keeps up with full speed

find_program(arm64_compiler aarch64-linux-gnu-g++)
find_program(arm64_emulator qemu-aarch64)
if(NOT arm64_compiler OR NOT arm64_emulator)
  if(NANOSPAN_TEST_MATRIX)
    message(FATAL_ERROR "aarch64-linux-gnu-g++ or qemu-aarch64 is not here; with NANOSPAN_TEST_MATRIX=OFF nothing is tested for arm64")
  endif()
  message(STATUS "aarch64-linux-gnu-g++ or qemu-aarch64 is not here: nothing is tested for arm64")
  return()
endif()

# Each case that is left out, and why.
set(not_on_arm64
  # The counter's tick is longer than such a child, which is then given a nanosecond, for no span takes no time: one more than its parent.
  "~a child lies within its parent"
  # qemu-user does not survive a thread that a forked child starts.
  "~a forked child has a side thread"
  "~what a process leaves while another one lives"
  "~the spool of a living process")

get_target_property(warnings nanospan_warnings INTERFACE_COMPILE_OPTIONS)
set(objects)
foreach(source IN LISTS recording encoding)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/arm64/${source}.o)
  add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM COMMENT "Building ${source} for arm64"
    COMMAND ${arm64_compiler} -std=c++20 -O1 -pthread ${no_assertions} ${warnings} -I${PROJECT_SOURCE_DIR}/include -MD -MF ${object}.d
      -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object})
  list(APPEND objects ${object})
endforeach()
set(program ${CMAKE_CURRENT_BINARY_DIR}/arm64/unit)
add_custom_command(OUTPUT ${program} DEPENDS ${objects} VERBATIM COMMAND ${arm64_compiler} -pthread ${objects} -o ${program})
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/arm64)
add_custom_target(unit_arm64 ALL DEPENDS ${program})

add_test(NAME "arm64: unit" COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/arm64_cases.py ${not_on_arm64} -- ${arm64_emulator} -L /usr/aarch64-linux-gnu ${program})
set_tests_properties("arm64: unit" PROPERTIES TIMEOUT 600)
