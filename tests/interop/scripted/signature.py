"""The responder's signature in AUTH: methods 1, 9 to 11 and 14 (RFC 7296 §3.8, RFC 4754, RFC 7427)."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_RSA = {b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05": hashes.SHA1, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b": hashes.SHA256,
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c": hashes.SHA384, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d": hashes.SHA512}
_PSS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
_PSS_HASH = {b"\x60\x86\x48\x01\x65\x03\x04\x02\x01": hashes.SHA256, b"\x60\x86\x48\x01\x65\x03\x04\x02\x02": hashes.SHA384,
             b"\x60\x86\x48\x01\x65\x03\x04\x02\x03": hashes.SHA512}
_ECDSA = {b"\x2a\x86\x48\xce\x3d\x04\x03\x02": hashes.SHA256, b"\x2a\x86\x48\xce\x3d\x04\x03\x03": hashes.SHA384,
          b"\x2a\x86\x48\xce\x3d\x04\x03\x04": hashes.SHA512}


def verify(certificate: bytes, method: int, data: bytes, signed: bytes) -> str:
    """Checks AUTH's data over `signed`; returns what was checked, "rsa-sha256" and so on. ValueError: not good."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    try:
        if method == 1:
            key.verify(data, signed, padding.PKCS1v15(), hashes.SHA1())
            return "rsa-sha1"
        if method in (9, 10, 11):
            half = len(data) // 2
            algorithm = {9: hashes.SHA256, 10: hashes.SHA384, 11: hashes.SHA512}[method]()
            key.verify(encode_dss_signature(int.from_bytes(data[:half], "big"), int.from_bytes(data[half:], "big")), signed,
                       ec.ECDSA(algorithm))
            return f"ecdsa-{algorithm.name}"
        if method == 14:
            return _verify_named(key, data[1:1 + data[0]], data[1 + data[0]:], signed)
    except InvalidSignature as error:
        raise ValueError("the gateway's signature is wrong") from error
    raise ValueError(f"authentication method {method}")


def _verify_named(key, name: bytes, value: bytes, signed: bytes) -> str:
    if _PSS in name:
        algorithm = next(kind for oid, kind in _PSS_HASH.items() if oid in name)()
        key.verify(value, signed, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm)
        return f"rsa-pss-{algorithm.name}"
    for oid, kind in _RSA.items():
        if oid in name and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, signed, padding.PKCS1v15(), kind())
            return f"rsa-{kind.name}"
    for oid, kind in _ECDSA.items():
        if oid in name and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, signed, ec.ECDSA(kind()))
            return f"ecdsa-{kind.name}"
    raise ValueError(f"signature algorithm {name.hex()}")


def issued_by(certificate: bytes, authority_pem: bytes) -> bool:
    """Whether the authority signed it (one step, which is what the laboratory's chains have)."""
    leaf, root = x509.load_der_x509_certificate(certificate), x509.load_pem_x509_certificate(authority_pem)
    key = root.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(leaf.signature, leaf.tbs_certificate_bytes, padding.PKCS1v15(), leaf.signature_hash_algorithm)
        else:
            key.verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    except InvalidSignature:
        return False
    return leaf.issuer == root.subject
