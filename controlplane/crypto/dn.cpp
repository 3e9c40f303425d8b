// Distinguished names over OpenSSL's X509_NAME. Text is escaped as RFC 4514 §2.4 says, and control characters too, for
// it goes to logs and a peer chose it.

#include "controlplane/crypto/dn.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "controlplane/crypto/native.hpp"

namespace controlplane::crypto {
namespace {

using common::ByteView;

constexpr std::size_t kMaxDnOctets = 8192;

std::unexpected<CryptoError> bad_encoding() noexcept {
  ERR_clear_error();
  return std::unexpected(CryptoError::bad_encoding);
}

X509NamePtr decode(ByteView der) {
  if (der.empty() || der.size() > kMaxDnOctets) return nullptr;
  const std::uint8_t* at = der.data();
  X509NamePtr name(d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size())));
  if (!name || at != der.data() + der.size()) {
    ERR_clear_error();
    return nullptr;
  }
  return name;
}

/// Other names for types than OpenSSL's own.
constexpr std::pair<std::string_view, const char*> kAliases[] = {{"E", "emailAddress"},
                                                                 {"EMAIL", "emailAddress"},
                                                                 {"G", "GN"},
                                                                 {"S", "ST"},
                                                                 {"SERIALNUMBER", "serialNumber"},
                                                                 {"T", "title"},
                                                                 {"STREET", "street"},
                                                                 {"D", "description"}};

using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Deleter<&ASN1_OBJECT_free>>;

ObjectPtr find_type(std::string_view type) {
  std::string upper(type);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const auto& [alias, name] : kAliases)
    if (upper == alias) return ObjectPtr(OBJ_txt2obj(name, 0));
  if (ASN1_OBJECT* exact = OBJ_txt2obj(std::string(type).c_str(), 0); exact != nullptr) return ObjectPtr(exact);
  ERR_clear_error();
  return ObjectPtr(OBJ_txt2obj(upper.c_str(), 0));  // "cn" as well as "CN"
}

std::string type_text(const ASN1_OBJECT* type) {
  const int nid = OBJ_obj2nid(type);
  if (nid != NID_undef) return OBJ_nid2sn(nid);
  std::array<char, 128> text{};
  OBJ_obj2txt(text.data(), static_cast<int>(text.size()), type, 1);
  return text.data();
}

std::optional<std::string> value_text(const X509_NAME_ENTRY* entry) {
  std::uint8_t* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) {
    ERR_clear_error();
    return std::nullopt;
  }
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

void append_escaped(std::string& out, std::string_view value) {
  constexpr std::string_view kSpecial = "\"+,;<>\\=";
  constexpr char kHex[] = "0123456789ABCDEF";
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const auto octet = static_cast<unsigned char>(c);
    const bool edge_space = c == ' ' && (i == 0 || i + 1 == value.size());
    if (octet < 0x20 || octet == 0x7F) {
      out += '\\';
      out += kHex[octet >> 4U];
      out += kHex[octet & 0x0FU];
      continue;
    }
    if (edge_space || (c == '#' && i == 0) || kSpecial.contains(c)) out += '\\';
    out += c;
  }
}

struct Part {
  std::string type;
  std::string value;
  bool joined = false;  ///< to the one before by "+": one RDN of several values
};

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads one value up to a separator that is not escaped. @return false for a broken escape
bool read_value(std::string_view text, std::size_t& at, std::string_view separators, std::string& out) {
  std::size_t keep = 0;  // trailing spaces belong to the value only where they are escaped
  for (; at < text.size() && !separators.contains(text[at]); ++at) {
    if (text[at] != '\\') {
      out += text[at];
      if (text[at] != ' ') keep = out.size();
      continue;
    }
    if (++at == text.size()) return false;
    const int high = hex_digit(text[at]);
    const int low = at + 1 < text.size() ? hex_digit(text[at + 1]) : -1;
    if (high >= 0 && low >= 0) {
      out += static_cast<char>(high << 4 | low);
      ++at;
    } else {
      out += text[at];
    }
    keep = out.size();
  }
  out.resize(keep);
  return true;
}

std::optional<std::vector<Part>> split(std::string_view text) {
  const bool slashes = text.starts_with('/');
  const std::string_view separators = slashes ? "/" : ",;+";
  std::vector<Part> parts;
  std::size_t at = slashes ? 1 : 0;
  bool joined = false;
  for (;;) {
    while (at < text.size() && text[at] == ' ') ++at;
    const std::size_t equals = text.find('=', at);
    if (equals == std::string_view::npos || equals == at) return std::nullopt;
    Part part{.type = std::string(text.substr(at, equals - at)), .joined = joined};
    while (part.type.ends_with(' ')) part.type.pop_back();
    at = equals + 1;
    while (at < text.size() && text[at] == ' ') ++at;
    if (!read_value(text, at, separators, part.value) || part.value.empty()) return std::nullopt;
    parts.push_back(std::move(part));
    if (at == text.size()) return parts;
    joined = text[at] == '+';
    ++at;
  }
}

}  // namespace

Result<std::string> dn_to_text(ByteView der) {
  const X509NamePtr name = decode(der);
  if (!name) return bad_encoding();
  std::string text;
  int last_set = -1;
  for (int i = 0; i < X509_NAME_entry_count(name.get()); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name.get(), i);
    const auto value = value_text(entry);
    if (!value) return bad_encoding();
    if (i > 0) text += X509_NAME_ENTRY_set(entry) == last_set ? " + " : ", ";
    last_set = X509_NAME_ENTRY_set(entry);
    text += type_text(X509_NAME_ENTRY_get_object(entry));
    text += '=';
    append_escaped(text, *value);
  }
  return text;
}

Result<common::Bytes> dn_from_text(std::string_view text) {
  const auto parts = split(text);
  const X509NamePtr name(X509_NAME_new());
  if (!parts || !name) return bad_encoding();
  for (const Part& part : *parts) {
    const ObjectPtr type = find_type(part.type);
    if (!type || X509_NAME_add_entry_by_OBJ(name.get(), type.get(), MBSTRING_UTF8,
                                            reinterpret_cast<const std::uint8_t*>(part.value.data()),
                                            static_cast<int>(part.value.size()), -1, part.joined ? -1 : 0) != 1)
      return bad_encoding();
  }
  std::uint8_t* der = nullptr;
  const int size = i2d_X509_NAME(name.get(), &der);
  if (size <= 0) return bad_encoding();
  common::Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

bool dn_equal(ByteView a, ByteView b) {
  const X509NamePtr first = decode(a);
  const X509NamePtr second = decode(b);
  return first && second && X509_NAME_cmp(first.get(), second.get()) == 0;
}

std::optional<std::string> dn_attribute(ByteView der, std::string_view type) {
  const X509NamePtr name = decode(der);
  const ObjectPtr wanted = find_type(type);
  if (!name || !wanted) return std::nullopt;
  const int at = X509_NAME_get_index_by_OBJ(name.get(), wanted.get(), -1);
  return at < 0 ? std::nullopt : value_text(X509_NAME_get_entry(name.get(), at));
}

}  // namespace controlplane::crypto
