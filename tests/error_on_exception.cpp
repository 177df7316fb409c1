// SPDX-License-Identifier: Apache-2.0

// options.error_on_exception: a scope that an exception leaves says so.

#include <nanospan/entry_buffer.hpp>

#include "catch.hpp"

#include <nanospan.hpp>

#include <memory>
#include <stdexcept>

namespace {

using nanospan::span_data;
using nanospan::span_status;

template <typename Work>
span_data recorded(bool option, Work&& work) {
  auto memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{{.exporter = memory, .error_on_exception = option, .background_thread = false}};
  try {
    work();
  } catch (std::exception const&) {
  }
  CHECK(tracing.flush());
  REQUIRE(memory->spans().size() == 1);
  return memory->spans()[0];
}
void fail() { throw std::runtime_error{"no stock"}; }

// Ends a span while an exception is under way that began before it.
struct cleanup {
  ~cleanup() { NANOSPAN("clean up", {"k", 1}); }
};

}  // namespace

TEST_CASE("a scope that is left by an exception ends as an error, where the option says so") {
  auto const left = [] {
    NANOSPAN("reserve", {"k", 1});
    fail();
  };
  span_data const told = recorded(true, left);
  CHECK(told.status == span_status::error);
  CHECK(told.status_message == "an exception left the scope");
  CHECK(told.attributes == nanospan::attribute_list{{"k", std::int64_t{1}}, {"error.type", "_OTHER"}});
  span_data const untold = recorded(false, left);
  CHECK(untold.status == span_status::unset);
  CHECK(untold.attributes == nanospan::attribute_list{{"k", std::int64_t{1}}});
}

TEST_CASE("a scope that is left as usual, or within which an exception was caught, is no error") {
  CHECK(recorded(true, [] { NANOSPAN("reserve"); }).status == span_status::unset);
  span_data const caught = recorded(true, [] {
    NANOSPAN("reserve");
    try {
      fail();
    } catch (std::exception const&) {
    }
  });
  CHECK(caught.status == span_status::unset);
  CHECK(caught.dropped_attributes_count == 0);
}

TEST_CASE("a scope that begins and ends while an exception is under way is no error") {
  span_data const span = recorded(true, [] {
    cleanup const at_end;
    fail();
  });
  CHECK(span.name == "clean up");
  CHECK(span.status == span_status::unset);
}

TEST_CASE("what was said of a status stands, whatever leaves the scope") {
  span_data const said = recorded(true, [] {
    NANOSPAN("reserve");
    NANOSPAN_ERROR("no stock");
    fail();
  });
  CHECK(said.status_message == "no stock");
  span_data const ok = recorded(true, [] {
    NANOSPAN("reserve");
    NANOSPAN_OK();
    fail();
  });
  CHECK(ok.status == span_status::ok);
}

TEST_CASE("a scope with more than its buffer holds, left by an exception, is an error with all of it") {
  span_data const span = recorded(true, [] {
    nanospan::scoped_span of{"reserve", {.parent = nanospan::no_parent}};
    for (int i = 0; i < 100; ++i) of.set({"text", std::string(100, 'x')});
    fail();
  });
  CHECK(span.status == span_status::error);
  CHECK(span.attributes.size() == 2);
  CHECK(span.dropped_attributes_count == 0);
}
