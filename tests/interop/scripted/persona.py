"""What the built-in clients of Windows, iOS and Android propose and ask for (FACTS C5), and a plain one for everything else.

A persona says how a client speaks, not who it is: identity and secret are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import crypto as c
from .wire import DH, ENCR, ESN, INTEG, PRF

Transforms = list[tuple[int, int, int]]

V4_ADDRESS, V4_NETMASK, V4_DNS, V4_NBNS, V4_DHCP, VERSION, V6_ADDRESS, V6_DNS, V6_DHCP, V4_SUBNET, V6_SUBNET, DNS_DOMAIN = (
    1, 2, 3, 4, 6, 7, 8, 10, 12, 13, 15, 25)
V4_SERVER, V6_SERVER = 23456, 23457  # Microsoft's INTERNAL_IP4_SERVER and INTERNAL_IP6_SERVER

ANY_V4, ANY_V6 = ("0.0.0.0", "255.255.255.255"), ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")


def ike_cbc(bits: int, integrity: int, prf: int, group: int) -> Transforms:
    return [(ENCR, c.AES_CBC, bits), (PRF, prf, 0), (INTEG, integrity, 0), (DH, group, 0)]


def ike_gcm(bits: int, prf: int, group: int) -> Transforms:
    return [(ENCR, c.AES_GCM_16, bits), (PRF, prf, 0), (DH, group, 0)]


def esp_gcm(bits: int, *esn: int) -> Transforms:
    return [(ENCR, c.AES_GCM_16, bits), *((ESN, each, 0) for each in esn or (0,))]


def esp_cbc(bits: int, integrity: int, *esn: int) -> Transforms:
    return [(ENCR, c.AES_CBC, bits), (INTEG, integrity, 0), *((ESN, each, 0) for each in esn or (0,))]


ESP_BY_NAME = {"gcm128": esp_gcm(128), "gcm256": esp_gcm(256), "gcm128-esn": esp_gcm(128, 1, 0),
               "gcm256-esn": esp_gcm(256, 1, 0), "gcm256-esn-only": esp_gcm(256, 1),
               "cbc256-sha256": esp_cbc(256, c.SHA256_128), "cbc128-sha256": esp_cbc(128, c.SHA256_128),
               "cbc256-sha1": esp_cbc(256, c.HMAC_SHA1_96),
               "chacha20": [(ENCR, c.CHACHA20, 0), (ESN, 0, 0)]}


@dataclass
class Persona:
    name: str
    ike: list[Transforms]
    esp: list[Transforms]
    group: int                                   # of the first KE payload
    request: list[int] = field(default_factory=lambda: [V4_ADDRESS, V4_DNS])
    remote: list[tuple[str, str]] = field(default_factory=lambda: [ANY_V4])
    hash_algorithms: list[int] = field(default_factory=lambda: [2, 3, 4])  # RFC 7427; empty: not announced
    certificate_requests: int = 1                # how many CA hashes the CERTREQ lists
    mobike: bool = True
    eap_only: bool = False
    sends_idr: bool = True
    private_idi: str = ""                        # IDi is this address whatever the user is called
    child_rekey_octets: int = 0                  # starts a child rekey after so many inner octets
    child_pfs: int = 0                           # group of child rekeys, 0: none


def windows() -> Persona:
    """Windows with NegotiateDH2048_AES256: no RFC 7427, a CERTREQ for every root it has, IDi is its private address,
    no IDr, a child rekey about every 200 MiB without PFS."""
    return Persona("windows", [ike_cbc(256, c.SHA256_128, c.PRF_SHA256, c.MODP2048),
                               ike_cbc(256, c.SHA384_192, c.PRF_SHA384, c.MODP2048),
                               ike_cbc(128, c.SHA256_128, c.PRF_SHA256, c.MODP2048)],
                   [esp_gcm(256), esp_gcm(128), esp_cbc(256, c.SHA256_128), esp_cbc(256, c.HMAC_SHA1_96)], c.MODP2048,
                   [V4_ADDRESS, V4_DNS, V4_NBNS, V4_SERVER, V6_ADDRESS, V6_DNS, V6_SERVER], [ANY_V4, ANY_V6], [], 60,
                   sends_idr=False, private_idi="192.168.1.100", child_rekey_octets=200 << 20)


def ios() -> Persona:
    """iOS configured by hand: rekeys a child once with a group and once without (macOS without only)."""
    return Persona("ios", [ike_cbc(256, c.SHA256_128, c.PRF_SHA256, c.MODP2048),
                           ike_cbc(256, c.SHA256_128, c.PRF_SHA256, c.ECP256),
                           ike_gcm(256, c.PRF_SHA384, c.ECP384)],
                   [esp_cbc(256, c.SHA256_128), esp_gcm(256), esp_gcm(128)], c.MODP2048,
                   [V4_ADDRESS, V4_NETMASK, V4_DHCP, V4_DNS, V6_ADDRESS, V6_DHCP, V6_DNS, DNS_DOMAIN], [ANY_V4, ANY_V6],
                   child_pfs=c.MODP2048)


def android() -> Persona:
    """Android 11 and later: AEAD first, x25519 among its groups, addresses of both families."""
    return Persona("android", [
        [(ENCR, c.CHACHA20, 0), (ENCR, c.AES_GCM_16, 256), (ENCR, c.AES_GCM_16, 128), (PRF, c.PRF_SHA512, 0),
         (PRF, c.PRF_SHA384, 0), (PRF, c.PRF_SHA256, 0), (DH, c.X25519, 0), (DH, c.MODP4096, 0), (DH, c.MODP3072, 0),
         (DH, c.MODP2048, 0)],
        [(ENCR, c.AES_CBC, 256), (ENCR, c.AES_CBC, 128), (PRF, c.PRF_SHA512, 0), (PRF, c.PRF_SHA256, 0),
         (INTEG, c.SHA512_256, 0), (INTEG, c.SHA384_192, 0), (INTEG, c.SHA256_128, 0), (DH, c.X25519, 0),
         (DH, c.MODP2048, 0)]],
        [[(ENCR, c.AES_GCM_16, 256), (ENCR, c.AES_GCM_16, 128), (ESN, 0, 0)],
         [(ENCR, c.AES_CBC, 256), (INTEG, c.SHA512_256, 0), (INTEG, c.SHA256_128, 0), (ESN, 0, 0)]],
        c.X25519, [V4_ADDRESS, V6_ADDRESS, V4_DNS, V6_DNS, V4_SUBNET, V6_SUBNET, VERSION], [ANY_V4, ANY_V6])


def plain() -> Persona:
    return Persona("plain", [ike_gcm(256, c.PRF_SHA384, c.X25519), ike_gcm(128, c.PRF_SHA256, c.ECP256)],
                   [esp_gcm(256, 1, 0), esp_gcm(128, 1, 0)], c.X25519)


PERSONAS = {"windows": windows, "ios": ios, "android": android, "plain": plain}
