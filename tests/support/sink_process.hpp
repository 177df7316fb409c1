// SPDX-License-Identifier: Apache-2.0
#pragma once

// Starts the sink (tests/sink.cpp) as a process of its own, stops and continues it, and asks at the end what it took.

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

class sink_process {
 public:
  struct account {
    std::uint64_t requests = 0;
    std::uint64_t spans = 0;
    std::uint64_t distinct = 0;
    std::uint64_t bytes = 0;
  };

  // Before the program has threads of its own.
  explicit sink_process(char const* program, char const* argument = nullptr) {
    int to_sink[2];
    int from_sink[2];
    if (::pipe2(to_sink, O_CLOEXEC) != 0 || ::pipe2(from_sink, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(to_sink[0], STDIN_FILENO);
      ::dup2(from_sink[1], STDOUT_FILENO);
      ::execl(program, program, argument, nullptr);
      ::_exit(127);
    }
    ::close(to_sink[0]);
    ::close(from_sink[1]);
    input_ = to_sink[1];
    output_ = ::fdopen(from_sink[0], "r");
    if (std::fscanf(output_, "port %u", &port_) != 1) throw std::runtime_error{std::string{program} + " does not listen"};
  }
  sink_process(sink_process const&) = delete;
  sink_process& operator=(sink_process const&) = delete;
  ~sink_process() {
    if (process_ > 0) finish();
    std::fclose(output_);
  }

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // A real hang: the kernel still accepts connections and bytes, and nobody reads them.
  void hang() const { ::kill(process_, SIGSTOP); }
  void go_on() const { ::kill(process_, SIGCONT); }

  // Ends the sink.
  account finish() {
    go_on();
    ::close(input_);
    unsigned long long requests = 0, spans = 0, distinct = 0, bytes = 0;
    if (std::fscanf(output_, " requests %llu spans %llu distinct %llu bytes %llu", &requests, &spans, &distinct, &bytes) != 4)
      std::fputs("the sink ended without its account\n", stderr);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
    return {requests, spans, distinct, bytes};
  }

 private:
  pid_t process_ = -1;
  int input_ = -1;
  std::FILE* output_ = nullptr;
  unsigned port_ = 0;
};
