// SPDX-License-Identifier: Apache-2.0

#include <nanospan/shared.hpp>

#include "catch.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

using nanospan::shared;

namespace {

struct animal {
  virtual ~animal() = default;
  virtual std::string sound() const = 0;
};
struct dog final : animal {
  explicit dog(int& alive_count, std::string says = "woof") : alive{alive_count}, saying{std::move(says)} { ++alive; }
  ~dog() override { --alive; }
  dog(dog const&) = delete;
  dog& operator=(dog const&) = delete;
  std::string sound() const override { return saying; }
  int& alive;
  std::string saying;
};

}  // namespace

TEST_CASE("an object that is shared with a shared_ptr lives as long as either") {
  int alive = 0;
  auto first = std::make_shared<dog>(alive);
  shared<animal> owner = first;
  CHECK(owner.get() == first.get());
  CHECK(first.use_count() == 2);
  first.reset();
  CHECK(alive == 1);
  CHECK(owner->sound() == "woof");
  owner = nullptr;
  CHECK(alive == 0);
}

TEST_CASE("an object of a unique_ptr is taken over") {
  int alive = 0;
  {
    shared<animal const> const owner = std::make_unique<dog const>(alive);
    CHECK((*owner).sound() == "woof");
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("copies own together, and what is moved from is null") {
  int alive = 0;
  auto owner = shared<animal>::make<dog>(alive, "wau");
  {
    shared<animal> copy = owner;
    CHECK(copy.get() == owner.get());
    shared<animal> const moved = std::move(owner);
    owner = copy;
    copy = owner;
    copy = std::move(copy);
    CHECK(moved->sound() == "wau");
  }
  CHECK(alive == 1);
  CHECK(owner->sound() == "wau");
  shared<animal> const last = std::move(owner);
  CHECK(owner == nullptr);  // NOLINT(bugprone-use-after-move): that is what is tested
  CHECK(last != nullptr);
}

TEST_CASE("of nothing a shared is null, without memory") {
  CHECK_FALSE(shared<animal>{});
  CHECK_FALSE(shared<animal>{nullptr});
  CHECK_FALSE(shared<animal>{std::shared_ptr<dog>{}});
}

TEST_CASE("the last of many threads' copies destroys") {
  int alive = 0;
  {
    auto owner = shared<animal>::make<dog>(alive);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([owner] {
        for (int round = 0; round < 10'000; ++round) shared<animal> const copy = owner;
      });
    }
    owner = nullptr;
    for (auto& thread : threads) thread.join();
  }
  CHECK(alive == 0);
}
