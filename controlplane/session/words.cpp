// Names of the room's enumerators, as logs and `show` print them.

#include "controlplane/session/registry.hpp"

namespace controlplane::session {

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::pending:
      return "pending";
    case State::established:
      return "established";
    case State::ending:
      return "ending";
  }
  return "unknown";
}

std::string_view to_string(Method method) noexcept {
  switch (method) {
    case Method::psk:
      return "psk";
    case Method::certificate:
      return "certificate";
    case Method::eap:
      return "eap";
  }
  return "unknown";
}

std::string_view to_string(Cause cause) noexcept {
  switch (cause) {
    case Cause::user_request:
      return "User-Request";
    case Cause::lost_carrier:
      return "Lost-Carrier";
    case Cause::idle_timeout:
      return "Idle-Timeout";
    case Cause::session_timeout:
      return "Session-Timeout";
    case Cause::admin_reset:
      return "Admin-Reset";
    case Cause::nas_error:
      return "NAS-Error";
    case Cause::nas_reboot:
      return "NAS-Reboot";
    case Cause::port_preempted:
      return "Port-Preempted";
  }
  return "unknown";
}

}  // namespace controlplane::session
