// SPDX-License-Identifier: Apache-2.0
#pragma once

// The annotations. Each NANOSPAN is one declaration; attribute expressions are evaluated only for a span that is recorded,
// after it has started. Up to twelve attributes a call; say more with NANOSPAN_SET.

#include <nanospan/span.hpp>

namespace nanospan::inline v0::detail {

// What NANOSPAN_SET and its like say to the innermost open span. It is looked for when their arguments are values already: making these
// may open, close and annotate spans, or suspend the coroutine.
class innermost_span : public attribute_setters<innermost_span> {
 public:
  // Asked first, so that the arguments are evaluated only where somebody listens.
  static bool recording() noexcept {
    scoped_span const* const open = scoped_span::innermost();
    return open != nullptr && open->recording();
  }
  template <typename Text>
  void error(Text const& description) const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->error(description);
  }
  void error() const noexcept { error(std::string_view{}); }
  void ok() const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->ok();
  }

 private:
  friend class attribute_setters<innermost_span>;
  template <typename... Attribute>
  void add_all(Attribute const&... each) const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->set(each...);
  }
};

// An event or a link of that span: it happens with its first attributes, or at record() where it has none. `Happen` makes it of the open span.
template <typename Happen>
class innermost_addition : public attribute_setters<innermost_addition<Happen>> {
 public:
  explicit constexpr innermost_addition(Happen how) noexcept : how_{how} {}
  NANOSPAN_DETAIL_OUT_OF_LINE void record() noexcept { happen(); }

 private:
  friend class attribute_setters<innermost_addition>;
  template <typename... Attribute>
  void add_all(Attribute const&... each) noexcept {
    happen();
    attributes_.set(each...);
  }
  void happen() noexcept {
    if (std::exchange(happened_, true)) return;
    if (scoped_span* const open = scoped_span::innermost()) attributes_ = how_(*open);
  }

  Happen how_;
  bool happened_ = false;
  event_attributes attributes_;
};

template <typename Name>
struct named_event {
  Name name;
  event_attributes operator()(scoped_span& of) const noexcept { return of.event(name); }
};
constexpr auto innermost_event(literal name) noexcept { return innermost_addition{named_event<literal>{name}}; }
constexpr auto innermost_event(copied name) noexcept { return innermost_addition{named_event<copied>{name}}; }

struct thrown {
  char const* type;
  char const* message;
  event_attributes operator()(scoped_span& of) const noexcept { return of.exception_named(type, message); }
};
NANOSPAN_DETAIL_INLINE auto innermost_exception(std::exception const& what) noexcept { return innermost_addition{thrown{type_name(what), what.what()}}; }

struct linked {
  span_context const& to;
  event_attributes operator()(scoped_span& of) const noexcept { return of.link(to); }
};
inline auto innermost_link(span_context const& to) noexcept { return innermost_addition{linked{to}}; }

}  // namespace nanospan::inline v0::detail

#define NANOSPAN_DETAIL_JOIN_2(a, b) a##b
#define NANOSPAN_DETAIL_JOIN(a, b) NANOSPAN_DETAIL_JOIN_2(a, b)
// __LINE__, not __COUNTER__: an inline function must read the same in every file.
#define NANOSPAN_DETAIL_NAME NANOSPAN_DETAIL_JOIN(nanospan_scope_, __LINE__)

// A static in an expression, so that the whole is one declaration; no lambda, which would hide structured bindings and the
// function's name.
#define NANOSPAN_DETAIL_SITE(name, kind, flags)                                                                                             \
  __extension__({                                                                                                                           \
    static constexpr auto nanospan_site =                                                                                                   \
        /* NOLINTNEXTLINE(bugprone-lambda-function-name): of a lambda it is the lambda's */                                                 \
        ::nanospan::detail::make_site(nanospan_tracer(::nanospan::detail::this_tracer{}), name, kind, __FILE__, __LINE__, __func__, flags); \
    &nanospan_site.value;                                                                                                                   \
  })
// The second declarator only says the attributes; it exists because an if around them would be a second statement.
// What clang-tidy thinks of it is no concern of whoever annotates.
#define NANOSPAN_DETAIL_SPAN(name, kind, ...)                                                                                   \
  /* NOLINTNEXTLINE(misc-const-correctness,readability-isolate-declaration): one declaration, of a span that may be annotated */ \
  [[maybe_unused]] ::nanospan::scoped_span NANOSPAN_DETAIL_NAME { NANOSPAN_DETAIL_SITE(name, kind, 0u __VA_OPT__(| ::nanospan::detail::attributes_follow)) } \
  __VA_OPT__(, &NANOSPAN_DETAIL_JOIN(nanospan_attributes_, __LINE__) =                                                          \
                   NANOSPAN_DETAIL_NAME.recording() ? (static_cast<void>(NANOSPAN_DETAIL_NAME.set(__VA_ARGS__)), NANOSPAN_DETAIL_NAME) \
                                                    : NANOSPAN_DETAIL_NAME)

#if NANOSPAN_ENABLED

/// Names the tracer of the macros in the enclosing namespace, for which it stands once: NANOSPAN_TRACER("acme.cards", "1.2.0"); with the schema URL
/// and attributes of tracer's constructor after it. In a namespace for a component; in an unnamed one, or outside of all, for a source file. Where several enclose
/// a macro, it is the innermost's.
#define NANOSPAN_TRACER(...)                                                                                                    \
  static constexpr ::nanospan::tracer nanospan_this_tracer{__VA_ARGS__};                                                        \
  [[maybe_unused]] static constexpr ::nanospan::tracer const* nanospan_tracer(::nanospan::detail::this_tracer) noexcept { \
    return &nanospan_this_tracer;                                                                                               \
  }                                                                                                                             \
  static_assert(true)

/// A span named by a literal for the rest of the scope, with attributes: NANOSPAN("charge card", {"order.id", id}, {"amount", 12.5});
/// One on a line of source.
#define NANOSPAN(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::internal __VA_OPT__(, ) __VA_ARGS__)
/// The same, of another kind. The kind is part of the name, so that it costs nothing and a sampler knows it.
#define NANOSPAN_SERVER(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::server __VA_OPT__(, ) __VA_ARGS__)
#define NANOSPAN_CLIENT(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::client __VA_OPT__(, ) __VA_ARGS__)
#define NANOSPAN_PRODUCER(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::producer __VA_OPT__(, ) __VA_ARGS__)
#define NANOSPAN_CONSUMER(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::consumer __VA_OPT__(, ) __VA_ARGS__)
/// A span named after the function: NANOSPAN_FUNCTION({"k", v});
#define NANOSPAN_FUNCTION(...) NANOSPAN_DETAIL_SPAN(__func__, ::nanospan::span_kind::internal __VA_OPT__(, ) __VA_ARGS__)

#define NANOSPAN_DETAIL_ON_CURRENT(...)                                \
  do { /* NOLINT(cppcoreguidelines-avoid-do-while): one statement */   \
    if (::nanospan::detail::innermost_span::recording()) __VA_ARGS__; \
  } while (false)

/// Attributes on this thread's innermost open span: NANOSPAN_SET({"items", n}); Where there is none, a counted no-op.
#define NANOSPAN_SET(...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_span{}.set(__VA_ARGS__))
/// An event on it, at this moment: NANOSPAN_EVENT("retry", {"attempt", 2});
#define NANOSPAN_EVENT(name, ...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_event(name) __VA_OPT__(.set(__VA_ARGS__)).record())
/// An event "exception" on it, of what was caught; the span's status stays as it is: catch (std::exception const& e) { NANOSPAN_EXCEPTION(e); NANOSPAN_ERROR(e.what()); }
#define NANOSPAN_EXCEPTION(what, ...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_exception(what) __VA_OPT__(.set(__VA_ARGS__)).record())
/// A link from it to another span's context: NANOSPAN_LINK(batch.context, {"batch.position", 3});
#define NANOSPAN_LINK(context, ...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_link(context) __VA_OPT__(.set(__VA_ARGS__)).record())
/// Status ok on it, for good: no error before or after it counts.
#define NANOSPAN_OK() NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_span{}.ok())
/// Status error on it, with a description: NANOSPAN_ERROR("card declined");
#define NANOSPAN_ERROR(...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_span{}.error(__VA_ARGS__))

#else

// A declaration, like what it stands for: also where only a declaration may stand.
#define NANOSPAN_DETAIL_NOTHING [[maybe_unused]] constexpr bool NANOSPAN_DETAIL_NAME = false
#define NANOSPAN_TRACER(...) static_assert(true)
#define NANOSPAN(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_SERVER(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_CLIENT(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_PRODUCER(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_CONSUMER(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_FUNCTION(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_SET(...) static_cast<void>(0)
#define NANOSPAN_EVENT(...) static_cast<void>(0)
#define NANOSPAN_EXCEPTION(...) static_cast<void>(0)
#define NANOSPAN_LINK(...) static_cast<void>(0)
#define NANOSPAN_OK() static_cast<void>(0)
#define NANOSPAN_ERROR(...) static_cast<void>(0)

#endif
