#pragma once
// The naive longest-prefix match that the trie is compared with, and a defer queue whose grace periods a test ends.

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "dataplane/route/fib.hpp"

namespace dataplane::route::test {

class Model {
 public:
  void set(Prefix4 prefix, Result result) { routes_[prefix] = result; }
  void remove(Prefix4 prefix) { routes_.erase(prefix); }
  [[nodiscard]] Result lookup(std::uint32_t address) const {
    for (int length = 32; length >= 0; --length) {
      Prefix4 prefix{address, static_cast<std::uint8_t>(length)};
      prefix.address &= prefix.mask();
      if (const auto at = routes_.find(prefix); at != routes_.end()) return at->second;
    }
    return no_route();
  }
  [[nodiscard]] const std::map<Prefix4, Result>& routes() const { return routes_; }

 private:
  std::map<Prefix4, Result> routes_;
};

class Deferred {
 public:
  [[nodiscard]] Defer hook() {
    return [this](std::move_only_function<void()> work) { waiting_.push_back(std::move(work)); };
  }
  void end_grace_period() {
    std::vector<std::move_only_function<void()>> now = std::move(waiting_);
    waiting_.clear();
    for (auto& work : now) work();
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  std::vector<std::move_only_function<void()>> waiting_;
};

}  // namespace dataplane::route::test
