// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every macro that a user may set before the first include, with its default and its effect.
// None of them changes the layout of a type, so files with different settings link safely.

#include <nanospan/version.hpp>

/// 0 turns every NANOSPAN macro into nothing: no instruction, arguments not evaluated. Default 1. May differ per file. A variable that
/// only annotations use is then unused, and a compiler may say so.
#ifndef NANOSPAN_ENABLED
#define NANOSPAN_ENABLED 1
#endif

/// 0 silences the line that the file with NANOSPAN_IMPLEMENTATION prints to stderr at exit when spans were recorded and no
/// tracer_provider ever existed. Default 1.
#ifndef NANOSPAN_WARN_WITHOUT_PROVIDER
#define NANOSPAN_WARN_WITHOUT_PROVIDER 1
#endif

/// What is done about a mistake of the program's besides counting it (stats().misused): a scope that is closed on another thread than its own, or out of
/// order. Called with a condition that is false. Default: assert(), so nothing where NDEBUG is defined.
#ifndef NANOSPAN_ASSERT
#include <cassert>
#define NANOSPAN_ASSERT(condition) assert(condition)
#endif

/// 1 lets spans be sent to https://, with OpenSSL (1.1.1 or later), whose headers the file with NANOSPAN_IMPLEMENTATION then includes, and whose libraries (ssl,
/// crypto) the program must link; it means something in that file only. Default 0: https:// is refused, with a message that names this macro.
#ifndef NANOSPAN_TLS
#define NANOSPAN_TLS 0
#endif

// NANOSPAN_IMPLEMENTATION, defined (to anything) in exactly one source file before the include, compiles the exporter there.

// What is shared by every library of a process stays one object, also under -fvisibility=hidden.
#define NANOSPAN_DETAIL_SHARED __attribute__((visibility("default")))
// What each library has for itself. Left to itself g++ makes one per process of it, and then never unloads the library that it lies in.
#define NANOSPAN_DETAIL_OWN __attribute__((visibility("hidden")))
// Recording is called from everywhere and must stay small there; thread-local addresses must be looked up anew after a
// coroutine moves to another thread, which a compiler does only across a call that it cannot see through.
#define NANOSPAN_DETAIL_OUT_OF_LINE __attribute__((noinline))
// Parts of those functions: left to itself a compiler passes their values through memory, which costs more than they do.
#define NANOSPAN_DETAIL_INLINE inline __attribute__((always_inline))
#define NANOSPAN_DETAIL_COLD __attribute__((noinline, cold))
