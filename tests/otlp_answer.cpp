// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/otlp_answer.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/messages.hpp"

using nanospan::duration;
using nanospan::export_result;
using nanospan::detail::http_answer;
using nanospan::detail::judge;
using nanospan::detail::judge_probe;
using nanospan::detail::why_unreadable;
using outcome = export_result::outcome;
using support::has;

namespace {

http_answer answer(int status, std::string body = {}, std::string content_type = {}, std::string location = {}) {
  http_answer made;
  made.status = status;
  made.reason = "Said";
  made.body = std::move(body);
  made.content_type = std::move(content_type);
  made.location = std::move(location);
  return made;
}

}  // namespace

TEST_CASE("what goes wrong is told with its status, what was said, and what to try") {
  struct {
    http_answer given;
    std::string said;
    outcome what;
  } const cases[] = {
      {answer(401, "no token"), "HTTP 401 Said (no token). Are the credentials right? options.headers or OTEL_EXPORTER_OTLP_HEADERS has them", outcome::failure},
      {answer(403), "HTTP 403 Said. Are the credentials right?", outcome::failure},
      {answer(404), "HTTP 404 Said. Is the path right?", outcome::failure},
      {answer(405), "HTTP 405 Said. Is the path right?", outcome::failure},
      {answer(407), "HTTP 407 Said. A proxy that wants credentials", outcome::failure},
      {answer(413), "HTTP 413 Said. A smaller options.max_batch_bytes may help", outcome::too_large},
      {answer(415), "HTTP 415 Said. It takes no protobuf, or no gzip", outcome::failure},
      {answer(301, {}, {}, "https://other/v1/traces"), "It says that it is at https://other/v1/traces, and redirects are not followed", outcome::failure},
      {answer(308, {}, {}, "/x"), "It says that it is at /x, and", outcome::failure},
      {answer(400, "Client sent an HTTP request to an HTTPS server.\n"), "That port speaks TLS: use https", outcome::failure},
      {answer(400, "<center>The plain HTTP request was sent to HTTPS port</center>", "text/html"), "That port speaks TLS: use https", outcome::failure},
      {answer(400, "bad span"), "HTTP 400 Said (bad span)", outcome::failure},
      {answer(503, "busy"), "HTTP 503 Said (busy)", outcome::retry},
      {answer(500), "HTTP 500 Said", outcome::failure},
  };
  for (auto const& [given, said, what] : cases) {
    CAPTURE(given.status, said);
    auto const result = judge(given);
    CHECK(result.what == what);
    CHECK(has(result.message, said));
    CHECK_FALSE(has(result.message, "\n"));
  }
}

TEST_CASE("a page of HTML is another server's, whatever its status, and is not shown") {
  for (int const status : {200, 403, 404, 500, 502, 503}) {
    for (char const* type : {"text/html", "Text/HTML; charset=utf-8"}) {
      auto const result = judge(answer(status, "<html>secret</html>", type));
      CHECK(result.what == (status == 502 || status == 503 ? outcome::retry : outcome::failure));
      CHECK(has(result.message, "no OTLP collector"));
      CHECK_FALSE(has(result.message, "<html>"));
    }
  }
}

TEST_CASE("what is told of an answer is one line that a terminal does not obey, of some hundred characters, without credentials") {
  http_answer rude = answer(404, std::string("\x1b[31m\r\n\0x", 9) + std::string(10'000, 'x'));
  rude.reason = "\x1b]0;owned\x07" + std::string(10'000, 'y');
  std::string const said = judge(rude).message;
  CHECK(said.size() < 800);
  for (char const c : said) CHECK((c >= ' ' && c < 0x7f));
  CHECK_FALSE(has(judge(answer(302, {}, {}, "http://me:secret@host/\x1b")).message, "secret"));
}

TEST_CASE("only a probe may be called bad") {
  for (int const status : {400, 411, 422}) {
    CHECK(judge(answer(status)).what == outcome::failure);
    CHECK(judge_probe(answer(status)).what == outcome::success);
  }
  for (int const status : {301, 401, 403, 404, 405, 407, 413, 415, 429, 500, 503}) CHECK(judge_probe(answer(status)).what == judge(answer(status)).what);
}

TEST_CASE("less than no spans rejected is none") {
  CHECK(judge(answer(200, "\x0a\x02\x08\x07")).rejected_spans == 7);
  CHECK(judge(answer(200, "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")).rejected_spans == 0);
}

TEST_CASE("Retry-After counts where another attempt is worth it") {
  http_answer given = answer(503);
  given.retry_after = "7";
  CHECK(judge(given).retry_after == duration::of_milliseconds(7'000));
  given.status = 404;
  CHECK(judge(given).retry_after == duration{});
}

TEST_CASE("what is no HTTP is known by its first bytes") {
  CHECK(has(why_unreadable({"\0\0\x06\x04\0", 5}), "a gRPC port?"));
  CHECK(has(why_unreadable({"\0\0\x08\x07\0", 5}), "a gRPC port?"));
  CHECK(has(why_unreadable({"\x15\x03\x03", 3}), "use https"));
  for (std::string_view const other : {std::string_view{"SSH-2.0"}, std::string_view{"\0\0\0\0\0", 5}, std::string_view{"\x15"}, std::string_view{}, std::string_view{"\0\0\x06", 3}})
    CHECK(has(why_unreadable(other), "not HTTP/1.1"));
}
