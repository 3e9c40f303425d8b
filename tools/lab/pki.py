"""A certificate authority for the laboratory, made with OpenSSL's own program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from net import run


@dataclass
class Credential:
    certificate: Path
    key: Path


class Authority:
    """A root, and what it signs. Everything lies in `directory`, keys with mode 0600."""

    def __init__(self, directory: Path, name: str = "Portcullis Lab CA"):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/O=Lab/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", str(self._key), "-out", str(self.certificate))
        self._key.chmod(0o600)

    def issue(self, name: str, usage: str, kind: str = "rsa") -> Credential:
        """A certificate for a DNS name (or an e-mail address) with one extended key usage, `serverAuth` or `clientAuth`."""
        stem = name.replace("@", "_at_")
        key, request, certificate = (self.directory / f"{stem}.{suffix}" for suffix in ("key", "csr", "pem"))
        algorithm = {"rsa": ["-newkey", "rsa:2048"],
                     "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}[kind]
        run("openssl", "req", "-new", *algorithm, "-nodes", "-subj", f"/O=Lab/CN={name}", "-keyout", str(key),
            "-out", str(request))
        key.chmod(0o600)
        alternative = f"email:{name}" if "@" in name else f"DNS:{name}"
        extensions = self.directory / f"{stem}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n"
                              "keyUsage=digitalSignature,keyEncipherment\n")
        run("openssl", "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key),
            "-CAcreateserial", "-days", "30", "-sha256", "-extfile", str(extensions), "-out", str(certificate))
        return Credential(certificate, key)
