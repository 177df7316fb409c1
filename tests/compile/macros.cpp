// SPDX-License-Identifier: Apache-2.0

// Every macro in every place where a declaration or a statement may stand. Compiles without a warning, links without a provider,
// and returns 0. With NANOSPAN_ENABLED=0 nothing of it is left.

#include "shared.hpp"

#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace {

int failures = 0;
void check(bool holds, int line) {
  if (holds) return;
  ++failures;
  std::printf("macros.cpp:%d\n", line);
}

// ---- values ----------------------------------------------------------------------------------------------------------------

enum plain_enum : int { plain_value = 3 };

void values() {
  bool const boolean = true;
  char const letter = 'x';
  signed char const signed_letter = -1;
  unsigned char const unsigned_letter = 255;
  short const small = -2;
  unsigned short const unsigned_small = 2;
  int const n = -3;
  unsigned const u = 3;
  long const l = -4;
  unsigned long const ul = 4;
  long long const ll = std::numeric_limits<long long>::min();
  unsigned long long const ull = std::numeric_limits<unsigned long long>::max();
  std::size_t const size = 5;
  std::int8_t const i8 = -5;
  std::uint64_t const u64 = 6;
  char8_t const c8 = u8'8';
  char16_t const c16 = u'6';
  char32_t const c32 = U'2';
  wchar_t const wide = L'w';
  NANOSPAN("integers", {"bool", boolean}, {"char", letter}, {"signed char", signed_letter}, {"unsigned char", unsigned_letter},
           {"short", small}, {"unsigned short", unsigned_small}, {"int", n}, {"unsigned", u}, {"long", l}, {"unsigned long", ul},
           {"long long", ll}, {"unsigned long long", ull});
  NANOSPAN_SET({"size", size}, {"int8", i8}, {"uint64", u64}, {"char8", c8}, {"char16", c16}, {"char32", c32}, {"wchar", wide});
  NANOSPAN_SET({"literals", 1}, {"one", 1u}, {"by", 1l}, {"one", 1ull}, {"true", true}, {"char", 'c'});

  float const single = 1.5f;
  double const twice = 2.5;
  long double const extended = 3.5L;
  NANOSPAN("floating", {"float", single}, {"double", twice}, {"long double", extended}, {"literal", 12.5});

  std::string_view const view = "view";
  char const* const pointer = "pointer";
  char const* const nothing = nullptr;
  char array[] = "array";
  char* const mutable_pointer = array;
  std::string const string = "string";
  NANOSPAN("texts", {"string_view", view}, {"char const*", pointer}, {"null", nothing}, {"array", array}, {"char*", mutable_pointer},
           {"string", string}, {"temporary", std::string(40, 't')}, {"c_str", string.c_str()}, {"literal", "literal"});

  int mutable_value = 1;
  int const& reference = mutable_value;
  volatile int const read_once = 1;
  NANOSPAN("kinds of expression", {"mutable", mutable_value}, {"reference", reference}, {"moved", std::move(mutable_value)},
           {"sum", mutable_value + 1}, {"call", shared_work(1)}, {"comma", (static_cast<void>(mutable_value), 2)}, {"volatile", int{read_once}},
           {"bit", static_cast<bool>(mutable_value & 1)}, {"enum", static_cast<int>(plain_value)}, {"ternary", boolean ? "yes" : "no"},
           {"tracing", nanospan::current().trace_id().hex()});
}

// ---- kinds and statements ---------------------------------------------------------------------------------------------------

void kinds() {
  NANOSPAN_SERVER("GET /item");
  NANOSPAN_CLIENT("SELECT", {"db.system.name", "postgresql"});
  NANOSPAN_PRODUCER("send");
  NANOSPAN_CONSUMER("receive", {"n", 1}, {"m", 2});
  NANOSPAN_FUNCTION();
  NANOSPAN_FUNCTION({"k", 1});
}

int statements(bool condition) {
  NANOSPAN("first");
  NANOSPAN("second in one scope", {"k", 1});
  if (condition) NANOSPAN_SET({"condition", condition});
  if (condition)
    NANOSPAN_EVENT("taken");
  else
    NANOSPAN_EVENT("not taken", {"k", 1});
  if (!condition) NANOSPAN_ERROR("no condition");
  else NANOSPAN_ERROR(std::string{"a condition"});
  for (int i = 0; i < 2; ++i) {
    NANOSPAN("iteration", {"i", i});
    if (i == 1) break;
    continue;
  }
  for (int i = 0; i < 2; ++i) NANOSPAN("the only statement", {"i", i});
  while (condition) {
    NANOSPAN("loop");
    condition = false;
  }
  switch (int n = condition ? 1 : 2; n) {
    case 1: {
      NANOSPAN("case", {"n", n});
      return 1;
    }
    default: NANOSPAN_EVENT("default");
  }
  if (NANOSPAN("x"); condition) return 2;
  if (NANOSPAN("x", {"k", 1}); !condition) NANOSPAN_EVENT("inside");
  switch (NANOSPAN("x"); 1) {
    default: break;
  }
  {
    NANOSPAN("inner block");
    NANOSPAN_EVENT("here");
  }
  try {
    NANOSPAN("try");
    if (condition) throw 1;
  } catch (int code) {
    NANOSPAN("catch", {"code", code});
  }
  return 0;
}

int function_try()
try {
  NANOSPAN("function try");
  return 0;
} catch (...) {
  NANOSPAN_FUNCTION();
  throw;
}

[[maybe_unused]] void never_called(int only_an_attribute) { NANOSPAN_FUNCTION({"n", only_an_attribute}); }

auto trailing(int n) noexcept -> int {
  NANOSPAN_FUNCTION({"n", n});
  return n;
}

// ---- templates --------------------------------------------------------------------------------------------------------------

template <typename T>
T in_template(T value) {
  NANOSPAN("template", {"value", value});
  NANOSPAN_FUNCTION({"size", sizeof(T)});
  NANOSPAN_SET({"again", value});
  NANOSPAN_EVENT("event", {"value", value});
  return value;
}
template <typename... Ts>
int variadic(Ts const&... each) {
  NANOSPAN("pack", {"count", sizeof...(each)});
  (
      [&] {
        static_cast<void>(each);  // annotations that are off do not name it
        NANOSPAN("one of a pack", {"value", each});
        NANOSPAN_SET({"value", each});
      }(),
      ...);
  return static_cast<int>(sizeof...(each));
}
template <bool Traced>
int constexpr_if(int n) {
  if constexpr (Traced) {
    NANOSPAN("traced", {"n", n});
    return n;
  } else {
    NANOSPAN_FUNCTION();
    return n + 1;
  }
}
template <int N>
struct numbered {
  int value = N;
  int member() const {
    NANOSPAN("member of a template", {"N", N}, {"value", this->value});
    return value;
  }
};

// ---- classes ----------------------------------------------------------------------------------------------------------------

class account {
 public:
  explicit account(std::string owner) : owner_{std::move(owner)} { NANOSPAN("construct", {"owner", owner_}); }
  account(account const&) = delete;
  account& operator=(account const&) = delete;
  ~account() { NANOSPAN("destroy", {"owner", owner_}); }
  account& operator+=(int amount) {
    NANOSPAN_FUNCTION({"amount", amount});
    balance_ += amount;
    return *this;
  }
  operator int() const {
    NANOSPAN_FUNCTION();
    return balance_;
  }
  virtual int rate() const noexcept {
    NANOSPAN("rate", {"balance", balance_});
    return 1;
  }
  static int count() {
    NANOSPAN_FUNCTION();
    return 1;
  }

 private:
  std::string owner_;
  int balance_ = 0;
};

// ---- lambdas ----------------------------------------------------------------------------------------------------------------

int lambdas() {
  NANOSPAN("outer");
  int const n = 1;
  auto const by_reference = [&] {
    NANOSPAN("by reference", {"n", n});
    auto const nested = [&] {
      NANOSPAN("nested", {"n", n});
      auto const innermost = [n] {
        NANOSPAN_FUNCTION({"n", n});
        NANOSPAN_SET({"n", n});
        return n;
      };
      return innermost();
    };
    return nested();
  };
  auto const generic = [](auto const& value) {
    NANOSPAN("generic", {"value", value});
    NANOSPAN_SET({"value", value});
    NANOSPAN_EVENT("value", {"value", value});
    return 1;
  };
  auto const variadic_generic = [](auto&&... values) {
    NANOSPAN("variadic", {"count", sizeof...(values)});
    return static_cast<int>(sizeof...(values));
  };
  auto templated = []<typename T>(T value) mutable noexcept -> T {
    NANOSPAN_FUNCTION({"value", value});
    return value;
  };
  NANOSPAN("a lambda among the attributes", {"value", [&] {
             NANOSPAN("inside", {"n", n});
             NANOSPAN_SET({"n", n});
             return n;
           }()});
  NANOSPAN_SET({"value", [&] {
                  NANOSPAN_SET({"n", n});
                  return n;
                }()});
  return by_reference() + generic(1) + generic("text") + variadic_generic(1, 'c', 2.5) + templated(1);
}

// ---- structured bindings ----------------------------------------------------------------------------------------------------

struct pair_of {
  int first;
  std::string second;
};

int structured_bindings() {
  auto const [number, text] = pair_of{1, "one"};
  NANOSPAN("of a class", {"number", number}, {"text", text});
  NANOSPAN_SET({"number", number}, {"text", text});
  auto [a, b, c] = std::tuple<int, double, std::string_view>{1, 2.5, "c"};
  NANOSPAN("of a tuple", {"a", a}, {"b", b}, {"c", c});
  NANOSPAN_EVENT("of a tuple", {"a", a}, {"b", b}, {"c", c});
  int const array[] = {1, 2};
  auto const& [x, y] = array;
  NANOSPAN("of an array", {"x", x}, {"y", y});
  for (auto const& [key, value] : {std::pair{1, 2}, std::pair{3, 4}}) NANOSPAN("in a loop", {"key", key}, {"value", value});
  return number + a + x + y;
}

// ---- coroutines -------------------------------------------------------------------------------------------------------------

// Runs at once; what co_awaits it resumes when it has a value, which is at once.
template <typename T>
struct task {
  struct promise_type {
    T value{};
    task get_return_object() { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { throw; }
  };
  explicit task(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
  task(task&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  task& operator=(task&&) = delete;
  ~task() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() const { return handle_.promise().value; }
  T get() const { return handle_.promise().value; }

 private:
  std::coroutine_handle<promise_type> handle_;
};
// Really suspends, and is resumed by its own await_suspend.
struct yield_once {
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
  int await_resume() const noexcept { return 7; }
};

task<int> leaf(int n) {
  NANOSPAN("leaf", {"n", n});
  co_return n;
}
task<std::string> text_leaf() {
  NANOSPAN_FUNCTION();
  co_return std::string(40, 'x');
}
task<int> awaiting(int n) {
  NANOSPAN("awaiting", {"leaf", co_await leaf(n)}, {"suspended", co_await yield_once{}}, {"text", co_await text_leaf()});
  NANOSPAN_SET({"leaf", co_await leaf(n)});
  NANOSPAN_EVENT("leaf", {"leaf", co_await leaf(n)}, {"text", co_await text_leaf()});
  NANOSPAN_FUNCTION({"leaf", co_await leaf(n)});
  co_await yield_once{};
  NANOSPAN_ERROR(co_await text_leaf());
  auto const [first, second] = std::pair{co_await leaf(1), co_await leaf(2)};
  NANOSPAN("bindings in a coroutine", {"first", first}, {"second", second});
  if (NANOSPAN("x"); co_await leaf(1) != 1) co_return 0;
  auto const inner = [captured = first]() -> task<int> {
    NANOSPAN("a coroutine lambda", {"captured", captured}, {"leaf", co_await leaf(3)});
    co_return captured;
  };
  co_return co_await inner();
}
template <typename T>
task<T> generic_coroutine(T value) {
  NANOSPAN_FUNCTION({"value", value}, {"leaf", co_await leaf(1)});
  co_return value;
}

}  // namespace

#define TWO_ON_ONE_LINE() shared_work(1) + shared_work(2)

int main() {
  NANOSPAN("main");
  values();
  kinds();
  check(statements(true) == 0, __LINE__);
  check(function_try() == 0, __LINE__);
  check(trailing(2) == 2, __LINE__);
  check(in_template(1) + static_cast<int>(in_template(2.0)) == 3, __LINE__);
  check(in_template(std::string{"s"}) == "s" && in_template("s")[0] == 's', __LINE__);
  check(variadic(1, 2.5, "three", std::string{"four"}) == 4, __LINE__);
  check(constexpr_if<true>(1) == 1 && constexpr_if<false>(1) == 2, __LINE__);
  check(numbered<5>{}.member() == 5, __LINE__);
  account mine{"me"};
  mine += 5;
  check(mine == 5 && mine.rate() == 1 && account::count() == 1, __LINE__);
  check(lambdas() == 7, __LINE__);
  check(structured_bindings() == 5, __LINE__);
  check(awaiting(1).get() == 1, __LINE__);
  check(generic_coroutine(2.5).get() == 2.5, __LINE__);
  check(TWO_ON_ONE_LINE() == 5, __LINE__);
  check(second_file(1) == 2, __LINE__);
  check(second_files_state() == where_shared_work_keeps_its_state(), __LINE__);
  return failures;
}
