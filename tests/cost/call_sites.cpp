// SPDX-License-Identifier: Apache-2.0

// Call sites, whose bytes run.py counts: SITES of them (8 or 16), each in a function of its own, with ATTRIBUTES (0, 2 or 4);
// without a span where ANNOTATED is 0.

#include <nanospan.hpp>

#include <string_view>

#if !ANNOTATED
#define SPAN(name)
#elif ATTRIBUTES == 0
#define SPAN(name) NANOSPAN(name);
#elif ATTRIBUTES == 2
#define SPAN(name) NANOSPAN(name, {"http.route", route}, {"items", items});
#else
#define SPAN(name) NANOSPAN(name, {"http.request.method", method}, {"http.route", route}, {"items", items}, {"amount", amount});
#endif

int work(std::string_view method, std::string_view route, int items, double amount);

// Names of one length.
#define SITE(number)                                                                             \
  int site_##number(std::string_view method, std::string_view route, int items, double amount) { \
    SPAN("call site " #number)                                                                   \
    return 1 + work(method, route, items, amount);                                               \
  }

SITE(10)
SITE(11)
SITE(12)
SITE(13)
SITE(14)
SITE(15)
SITE(16)
SITE(17)
#if SITES == 16
SITE(20)
SITE(21)
SITE(22)
SITE(23)
SITE(24)
SITE(25)
SITE(26)
SITE(27)
#endif
