// Names of the errors, for logs.

#include "controlplane/crypto/error.hpp"

namespace controlplane::crypto {

std::string_view to_string(CryptoError error) noexcept {
  switch (error) {
    case CryptoError::unsupported:
      return "unsupported";
    case CryptoError::bad_key_length:
      return "bad key length";
    case CryptoError::bad_public_value:
      return "bad public value";
    case CryptoError::bad_length:
      return "bad length";
    case CryptoError::bad_icv:
      return "integrity check failed";
    case CryptoError::bad_padding:
      return "bad padding";
    case CryptoError::bad_certificate:
      return "bad certificate";
    case CryptoError::untrusted:
      return "no chain to a trusted CA";
    case CryptoError::expired:
      return "certificate not valid at this time";
    case CryptoError::bad_purpose:
      return "certificate not made for this purpose";
    case CryptoError::identity_mismatch:
      return "identity not in the certificate";
    case CryptoError::bad_signature:
      return "bad signature";
    case CryptoError::weak:
      return "algorithm or key too weak";
    case CryptoError::bad_encoding:
      return "bad encoding";
    case CryptoError::library:
      return "OpenSSL error";
  }
  return "?";
}

}  // namespace controlplane::crypto
