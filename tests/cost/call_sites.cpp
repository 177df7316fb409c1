// SPDX-License-Identifier: Apache-2.0

// Call sites, whose bytes run.py counts: SITES of them (8 or 16), each in a function of its own, with ATTRIBUTES (0, 2 or 4);
// without a span where ANNOTATED is 0.

#include <nanospan.hpp>

#include <string_view>

struct order {
  std::string_view id;
  std::string_view route;
  int items;
  double amount;
};
bool pay(order const& o);

#if !ANNOTATED
#define SPAN(name)
#elif ATTRIBUTES == 0
#define SPAN(name) NANOSPAN(name);
#elif ATTRIBUTES == 2
#define SPAN(name) NANOSPAN(name, {"order.id", o.id}, {"amount", o.amount});
#else
#define SPAN(name) NANOSPAN(name, {"order.id", o.id}, {"http.route", o.route}, {"items", o.items}, {"amount", o.amount});
#endif

// Names of one length. What is returned is not what was called, so that each calls pay() and goes on.
#define SITE(number)                     \
  bool charge_##number(order const& o) { \
    SPAN("charge card " #number)         \
    return !pay(o);                      \
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
