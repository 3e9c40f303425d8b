#pragma once
// The judgement over what the control plane sends: wire structs in, typed values out, or `invalid`. A broken control
// plane must not break forwarding, so every field is looked at, the unused ones too. Pure.

#include <optional>

#include "common/channel/messages.hpp"
#include "dataplane/sa/spec.hpp"

namespace dataplane::manager {

/// Views of the result (keys, blob) point into `wire`, which must live as long.
/// nullopt: some field is out of its range, or says what this release cannot do (IPv6, VRFs).
[[nodiscard]] std::optional<sa::SessionSpec> read_session(const common::channel::InstallSession& wire,
                                                          common::ByteView blob, common::Epoch epoch);
[[nodiscard]] std::optional<sa::ChildSpec> read_child(const common::channel::WireChild& wire);
[[nodiscard]] std::optional<sa::Path> read_path(const common::channel::WireEndpoint& local,
                                                const common::channel::WireEndpoint& remote, std::uint32_t flags);
[[nodiscard]] bool is_valid(const common::channel::WirePolicy& policy) noexcept;

}  // namespace dataplane::manager
