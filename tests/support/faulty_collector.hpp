// SPDX-License-Identifier: Apache-2.0
#pragma once

// The faulty collector (tests/faulty_collector.cpp) as a test commands it. One thread.

#include "child_process.hpp"
#include "ledger.hpp"

#include <memory>
#include <string>

class faulty_collector {
 public:
  faulty_collector(std::string program, ledger& book) : program_{std::move(program)}, book_{book} { start(); }

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
  void start() {
    process_ = std::make_unique<child_process>(
        std::vector<std::string>{program_, std::to_string(book_.descriptor()), std::to_string(book_.most_spans()), std::to_string(port_)});
    if (std::sscanf(process_->line().c_str(), "port %u", &port_) != 1) throw std::runtime_error{program_ + " does not listen"};
  }

  std::string program_;
  ledger& book_;
  std::unique_ptr<child_process> process_;
  unsigned port_ = 0;
};
