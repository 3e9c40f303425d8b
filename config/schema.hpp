#pragma once
// What an operator can say, as values. Reading it from TOML and judging it is config/read.hpp; every key, its default
// and its unit stand in config/portcullis.toml. Both processes read the same file and take from it what is theirs.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/secret.hpp"
#include "common/suite.hpp"

namespace config {

using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;

/// [gateway]
struct Gateway {
  std::string name = "portcullis";  ///< NAS-Identifier unless radius.nas-identifier says otherwise
  std::filesystem::path state_dir = "/var/lib/portcullis";  ///< the database
  std::filesystem::path run_dir = "/run/portcullis";        ///< channel.sock, admin.sock
  std::string log_level = "info";                           ///< trace, debug, info, warning, error
  std::string
      user;  ///< the control plane gives up root for this user, who may also use the channel; empty: stays as started

  [[nodiscard]] std::filesystem::path channel_socket() const { return run_dir / "channel.sock"; }
  [[nodiscard]] std::filesystem::path admin_socket() const { return run_dir / "admin.sock"; }
  [[nodiscard]] std::filesystem::path database() const { return state_dir / "portcullis.db"; }
};

enum class Hugepages : std::uint8_t { automatic, on, off };
enum class Idle : std::uint8_t { poll, sleep };

/// [dataplane]
struct Dataplane {
  std::vector<unsigned> workers = {1};  ///< the CPU of each worker; the same CPU may be named twice (tests)
  unsigned main_cpu = 0;                ///< manager, relay
  Hugepages hugepages = Hugepages::automatic;
  std::uint32_t memory_mib = 512;
  std::uint32_t sessions = 10'000;  ///< capacity, tombstones included, at most 1,000,000
  Idle idle = Idle::poll;           ///< sleep: a worker without packets sleeps up to 50 us at a time
  Seconds orphan_timeout{300};
  Milliseconds worker_deadline{2000};
  std::uint32_t replay_window = 1024;  ///< packets, a power of two, 64..4096
  std::vector<std::string> eal_args;   ///< passed on to EAL as they are
};

enum class Role : std::uint8_t { outside, inside };

/// [[port]]
struct Port {
  std::string name;  ///< [a-z0-9-]{1,15}
  Role role = Role::outside;
  std::string device;  ///< PCI address, or a DPDK vdev string such as "net_af_packet0,iface=eth1"
  std::string tap;     ///< name of its TAP twin; default: the port's name
  std::uint16_t mtu = 1500;
  std::optional<common::MacAddress> mac;  ///< default: the device's own
};

/// [[pool]]
struct Pool {
  std::string name;
  common::IpAddress first;
  common::IpAddress last;  ///< inclusive
  Seconds quarantine{60};  ///< an address rests that long before it is given again (P1)
  std::vector<common::IpAddress> dns;
  std::vector<common::Prefix> subnets;  ///< INTERNAL_IP4_SUBNET, and what selectors are narrowed to; empty: 0.0.0.0/0
};

enum class RequireMessageAuthenticator : std::uint8_t { yes, automatic, no };

/// [[radius.server]]
struct RadiusServer {
  std::string name;
  common::IpAddress address;
  std::uint16_t auth_port = 1812;
  std::uint16_t acct_port = 1813;
  common::SecretBytes key;       ///< server-key, or the first line of server-key-file
  Milliseconds timeout{2000};    ///< first retransmission; doubles from there (RFC 5080 §2.2.1)
  std::uint32_t retransmit = 3;  ///< of an Access-Request, before the next server is asked
  Seconds dead_time{60};
  RequireMessageAuthenticator require_message_authenticator = RequireMessageAuthenticator::yes;
};

/// [radius]
struct Radius {
  std::vector<RadiusServer> servers;                ///< in order of preference
  std::string nas_identifier;                       ///< default: gateway.name
  std::optional<common::IpAddress> nas_ip_address;  ///< default: the local address towards the server
  std::vector<common::IpAddress> nas_addresses;     ///< further addresses by which a Disconnect-Request may call us
};

enum class AccountingProfile : std::uint8_t { document, extended };
enum class Durability : std::uint8_t { fsync, os };

/// [aaa.accounting]
struct Accounting {
  bool enabled = true;
  bool required = true;  ///< no session without a spool that takes writes (P3)
  AccountingProfile profile = AccountingProfile::extended;
  Durability durability = Durability::fsync;
  Seconds interim_interval{0};          ///< 0: only as an Access-Accept asks (Acct-Interim-Interval)
  Seconds counter_refresh{60};          ///< how often the open-session rows learn the counters
  std::string method_list = "default";  ///< shown in `show aaa user`
};

/// [aaa.authorization]
struct Authorization {
  bool enabled = true;           ///< PSK and certificate logins ask RADIUS too
  common::SecretBytes password;  ///< User-Password of those requests; default "cisco"
};

enum class DaeProfile : std::uint8_t { cisco, rfc5176 };
enum class AckMode : std::uint8_t { complete, early };

/// [aaa.dynamic-author] clients
struct DaeClient {
  common::Prefix address;  ///< a host or a network; the longest match wins
  common::SecretBytes key;
  std::string vrf;  ///< device of the VRF, empty: the default
  DaeProfile profile = DaeProfile::cisco;
  std::vector<std::uint8_t>
      tolerate;  ///< attributes that are ignored, logged and counted; profile's default when unset
  bool tolerate_unset = true;
  bool require_message_authenticator = false;
  bool require_event_timestamp = false;
  std::uint32_t max_sessions_per_request = 1;
};

/// [aaa.dynamic-author]
struct DynamicAuthor {
  bool enabled = false;  ///< true when the table is there
  std::vector<DaeClient> clients;
  std::vector<std::uint16_t> ports = {3799};
  std::vector<common::IpAddress> addresses;  ///< empty: any
  Seconds window{300};                       ///< Event-Timestamp and duplicate cache (RFC 5176 §6.3)
  AckMode ack_mode = AckMode::complete;
};

/// [[ikev2.proposal]]: names in the order of preference, as IOS spells them ("aes-gcm-256", "aes-cbc-256", "sha256",
/// group "19")
struct IkeProposal {
  std::string name;
  std::vector<std::string> encryption;  ///< aes-gcm-128 aes-gcm-256 aes-cbc-128 aes-cbc-256 chacha20-poly1305
  std::vector<std::string> integrity;   ///< sha256 sha384 sha512; must be empty or is ignored for AEAD
  std::vector<std::string> prf;         ///< sha256 sha384 sha512; default: as integrity, else sha256..512
  std::vector<std::uint16_t> group;     ///< IANA: 14 15 16 19 20 21 31
};

enum class AuthMethod : std::uint8_t { psk, certificate, eap };

/// A pre-shared key of [[ikev2.keyring]]
struct Peer {
  std::string name;
  std::string identity;  ///< the peer's IDi text, or "*"
  common::SecretBytes pre_shared_key;
};

/// [[ikev2.keyring]]
struct Keyring {
  std::string name;
  std::vector<Peer> peers;
};

/// [[pki.trustpoint]]: our certificate and whom we believe
struct Trustpoint {
  std::string name;
  std::filesystem::path certificate;      ///< PEM, the leaf first, then the chain that is sent with it
  std::filesystem::path key;              ///< PEM, refused when others can read it
  std::vector<std::filesystem::path> ca;  ///< PEM, roots that peers' certificates must lead to
};

/// [[ikev2.profile]]: the first whose match fits the peer's IDi (and our IDr, when it names one) is used
struct IkeProfile {
  std::string name;
  std::vector<std::string>
      match_identity_remote;   ///< "*", "*@example.org", "fqdn:…", "email:…", "dn:…", "address:…"; empty: any
  std::string identity_local;  ///< our IDr: a name, an address, or a DN; default: the certificate's first SAN
  AuthMethod authentication_local = AuthMethod::certificate;
  std::vector<AuthMethod> authentication_remote;
  bool query_identity = true;  ///< ask for the EAP identity rather than trust IDi
  bool allow_psk_with_eap = false;
  bool allow_keyless_eap = false;  ///< EAP methods that yield no MSK (MD5)
  std::string keyring;
  std::string trustpoint;
  std::string pool;                     ///< default pool; Framed-IP-Address and Framed-Pool of an Access-Accept win
  std::vector<common::IpAddress> dns;   ///< in place of the pool's
  std::vector<common::Prefix> subnets;  ///< in place of the pool's
  std::string name_mangler;  ///< "", "dn-cn", "email-user", "fqdn-host": which part of the identity authorization names
  std::string unique = "replace";  ///< replace, reject, keep
  Seconds dpd{30};                 ///< idle time after which a peer is asked whether it lives, 0: never
  std::uint32_t dpd_retries = 5;   ///< transmissions without an answer until the session ends (Lost-Carrier)
  Seconds session_timeout{0};      ///< absolute, 0: none; Session-Timeout of an Access-Accept wins
  Seconds idle_timeout{0};
};

/// [[ipsec.proposal]]
struct EspProposal {
  std::string name;
  std::vector<common::Suite> suites;  ///< in the order of preference
  std::vector<std::uint16_t> group;   ///< PFS groups accepted at a child rekey; a rekey without is accepted as well
  bool esn = true;                    ///< offered when the peer offers it
};

/// [ikev2]
struct Ike {
  std::vector<common::IpAddress> addresses;  ///< where we listen; empty: every address
  std::uint16_t port = 500;
  std::uint16_t nat_port = 4500;
  std::vector<IkeProposal> proposals;      ///< empty: a secure default
  std::vector<EspProposal> esp_proposals;  ///< empty: a secure default
  std::vector<Keyring> keyrings;
  std::vector<Trustpoint> trustpoints;
  std::vector<IkeProfile> profiles;
  std::uint32_t half_open_limit = 10'000;
  std::uint32_t half_open_per_source = 64;  ///< per /24 (IPv4) or /64 (IPv6)
  std::uint32_t cookie_threshold = 100;     ///< half-open SAs above which a cookie is asked for
  std::uint16_t fragment_size = 1280;       ///< octets of an IKE datagram with its IP and UDP headers (RFC 7383)
  Seconds login_timeout{60};                ///< from IKE_SA_INIT to a session
};

/// [admin]
struct Admin {
  std::string read_group;  ///< may read through admin.sock; empty: only our own user
  std::string write_group;
  std::string metrics_address = "127.0.0.1";
  std::uint16_t metrics_port = 0;  ///< 0: /metrics only on the Unix socket
};

/// The whole file. Movable, not copyable: it holds secrets.
struct Config {
  Gateway gateway;
  Dataplane dataplane;
  std::vector<Port> ports;
  std::vector<Pool> pools;
  Radius radius;
  Accounting accounting;
  Authorization authorization;
  DynamicAuthor dynamic_author;
  Ike ike;
  Admin admin;
};

}  // namespace config
