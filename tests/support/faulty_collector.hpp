// SPDX-License-Identifier: Apache-2.0
#pragma once

// The faulty collector (tests/faulty_collector.cpp) as a test commands it. One thread.

#include "child_process.hpp"
#include "ledger.hpp"

#include <memory>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

class faulty_collector {
 public:
  faulty_collector(std::string program, ledger& book) : program_{std::move(program)}, book_{book} {
    keep_port();
    start();
  }
  faulty_collector(faulty_collector const&) = delete;
  faulty_collector& operator=(faulty_collector const&) = delete;
  ~faulty_collector() { ::close(port_keeper_); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/traces"; }

  // What it does from now on with each request; "stopped" and "killed" are done to it. After them "none" makes it go on, or be there again.
  void fault(std::string const& name) {
    if (name == "stopped") return process_->signal(SIGSTOP);
    if (name == "killed") return process_.reset();
    if (process_ == nullptr) start();
    process_->signal(SIGCONT);
    process_->say(name);
    if (process_->line() != "done") throw std::runtime_error{"the faulty collector cannot: " + name};
  }

 private:
  // While nobody listens there the port is nobody else's: neither another collector's nor the near end of a connection.
  void keep_port() {
    int const on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    port_keeper_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::setsockopt(port_keeper_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(port_keeper_, plain, size) != 0 || ::getsockname(port_keeper_, plain, &size) != 0) throw std::runtime_error{"no port for a collector"};
    port_ = ntohs(address.sin_port);
  }
  void start() {
    process_ = std::make_unique<child_process>(
        std::vector<std::string>{program_, std::to_string(book_.descriptor()), std::to_string(book_.most_spans()), std::to_string(port_)});
    if (process_->line() != "ready") throw std::runtime_error{program_ + " does not listen"};
  }

  std::string program_;
  ledger& book_;
  std::unique_ptr<child_process> process_;
  int port_keeper_ = -1;
  unsigned port_ = 0;
};
