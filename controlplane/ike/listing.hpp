#pragma once
// The IKE SAs as plain values, for `show crypto ikev2 sa [detail]` and `show crypto ipsec sa`. No keys in here (P6).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/ids.hpp"

namespace controlplane::ike {

/// One range of a traffic selector, ready to print.
struct SelectorListing {
  common::IpAddress first;
  common::IpAddress last;  ///< inclusive
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 65'535;
  std::uint8_t protocol = 0;  ///< 0: any
};

struct ChildListing {
  common::Spi inbound_spi;   ///< chosen by us
  common::Spi outbound_spi;  ///< chosen by the peer
  std::string suite;         ///< "esp-gcm 256"
  std::string group;         ///< PFS group, "" without PFS
  bool esn = false;
  bool udp_encap = false;
  bool current = true;  ///< false: its successor is installed, the peer's Delete is awaited
  std::chrono::seconds age{0};
  std::vector<SelectorListing> local;
  std::vector<SelectorListing> remote;
};

struct SaListing {
  std::uint32_t sa_id = 0;  ///< "SA ID" of the logs, small and unique while the process lives
  std::uint64_t initiator_spi = 0;
  std::uint64_t responder_spi = 0;
  common::Endpoint local;
  common::Endpoint remote;
  bool initiator = false;  ///< role; this gateway is always the responder
  std::string status;      ///< "READY", "IN-NEG", "DELETE"
  std::string state;       ///< the state machine's own name
  std::string encryption;  ///< "AES-GCM"
  std::uint16_t key_bits = 0;
  std::string integrity;  ///< "SHA256", "" for AEAD
  std::string prf;        ///< "SHA384"
  std::uint16_t group = 0;
  std::string local_auth;   ///< "RSA", "ECDSA", "PSK"
  std::string remote_auth;  ///< "PSK", "RSA", "ECDSA", "EAP"
  std::string local_identity;
  std::string remote_identity;  ///< IDi
  std::string eap_identity;     ///< the user as RADIUS or EAP names him, "" without EAP
  std::string profile;
  std::chrono::seconds active{0};  ///< since IKE_SA_INIT, or since the rekey that made this SA
  bool nat_local = false;          ///< we are behind a NAT
  bool nat_remote = false;         ///< the peer is
  bool fragmentation = false;
  std::uint16_t fragment_size = 0;      ///< octets, 0 without fragmentation
  std::uint32_t local_message_id = 0;   ///< of our next request
  std::uint32_t remote_message_id = 0;  ///< of the peer's next request
  std::uint32_t dpd_seconds = 0;
  std::optional<common::IpAddress> inner_address;
  std::optional<common::SessionId> session;  ///< from the first IKE_AUTH on
  std::uint32_t unique_id = 0;
  std::string audit_session_id;
  std::vector<ChildListing> children;
};

}  // namespace controlplane::ike
