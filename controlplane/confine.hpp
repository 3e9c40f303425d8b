#pragma once
// What the process may still do once it is set up (DESIGN chapter 1, P6). Each step is separate and is taken once, by
// main, on the main thread.

#include <expected>
#include <string>

namespace controlplane {

/// No core dumps, not dumpable, no new privileges: before any secret is read.
/// @error a sentence that names the system call
[[nodiscard]] std::expected<void, std::string> forbid_dumps();

/// Becomes `user` with CAP_NET_BIND_SERVICE only (and CAP_NET_RAW with `raw_sockets`, for sockets in a VRF). Does
/// nothing for an empty name. Directories that the process writes to must belong to the user already.
/// @pre started as root
/// @error a sentence: no such user, not root, a system call
[[nodiscard]] std::expected<void, std::string> become_user(const std::string& user, bool raw_sockets);

/// From now on every thread may only use the system calls of a gateway at work: sockets (Unix, IP, netlink), files,
/// time, memory, threads. No new programs, no executable memory, no tracing; refused calls fail with EPERM.
/// @error a sentence
[[nodiscard]] std::expected<void, std::string> restrict_system_calls();

}  // namespace controlplane
