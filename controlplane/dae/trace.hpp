#pragma once
// The lines of `debug aaa pod` in the document's words (FACTS A8). Pure: where they go is the caller's.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/dae/counters.hpp"
#include "controlplane/dae/request.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::dae {

/// Where lines go.
class Trace {
 public:
  Trace() = default;
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  virtual ~Trace() = default;
  /// Whether anybody wants lines; asked before they are made.
  [[nodiscard]] virtual bool wants_lines() const noexcept = 0;
  virtual void line(std::string_view text) = 0;  ///< `debug aaa pod`
  virtual void note(std::string_view text) = 0;  ///< something an operator should know without debugging
};

/// "RADIUS: POD received from id 216 9.45.15.144:50567, POD Request, len 84", "POD: 9.45.15.144 request queued", the
/// attribute list, an empty line.
[[nodiscard]] std::vector<std::string> received_lines(const Request& request, const radius::wire::PacketView& packet);
/// "POD: Sending ACK from port 1812 to 9.45.15.144/50567"
[[nodiscard]] std::string ack_line(const Request& request);
/// What the document prints for a NAK, from "Unsupported attribute type" to the attributes of the answer.
[[nodiscard]] std::vector<std::string> nak_lines(const Request& request, const Refusal& refusal);
/// "POD: 9.45.15.144 discarded: bad-authenticator, len 84"
[[nodiscard]] std::string discard_line(const common::IpAddress& source, Discard why, std::size_t octets);

/// "Invalid Request" (RFC 5176 §3.5)
[[nodiscard]] std::string_view error_cause_text(radius::wire::ErrorCause cause) noexcept;

}  // namespace controlplane::dae
