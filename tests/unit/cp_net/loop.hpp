#pragma once
// Runs an io_context until something is true, with a deadline instead of sleeps.

#include <chrono>

#include <boost/asio/io_context.hpp>

namespace controlplane::net {

template <class Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& io, Condition&& condition,
                             std::chrono::milliseconds limit = std::chrono::seconds(5)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace controlplane::net
