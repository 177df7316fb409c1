// SPDX-License-Identifier: Apache-2.0

// Through nanospan::console_exporter: exporters/console.hpp has bodies that exist once in a program.
#include <nanospan/exporter.hpp>

#include "catch.hpp"

#include <nanospan.hpp>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <algorithm>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using outcome = nanospan::export_result::outcome;

namespace {

// A pipe, read without waiting.
class test_pipe {
 public:
  test_pipe() {
    REQUIRE(::pipe(ends_) == 0);
    REQUIRE(::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
  }
  ~test_pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  test_pipe(test_pipe const&) = delete;
  test_pipe& operator=(test_pipe const&) = delete;

  int writable() const { return ends_[1]; }
  std::string read() {
    std::string text;
    char bytes[4096];
    for (ssize_t got = ::read(ends_[0], bytes, sizeof bytes); got > 0; got = ::read(ends_[0], bytes, sizeof bytes))
      text.append(bytes, static_cast<std::size_t>(got));
    return text;
  }

 private:
  int ends_[2];
};

// Never waits: what is not ready now has timed out. Reads the pipe meanwhile where it is told to.
class no_wait final : public nanospan::export_wait {
 public:
  outcome wait(int descriptor, bool writable, std::uint64_t) override {
    ++calls;
    if (reader != nullptr) text += reader->read();
    if (stopped) return outcome::stopped;
    pollfd watched{descriptor, static_cast<short>(writable ? POLLOUT : POLLIN), 0};
    ::poll(&watched, 1, 0);
    return watched.revents != 0 ? outcome::ready : outcome::timed_out;
  }
  test_pipe* reader = nullptr;
  std::string text;
  bool stopped = false;
  int calls = 0;
};

struct span_shape {
  std::uint32_t trace;
  std::uint32_t id;
  std::uint32_t parent;
  std::string name;
  bool parent_is_remote = false;
};
std::string id_bytes(std::uint32_t number, std::size_t bytes) {
  if (number == 0) return {};
  std::string text(bytes, '\0');
  for (std::size_t at = 0; at < 4; ++at) text[bytes - 1 - at] = static_cast<char>(number >> 8 * at);
  return text;
}
nanospan::batch batch_of(std::vector<span_shape> const& spans) {
  ExportTraceServiceRequest request;
  auto& scope_spans = *request.add_resource_spans()->add_scope_spans();
  for (span_shape const& shape : spans) {
    auto& span = *scope_spans.add_spans();
    span.set_trace_id(id_bytes(shape.trace, 16));
    span.set_span_id(id_bytes(shape.id, 8));
    span.set_parent_span_id(id_bytes(shape.parent, 8));
    span.set_name(shape.name);
    span.set_flags(shape.parent_is_remote ? 0x301 : 0x101);
    span.set_start_time_unix_nano(1'700'000'000'000'000'000 + shape.id);
    span.set_end_time_unix_nano(1'700'000'000'000'001'000);
  }
  return {request.SerializeAsString(), spans.size()};
}
std::size_t count(std::string const& text, std::string const& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}
// What stands where a span's name does.
bool has(std::string const& text, std::string const& name) { return text.find(name) != std::string::npos; }

}  // namespace

TEST_CASE("a trace is drawn when its root has arrived, once") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  CHECK(console.export_batch(batch_of({{1, 3, 2, "grandchild"}, {1, 2, 1, "child"}}), wait).what == outcome::success);
  CHECK(pipe.read().empty());
  CHECK(console.export_batch(batch_of({{1, 1, 0, "root"}}), wait).what == outcome::success);
  std::string const picture = pipe.read();
  CHECK(count(picture, "trace ") == 1);
  CHECK(has(picture, "trace 00000000000000000000000000000001  3 spans"));
  CHECK(has(picture, "\nroot "));
  CHECK(has(picture, "\n\u2514\u2500 child "));
  CHECK(has(picture, "\n   \u2514\u2500 grandchild "));
  CHECK(picture.ends_with("\n\n"));
  console.shutdown(wait);
  CHECK(pipe.read().empty());
}

TEST_CASE("a root whose parent is in another process is this process's root") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  console.export_batch(batch_of({{1, 3, 2, "child"}, {1, 2, 9, "local root", true}}), wait);
  std::string const picture = pipe.read();
  CHECK(has(picture, "local root"));
  CHECK(has(picture, "child"));
}

TEST_CASE("traces that come mixed are drawn each by itself, and those without a root wait") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  console.export_batch(
      batch_of({{1, 2, 1, "a child"}, {2, 2, 1, "b child"}, {3, 2, 1, "c child"}, {2, 1, 0, "b root"}, {1, 1, 0, "a root"}}), wait);
  std::string const picture = pipe.read();
  CHECK(count(picture, "trace ") == 2);
  CHECK(count(picture, "2 spans") == 2);
  CHECK(picture.find("a child") < picture.find("b root"));  // in the order of their first spans
  CHECK_FALSE(has(picture, "c child"));
}

TEST_CASE("what has no root when the provider ends is drawn then, and so is what came after its root") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  console.export_batch(batch_of({{1, 1, 0, "root"}}), wait);
  console.export_batch(batch_of({{1, 2, 1, "late"}, {2, 5, 4, "orphan"}}), wait);
  CHECK_FALSE(has(pipe.read(), "late"));
  console.shutdown(wait);
  std::string const picture = pipe.read();
  CHECK(count(picture, "trace ") == 2);
  CHECK(has(picture, "late"));
  CHECK(has(picture, "orphan"));
}

TEST_CASE("what could not be drawn when the provider ends is said to be lost") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  console.export_batch(batch_of({{2, 5, 4, "orphan"}, {2, 6, 4, "another"}}), wait);
  class stopped_wait final : public nanospan::export_wait {
    outcome wait(int, bool, std::uint64_t) override { return outcome::stopped; }
  } stopped;
  CHECK(console.shutdown(stopped) == 2);
  CHECK(console.shutdown(wait) == 0);
}

TEST_CASE("a forked child's draws to the same place, and nothing of what its parent's still waits to draw") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  console.export_batch(batch_of({{1, 2, 1, "the parent's"}}), wait);
  auto const child = console.for_child();
  REQUIRE(child != nullptr);
  child->export_batch(batch_of({{2, 1, 0, "the child's"}}), wait);
  child->shutdown(wait);
  std::string const drawn = pipe.read();
  CHECK(has(drawn, "the child's"));
  CHECK_FALSE(has(drawn, "the parent's"));
  console.shutdown(wait);
  CHECK(has(pipe.read(), "the parent's"));
}

TEST_CASE("a batch without spans draws nothing and asks nobody") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  CHECK(console.export_batch({}, wait).what == outcome::success);
  console.shutdown(wait);
  CHECK(pipe.read().empty());
  CHECK(wait.calls == 0);
}

TEST_CASE("a pipe that nobody reads takes what fits, and then the batch has failed") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  std::vector<span_shape> large{{1, 1, 0, "root"}};
  for (std::uint32_t id = 2; id < 3'000; ++id) large.push_back({1, id, 1, "child"});
  CHECK(console.export_batch(batch_of(large), wait).what == outcome::failure);
  CHECK(pipe.read().size() >= 4'096);
  // Nothing of it comes later: it was counted as lost.
  CHECK(console.export_batch(batch_of({{2, 1, 0, "next"}}), wait).what == outcome::success);
  std::string const next = pipe.read();
  CHECK(has(next, "next"));
  CHECK_FALSE(has(next, "child"));
}

TEST_CASE("a picture larger than a pipe is written whole to one who reads") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  wait.reader = &pipe;
  std::vector<span_shape> large{{1, 1, 0, "root"}};
  for (std::uint32_t id = 2; id < 3'000; ++id) large.push_back({1, id, 1, "child"});
  CHECK(console.export_batch(batch_of(large), wait).what == outcome::success);
  std::string const text = wait.text + pipe.read();
  CHECK(count(text, "child") == 2'998);
  CHECK(text.ends_with("\n\n"));
  CHECK(wait.calls > 10);  // in pieces that a pipe takes at once
}

TEST_CASE("a wait that is stopped ends the drawing") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  wait.stopped = true;
  CHECK(console.export_batch(batch_of({{1, 1, 0, "root"}}), wait).what == outcome::failure);
  CHECK(pipe.read().empty());
  CHECK(wait.calls == 1);
}

TEST_CASE("a reader that is gone is a failure, and no signal to the program") {
  static int signals = 0;
  struct sigaction counting {};
  struct sigaction before {};
  counting.sa_handler = [](int) { ++signals; };
  REQUIRE(::sigaction(SIGPIPE, &counting, &before) == 0);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  nanospan::console_exporter console{ends[1]};
  no_wait wait;
  CHECK(console.export_batch(batch_of({{1, 1, 0, "root"}}), wait).what == outcome::failure);
  ::close(ends[1]);
  ::sigaction(SIGPIPE, &before, nullptr);
  CHECK(signals == 0);
}

TEST_CASE("a descriptor that is closed is a failure") {
  nanospan::console_exporter console{-1};
  no_wait wait;
  CHECK(console.export_batch(batch_of({{1, 1, 0, "root"}}), wait).what == outcome::failure);
  console.shutdown(wait);
}

TEST_CASE("what is no terminal gets no colours") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  console.export_batch(batch_of({{1, 1, 0, "root"}}), wait);
  std::string const picture = pipe.read();
  CHECK_FALSE(picture.empty());
  CHECK_FALSE(has(picture, "\x1b"));
}

TEST_CASE("a terminal gets colours, unless NO_COLOR is set, and pictures of its width") {
  int const terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  int const console_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  REQUIRE(console_side >= 0);
  REQUIRE(::fcntl(terminal, F_SETFL, O_NONBLOCK) == 0);
  for (bool const colour : {true, false}) {
    CAPTURE(colour);
    if (!colour) ::setenv("NO_COLOR", "1", 1);
    nanospan::console_exporter console{console_side};
    ::unsetenv("NO_COLOR");
    no_wait wait;
    console.export_batch(batch_of({{1, 1, 0, "root"}}), wait);
    char bytes[4096];
    ssize_t const got = ::read(terminal, bytes, sizeof bytes);
    REQUIRE(got > 0);
    CHECK(has({bytes, static_cast<std::size_t>(got)}, "\x1b[") == colour);
  }
  ::close(console_side);
  ::close(terminal);
}

TEST_CASE("beyond 100,000 spans that wait the oldest trace is drawn as it is") {
  test_pipe pipe;
  nanospan::console_exporter console{pipe.writable()};
  no_wait wait;
  wait.reader = &pipe;
  std::vector<span_shape> many{{1, 2, 1, "oldest"}};
  for (std::uint32_t id = 2; id < 100'001; ++id) many.push_back({2, id, 1, "young"});
  console.export_batch(batch_of(many), wait);
  CHECK((wait.text + pipe.read()).empty());
  console.export_batch(batch_of({{3, 2, 1, "one too many"}}), wait);
  std::string const picture = wait.text + pipe.read();
  CHECK(has(picture, "oldest"));
  CHECK_FALSE(has(picture, "young"));
  CHECK_FALSE(has(picture, "one too many"));
}

TEST_CASE("what is recorded is drawn") {
  test_pipe pipe;
  {
    nanospan::tracer_provider provider{{.service_name = "checkout",
                                        .exporter = std::make_shared<nanospan::console_exporter>(pipe.writable()),
                                        .background_thread = false}};
    provider.flush();
    pipe.read();
    {
      NANOSPAN("GET /orders");
      NANOSPAN("charge card");
      NANOSPAN_ERROR("card declined");
    }
    CHECK(provider.flush());
    std::string const picture = pipe.read();
    CHECK(has(picture, "  checkout  2 spans  "));
    CHECK(has(picture, "\nGET /orders "));
    CHECK(has(picture, "\n\u2514\u2500 charge card "));
    CHECK(has(picture, "  \u2717 card declined\n"));
  }
}
