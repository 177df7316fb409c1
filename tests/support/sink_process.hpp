// SPDX-License-Identifier: Apache-2.0
#pragma once

// Starts the sink (tests/sink.cpp) as a process of its own, stops and continues it, and asks at the end what it took.

#include "child_process.hpp"

#include <cstdint>

class sink_process {
 public:
  struct account {
    std::uint64_t requests = 0;
    std::uint64_t spans = 0;
    std::uint64_t distinct = 0;
    std::uint64_t bytes = 0;
  };

  // Before the program has threads of its own.
  explicit sink_process(char const* program, char const* argument = "") : process_{{program, argument}} {
    if (std::sscanf(process_.line().c_str(), "port %u", &port_) != 1) throw std::runtime_error{std::string{program} + " does not listen"};
  }

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // A real hang: the kernel still accepts connections and bytes, and nobody reads them.
  void hang() const { process_.signal(SIGSTOP); }
  void go_on() const { process_.signal(SIGCONT); }

  // Ends the sink.
  account finish() {
    go_on();
    process_.end_input();
    unsigned long long requests = 0, spans = 0, distinct = 0, bytes = 0;
    if (std::sscanf(process_.line().c_str(), "requests %llu spans %llu distinct %llu bytes %llu", &requests, &spans, &distinct, &bytes) != 4)
      std::fputs("the sink ended without its account\n", stderr);
    process_.wait();
    return {requests, spans, distinct, bytes};
  }

 private:
  child_process process_;
  unsigned port_ = 0;
};
