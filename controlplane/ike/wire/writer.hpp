#pragma once
// Payloads and messages to bytes.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "common/bytes.hpp"
#include "common/secret.hpp"
#include "controlplane/ike/wire/message.hpp"

namespace controlplane::ike::wire {

/// Appends payloads and links each to the next. What a struct views is copied at once.
class PayloadWriter {
 public:
  void add(const Sa& sa);
  void add(const Ke& ke);
  void add_idi(const Id& id) { add_id(PayloadType::idi, id); }
  void add_idr(const Id& id) { add_id(PayloadType::idr, id); }
  void add(const Cert& cert);
  void add(const CertReq& request);
  void add(const Auth& auth);
  void add(const Nonce& nonce);
  void add(const Notify& notify);
  /// A notification about the whole exchange, with data that is given in parts.
  void add(NotifyType type, std::initializer_list<ByteView> data = {});
  void add(const Delete& deletion);
  void add(const Vendor& vendor);
  void add_tsi(const Ts& ts) { add_ts(PayloadType::tsi, ts); }
  void add_tsr(const Ts& ts) { add_ts(PayloadType::tsr, ts); }
  void add(const Cp& cp);
  void add(const Eap& eap);
  /// A body of any type: for what has no struct here, and for tests that write nonsense.
  void add_raw(PayloadType type, ByteView body, bool critical = false);

  [[nodiscard]] PayloadType first() const noexcept { return first_; }
  [[nodiscard]] ByteView view() const noexcept { return out_.view(); }
  [[nodiscard]] bool empty() const noexcept { return out_.size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }

 private:
  void add_id(PayloadType type, const Id& id);
  void add_ts(PayloadType type, const Ts& ts);
  [[nodiscard]] std::size_t begin(PayloadType type, bool critical = false);
  void end(std::size_t start);

  common::ByteWriter out_;
  PayloadType first_ = PayloadType::none;
  std::size_t last_ = 0;  ///< where the last payload's header stands; meaningless while empty
};

/// ID payload without its generic header: what AUTH covers of an ID that we send (RFC 7296 §2.15).
[[nodiscard]] common::Bytes id_octets(const Id& id);

void write_header(common::ByteWriter& out, const IkeHeader& header);

/// A message all in clear. next_payload and length of the header are filled in.
[[nodiscard]] common::Bytes write_message(IkeHeader header, const PayloadWriter& payloads);

}  // namespace controlplane::ike::wire
