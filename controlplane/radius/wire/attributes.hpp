#pragma once
// Numbers of RADIUS: codes, attributes, vendors, and the values that we send or understand.

#include <cstddef>
#include <cstdint>

namespace controlplane::radius::wire {

/// Packet codes (RFC 2865 §3, RFC 2866 §3, RFC 5176 §2.3, RFC 5997 §3).
enum class Code : std::uint8_t {
  access_request = 1,
  access_accept = 2,
  access_reject = 3,
  accounting_request = 4,
  accounting_response = 5,
  access_challenge = 11,
  status_server = 12,
  disconnect_request = 40,
  disconnect_ack = 41,
  disconnect_nak = 42,
  coa_request = 43,
  coa_ack = 44,
  coa_nak = 45,
};

/// Attribute types. Plain numbers, because a peer may send any of 256.
namespace attribute {
inline constexpr std::uint8_t kUserName = 1;                 // RFC 2865 §5.1
inline constexpr std::uint8_t kUserPassword = 2;             // RFC 2865 §5.2
inline constexpr std::uint8_t kChapPassword = 3;             // RFC 2865 §5.3
inline constexpr std::uint8_t kNasIpAddress = 4;             // RFC 2865 §5.4
inline constexpr std::uint8_t kNasPort = 5;                  // RFC 2865 §5.5
inline constexpr std::uint8_t kServiceType = 6;              // RFC 2865 §5.6
inline constexpr std::uint8_t kFramedProtocol = 7;           // RFC 2865 §5.7
inline constexpr std::uint8_t kFramedIpAddress = 8;          // RFC 2865 §5.8
inline constexpr std::uint8_t kFramedIpNetmask = 9;          // RFC 2865 §5.9
inline constexpr std::uint8_t kFilterId = 11;                // RFC 2865 §5.11
inline constexpr std::uint8_t kFramedMtu = 12;               // RFC 2865 §5.12
inline constexpr std::uint8_t kReplyMessage = 18;            // RFC 2865 §5.18
inline constexpr std::uint8_t kFramedRoute = 22;             // RFC 2865 §5.22
inline constexpr std::uint8_t kState = 24;                   // RFC 2865 §5.24
inline constexpr std::uint8_t kClass = 25;                   // RFC 2865 §5.25
inline constexpr std::uint8_t kVendorSpecific = 26;          // RFC 2865 §5.26
inline constexpr std::uint8_t kSessionTimeout = 27;          // RFC 2865 §5.27
inline constexpr std::uint8_t kIdleTimeout = 28;             // RFC 2865 §5.28
inline constexpr std::uint8_t kTerminationAction = 29;       // RFC 2865 §5.29
inline constexpr std::uint8_t kCalledStationId = 30;         // RFC 2865 §5.30
inline constexpr std::uint8_t kCallingStationId = 31;        // RFC 2865 §5.31
inline constexpr std::uint8_t kNasIdentifier = 32;           // RFC 2865 §5.32
inline constexpr std::uint8_t kProxyState = 33;              // RFC 2865 §5.33
inline constexpr std::uint8_t kAcctStatusType = 40;          // RFC 2866 §5.1
inline constexpr std::uint8_t kAcctDelayTime = 41;           // RFC 2866 §5.2
inline constexpr std::uint8_t kAcctInputOctets = 42;         // RFC 2866 §5.3
inline constexpr std::uint8_t kAcctOutputOctets = 43;        // RFC 2866 §5.4
inline constexpr std::uint8_t kAcctSessionId = 44;           // RFC 2866 §5.5
inline constexpr std::uint8_t kAcctAuthentic = 45;           // RFC 2866 §5.6
inline constexpr std::uint8_t kAcctSessionTime = 46;         // RFC 2866 §5.7
inline constexpr std::uint8_t kAcctInputPackets = 47;        // RFC 2866 §5.8
inline constexpr std::uint8_t kAcctOutputPackets = 48;       // RFC 2866 §5.9
inline constexpr std::uint8_t kAcctTerminateCause = 49;      // RFC 2866 §5.10
inline constexpr std::uint8_t kAcctMultiSessionId = 50;      // RFC 2866 §5.11
inline constexpr std::uint8_t kAcctInputGigawords = 52;      // RFC 2869 §5.1
inline constexpr std::uint8_t kAcctOutputGigawords = 53;     // RFC 2869 §5.2
inline constexpr std::uint8_t kEventTimestamp = 55;          // RFC 2869 §5.3
inline constexpr std::uint8_t kChapChallenge = 60;           // RFC 2865 §5.40
inline constexpr std::uint8_t kNasPortType = 61;             // RFC 2865 §5.41
inline constexpr std::uint8_t kTunnelPassword = 69;          // RFC 2868 §3.5
inline constexpr std::uint8_t kEapMessage = 79;              // RFC 3579 §3.1
inline constexpr std::uint8_t kMessageAuthenticator = 80;    // RFC 3579 §3.2
inline constexpr std::uint8_t kAcctInterimInterval = 85;     // RFC 2869 §5.16
inline constexpr std::uint8_t kNasPortId = 87;               // RFC 2869 §5.17
inline constexpr std::uint8_t kFramedPool = 88;              // RFC 2869 §5.18
inline constexpr std::uint8_t kChargeableUserIdentity = 89;  // RFC 4372 §2.2
inline constexpr std::uint8_t kNasIpv6Address = 95;          // RFC 3162 §2.1
inline constexpr std::uint8_t kFramedInterfaceId = 96;       // RFC 3162 §2.2
inline constexpr std::uint8_t kFramedIpv6Prefix = 97;        // RFC 3162 §2.3
inline constexpr std::uint8_t kErrorCause = 101;             // RFC 5176 §3.5
/// IOS sends a session's "server key" here and prints the name that RFC 6572 gave the number, home-hl-prefix.
inline constexpr std::uint8_t kSessionServerKey = 151;
inline constexpr std::uint8_t kFramedIpv6Address = 168;     // RFC 6911 §3.1
inline constexpr std::uint8_t kDnsServerIpv6Address = 169;  // RFC 6911 §3.2
}  // namespace attribute

/// SMI Private Enterprise codes of Vendor-Specific attributes.
namespace vendor {
inline constexpr std::uint32_t kCisco = 9;
inline constexpr std::uint32_t kMicrosoft = 311;
}  // namespace vendor

namespace cisco {
inline constexpr std::uint8_t kAvPair = 1;
}

/// RFC 2548.
namespace microsoft {
inline constexpr std::uint8_t kMppeSendKey = 16;         // §2.4.2
inline constexpr std::uint8_t kMppeRecvKey = 17;         // §2.4.3
inline constexpr std::uint8_t kPrimaryDnsServer = 28;    // §2.7.1
inline constexpr std::uint8_t kSecondaryDnsServer = 29;  // §2.7.2
}  // namespace microsoft

/// Acct-Status-Type (RFC 2866 §5.1).
enum class AcctStatus : std::uint8_t { start = 1, stop = 2, interim = 3, on = 7, off = 8 };

/// Acct-Authentic (RFC 2866 §5.6).
enum class AcctAuthentic : std::uint8_t { radius = 1, local = 2, remote = 3 };

/// Service-Type (RFC 2865 §5.6).
enum class ServiceType : std::uint8_t { login = 1, framed = 2, outbound = 5, authorize_only = 17 };

/// NAS-Port-Type (RFC 2865 §5.41).
enum class NasPortType : std::uint8_t { virtual_port = 5 };

/// Error-Cause (RFC 5176 §3.5).
enum class ErrorCause : std::uint16_t {
  residual_context_removed = 201,
  unsupported_attribute = 401,
  missing_attribute = 402,
  nas_identification_mismatch = 403,
  invalid_request = 404,
  unsupported_service = 405,
  unsupported_extension = 406,
  invalid_attribute_value = 407,
  administratively_prohibited = 501,
  session_context_not_found = 503,
  session_context_not_removable = 504,
  resources_unavailable = 506,
  request_initiated = 507,
  multiple_session_selection_unsupported = 508,
};

inline constexpr std::size_t kHeaderOctets = 20;         // RFC 2865 §3
inline constexpr std::size_t kMaxPacketOctets = 4096;    // RFC 2865 §3
inline constexpr std::size_t kMaxValueOctets = 253;      // RFC 2865 §5: Length is one octet and counts its own two
inline constexpr std::size_t kAuthenticatorOctets = 16;  // RFC 2865 §3

}  // namespace controlplane::radius::wire
