// SPDX-License-Identifier: Apache-2.0
#pragma once

// How often a collector took each span, in memory that it shares with the test: what it took is known however it ended. Spans are numbered from 1
// by an id generator of the test, and their numbers are their ids. Any thread, either process.

#include <nanospan/id.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

class ledger {
 public:
  explicit ledger(std::uint64_t most_spans) : ledger{::memfd_create("ledger", 0), most_spans} {}
  // The same one, in the process that inherited the descriptor.
  ledger(int descriptor, std::uint64_t most_spans) : descriptor_{descriptor}, bytes_{sizeof(page) + most_spans + 1}, most_spans_{most_spans} {
    bool const sized = ::ftruncate(descriptor, static_cast<off_t>(bytes_)) == 0;
    void* const mapped = sized ? ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED;
    if (mapped == MAP_FAILED) throw std::runtime_error{"no memory to share"};
    page_ = static_cast<page*>(mapped);
    taken_ = reinterpret_cast<std::atomic<std::uint8_t>*>(page_ + 1);
  }
  ledger(ledger const&) = delete;
  ledger& operator=(ledger const&) = delete;
  ~ledger() {
    ::munmap(page_, bytes_);
    ::close(descriptor_);
  }

  int descriptor() const noexcept { return descriptor_; }
  std::uint64_t most_spans() const noexcept { return most_spans_; }

  static std::uint64_t number(void const* span_id) noexcept {
    std::uint64_t id = 0;
    std::memcpy(&id, span_id, sizeof id);
    return id;
  }
  static nanospan::span_id id(std::uint64_t number) noexcept {
    std::array<std::uint8_t, 8> bytes{};
    std::memcpy(bytes.data(), &number, sizeof number);
    return nanospan::span_id{bytes};
  }

  void take(std::uint64_t number) noexcept {
    if (number == 0 || number > most_spans_) ++page_->unknown;
    else if (auto& times = taken_[number]; times < 255) ++times;
  }
  unsigned taken(std::uint64_t number) const noexcept { return taken_[number]; }
  // Different ones of the first `spans`, and how often one was taken again.
  struct sum {
    std::uint64_t distinct = 0;
    std::uint64_t again = 0;
  };
  sum taken_of(std::uint64_t spans) const noexcept {
    sum all;
    for (std::uint64_t i = 1; i <= spans; ++i)
      if (unsigned const times = taken(i); times != 0) {
        ++all.distinct;
        all.again += times - 1;
      }
    return all;
  }
  // Ids that nobody gave, and requests that are none.
  std::atomic<std::uint64_t>& unknown() noexcept { return page_->unknown; }
  // Requests, or connections where it does not come so far, that met a fault.
  std::atomic<std::uint64_t>& faulted() noexcept { return page_->faulted; }

 private:
  struct page {
    std::atomic<std::uint64_t> unknown;
    std::atomic<std::uint64_t> faulted;
  };
  int descriptor_;
  std::size_t bytes_;
  std::uint64_t most_spans_;
  page* page_ = nullptr;
  std::atomic<std::uint8_t>* taken_ = nullptr;
};

// Of spans in a ledger.
class numbered_ids final : public nanospan::id_generator {
 public:
  nanospan::trace_id next_trace_id() const noexcept override { return {}; }  // invalid: a random one
  nanospan::span_id next_span_id() const noexcept override { return ledger::id(count_.fetch_add(1) + 1); }
  std::uint64_t count() const noexcept { return count_; }

 private:
  std::atomic<std::uint64_t> mutable count_{0};
};
