// SPDX-License-Identifier: Apache-2.0
#pragma once

// A program that a test starts and talks with by lines, over its standard input and output. It ends with the object, and with the thread that started it.

#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

class child_process {
 public:
  // Best before the test has threads of its own.
  explicit child_process(std::vector<std::string> command) : name_{command.front()} {
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    std::vector<char*> arguments;
    for (std::string& one : command) arguments.push_back(one.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(to_child[0], STDIN_FILENO);
      ::dup2(from_child[1], STDOUT_FILENO);
      ::execv(arguments.front(), arguments.data());
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    input_ = to_child[1];
    output_ = ::fdopen(from_child[0], "r");
    if (process_ < 0 || output_ == nullptr) throw std::runtime_error{name_ + " cannot be started"};
  }
  child_process(child_process const&) = delete;
  child_process& operator=(child_process const&) = delete;
  ~child_process() {
    signal(SIGKILL);
    wait();
    std::fclose(output_);
  }

  void signal(int number) const {
    if (process_ > 0) ::kill(process_, number);
  }
  void say(std::string line) const {
    line += '\n';
    if (::write(input_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) throw std::runtime_error{name_ + " does not listen to its input"};
  }
  // Throws where it has ended.
  std::string line() {
    char text[512];
    if (std::fgets(text, sizeof text, output_) == nullptr) throw std::runtime_error{name_ + " says nothing"};
    std::string said{text};
    if (said.ends_with('\n')) said.pop_back();
    return said;
  }
  void end_input() {
    if (int const open = std::exchange(input_, -1); open >= 0) ::close(open);
  }
  // Until it has ended.
  void wait() {
    end_input();
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }

 private:
  std::string name_;
  pid_t process_ = -1;
  int input_ = -1;
  std::FILE* output_ = nullptr;
};
