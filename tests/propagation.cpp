// SPDX-License-Identifier: Apache-2.0

#include <nanospan/propagation.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <boost/beast/http/fields.hpp>

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

using nanospan::extract;
using nanospan::inject;
using nanospan::propagator;
using nanospan::propagator_set;
using nanospan::span_context;
using nanospan::span_id;
using nanospan::trace_id;
using support::recorded;

namespace {

using headers = std::vector<std::pair<std::string, std::string>>;
using fields = boost::beast::http::fields;

constexpr auto* trace_hex = "0af7651916cd43dd8448eb211c80319c";
constexpr auto* span_hex = "b7ad6b7169203331";
constexpr trace_id trace{std::array<std::uint8_t, 16>{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}};
constexpr span_id span{std::array<std::uint8_t, 8>{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}};
std::string const ids = std::string{trace_hex} + "-" + span_hex;
std::string const parent = "00-" + ids + "-01";

span_context of_traceparent(std::string value) { return extract(headers{{"traceparent", std::move(value)}}); }
bool is_valid(std::string value) { return of_traceparent(std::move(value)).valid(); }
std::string tracestate_of(headers const& from) { return std::string{extract(from).tracestate()}; }
std::string baggage_of(headers const& from) { return std::string{extract(from).baggage()}; }
span_context of_b3(headers const& from) { return extract(from, propagator::b3); }
span_context of_b3(std::string value) { return of_b3(headers{{"b3", std::move(value)}}); }

// What inject() wrote, by name.
std::map<std::string, std::string> injected(span_context const& context, propagator_set formats = {}) {
  std::map<std::string, std::string> into;
  inject(context, into, formats);
  return into;
}

// The process's propagators as they were, afterwards.
class restored {
 public:
  restored() = default;
  restored(restored const&) = delete;
  restored& operator=(restored const&) = delete;
  ~restored() { nanospan::detail::global_propagators.store(before_); }

 private:
  std::uint8_t before_ = nanospan::detail::global_propagators.load();
};

}  // namespace

// ---- traceparent --------------------------------------------------------------------------------------------------------------

TEST_CASE("a traceparent is a remote context") {
  auto const context = of_traceparent(parent);
  CHECK(context.trace_id() == trace);
  CHECK(context.span_id() == span);
  CHECK(context.trace_flags() == 1);
  CHECK(context.remote());
  CHECK(of_traceparent("00-" + ids + "-00").valid());
  CHECK_FALSE(of_traceparent("00-" + ids + "-00").sampled());
}

TEST_CASE("a traceparent of version 00 has exactly 55 characters") {
  CHECK_FALSE(is_valid(parent.substr(0, 54)));
  CHECK_FALSE(is_valid(parent + "-"));
  CHECK_FALSE(is_valid(parent + "0"));
  CHECK_FALSE(is_valid(parent + "-00"));
  CHECK_FALSE(is_valid(""));
}

TEST_CASE("a traceparent of a later version may go on behind a dash, and is read as one of version 00") {
  for (std::string const version : {"01", "cc", "fe"}) {
    CHECK(is_valid(version + "-" + ids + "-01"));
    CHECK(is_valid(version + "-" + ids + "-01-what else"));
    CHECK(is_valid(version + "-" + ids + "-01-"));
    CHECK_FALSE(is_valid(version + "-" + ids + "-01what"));
    CHECK_FALSE(is_valid(version + "-" + ids + "-0"));
  }
  CHECK(injected(of_traceparent("cc-" + ids + "-01-what"))["traceparent"] == parent);
}

TEST_CASE("there is no version ff, and a version has two digits") {
  CHECK_FALSE(is_valid("ff-" + ids + "-01"));
  CHECK_FALSE(is_valid("0g-" + ids + "-01"));
  CHECK_FALSE(is_valid("g0-" + ids + "-01"));
  CHECK_FALSE(is_valid("000-" + ids + "-01-"));
}

TEST_CASE("a traceparent's digits are lowercase") {
  CHECK_FALSE(is_valid("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"));
  CHECK_FALSE(is_valid("00-0af7651916cd43dd8448eb211c80319c-B7ad6b7169203331-01"));
  CHECK_FALSE(is_valid("00-" + ids + "-0A"));
  CHECK_FALSE(is_valid("Cc-" + ids + "-01"));
}

TEST_CASE("wherever another character stands in a traceparent, it is none") {
  for (std::size_t at = 0; at < parent.size(); ++at)
    for (char const wrong : {'g', 'A', ' ', '/', ':', '`', '\0', '\xff', '_'}) {
      std::string changed = parent;
      changed[at] = wrong;
      CAPTURE(at, wrong);
      CHECK_FALSE(is_valid(changed));
    }
}

TEST_CASE("ids that are all zero are invalid in a traceparent") {
  CHECK_FALSE(is_valid("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
  CHECK_FALSE(is_valid("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
}

TEST_CASE("blanks around a traceparent are none of it") {
  CHECK(is_valid(" \t" + parent + "\t "));
  CHECK_FALSE(is_valid("\n" + parent));
}

TEST_CASE("the random flag is inherited, set or not, and flags without a meaning are not sent on") {
  for (unsigned flags = 0; flags < 256; ++flags) {
    char digits[3]{};
    std::snprintf(digits, sizeof digits, "%02x", flags);
    auto const context = of_traceparent("00-" + ids + "-" + digits);
    CAPTURE(flags);
    CHECK(context.valid());
    CHECK(context.trace_flags() == (flags & 3u));
    CHECK(injected(context)["traceparent"] == "00-" + ids + "-0" + std::to_string(flags & 3u));
  }
  CHECK(injected({trace, span, 0xff})["traceparent"] == "00-" + ids + "-03");
}

TEST_CASE("names of headers are the same in any case") {
  CHECK(extract(headers{{"TraceParent", parent}}).valid());
  CHECK(extract(std::map<std::string, std::string>{{"TRACEPARENT", parent}, {"TraceState", "a=1"}}).tracestate() == "a=1");
  CHECK_FALSE(extract(headers{{"traceparent2", parent}, {"raceparent", parent}}).valid());
}

TEST_CASE("with several traceparents the trace starts anew, without tracestate") {
  CHECK_FALSE(extract(headers{{"traceparent", parent}, {"traceparent", parent}}).valid());
  CHECK_FALSE(extract(headers{{"traceparent", "bad"}, {"Traceparent", parent}}).valid());
  CHECK(tracestate_of({{"traceparent", parent}, {"traceparent", parent}, {"tracestate", "a=1"}}).empty());
}

TEST_CASE("without a valid traceparent tracestate is discarded, and baggage is not") {
  CHECK(tracestate_of({{"tracestate", "a=1"}}).empty());
  auto const context = extract(headers{{"traceparent", "00-" + ids + "-zz"}, {"tracestate", "a=1"}, {"baggage", "b=2"}});
  CHECK_FALSE(context.valid());
  CHECK(context.tracestate().empty());
  CHECK(context.baggage() == "b=2");
}

// ---- tracestate ---------------------------------------------------------------------------------------------------------------

TEST_CASE("tracestates of several headers are one, in their order") {
  CHECK(tracestate_of({{"tracestate", "a=1,b=2"}, {"traceparent", parent}, {"Tracestate", " c=3"}, {"tracestate", ""}, {"tracestate", "d=4"}}) ==
        "a=1,b=2,c=3,d=4");
}

TEST_CASE("a bad tracestate does not make a traceparent invalid") {
  for (std::string const bad : {"A=1", "a", "a=1,b", "a=1,b=\x01", "a="}) {
    auto const context = extract(headers{{"traceparent", parent}, {"tracestate", "good=1"}, {"tracestate", bad}});
    CHECK(context.valid());
    CHECK(context.sampled());
    CHECK(context.tracestate().empty());
  }
}

TEST_CASE("a tracestate of 32 KiB is looked at, a longer one is none") {
  std::string const blanks((32u << 10) - 3, ' ');
  CHECK(tracestate_of({{"traceparent", parent}, {"tracestate", blanks + "a=1"}}) == "a=1");
  CHECK(tracestate_of({{"traceparent", parent}, {"tracestate", blanks + " a=1"}}).empty());
  CHECK(tracestate_of({{"traceparent", parent}, {"tracestate", blanks}, {"tracestate", "a=1"}}).empty());
}

TEST_CASE("512 bytes of tracestate are sent whole, and no more") {
  std::string all = "k0=" + std::string(97, 'v');
  for (char const* key : {"k1=", "k2=", "k3="}) all += std::string{","} + key + std::string(97, 'v');
  all += ",last=" + std::string(512 - all.size() - 6, 'v');
  REQUIRE(all.size() == 512);
  span_context const whole{trace, span, 1, false, all};
  CHECK(injected(whole)["tracestate"] == all);
  span_context const longer{trace, span, 1, false, all + "v"};
  CHECK(injected(longer)["tracestate"] == all.substr(0, all.rfind(',')));
  CHECK(longer.tracestate() == all + "v");
}

TEST_CASE("what is no tracestate is not sent, whoever put it into the context") {
  CHECK_FALSE(injected({trace, span, 1, false, "a=1\r\nevil: 1"}).contains("tracestate"));
  CHECK_FALSE(injected({trace, span, 1, false, "A=1"}).contains("tracestate"));
  CHECK(injected({trace, span, 1, false, " a=1 ,b=2"})["tracestate"] == "a=1,b=2");
}

// ---- baggage ------------------------------------------------------------------------------------------------------------------

TEST_CASE("baggage comes and goes beside the trace") {
  auto const context = extract(headers{{"traceparent", parent}, {"baggage", "user = 42 ; p, tier=gold"}});
  CHECK(context.valid());
  CHECK(context.baggage() == "user=42;p,tier=gold");
  CHECK(injected(context)["baggage"] == "user=42;p,tier=gold");
  CHECK(injected(context)["traceparent"] == parent);
}

TEST_CASE("baggage of several headers is one, and its limits are those of all together") {
  CHECK(baggage_of({{"baggage", "a=1"}, {"Baggage", "b=2"}, {"baggage", "a=3"}}) == "a=3,b=2");
  std::string const filled = "a=" + std::string(8186, 'v');
  CHECK(baggage_of({{"baggage", filled}, {"baggage", "b=1"}}) == filled + ",b=1");
  CHECK(baggage_of({{"baggage", filled}, {"baggage", "b=12"}}) == filled);
}

TEST_CASE("16 KiB of baggage's headers are looked at, and no part of a member") {
  std::string const blanks((16u << 10) - 8, ' ');
  CHECK(baggage_of({{"baggage", "a=1," + blanks + "b=2"}}) == "a=1,b=2");
  CHECK(baggage_of({{"baggage", "a=1," + blanks + "b=222"}}) == "a=1");
  CHECK(baggage_of({{"baggage", "a=1," + blanks}, {"baggage", "b=2"}}) == "a=1,b=2");
  CHECK(baggage_of({{"baggage", "a=1," + blanks}, {"baggage", "b=222,c"}}) == "a=1");
  CHECK(baggage_of({{"baggage", std::string(1u << 20, 'x')}, {"baggage", "b=2"}}) == "b=2");
}

TEST_CASE("baggage alone is a context without a trace, whose baggage alone is sent") {
  auto const context = extract(headers{{"baggage", "a=1"}});
  CHECK_FALSE(context.valid());
  CHECK(injected(context) == std::map<std::string, std::string>{{"baggage", "a=1"}});
}

TEST_CASE("what is no baggage is not sent, whoever put it into the context") {
  span_context const context{trace, span, 1};
  CHECK(injected(context.with_baggage("a=1,evil=\r\nx: y")).at("baggage") == "a=1");
  CHECK_FALSE(injected(context.with_baggage("\r\n")).contains("baggage"));
}

TEST_CASE("spans that start in a context carry its baggage and its tracestate on") {
  recorded all;
  {
    nanospan::context_scope const here{extract(headers{{"traceparent", parent}, {"tracestate", "a=1"}, {"baggage", "b=2"}})};
    NANOSPAN("outer");
    nanospan::scoped_span const named{"named"};
    std::map<std::string, std::string> into;
    inject(into);
    CHECK(into["traceparent"] == "00-" + std::string{trace_hex} + "-" + nanospan::current().span_id().hex().c_str() + "-01");
    CHECK(into["tracestate"] == "a=1");
    CHECK(into["baggage"] == "b=2");
    nanospan::span const other{"other"};
    CHECK(other.context().baggage() == "b=2");
    CHECK(other.context().baggage().data() == nanospan::current().baggage().data());
  }
  CHECK(nanospan::current().baggage().empty());
  CHECK(all.span("outer").parent_span_id == span);
  CHECK(all.span("named").trace_state == "a=1");
}

TEST_CASE("what starts in baggage alone is a root, and carries it on") {
  recorded all;
  {
    nanospan::context_scope const here{extract(headers{{"baggage", "b=2"}})};
    CHECK_FALSE(nanospan::current().valid());
    CHECK(nanospan::current().baggage() == "b=2");
    {
      NANOSPAN("root");
      CHECK(nanospan::current().baggage() == "b=2");
      NANOSPAN("child");
      CHECK(nanospan::current().baggage() == "b=2");
      nanospan::span const other{"other", nanospan::current()};
      CHECK(other.context().baggage() == "b=2");
    }
    CHECK_FALSE(nanospan::current().valid());
    CHECK(nanospan::current().trace_id() == trace_id{});
    CHECK(nanospan::current().baggage() == "b=2");
    NANOSPAN("second root");
    CHECK(nanospan::current().baggage() == "b=2");
  }
  CHECK(nanospan::current().baggage().empty());
  CHECK_FALSE(all.span("root").parent_span_id.valid());
  CHECK(all.span("root").trace_state == "");
  CHECK(all.span("child").parent_span_id == all.span("root").span_id);
  CHECK_FALSE(all.span("second root").trace_id == all.span("root").trace_id);
}

TEST_CASE("without a provider, and in what is not sampled, baggage is carried on all the same") {
  std::vector<std::string> seen;
  auto const look = [&] { seen.emplace_back(nanospan::current().baggage()); };
  auto const run = [&] {
    nanospan::context_scope const here{span_context{}.with_baggage("b=2")};
    NANOSPAN("one");
    look();
    nanospan::scoped_span const two{"two"};
    look();
    seen.emplace_back(nanospan::span{"three"}.context().baggage());
  };
  {
    support::no_provider_yet const before;
    run();
  }
  {
    recorded const none{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
    run();
    CHECK(nanospan::current().baggage().empty());
  }
  CHECK(seen == std::vector<std::string>(6, "b=2"));
}

// ---- B3 -----------------------------------------------------------------------------------------------------------------------

TEST_CASE("a b3 header has ids, a sampling state, and a parent's id, the last two optional") {
  std::string const up = "-05e3ac9a4f6e3b90";
  for (std::string const& good : {ids + "-1", ids + "-1" + up, ids + "-0", ids, ids + "-d", ids + "-d" + up, " " + ids + " "}) {
    auto const context = of_b3(good);
    CAPTURE(good);
    CHECK(context.trace_id() == trace);
    CHECK(context.span_id() == span);
    CHECK(context.remote());
  }
  CHECK(of_b3(ids + "-1").sampled());
  CHECK(of_b3(ids + "-d").sampled());
  CHECK_FALSE(of_b3(ids + "-0").sampled());
  CHECK_FALSE(of_b3(ids).sampled());
}

TEST_CASE("a b3 header of another form is none") {
  std::string const upper = "0AF7651916CD43DD8448EB211C80319C";
  for (std::string const& bad : {std::string{}, ids + "-", ids + "-2", ids + "-1-", ids + "-1-05e3ac9a4f6e3b9", ids + "-1-05e3ac9a4f6e3b90-", ids + "-05e3ac9a4f6e3b90",
                                 ids + "-1-0000000000000000", ids + "1", std::string{trace_hex}, std::string{trace_hex} + "-", upper + "-" + span_hex, std::string{"-"},
                                 std::string{"2"}, std::string{"01"}, std::string{"true"}, "00000000000000000000000000000000-" + std::string{span_hex},
                                 std::string{trace_hex} + "-0000000000000000", std::string{trace_hex} + "-B7ad6b7169203331", "0" + ids, ids.substr(1), ids.substr(0, 48), std::string(1000, 'a')}) {
    CAPTURE(bad);
    CHECK_FALSE(of_b3(bad).valid());
  }
}

TEST_CASE("a b3 trace id of 64 bits has zeros above") {
  CHECK(of_b3("8448eb211c80319c-" + std::string{span_hex} + "-1").trace_id().hex().view() == "00000000000000008448eb211c80319c");
  CHECK(of_b3(headers{{"X-B3-TraceId", "8448eb211c80319c"}, {"X-B3-SpanId", span_hex}}).trace_id().hex().view() == "00000000000000008448eb211c80319c");
  CHECK_FALSE(of_b3("0000000000000000-" + std::string{span_hex} + "-1").valid());
}

TEST_CASE("b3's debug is an emphasised accept, and is passed on by what starts there") {
  auto const context = of_b3(ids + "-d");
  CHECK(context.trace_flags() == 1);
  CHECK(injected(context, propagator::b3)["b3"] == ids + "-d");
  recorded const all;
  nanospan::context_scope const here{context};
  NANOSPAN("child");
  std::map<std::string, std::string> into;
  inject(into, propagator::b3 | propagator::b3multi | propagator::tracecontext);
  CHECK(into["b3"].ends_with("-d"));
  CHECK(into["x-b3-flags"] == "1");
  CHECK_FALSE(into.contains("x-b3-sampled"));
  CHECK(into["traceparent"].ends_with("-01"));
  CHECK(nanospan::current().with_baggage("a=1").with_tracestate("b=2").with_baggage("").tracestate() == "b=2");
  CHECK(injected(nanospan::current().with_baggage("a=1"), propagator::b3)["b3"].ends_with("-d"));
}

TEST_CASE("b3's deny without ids is a parent that is not sampled, and a decision to sample without ids is none") {
  recorded all;
  for (auto const& headers_of_it : {headers{{"b3", "0"}}, headers{{"x-b3-sampled", "0"}}}) {
    auto const denied = of_b3(headers_of_it);
    CHECK(denied.valid());
    CHECK(denied.remote());
    CHECK_FALSE(denied.sampled());
    CHECK_FALSE(denied.trace_id() == of_b3(headers_of_it).trace_id());
    nanospan::context_scope const here{denied};
    NANOSPAN("denied");
  }
  CHECK(all.count() == 0);
  CHECK_FALSE(of_b3("1").valid());
  CHECK_FALSE(of_b3("d").valid());
  CHECK_FALSE(of_b3(headers{{"x-b3-flags", "1"}}).valid());
}

TEST_CASE("b3's multiple headers") {
  headers const all{{"X-B3-TraceId", trace_hex}, {"X-B3-SpanId", span_hex}, {"X-B3-ParentSpanId", "05e3ac9a4f6e3b90"}, {"X-B3-Sampled", "1"}};
  auto const with = [&](std::size_t at, std::string value) {
    headers changed = all;
    changed[at].second = std::move(value);
    return of_b3(changed);
  };
  CHECK(of_b3(all).trace_id() == trace);
  CHECK(of_b3(all).span_id() == span);
  CHECK(of_b3(all).sampled());
  CHECK(with(3, "true").sampled());
  CHECK(with(3, "0").valid());
  CHECK_FALSE(with(3, "0").sampled());
  CHECK(with(3, "false").valid());
  CHECK_FALSE(with(3, "false").sampled());
  CHECK(with(3, "").valid());
  CHECK_FALSE(with(3, "").sampled());
  CHECK_FALSE(with(3, "d").valid());
  CHECK_FALSE(with(3, "2").valid());
  CHECK_FALSE(with(0, "").valid());
  CHECK_FALSE(with(0, ids).valid());
  CHECK_FALSE(with(1, "").valid());
  CHECK_FALSE(with(1, "xx").valid());
  CHECK_FALSE(with(2, "-").valid());
  CHECK_FALSE(with(0, std::string(1000, 'a')).valid());
  CHECK(injected(of_b3({{"x-b3-traceid", trace_hex}, {"x-b3-spanid", span_hex}, {"x-b3-flags", "1"}}), propagator::b3multi)["x-b3-flags"] == "1");
  CHECK_FALSE(of_b3({{"x-b3-traceid", trace_hex}, {"x-b3-spanid", span_hex}, {"x-b3-flags", "2"}}).sampled());
  CHECK_FALSE(of_b3({{"x-b3-parentspanid", span_hex}, {"x-b3-sampled", "0"}}).valid());
}

TEST_CASE("the single b3 header comes before the multiple ones, if it is one, and of a repeated header the first counts") {
  headers const multiple{{"x-b3-traceid", "11111111111111111111111111111111"}, {"x-b3-spanid", span_hex}, {"x-b3-traceid", trace_hex}};
  auto with = multiple;
  with.emplace_back("b3", ids);
  CHECK(of_b3(with).trace_id() == trace);
  with.back().second = "bad";
  CHECK(of_b3(with).trace_id().hex().view() == "11111111111111111111111111111111");
  with.emplace_back("b3", ids);
  CHECK(of_b3(with).trace_id().hex().view() == "11111111111111111111111111111111");
}

TEST_CASE("b3 is written as one header or as several, without the parent's id") {
  CHECK(injected({trace, span, 3}, propagator::b3) == std::map<std::string, std::string>{{"b3", ids + "-1"}});
  CHECK(injected({trace, span, 2}, propagator::b3) == std::map<std::string, std::string>{{"b3", ids + "-0"}});
  CHECK(injected({trace, span, 1}, propagator::b3multi) ==
        std::map<std::string, std::string>{{"x-b3-traceid", trace_hex}, {"x-b3-spanid", span_hex}, {"x-b3-sampled", "1"}});
  CHECK(injected({trace, span, 0}, propagator::b3multi)["x-b3-sampled"] == "0");
}

// ---- which ones ---------------------------------------------------------------------------------------------------------------

TEST_CASE("the process's propagators are W3C's two, with and without a provider") {
  CHECK(injected(span_context{trace, span, 1}.with_baggage("a=1")) == std::map<std::string, std::string>{{"traceparent", parent}, {"baggage", "a=1"}});
  CHECK_FALSE(extract(headers{{"b3", ids}}).valid());
}

TEST_CASE("another set of propagators may be the process's, or a call's") {
  restored const afterwards;
  nanospan::detail::global_propagators.store(propagator_set{propagator::b3}.bits());
  CHECK(injected({trace, span, 1}).size() == 1);
  CHECK(extract(headers{{"b3", ids}}).valid());
  CHECK_FALSE(extract(headers{{"traceparent", parent}}).valid());
  CHECK(extract(headers{{"traceparent", parent}}, propagator::tracecontext).valid());
  nanospan::detail::global_propagators.store(propagator_set::none().bits());
  CHECK(injected(span_context{trace, span, 1}.with_baggage("a=1")).empty());
  CHECK_FALSE(extract(headers{{"traceparent", parent}, {"b3", ids}}).valid());
}

TEST_CASE("each propagator reads and writes its own headers only") {
  auto const context = span_context{trace, span, 1, false, "s=1"}.with_baggage("a=1");
  CHECK(injected(context, propagator::tracecontext).size() == 2);
  CHECK(injected(context, propagator::baggage) == std::map<std::string, std::string>{{"baggage", "a=1"}});
  CHECK(injected(context, propagator::b3).size() == 1);
  CHECK(injected(context, propagator::b3multi).size() == 3);
  CHECK(injected(context, propagator_set::none()).empty());
  headers const all{{"traceparent", parent}, {"tracestate", "s=1"}, {"baggage", "a=1"}};
  CHECK(extract(all, propagator::tracecontext).baggage().empty());
  CHECK_FALSE(extract(all, propagator::baggage).valid());
  CHECK(extract(all, propagator::baggage).baggage() == "a=1");
}

TEST_CASE("the first format that is valid is the parent, W3C's before B3") {
  constexpr auto both = propagator::b3 | propagator::tracecontext;
  std::string const other = "11111111111111111111111111111111-" + std::string{span_hex} + "-1";
  CHECK(extract(headers{{"b3", other}, {"traceparent", parent}}, both).trace_id() == trace);
  CHECK(extract(headers{{"b3", other}, {"traceparent", "bad"}}, both).trace_id().hex().view() == "11111111111111111111111111111111");
  CHECK(extract(headers{{"x-b3-traceid", trace_hex}, {"x-b3-spanid", span_hex}}, both).trace_id() == trace);
}

TEST_CASE("a set of propagators says what it has") {
  constexpr auto both = propagator::b3 | propagator::baggage;
  STATIC_REQUIRE(both.contains(propagator::b3));
  STATIC_REQUIRE_FALSE(both.contains(propagator::b3multi));
  STATIC_REQUIRE((both | propagator::b3multi).contains(propagator::b3multi));
  STATIC_REQUIRE(both.is_chosen());
  STATIC_REQUIRE(propagator_set::none().is_chosen());
  STATIC_REQUIRE_FALSE(propagator_set{}.is_chosen());
  STATIC_REQUIRE(propagator_set{propagator::b3} == propagator_set{propagator::b3});
}

// ---- carriers -----------------------------------------------------------------------------------------------------------------

TEMPLATE_TEST_CASE("a carrier of pairs is written and read back, what is in it is replaced", "", headers, (std::map<std::string, std::string>),
                   (std::unordered_map<std::string, std::string>), (std::multimap<std::string, std::string>)) {
  auto const context = span_context{trace, span, 1, true, "s=1"}.with_baggage("a=1");
  TestType carrier{{"Traceparent", "00-11111111111111111111111111111111-b7ad6b7169203331-00"}, {"TRACESTATE", "x=1"}, {"other", "kept"}, {"bagGage", "x=1"}};
  inject(context, carrier);
  CHECK(carrier.size() == 4);
  auto const read = extract(carrier);
  CHECK(read.trace_id() == trace);
  CHECK(read.span_id() == span);
  CHECK(read.sampled());
  CHECK(read.tracestate() == "s=1");
  CHECK(read.baggage() == "a=1");
  inject(span_context{trace, span, 1}, carrier);
  CHECK(extract(carrier).tracestate().empty());  // the old one belonged to another parent
  CHECK(extract(carrier).baggage() == "a=1");
}

TEST_CASE("Boost.Beast's fields are written and read back, repeated headers included") {
  auto const context = span_context{trace, span, 1, true, "s=1"}.with_baggage("a=1");
  fields carrier;
  carrier.insert("Traceparent", "bad");
  carrier.insert("TRACESTATE", "x=1");
  carrier.insert("tracestate", "y=1");
  carrier.insert("host", "kept");
  inject(context, carrier);
  CHECK(carrier["traceparent"] == parent);
  CHECK(carrier["host"] == "kept");
  CHECK(carrier.count("tracestate") == 1);
  carrier.insert("Tracestate", "t=2");
  carrier.insert("Baggage", "b=2");
  auto const read = extract(carrier);
  CHECK(read.trace_id() == trace);
  CHECK(read.tracestate() == "s=1,t=2");
  CHECK(read.baggage() == "a=1,b=2");
  inject(span_context{trace, span, 1}, carrier);
  CHECK(carrier.count("tracestate") == 0);
  carrier.insert("traceparent", parent);
  CHECK_FALSE(extract(carrier).valid());
}

TEST_CASE("a function is a carrier: one that sets, one that gets text, an optional one, or several") {
  std::map<std::string, std::string> stored;
  inject(span_context{trace, span, 1, true, "s=1"}.with_baggage("a=1"), [&](std::string_view name, std::string_view value) { stored[std::string{name}] = value; });
  REQUIRE(stored.size() == 3);
  auto const find = [&](std::string_view name) { return stored.find(std::string{name}); };
  auto const text = extract([&](std::string_view name) { return find(name) != stored.end() ? std::string_view{find(name)->second} : std::string_view{}; });
  auto const copies = extract([&](std::string_view name) { return find(name) != stored.end() ? find(name)->second : std::string{}; });
  auto const pointers = extract([&](std::string_view name) { return find(name) != stored.end() ? find(name)->second.c_str() : nullptr; });
  auto const optional = extract([&](std::string_view name) { return find(name) != stored.end() ? std::optional{find(name)->second} : std::nullopt; });
  auto const several = extract([&](std::string_view name) {
    return find(name) != stored.end() && name == "tracestate" ? std::vector<std::string>{"s=1", "t=2"} : find(name) != stored.end() ? std::vector{find(name)->second} : std::vector<std::string>{};
  });
  for (auto const* context : {&text, &copies, &pointers, &optional, &several}) {
    CHECK(context->trace_id() == trace);
    CHECK(context->tracestate().starts_with("s=1"));
    CHECK(context->baggage() == "a=1");
  }
  CHECK(several.tracestate() == "s=1,t=2");
}

TEST_CASE("the thread's current context is injected, and without one nothing is") {
  recorded const all;
  std::map<std::string, std::string> into;
  inject(into);
  CHECK(into.empty());
  NANOSPAN("here");
  inject(into);
  CHECK(into.at("traceparent").substr(3, 32) == nanospan::current().trace_id().hex().view());
  CHECK(extract(into).span_id() == nanospan::current().span_id());
}

TEST_CASE("an exception of a carrier's function passes through") {
  CHECK_THROWS_AS(inject(span_context{trace, span, 1}, [](std::string_view, std::string_view) { throw 1; }), int);
  CHECK_THROWS_AS(extract([](std::string_view) -> std::string { throw 1; }), int);
}

// ---- a provider's options -----------------------------------------------------------------------------------------------------

namespace {

std::vector<std::string> messages;  // NOLINT: a message_handler has no other place

// What a provider with that OTEL_PROPAGATORS makes the process's propagators.
propagator_set of_variable(char const* value, nanospan::options with = {}) {
  restored const afterwards;
  messages.clear();
  with.on_message = [](std::string_view line) noexcept { messages.emplace_back(line); };
  ::setenv("OTEL_PROPAGATORS", value, 1);
  recorded const all{std::move(with)};
  ::unsetenv("OTEL_PROPAGATORS");
  return propagator_set::of_bits(nanospan::detail::global_propagators.load());
}

std::optional<nanospan::attribute_value> attribute_of(nanospan::span_data const& one, std::string_view key) {
  for (auto const& [name, value] : one.attributes)
    if (name == key) return value;
  return std::nullopt;
}

}  // namespace

TEST_CASE("OTEL_PROPAGATORS names the process's propagators, in any case and more than once") {
  CHECK(of_variable("b3") == propagator_set{propagator::b3});
  CHECK(of_variable("b3multi, TraceContext,b3multi") == (propagator::b3multi | propagator::tracecontext));
  CHECK(of_variable("tracecontext,baggage") == (propagator::tracecontext | propagator::baggage));
  CHECK(of_variable("none") == propagator_set::none());
  CHECK(messages.empty());
}

TEST_CASE("an empty OTEL_PROPAGATORS is none, and one that names nothing known is reported") {
  CHECK(of_variable("") == (propagator::tracecontext | propagator::baggage));
  CHECK(messages.empty());
  CHECK(of_variable("jaeger,b3") == propagator_set{propagator::b3});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].find("OTEL_PROPAGATORS=\"jaeger\" is ignored") == 0);
  CHECK(of_variable("ottrace") == (propagator::tracecontext | propagator::baggage));
  CHECK(messages.size() == 1);
}

TEST_CASE("options.propagators wins over OTEL_PROPAGATORS, and a provider that has neither goes back to the default") {
  CHECK(of_variable("b3", {.propagators = propagator::b3multi}) == propagator_set{propagator::b3multi});
  CHECK(of_variable("b3", {.propagators = propagator_set::none()}) == propagator_set::none());
  restored const afterwards;
  nanospan::detail::global_propagators.store(0x80);
  recorded const all;
  CHECK(nanospan::detail::global_propagators.load() == (propagator::tracecontext | propagator::baggage).bits());
}

TEST_CASE("OTEL_PROPAGATORS holds where OTEL_SDK_DISABLED says that nothing is recorded") {
  ::setenv("OTEL_SDK_DISABLED", "true", 1);
  CHECK(of_variable("b3") == propagator_set{propagator::b3});
  ::unsetenv("OTEL_SDK_DISABLED");
  nanospan::detail::recording.word.store(0);
}

TEST_CASE("keys of baggage that an option names become attributes, and no others") {
  recorded all{{.baggage_attributes = {"tenant", "absent", "user", "tenant"}}};
  {
    nanospan::context_scope const here{span_context{}.with_baggage("user=%C3%A4;p=1,tenant=t1,secret=x")};
    NANOSPAN("root", {"own", 1});
    NANOSPAN("child", {"user", "mine"}, {"user", "mine too"});
    nanospan::span{"empty"}.end();
  }
  { NANOSPAN("without"); }
  for (auto const* name : {"root", "empty"}) {
    CHECK(attribute_of(all.span(name), "user") == nanospan::attribute_value{"\xc3\xa4"});
    CHECK(attribute_of(all.span(name), "tenant") == nanospan::attribute_value{"t1"});
  }
  CHECK(all.span("root").attributes.size() == 3);
  CHECK(attribute_of(all.span("child"), "user") == nanospan::attribute_value{"mine too"});
  CHECK(all.span("child").attributes.size() == 2);
  CHECK(all.span("without").attributes.empty());
  CHECK(all.span("child").dropped_attributes_count == 0);
}

TEST_CASE("without that option a record does not carry baggage, and with it the next provider's does not") {
  auto const bytes = [](nanospan::options with) {
    recorded const all{std::move(with)};
    nanospan::context_scope const here{span_context{}.with_baggage("user=" + std::string(100, 'x'))};
    auto const& ring = nanospan::detail::this_thread.slot->ring;
    std::uint64_t const before = ring.published();
    { NANOSPAN("one"); }
    return ring.published() - before;
  };
  auto const without = bytes({});
  CHECK(without == 64);
  CHECK(bytes({.baggage_attributes = {"tenant"}}) >= without + 100);
  CHECK(bytes({}) == without);
}

TEST_CASE("a key that no baggage can have is no option") {
  try {
    recorded const all{{.baggage_attributes = {"tenant", "user id"}}};
    FAIL("taken");
  } catch (nanospan::configuration_error const& error) {
    CHECK(std::string{error.what()} == "options.baggage_attributes has \"user id\"; no key of baggage is like that");
  }
}
