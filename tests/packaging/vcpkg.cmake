# SPDX-License-Identifier: Apache-2.0

# Runs a portfile with stand-ins for the helper functions of vcpkg that it calls: they know no other arguments, and do what vcpkg's do
# for a package without libraries. What vcpkg checks of the result besides is not checked here.
function(known_arguments single multiple)
  cmake_parse_arguments(PARSE_ARGV 2 given "" "${single}" "${multiple}")
  if(DEFINED given_UNPARSED_ARGUMENTS OR DEFINED given_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "not known here: ${given_UNPARSED_ARGUMENTS} ${given_KEYWORDS_MISSING_VALUES}")
  endif()
  foreach(name IN LISTS single multiple)
    set(given_${name} "${given_${name}}" PARENT_SCOPE)
  endforeach()
endfunction()

function(vcpkg_cmake_configure)
  known_arguments("SOURCE_PATH" "" ${ARGN})
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${given_SOURCE_PATH} -B ${CURRENT_BUILDTREES_DIR} -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  known_arguments("" "" ${ARGN})
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${CURRENT_BUILDTREES_DIR} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Moves the CMake package to share/PORT, and tells it that it lies a folder less deep.
function(vcpkg_cmake_config_fixup)
  known_arguments("CONFIG_PATH" "" ${ARGN})
  set(share ${CURRENT_PACKAGES_DIR}/share/${PORT})
  file(RENAME ${CURRENT_PACKAGES_DIR}/${given_CONFIG_PATH} ${share})
  get_filename_component(parent ${CURRENT_PACKAGES_DIR}/${given_CONFIG_PATH} DIRECTORY)
  file(REMOVE_RECURSE ${parent})
  file(READ ${share}/${PORT}Targets.cmake targets)
  string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_FILE}\" PATH)" "set(_IMPORT_PREFIX \${CMAKE_CURRENT_LIST_DIR})"
    targets "${targets}")
  string(REGEX REPLACE "(set\\(_IMPORT_PREFIX [^\n]*\n)get_filename_component[^\n]*\n" "\\1" targets "${targets}")
  file(WRITE ${share}/${PORT}Targets.cmake "${targets}")
endfunction()

function(vcpkg_fixup_pkgconfig)
  known_arguments("" "" ${ARGN})
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/lib/pkgconfig/${PORT}.pc)
    message(FATAL_ERROR "lib/pkgconfig/${PORT}.pc is not there")
  endif()
endfunction()

function(vcpkg_install_copyright)
  known_arguments("" "FILE_LIST" ${ARGN})
  file(MAKE_DIRECTORY ${CURRENT_PACKAGES_DIR}/share/${PORT})
  configure_file(${given_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright COPYONLY)
endfunction()

set(CMAKE_CURRENT_LIST_DIR ${CURRENT_PORT_DIR})
include(${CURRENT_PORT_DIR}/portfile.cmake)
