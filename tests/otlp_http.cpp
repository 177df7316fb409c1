// SPDX-License-Identifier: Apache-2.0

// The exporter's bodies are in the implementing file; what they promise is declared here.
#include <nanospan/exporter.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/collector.hpp"
#include "support/messages.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

using nanospan::batch;
using nanospan::configuration_error;
using nanospan::duration;
using nanospan::export_result;
using nanospan::export_wait;
using nanospan::otlp_http_exporter;
using nanospan::otlp_http_options;
using outcome = export_result::outcome;
using namespace std::chrono_literals;

// ---- names ------------------------------------------------------------------------------------------------------------------

using support::has;
using support::messages;

namespace {

// Told to ctest, which says so in its summary.
void skip(char const* why) { std::printf("skipped by design: %s\n", why); }

// Of a thread by its number; 0: of this one.
int cpus_of(pid_t thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(thread, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

// What this program's getaddrinfo knows of names, so that no test depends on the machine's or asks a server. A name that hangs does
// so until this is gone.
class scripted_names {
 public:
  scripted_names() { living() = this; }
  scripted_names(scripted_names const&) = delete;
  scripted_names& operator=(scripted_names const&) = delete;
  ~scripted_names() {
    std::unique_lock lock{mutex()};
    hanging_.clear();
    changed().notify_all();
    changed().wait(lock, [&] { return asking_ == 0; });
    living() = nullptr;
  }
  void resolve(std::string const& name, std::vector<std::string> addresses) {
    std::lock_guard const lock{mutex()};
    known_[name] = std::move(addresses);
  }
  void hang_on(std::string const& name) {
    std::lock_guard const lock{mutex()};
    hanging_.insert(name);
  }
  bool asked() const {
    std::lock_guard const lock{mutex()};
    return asking_ != 0;
  }

  // On how many CPUs the last lookup might run.
  static std::atomic<int>& cpus() {
    static std::atomic<int> count{0};
    return count;
  }

  static std::vector<std::string> look_up(std::string const& name) {
    cpus() = cpus_of(0);
    std::unique_lock lock{mutex()};
    scripted_names* const script = living();
    if (script == nullptr) return name == "localhost" ? std::vector<std::string>{"127.0.0.1"} : std::vector<std::string>{};
    ++script->asking_;
    changed().wait(lock, [&] { return !script->hanging_.contains(name); });
    auto const found = script->known_.find(name);
    auto addresses = found == script->known_.end() ? std::vector<std::string>{} : found->second;
    --script->asking_;
    changed().notify_all();
    return addresses;
  }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static std::condition_variable& changed() {
    static std::condition_variable one;
    return one;
  }
  static scripted_names*& living() {
    static scripted_names* one = nullptr;
    return one;
  }

  std::map<std::string, std::vector<std::string>> known_;
  std::set<std::string> hanging_;
  int asking_ = 0;
};

struct owned_address {
  addrinfo info;
  sockaddr_storage socket;
};
addrinfo* make_address(std::string const& text, std::uint16_t port) {
  auto made = std::make_unique<owned_address>();
  made->info = {};
  made->socket = {};
  auto& four = reinterpret_cast<sockaddr_in&>(made->socket);
  auto& six = reinterpret_cast<sockaddr_in6&>(made->socket);
  if (::inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    made->info.ai_addrlen = sizeof four;
  } else if (::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    made->info.ai_addrlen = sizeof six;
  } else {
    return nullptr;
  }
  made->info.ai_family = made->socket.ss_family;
  made->info.ai_socktype = SOCK_STREAM;
  made->info.ai_addr = reinterpret_cast<sockaddr*>(&made->socket);
  return &made.release()->info;
}

}  // namespace

extern "C" int getaddrinfo(char const* name, char const* service, addrinfo const* hints, addrinfo** found) {
  auto const port = static_cast<std::uint16_t>(std::stoi(service));
  *found = make_address(name, port);
  if (*found != nullptr) return 0;
  if ((hints->ai_flags & AI_NUMERICHOST) != 0) return EAI_NONAME;
  addrinfo** last = found;
  for (auto const& address : scripted_names::look_up(name)) {
    *last = make_address(address, port);
    last = &(*last)->ai_next;
  }
  return *found == nullptr ? EAI_NONAME : 0;
}
extern "C" void freeaddrinfo(addrinfo* list) {
  while (list != nullptr) delete reinterpret_cast<owned_address*>(std::exchange(list, list->ai_next));
}

namespace {

// ---- the exporter alone -----------------------------------------------------------------------------------------------------

// Waits as the pipeline does, with nothing to drain; says `stopped` once a condition holds.
class test_wait final : public export_wait {
 public:
  explicit test_wait(std::function<bool()> stopped = [] { return false; }) : stopped_{std::move(stopped)} {}
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    for (;;) {
      if (stopped_()) return outcome::stopped;
      std::uint64_t const now = nanospan::detail::monotonic_nanoseconds();
      std::uint64_t const left = deadline > now ? (deadline - now + 999'999) / 1'000'000 : 0;
      pollfd watched{descriptor, static_cast<short>(writable ? POLLIN | POLLOUT : POLLIN), 0};
      if (::poll(&watched, 1, static_cast<int>((std::min)(left, std::uint64_t{5}))) > 0) return outcome::ready;
      if (nanospan::detail::monotonic_nanoseconds() >= deadline) return outcome::timed_out;
    }
  }

 private:
  std::function<bool()> stopped_;
};

std::string field(char tag, std::string const& payload) {
  std::string text{tag};
  std::size_t size = payload.size();
  for (; size >= 0x80; size >>= 7) text += static_cast<char>(size | 0x80);
  return text + static_cast<char>(size) + payload;
}
// Spans that have ids, no two the same, and a name of so many bytes.
batch batch_of(std::size_t spans, std::size_t name_bytes = 4) {
  static std::atomic<std::uint64_t> last{0};
  std::string encoded;
  for (std::size_t i = 0; i < spans; ++i) {
    std::uint64_t const id = ++last;
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &id, 8);
    encoded += field('\x12', field('\x12', bytes) + field('\x2a', std::string(name_bytes, 'n')));
  }
  return {field('\x0a', field('\x12', encoded)), spans};
}
// More than the sockets' buffers hold, on either side.
batch large_batch() { return batch_of(1, 12u << 20); }

otlp_http_options options_for(test_collector const& collector) {
  otlp_http_options options;
  options.url = collector.url("/v1/traces");
  options.url_source = "the test";
  return options;
}
otlp_http_options options_for(test_collector const& collector, duration timeout) {
  otlp_http_options options = options_for(collector);
  options.timeout = timeout;
  return options;
}
export_result send(otlp_http_exporter& by, batch const& what) {
  test_wait wait;
  return by.export_batch(what, wait);
}
// One batch by an exporter of its own.
export_result send_one(test_collector const& collector) {
  otlp_http_exporter exporter{options_for(collector)};
  return send(exporter, batch_of(1));
}

// A port where nobody accepts and the queue of connections is full: another connection attempt hears nothing.
class full_port {
 public:
  full_port() {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_, plain, sizeof address) == 0);
    REQUIRE(::listen(listener_, 0) == 0);
    REQUIRE(::getsockname(listener_, plain, &size) == 0);
    port_ = ntohs(address.sin_port);
    for (int tries = 0; tries < 64 && !full_; ++tries) {
      waiting_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      [[maybe_unused]] int const begun = ::connect(waiting_.back(), plain, sizeof address);
      pollfd connected{waiting_.back(), POLLOUT, 0};
      full_ = ::poll(&connected, 1, 50) == 0;
    }
  }
  full_port(full_port const&) = delete;
  full_port& operator=(full_port const&) = delete;
  ~full_port() {
    for (int const one : waiting_) ::close(one);
    ::close(listener_);
  }
  bool full() const { return full_; }
  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/traces"; }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<int> waiting_;
  bool full_ = false;
};

std::string socket_path() { return "/tmp/nanospan-test-" + std::to_string(::getpid()) + ".sock"; }

// What the constructor says of options that it refuses.
std::string refusal(otlp_http_options options) {
  try {
    otlp_http_exporter const made{std::move(options)};
  } catch (configuration_error const& error) {
    return error.what();
  }
  return "(accepted)";
}
std::string refusal_of_url(std::string url) {
  otlp_http_options options;
  options.url = std::move(url);
  options.url_source = "OTEL_EXPORTER_OTLP_ENDPOINT";
  return refusal(std::move(options));
}

// ---- the whole provider -----------------------------------------------------------------------------------------------------

nanospan::options provider_options(test_collector const& collector) {
  messages::take();
  nanospan::options options;
  options.endpoint = collector.url();
  options.on_message = messages::keep;
  options.export_timeout = 5s;
  options.probe = false;  // where requests are counted
  return options;
}

// The process's account since this was made.
class account {
 public:
  nanospan::stats_snapshot now() const {
    nanospan::stats_snapshot difference = nanospan::stats();
    REQUIRE(difference.ended == difference.accounted());
    difference.ended -= before_.ended;
    difference.exported -= before_.exported;
    difference.rejected -= before_.rejected;
    difference.unconfirmed -= before_.unconfirmed;
    difference.dropped.export_failed -= before_.dropped.export_failed;
    difference.dropped.shutdown -= before_.dropped.shutdown;
    return difference;
  }

 private:
  nanospan::stats_snapshot before_ = nanospan::stats();
};

void record(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) NANOSPAN("one");
}

}  // namespace

// ---- what is sent -----------------------------------------------------------------------------------------------------------

TEST_CASE("a batch is a POST with the headers that OTLP asks for, and no other") {
  test_collector collector;
  otlp_http_exporter exporter{options_for(collector)};
  batch const sent = batch_of(3);
  CHECK(send(exporter, sent).what == outcome::success);
  auto const requests = collector.requests();
  REQUIRE(requests.size() == 1);
  auto const& request = requests.front();
  CHECK(request.line == "POST /v1/traces HTTP/1.1");
  CHECK(request.header("Host") == collector.authority());
  CHECK(request.header("Content-Type") == "application/x-protobuf");
  CHECK(request.header("User-Agent") == "nanospan/" NANOSPAN_VERSION);
  CHECK(request.header("Content-Length") == std::to_string(sent.otlp.size()));
  CHECK(request.headers.size() == 4);
  CHECK(request.body == sent.otlp);
  CHECK(collector.spans().size() == 3);
}

TEST_CASE("the options' headers are in each request, the later one of two with one name") {
  test_collector collector;
  otlp_http_options options = options_for(collector);
  options.headers = {{"authorization", "Bearer one"}, {"X-Tenant", "a b"}, {"Authorization", "Bearer two"}};
  otlp_http_exporter exporter{options};
  send(exporter, batch_of(1));
  send(exporter, batch_of(1));
  auto const requests = collector.requests();
  REQUIRE(requests.size() == 2);
  for (auto const& request : requests) {
    CHECK(request.header("authorization") == "Bearer two");
    CHECK(request.header("x-tenant") == "a b");
  }
}

TEST_CASE("the target is the URL's path with its query, and / where it has none") {
  test_collector collector;
  std::map<std::string, std::string> const targets{
      {"", "/"}, {"/", "/"}, {"/a/b?c=d&e", "/a/b?c=d&e"}, {"?q", "/?q"}, {"/x#y", "/x"}};
  for (auto const& [written, expected] : targets) {
    otlp_http_options options = options_for(collector);
    options.url = collector.url(written);
    otlp_http_exporter exporter{options};
    send(exporter, batch_of(1));
    CHECK(collector.requests().back().target() == expected);
  }
}

TEST_CASE("a batch of many megabytes arrives whole") {
  test_collector collector;
  otlp_http_exporter exporter{options_for(collector)};
  batch const sent = large_batch();
  CHECK(send(exporter, sent).what == outcome::success);
  REQUIRE(collector.requests().size() == 1);
  CHECK(collector.requests().front().body == sent.otlp);
}

// ---- connections ------------------------------------------------------------------------------------------------------------

TEST_CASE("many batches go over one connection") {
  test_collector collector;
  otlp_http_exporter exporter{options_for(collector)};
  for (int i = 0; i < 50; ++i) CHECK(send(exporter, batch_of(2)).what == outcome::success);
  CHECK(collector.connections() == 1);
  CHECK(collector.requests().size() == 50);
  CHECK(collector.spans().size() == 100);
  CHECK(collector.duplicates() == 0);
}

TEST_CASE("a connection that the collector closed while it was idle is reopened at once, and nothing is lost or sent twice") {
  test_collector collector;
  collector.otherwise(test_collector::respond_then_close());
  otlp_http_exporter exporter{options_for(collector)};
  for (int i = 0; i < 20; ++i) CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 20);
  CHECK(collector.spans().size() == 20);
  CHECK(collector.duplicates() == 0);
}

TEST_CASE("a connection that the collector closes while the next request is on its way is reopened at once, too") {
  for (bool const by_reset : {false, true}) {
    test_collector collector;
    collector.next({test_collector::respond(200), test_collector::break_after("", by_reset)});
    otlp_http_exporter exporter{options_for(collector)};
    CHECK(send(exporter, batch_of(1)).what == outcome::success);
    CHECK(send(exporter, batch_of(1)).what == outcome::success);
    CHECK(collector.connections() == 2);
    CHECK(collector.spans().size() == 2);
    CHECK(collector.duplicates() == 0);
  }
}

TEST_CASE("a batch whose connection was closed before an answer may be there, whatever is said of it on the next one") {
  test_collector collector;
  collector.next({test_collector::respond(200), test_collector::reset_before_answer(true), test_collector::respond(503, {{"Retry-After", "7"}})});
  otlp_http_exporter exporter{options_for(collector)};
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  auto const result = send(exporter, batch_of(1));
  CHECK(result.what == outcome::unconfirmed);
  CHECK(result.retry_after == duration{7s});
  CHECK(collector.spans().size() == 2);
}

TEST_CASE("a stale connection that cannot be reopened is unreachable") {
  auto collector = std::make_unique<test_collector>();
  otlp_http_exporter exporter{options_for(*collector)};
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  collector.reset();
  CHECK(send(exporter, batch_of(1)).what == outcome::unreachable);
}

TEST_CASE("what a collector says on an idle connection before it closes it is not the next batch's answer") {
  test_collector collector;
  std::atomic<bool> idle{false}, said{false};
  collector.next([&](test_collector::conversation& with) {
    test_collector::respond(200)(with);
    while (!idle && with.pause(1ms)) {
    }
    with.send(test_collector::answer(408, {{"Connection", "close"}}));  // as some proxies do
    said = true;
    with.close();
  });
  otlp_http_exporter exporter{options_for(collector)};
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  idle = true;
  while (!said) std::this_thread::yield();
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.spans().size() == 2);
}

TEST_CASE("an answer that says Connection: close is the connection's last") {
  test_collector collector;
  collector.next(test_collector::respond(200, {{"Connection", "close"}}));
  otlp_http_exporter exporter{options_for(collector)};
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 2);
  CHECK(collector.duplicates() == 0);
}

TEST_CASE("shutdown lets go of the connection") {
  test_collector collector;
  std::atomic<bool> closed{false};
  collector.next([&](test_collector::conversation& with) {
    test_collector::respond(200)(with);
    closed = with.read_request() == nullptr;
    with.close();
  });
  otlp_http_exporter exporter{options_for(collector)};
  send(exporter, batch_of(1));
  test_wait wait;
  exporter.shutdown(wait);
  send(exporter, batch_of(1));
  CHECK(collector.connections() == 2);
  auto const deadline = std::chrono::steady_clock::now() + 10s;
  while (!closed && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(closed);
}

// ---- answers ----------------------------------------------------------------------------------------------------------------

TEST_CASE("every 2xx is success") {
  for (int const status : {200, 201, 202, 204, 299}) {
    test_collector collector;
    collector.next(test_collector::respond(status));
    auto const result = send_one(collector);
    CHECK(result.what == outcome::success);
    CHECK(result.rejected_spans == 0);
    CHECK(result.message == "");
  }
}

TEST_CASE("partial success is success, with the rejected spans and what the collector said of them") {
  test_collector collector;
  collector.next({test_collector::respond_partial(2, "too old"), test_collector::respond_partial(0, "slow down"),
                  test_collector::respond_partial(0, "")});
  otlp_http_exporter exporter{options_for(collector)};
  auto result = send(exporter, batch_of(5));
  CHECK(result.what == outcome::success);
  CHECK(result.rejected_spans == 2);
  CHECK(result.message == "too old");
  result = send(exporter, batch_of(5));
  CHECK(result.rejected_spans == 0);
  CHECK(result.message == "slow down");
  result = send(exporter, batch_of(5));
  CHECK(result.rejected_spans == 0);
  CHECK(result.message == "");
}

TEST_CASE("429, 502, 503 and 504 are worth another attempt") {
  for (int const status : {429, 502, 503, 504}) {
    test_collector collector;
    collector.next(test_collector::respond(status, {}, "busy"));
    auto const result = send_one(collector);
    CHECK(result.what == outcome::retry);
    CHECK(result.retry_after == duration{});
    CHECK(has(result.message, "HTTP " + std::to_string(status)));
    CHECK(has(result.message, "busy"));
    CHECK(collector.requests().size() == 1);
  }
}

TEST_CASE("every other status is not") {
  for (int const status : {300, 301, 307, 400, 401, 403, 404, 405, 408, 415, 499, 500, 501, 505, 599}) {
    test_collector collector;
    collector.next(test_collector::respond(status, {{"Retry-After", "1"}, {"Location", "/elsewhere"}}, "no\nsuch\x01thing"));
    auto const result = send_one(collector);
    CHECK(result.what == outcome::failure);
    CHECK(result.retry_after == duration{});
    CHECK(has(result.message, "HTTP " + std::to_string(status)));
    CHECK(has(result.message, "no such thing"));
    CHECK(collector.requests().size() == 1);
  }
}

TEST_CASE("413 is worth an attempt in two halves") {
  test_collector collector;
  collector.next(test_collector::respond(413, {}, "too much"));
  auto const result = send_one(collector);
  CHECK(result.what == outcome::too_large);
  CHECK(has(result.message, "HTTP 413"));
  CHECK(has(result.message, "too much"));
}

TEST_CASE("a status that is a failure leaves the connection in use") {
  test_collector collector;
  collector.next({test_collector::respond(400, {}, "no"), test_collector::respond(503, {}, "busy")});
  otlp_http_exporter exporter{options_for(collector)};
  send(exporter, batch_of(1));
  send(exporter, batch_of(1));
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 1);
}

TEST_CASE("Retry-After is seconds or a date, at most a day, and nothing where it is neither") {
  auto const answered = [](std::string const& value) {
    test_collector collector;
    collector.next(test_collector::respond(503, {{"Retry-After", value}}));
    auto const result = send_one(collector);
    CHECK(result.what == outcome::retry);
    return result.retry_after;
  };
  auto const date = [](std::time_t from_now) {
    std::time_t const then = std::time(nullptr) + from_now;
    std::tm parts{};
    ::gmtime_r(&then, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return std::string{text};
  };
  CHECK(answered("7") == duration{7s});
  CHECK(answered("0") == duration{});
  CHECK(answered("-5") == duration{});
  CHECK(answered("1000000") == duration{24h});
  CHECK(answered("soon") == duration{});
  CHECK(answered("7 seconds") == duration{});
  CHECK(answered(date(-3600)) == duration{});
  CHECK(answered(date(std::time_t{10} * 24 * 3600)) == duration{24h});
  duration const in_an_hour = answered(date(3600));
  CHECK(in_an_hour <= duration{3600s});
  CHECK(in_an_hour > duration{3000s});
}

TEST_CASE("a chunked answer is read to its end") {
  test_collector collector;
  std::string const partial = "\x0a\x06\x08\x02\x12\x02no";
  collector.next(
      test_collector::send_raw({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n",
                                partial.substr(0, 3) + "\r\n5\r\n", partial.substr(3) + "\r\n", "0\r\nTrailer: t\r\n\r\n"},
                               true, 2ms));
  otlp_http_exporter exporter{options_for(collector)};
  auto const result = send(exporter, batch_of(3));
  CHECK(result.what == outcome::success);
  CHECK(result.rejected_spans == 2);
  CHECK(result.message == "no");
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 1);
}

TEST_CASE("an HTTP/1.0 answer ends with its connection, with or without a length") {
  test_collector collector;
  std::string const partial = "\x0a\x06\x08\x02\x12\x02no";
  collector.next({test_collector::break_after("HTTP/1.0 200 OK\r\n\r\n" + partial, false),
                  test_collector::break_after("HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n" + partial, false)});
  otlp_http_exporter exporter{options_for(collector)};
  for (int i = 0; i < 2; ++i) {
    auto const result = send(exporter, batch_of(3));
    CHECK(result.what == outcome::success);
    CHECK(result.rejected_spans == 2);
  }
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 3);
}

TEST_CASE("an interim answer, asked for or not, is passed over") {
  test_collector collector;
  collector.next(
      {test_collector::send_raw({"HTTP/1.1 100 Continue\r\n\r\n", test_collector::answer(200)}, true),
       test_collector::send_raw(
           {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + test_collector::answer(503)}, false)});
  otlp_http_exporter exporter{options_for(collector)};
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(send(exporter, batch_of(1)).what == outcome::retry);
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 1);
  CHECK(collector.spans().size() == 2);
}

TEST_CASE("an answer that comes byte by byte is read as any other") {
  test_collector collector;
  std::vector<std::string> bytes;
  for (char const c : test_collector::answer(200, {}, "\x0a\x06\x08\x02\x12\x02no")) bytes.emplace_back(1, c);
  collector.next(test_collector::send_raw(bytes, true, 1ms));
  otlp_http_exporter exporter{options_for(collector)};
  auto const result = send(exporter, batch_of(3));
  CHECK(result.what == outcome::success);
  CHECK(result.rejected_spans == 2);
}

TEST_CASE("an answer over 4 MiB is a failure, however it is framed") {
  test_collector collector;
  std::string const piece(65536, 'x');
  std::string const chunk = "10000\r\n" + piece + "\r\n";
  collector.next({test_collector::send_raw({"HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n"}, false),
                  test_collector::send_endlessly("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
                  test_collector::send_endlessly("HTTP/1.1 200 OK\r\n\r\n", piece),
                  test_collector::send_endlessly("HTTP/1.1 500 No\r\n\r\n", piece)});
  otlp_http_exporter exporter{options_for(collector)};
  for (int i = 0; i < 4; ++i) {
    auto const result = send(exporter, batch_of(1));
    CHECK(result.what == outcome::failure);
    CHECK(has(result.message, "too large"));
  }
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
}

TEST_CASE("an answer of exactly 4 MiB is read") {
  test_collector collector;
  collector.next(test_collector::respond(200, {}, std::string(4u << 20, '\0')));
  CHECK(send_one(collector).what == outcome::success);
}

TEST_CASE("an endless header is a failure") {
  test_collector collector;
  collector.next({test_collector::send_endlessly("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"),
                  test_collector::send_endlessly("HTTP/1.1 200 OK\r\nX-Long: ", std::string(4096, 'x'))});
  otlp_http_exporter exporter{options_for(collector)};
  for (int i = 0; i < 2; ++i) CHECK(send(exporter, batch_of(1)).what == outcome::failure);
}

// ---- broken connections -----------------------------------------------------------------------------------------------------

TEST_CASE("a refused connection is unreachable, and the system's reason is told") {
  otlp_http_options options;
  options.url = "http://127.0.0.1:" + std::to_string(test_collector::unused_port());
  otlp_http_exporter exporter{options};
  auto const result = send(exporter, batch_of(1));
  CHECK(result.what == outcome::unreachable);
  CHECK(has(result.message, "refused"));
}

TEST_CASE("a name that nobody knows is unreachable, and is told") {
  scripted_names names;
  otlp_http_options options;
  options.url = "http://no-such-collector:4318";
  otlp_http_exporter exporter{options};
  auto const result = send(exporter, batch_of(1));
  CHECK(result.what == outcome::unreachable);
  CHECK(has(result.message, "no-such-collector"));
}

TEST_CASE("a request that was sent in full and not answered is unconfirmed") {
  std::vector<test_collector::behaviour> const broken{
      test_collector::reset_before_answer(),
      test_collector::break_after("", false),
      test_collector::break_after("HTTP/1.1 2", false),
      test_collector::break_after("HTTP/1.1 200 OK\r\nContent-Le", true),
      test_collector::break_after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx", false),
      test_collector::break_after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx", true),
      test_collector::break_after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", true),
  };
  for (auto const& one : broken) {
    test_collector collector;
    collector.next(one);
    otlp_http_exporter exporter{options_for(collector)};
    auto const result = send(exporter, batch_of(1));
    CHECK(result.what == outcome::unconfirmed);
    CHECK(result.message != "");
    CHECK(collector.requests().size() == 1);  // another attempt is the sender's business
    CHECK(send(exporter, batch_of(1)).what == outcome::success);
  }
}

TEST_CASE("an answer that is no HTTP is unconfirmed, and the connection is given up") {
  for (std::string const garbage :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01\x02", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    test_collector collector;
    collector.next(test_collector::break_after(garbage, false));
    otlp_http_exporter exporter{options_for(collector)};
    auto const result = send(exporter, batch_of(1));
    CHECK(result.what == outcome::unconfirmed);
    CHECK(result.message != "");
    CHECK(send(exporter, batch_of(1)).what == outcome::success);
    CHECK(collector.connections() == 2);
  }
}

TEST_CASE("a connection reset while the request is being sent is worth another attempt, and nothing is unconfirmed") {
  test_collector collector{{.receive_buffer_bytes = 4096}};
  collector.next(test_collector::reset_without_reading());
  otlp_http_exporter exporter{options_for(collector)};
  batch const large = large_batch();
  auto const result = send(exporter, large);
  CHECK(result.what == outcome::retry);
  CHECK(result.message != "");
  CHECK(collector.spans().empty());
  CHECK(send(exporter, large).what == outcome::success);
}

TEST_CASE("an answer that comes before the request was read to its end counts, and ends the connection") {
  test_collector collector{{.receive_buffer_bytes = 4096}};
  collector.next([](test_collector::conversation& with) {
    with.send(test_collector::answer(413));
    with.close();
  });
  otlp_http_exporter exporter{options_for(collector)};
  auto const result = send(exporter, large_batch());
  CHECK(result.what == outcome::too_large);
  CHECK(has(result.message, "HTTP 413"));
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 2);
}

TEST_CASE("an answer is heard while the request is still on its way, also from a collector that reads no more and closes nothing") {
  for (std::string const interim : {"", "HTTP/1.1 102 Processing\r\n\r\n"}) {
    test_collector collector{{.receive_buffer_bytes = 4096}};
    collector.next([&](test_collector::conversation& with) {
      with.send(interim);
      with.send(test_collector::answer(503, {{"Retry-After", "3"}}));
      with.hang();
    });
    otlp_http_exporter exporter{options_for(collector, duration{})};  // without a limit: nothing but the answer ends it
    auto const result = send(exporter, large_batch());
    CHECK(result.what == outcome::retry);
    CHECK(result.retry_after == duration{3s});
    CHECK(collector.requests().empty());
    CHECK(send(exporter, batch_of(1)).what == outcome::success);
    CHECK(collector.connections() == 2);
  }
}

TEST_CASE("an interim answer does not keep the rest of a request from being sent") {
  test_collector collector{{.receive_buffer_bytes = 4096}};
  collector.next([](test_collector::conversation& with) {
    with.send("HTTP/1.1 102 Processing\r\n\r\n");
    test_collector::respond(200)(with);
  });
  otlp_http_exporter exporter{options_for(collector)};
  batch const sent = large_batch();
  CHECK(send(exporter, sent).what == outcome::success);
  REQUIRE(collector.requests().size() == 1);
  CHECK(collector.requests().front().body == sent.otlp);
}

TEST_CASE("a collector that says no more while it is sent a request has not confirmed it") {
  test_collector collector{{.receive_buffer_bytes = 4096}};
  collector.next([](test_collector::conversation& with) {
    with.say_no_more();
    with.hang();
  });
  otlp_http_exporter exporter{options_for(collector, duration{})};
  CHECK(send(exporter, large_batch()).what == outcome::retry);
}

TEST_CASE("a kept connection that breaks in the middle of an answer is not reopened: the collector has seen the request") {
  test_collector collector;
  collector.next(
      {test_collector::respond(200), test_collector::break_after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx", true)});
  otlp_http_exporter exporter{options_for(collector)};
  send(exporter, batch_of(1));
  CHECK(send(exporter, batch_of(1)).what == outcome::unconfirmed);
  CHECK(collector.requests().size() == 2);
}

// ---- waits ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a collector that hangs costs the timeout and no more, whatever it hangs in") {
  // Generous: the machine may be busy. Without a timeout each of them would hang for ever.
  auto const bounded = [](otlp_http_options options, batch const& what, outcome expected) {
    options.timeout = 200ms;
    otlp_http_exporter exporter{options};
    auto const started = std::chrono::steady_clock::now();
    auto const result = send(exporter, what);
    auto const took = std::chrono::steady_clock::now() - started;
    CHECK(result.what == expected);
    CHECK(result.message != "");
    CHECK(took >= 200ms);
    CHECK(took < 10s);
  };
  SECTION("the lookup of its name") {
    scripted_names names;
    names.hang_on("collector");
    otlp_http_options options;
    options.url = "http://collector:4318";
    bounded(options, batch_of(1), outcome::unreachable);
  }
  SECTION("the connection") {
    full_port const full;
    if (!full.full()) return skip("a full listen queue that answers all the same");
    otlp_http_options options;
    options.url = full.url();
    bounded(options, batch_of(1), outcome::unreachable);
  }
  SECTION("reading the request") {
    test_collector collector{{.receive_buffer_bytes = 4096}};
    collector.next(test_collector::hang_without_reading());
    bounded(options_for(collector), large_batch(), outcome::retry);
    CHECK(collector.spans().empty());
  }
  SECTION("the answer") {
    test_collector collector;
    collector.next(test_collector::hang_after());
    bounded(options_for(collector), batch_of(1), outcome::unconfirmed);
  }
  SECTION("the answer on a kept connection") {
    test_collector collector;
    collector.next({test_collector::respond(200), test_collector::hang_after()});
    otlp_http_options options = options_for(collector);
    options.timeout = 200ms;
    otlp_http_exporter exporter{options};
    send(exporter, batch_of(1));
    CHECK(send(exporter, batch_of(1)).what == outcome::unconfirmed);
    CHECK(collector.requests().size() == 2);
  }
  SECTION("the answer's header") {
    test_collector collector;
    collector.next(test_collector::hang_after("HTTP/1.1 200 OK\r\nContent-"));
    bounded(options_for(collector), batch_of(1), outcome::unconfirmed);
  }
  SECTION("the answer's body") {
    test_collector collector;
    collector.next(test_collector::hang_after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx"));
    bounded(options_for(collector), batch_of(1), outcome::unconfirmed);
  }
  SECTION("the answer, byte by byte") {
    test_collector collector;
    collector.next(test_collector::send_endlessly("HTTP/1.1 200 OK\r\nX-Long: ", "x", 5ms));
    bounded(options_for(collector), batch_of(1), outcome::unconfirmed);
  }
}

TEST_CASE("interim answers without end do not hold the exporter") {
  for (auto const between : {0ms, 1ms}) {
    test_collector collector;
    collector.next(test_collector::send_endlessly("", "HTTP/1.1 100 Continue\r\n\r\n", between));
    otlp_http_exporter exporter{options_for(collector, 500ms)};
    auto const started = std::chrono::steady_clock::now();
    CHECK(send(exporter, batch_of(1)).what != outcome::success);
    CHECK(std::chrono::steady_clock::now() - started < 10s);
    CHECK(send(exporter, batch_of(1)).what == outcome::success);
  }
}

TEST_CASE("a provider that stops ends the wait, whatever it is for") {
  // No timeout: only `stopped` can end these.
  auto const stopped = [](otlp_http_options options, batch const& what, outcome expected, std::function<bool()> when) {
    options.timeout = duration{};
    otlp_http_exporter exporter{options};
    test_wait wait{std::move(when)};
    auto const result = exporter.export_batch(what, wait);
    CHECK(result.what == expected);
    CHECK(result.message != "");
  };
  SECTION("the lookup of a name") {
    scripted_names names;
    names.hang_on("collector");
    otlp_http_options options;
    options.url = "http://collector:4318";
    stopped(options, batch_of(1), outcome::unreachable, [&] { return names.asked(); });
  }
  SECTION("a connection") {
    full_port const full;
    if (!full.full()) return skip("a full listen queue that answers all the same");
    otlp_http_options options;
    options.url = full.url();
    stopped(options, batch_of(1), outcome::unreachable, [waits = 0]() mutable { return ++waits > 3; });
  }
  SECTION("the request's way out") {
    test_collector collector{{.receive_buffer_bytes = 4096}};
    collector.next(test_collector::hang_without_reading());
    stopped(options_for(collector), large_batch(), outcome::retry, [&] { return collector.begun() != 0; });
  }
  SECTION("an answer") {
    test_collector collector;
    collector.next(test_collector::hang_after());
    stopped(options_for(collector), batch_of(1), outcome::unconfirmed, [&] { return !collector.requests().empty(); });
    CHECK(send_one(collector).what == outcome::success);
  }
  SECTION("the rest of an answer") {
    test_collector collector;
    collector.next(test_collector::send_endlessly("HTTP/1.1 200 OK\r\nX-Long: ", "x", 1ms));
    stopped(options_for(collector), batch_of(1), outcome::unconfirmed, [&] { return !collector.requests().empty(); });
  }
}

TEST_CASE("an exporter goes on after a timeout") {
  test_collector collector;
  collector.next(test_collector::hang_after());
  otlp_http_exporter exporter{options_for(collector, 300ms)};
  CHECK(send(exporter, batch_of(1)).what == outcome::unconfirmed);
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 2);
}

// ---- addresses --------------------------------------------------------------------------------------------------------------

TEST_CASE("an IPv6 address is used in its brackets") {
  std::unique_ptr<test_collector> collector;
  try {
    collector = std::make_unique<test_collector>(test_collector::where{.ipv6 = true});
  } catch (std::runtime_error const&) {
    return skip("no IPv6 here");
  }
  CHECK(send_one(*collector).what == outcome::success);
  REQUIRE(collector->requests().size() == 1);
  CHECK(collector->requests().front().header("Host") == "[::1]:" + std::to_string(collector->port()));
}

TEST_CASE("each address of a name is tried, so that localhost works with a collector on either of its two") {
  scripted_names names;
  for (std::vector<std::string> const& order : {std::vector<std::string>{"::1", "127.0.0.1"}, {"127.0.0.1", "::1"}}) {
    names.resolve("localhost", order);
    for (bool const ipv6 : {false, true}) {
      std::unique_ptr<test_collector> collector;
      try {
        collector = std::make_unique<test_collector>(test_collector::where{.ipv6 = ipv6});
      } catch (std::runtime_error const&) {
        continue;  // a machine without IPv6
      }
      otlp_http_options options;
      options.url = "http://localhost:" + std::to_string(collector->port()) + "/v1/traces";
      otlp_http_exporter exporter{options};
      CHECK(send(exporter, batch_of(1)).what == outcome::success);
      REQUIRE(collector->requests().size() == 1);
      CHECK(collector->requests().front().header("Host") == "localhost:" + std::to_string(collector->port()));
    }
  }
}

TEST_CASE("a name is looked up where the program runs, and not where its background thread is pinned to") {
  if (cpus_of(::getpid()) < 2) return skip("a machine, or a program, with one CPU");
  scripted_names const names;
  otlp_http_options options;
  options.url = "http://no-such-collector:4318";
  otlp_http_exporter exporter{options};
  std::thread{[&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    send(exporter, batch_of(1));
  }}.join();
  CHECK(scripted_names::cpus() == cpus_of(::getpid()));
}

TEST_CASE("an address that swallows every attempt leaves time for the next one") {
  full_port const full;
  std::unique_ptr<test_collector> collector;
  try {
    collector = std::make_unique<test_collector>(test_collector::where{.ipv6 = true, .port = full.port()});
  } catch (std::runtime_error const&) {
    return skip("no IPv6 here");
  }
  scripted_names names;
  names.resolve("collector", {"127.0.0.1", "::1"});
  otlp_http_options options;
  options.url = "http://collector:" + std::to_string(full.port());
  options.timeout = 1s;
  otlp_http_exporter exporter{options};
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
}

TEST_CASE("a Unix socket takes spans as a port does") {
  test_collector collector{{.unix_path = socket_path()}};
  otlp_http_options options;
  options.url = "unix://" + socket_path();
  otlp_http_exporter exporter{options};
  for (int i = 0; i < 3; ++i) CHECK(send(exporter, batch_of(2)).what == outcome::success);
  CHECK(collector.connections() == 1);
  CHECK(collector.spans().size() == 6);
  REQUIRE(collector.requests().size() == 3);
  CHECK(collector.requests().front().line == "POST /v1/traces HTTP/1.1");
  CHECK(collector.requests().front().header("Host") == "localhost");
}

TEST_CASE("a Unix socket that is not there, or that nobody listens at, is unreachable") {
  otlp_http_options options;
  options.url = "unix:" + socket_path();
  otlp_http_exporter exporter{options};
  auto const result = send(exporter, batch_of(1));
  CHECK(result.what == outcome::unreachable);
  CHECK(has(result.message, "Is a collector running?"));
}

TEST_CASE("a URL that cannot be used is refused, by its source and as it was written") {
  for (std::string const url : {"", "localhost:4318", "http://", "http://:4318", "ftp://localhost", "http://localhost:0",
                                "http://localhost:65536", "http://localhost:4318x", "http://::1:4318", "http://[::1", "http://a b",
                                "http://localhost/a\r\nX-Injected: 1", "unix:run/otlp", "unix://"}) {
    std::string const said = refusal_of_url(url);
    CHECK(has(said, "OTEL_EXPORTER_OTLP_ENDPOINT"));
    CHECK(has(said, "\"" + url + "\""));
  }
  std::string const said = refusal_of_url("https://localhost:4318");
  CHECK(has(said, "OTEL_EXPORTER_OTLP_ENDPOINT"));
  CHECK(has(said, "https://localhost:4318"));
  CHECK(has(said, "https needs NANOSPAN_TLS"));
}

TEST_CASE("credentials in a URL are refused, and not told") {
  std::string const said = refusal_of_url("http://me:secret@localhost:4318/v1/traces");
  CHECK(has(said, "OTEL_EXPORTER_OTLP_ENDPOINT"));
  CHECK(has(said, "localhost:4318/v1/traces"));
  CHECK_FALSE(has(said, "secret"));
}

TEST_CASE("a header that would smuggle in another one is refused by its name, and its value is not told") {
  for (std::pair<std::string, std::string> const& header : {std::pair<std::string, std::string>{"X-A", "secret\r\nX-B: 1"},
                                                            {"X-A", "secret\n"},
                                                            {"X-A", "\rsecret"},
                                                            {"X-A\r\nX-B", "secret"},
                                                            {"X-A", std::string{"se\0cret", 7}}}) {
    otlp_http_options options;
    options.headers = {{"X-Good", "1"}, header};
    std::string const said = refusal(options);
    CHECK(has(said, "headers"));
    CHECK(has(said, "X-A"));
    CHECK_FALSE(has(said, "secret"));
  }
}

TEST_CASE("a header's name that is no name is refused") {
  for (std::string const name : {"", "a b", "a:", "X-A: 1"}) {
    otlp_http_options options;
    options.headers = {{name, "value"}};
    CHECK(has(refusal(options), "headers"));
  }
}

TEST_CASE("the description names the address and where it came from") {
  otlp_http_options options;
  options.url = "http://localhost:1234/x";
  options.url_source = "options.endpoint";
  CHECK(otlp_http_exporter{options}.description() == "OTLP/HTTP at http://localhost:1234/x (options.endpoint)");
  CHECK(otlp_http_exporter{otlp_http_options{}}.description() == "OTLP/HTTP at http://localhost:4318/v1/traces (the default)");
}

// ---- whether anybody is there -----------------------------------------------------------------------------------------------

TEST_CASE("a probe is a request without a span, on the connection that batches go over") {
  test_collector collector;
  otlp_http_exporter exporter{options_for(collector)};
  test_wait wait;
  CHECK(exporter.probe(wait).what == outcome::success);
  send(exporter, batch_of(1));
  auto const requests = collector.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].line == requests[1].line);
  CHECK(requests[0].header("Content-Length") == "0");
  CHECK(requests[0].header("Content-Type") == "application/x-protobuf");
  CHECK(requests[0].header("Content-Encoding") == "(none)");
  CHECK(collector.connections() == 1);
}

TEST_CASE("a probe that is called bad was read by somebody, and what else is wrong with a batch is wrong with a probe") {
  auto const probed = [](int status, test_collector::header_list const& headers = {}, std::string const& body = {}) {
    test_collector collector;
    collector.next(test_collector::respond(status, headers, body));
    otlp_http_exporter exporter{options_for(collector)};
    test_wait wait;
    return exporter.probe(wait);
  };
  for (int const status : {200, 204, 400, 411, 422}) CHECK(probed(status).what == outcome::success);
  for (int const status : {401, 403, 404, 405, 407, 415, 500, 301}) CHECK(probed(status).what == outcome::failure);
  for (int const status : {429, 502, 503, 504}) CHECK(probed(status).what == outcome::retry);
  CHECK(probed(400, {}, "Client sent an HTTP request to an HTTPS server.\n").what == outcome::failure);
  CHECK(probed(400, {{"Content-Type", "text/html"}}, "<html>").what == outcome::failure);
}

TEST_CASE("a port that speaks something else is known by what it says") {
  struct {
    std::string bytes;
    std::string said;
  } const others[] = {{std::string{"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0@\0", 15}, "a gRPC port?"},
                      {std::string{"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", 17}, "a gRPC port?"},
                      {"\x15\x03\x03", "in TLS: use https"},
                      {"\x15\x03\x01\x00\x02\x02\x46", "in TLS: use https"},  // NOLINT(bugprone-string-literal-with-embedded-nul): it is what it begins with
                      {"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP/1.1"}};
  for (auto const& [bytes, said] : others) {
    for (bool const by_reset : {false, true}) {
      test_collector collector;
      collector.next([&](test_collector::conversation& with) {
        with.send(bytes);
        if (by_reset) with.read_request();
        with.say_no_more();
        with.hang();
      });
      otlp_http_exporter exporter{options_for(collector)};
      test_wait wait;
      auto const result = exporter.probe(wait);
      CHECK(result.what != outcome::success);
      CHECK(has(result.message, said));
    }
  }
}

TEST_CASE("a forked child's exporter sends to the same place, over a connection of its own") {
  test_collector collector;
  otlp_http_options options = options_for(collector);
  options.headers = {{"X-Tenant", "a"}};
  otlp_http_exporter exporter{options};
  send(exporter, batch_of(1));
  auto const child = exporter.for_child();
  REQUIRE(child != nullptr);
  test_wait wait;
  CHECK(child->export_batch(batch_of(1), wait).what == outcome::success);
  CHECK(send(exporter, batch_of(1)).what == outcome::success);
  CHECK(collector.connections() == 2);
  for (auto const& request : collector.requests()) CHECK(request.header("X-Tenant") == "a");
  CHECK(child->description() == exporter.description());
}

// ---- through a provider -----------------------------------------------------------------------------------------------------

TEST_CASE("a provider's spans arrive, each once, over one connection") {
  test_collector collector;
  account const since;
  {
    nanospan::tracer_provider tracing{provider_options(collector)};
    for (int i = 0; i < 10; ++i) {
      record(100);
      CHECK(tracing.flush(20s));
    }
    record(100);
  }
  auto const now = since.now();
  CHECK(now.ended == 1100);
  CHECK(now.exported == 1100);
  CHECK(now.held == 0);
  CHECK(collector.spans().size() == 1100);
  CHECK(collector.duplicates() == 0);
  CHECK(collector.connections() == 1);
  CHECK(collector.requests().front().line == "POST /v1/traces HTTP/1.1");
}

TEST_CASE("a provider asks as it starts whether a collector is there, and says in one line what is wrong") {
  auto const said = [](std::string const& url, std::string const& expected, bool background_thread = true) {
    messages::take();
    nanospan::options options;
    options.endpoint = url;
    options.on_message = messages::keep;
    options.export_timeout = 20s;
    options.background_thread = background_thread;
    nanospan::tracer_provider tracing{std::move(options)};
    if (!background_thread) tracing.poll();
    std::vector<std::string> lines;
    auto const deadline = std::chrono::steady_clock::now() + 20s;
    while (lines.empty() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      for (auto& line : messages::take()) lines.push_back(std::move(line));
    }
    // What is tried next fails in the same way, and that is no news.
    record(1);
    CHECK_FALSE(tracing.flush(20s));
    for (auto& line : messages::take()) lines.push_back(std::move(line));
    REQUIRE(lines.size() == 1);
    CHECK(has(lines[0], "cannot send to OTLP/HTTP at " + url));
    CHECK(has(lines[0], "(options.endpoint): "));
    CHECK(has(lines[0], expected));
    CHECK_FALSE(has(lines[0], "\n"));
  };
  SECTION("nobody") {
    for (bool const background_thread : {true, false})
      said("http://127.0.0.1:" + std::to_string(test_collector::unused_port()), "Is a collector running?", background_thread);
  }
  SECTION("a name that nobody knows") {
    scripted_names names;
    said("http://no-such-collector:4318", "cannot look up \"no-such-collector\"");
  }
  SECTION("another server") {
    test_collector collector;
    collector.otherwise(test_collector::respond(200, {{"Content-Type", "text/html; charset=utf-8"}}, "<!DOCTYPE html>"));
    said(collector.url(), "no OTLP collector");
  }
  SECTION("another path") {
    test_collector collector;
    collector.otherwise(test_collector::respond(404));
    said(collector.url("/v1/spans"), "Is the path right?");
  }
}

TEST_CASE("a probe that finds a collector says nothing, and no span is in it") {
  test_collector collector;
  account const since;
  {
    auto options = provider_options(collector);
    options.probe = true;
    nanospan::tracer_provider const tracing{std::move(options)};
    CHECK(collector.wait_for_requests(1));
  }
  CHECK(since.now().ended == 0);
  CHECK(collector.spans().empty());
  CHECK(messages::take().empty());
}

TEST_CASE("a probe that hangs holds neither a batch nor the end, and is not told of") {
  test_collector collector;
  collector.next(test_collector::hang_after());
  auto options = provider_options(collector);
  options.probe = true;
  options.export_timeout = duration{};
  options.shutdown_limit = 60s;
  SECTION("a batch") {
    nanospan::tracer_provider tracing{std::move(options)};
    CHECK(collector.wait_for_requests(1));
    record(1);
    CHECK(tracing.flush(30s));
    CHECK(collector.spans().size() == 1);
    CHECK(collector.connections() == 2);
  }
  SECTION("the end") {
    auto const started = std::chrono::steady_clock::now();
    {
      nanospan::tracer_provider const tracing{std::move(options)};  // NOLINT(bugprone-use-after-move): of this section
      CHECK(collector.wait_for_requests(1));
    }
    CHECK(std::chrono::steady_clock::now() - started < 30s);
  }
  CHECK(messages::take().empty());
}

TEST_CASE("a provider counts rejected spans as rejected and tells what the collector said") {
  test_collector collector;
  collector.next(test_collector::respond_partial(3, "too old"));
  account const since;
  {
    nanospan::tracer_provider tracing{provider_options(collector)};
    record(10);
    CHECK(tracing.flush(20s));
  }
  auto const now = since.now();
  CHECK(now.exported == 7);
  CHECK(now.rejected == 3);
  CHECK(collector.spans().size() == 7);
  auto const said = messages::take();
  REQUIRE(!said.empty());
  CHECK(has(said.front(), "rejected 3"));
  CHECK(has(said.front(), "too old"));
}

TEST_CASE("a provider gives a batch up at once on a status that is final, and counts its spans") {
  for (int const status : {400, 401, 404, 500}) {
    test_collector collector;
    collector.next(test_collector::respond(status, {}, "no"));
    account const since;
    {
      nanospan::tracer_provider tracing{provider_options(collector)};
      record(10);
      CHECK_FALSE(tracing.flush(20s));
      CHECK(since.now().dropped.export_failed == 10);
      record(5);
      CHECK(tracing.flush(20s));
    }
    auto const now = since.now();
    CHECK(now.dropped.export_failed == 10);
    CHECK(now.exported == 5);
    CHECK(collector.spans().size() == 5);
    CHECK(collector.requests().size() == 2);
    CHECK(has(messages::take().front(), "HTTP " + std::to_string(status)));
  }
}

TEST_CASE("a provider sends again what was not taken, and each span arrives once") {
  for (int const status : {429, 502, 503, 504}) {
    test_collector collector;
    collector.next(test_collector::respond(status));
    account const since;
    {
      nanospan::tracer_provider tracing{provider_options(collector)};
      record(10);
      CHECK_FALSE(tracing.flush(20s));
      CHECK(since.now().held == 10);
      CHECK(tracing.flush(20s));
    }
    auto const now = since.now();
    CHECK(now.exported == 10);
    CHECK(now.dropped.export_failed == 0);
    CHECK(collector.spans().size() == 10);
    CHECK(collector.duplicates() == 0);
    REQUIRE(collector.requests().size() == 2);
    CHECK(collector.requests()[0].body == collector.requests()[1].body);
  }
}

TEST_CASE("a provider sends again by itself, without a flush, and not before Retry-After") {
  test_collector collector;
  std::atomic<std::uint64_t> answered{0}, again{0};
  collector.next({[&](test_collector::conversation& with) {
                    answered = nanospan::detail::monotonic_nanoseconds();
                    test_collector::respond(503, {{"Retry-After", "2"}})(with);
                  },
                  [&](test_collector::conversation& with) {
                    again = nanospan::detail::monotonic_nanoseconds();
                    test_collector::respond(200)(with);
                  }});
  account const since;
  {
    nanospan::options options = provider_options(collector);
    options.schedule_delay = 1ms;
    nanospan::tracer_provider tracing{std::move(options)};
    record(10);
    CHECK(collector.wait_for_spans(10));
    CHECK(again - answered >= 2'000'000'000u);
  }
  CHECK(since.now().exported == 10);
}

TEST_CASE("what was sent and never answered is unconfirmed, and counts as exported only where it succeeds later") {
  test_collector collector;
  collector.next(test_collector::reset_before_answer(true));  // it has them, and nobody knows
  account const since;
  {
    nanospan::tracer_provider tracing{provider_options(collector)};
    record(10);
    CHECK_FALSE(tracing.flush(20s));
    CHECK(since.now().held == 10);
    CHECK(tracing.flush(20s));
    CHECK(since.now().exported == 10);
    collector.otherwise(test_collector::reset_before_answer(true));
    record(7);
    CHECK_FALSE(tracing.flush(20s));
  }
  auto const now = since.now();
  CHECK(now.exported == 10);
  CHECK(now.unconfirmed == 7);
  CHECK(now.dropped.shutdown == 0);
  CHECK(collector.spans().size() == now.exported + now.unconfirmed);
  CHECK(collector.duplicates() >= 10);
}

TEST_CASE("a provider whose collector's name cannot be looked up in time ends within its limit") {
  test_collector const unused;
  scripted_names names;
  names.hang_on("collector");
  account const since;
  auto const started = std::chrono::steady_clock::now();
  {
    nanospan::options options = provider_options(unused);
    options.endpoint = "http://collector:4318";
    options.export_timeout = 1h;
    options.shutdown_limit = 200ms;
    nanospan::tracer_provider tracing{std::move(options)};
    record(10);
  }
  CHECK(std::chrono::steady_clock::now() - started < 10s);  // generous
  auto const now = since.now();
  CHECK(now.dropped.shutdown == 10);
  CHECK(now.unconfirmed == 0);
}
