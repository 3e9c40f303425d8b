#pragma once
// Which payloads an exchange may and must carry (RFC 7296 Appendix C), as one table.

#include <cstdint>
#include <optional>
#include <span>

#include "controlplane/ike/wire/error.hpp"
#include "controlplane/ike/wire/message.hpp"

namespace controlplane::ike::wire {

/// A message by what it may carry. IKE_AUTH is three things: the first request, the later ones (EAP, final AUTH), and
/// responses.
enum class Form : std::uint8_t {
  init_request,
  init_response,
  auth_first_request,  ///< message id 1
  auth_later_request,
  auth_response,
  child_request,
  child_response,
  informational_request,
  informational_response,
};

/// nullopt for an exchange that we do not have.
[[nodiscard]] std::optional<Form> form_of(const IkeHeader& header) noexcept;

struct Rule {
  Form form;
  PayloadType type;
  std::uint8_t min;
  std::uint8_t max;
};

[[nodiscard]] std::span<const Rule> rules() noexcept;
/// Whether the payloads of that form come encrypted: of all but IKE_SA_INIT.
[[nodiscard]] bool must_be_encrypted(Form form) noexcept;

/// Counts payloads against the table. Notify, Vendor and unknown payloads may stand anywhere. A response with an error
/// notification, and an IKE_SA_INIT response with COOKIE, need carry nothing else.
/// @error missing, duplicate, not_allowed
[[nodiscard]] Result<void> check_payloads(Form form, const Payloads& payloads) noexcept;

/// Whether a message in clear has the outer shape of its form: IKE_SA_INIT all in clear, every other exchange nothing
/// but SK or SKF (an unencrypted INFORMATIONAL, RFC 7296 §1.5, is `missing` its sk).
/// @error missing, not_allowed
[[nodiscard]] Result<void> check_outer(Form form, const Message& message) noexcept;

}  // namespace controlplane::ike::wire
