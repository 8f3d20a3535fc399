"""Certificates for servers on this machine."""

from __future__ import annotations

import datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(directory: Path) -> Path:
    """A self-signed certificate for localhost, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = (
        builder.not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding = serialization.Encoding.PEM
    path = directory / "localhost.pem"
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(encoding))
    return path


def write_authority(directory: Path) -> dict[str, Path]:
    """An own authority (``ca``), and what it signed: for a server at 127.0.0.1 (``server``, no other name), for
    another host (``elsewhere``) and for a client (``client``), each with its key."""
    plain, encoding = serialization.NoEncryption(), serialization.Encoding.PEM
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    written = {}

    def write(who: str, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)]) if who != "ca" else issuer
        builder = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        signed = builder.sign(authority, hashes.SHA256()).public_bytes(encoding)
        private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
        written[who] = directory / f"{who}.pem"
        written[who].write_bytes(signed if who == "ca" else signed + private)

    address = x509.IPAddress(ip_address("127.0.0.1"))
    write("ca", authority, x509.BasicConstraints(ca=True, path_length=None))
    write("server", ec.generate_private_key(ec.SECP256R1()), x509.SubjectAlternativeName([address]))
    other = x509.SubjectAlternativeName([x509.DNSName("elsewhere.example")])
    write("elsewhere", ec.generate_private_key(ec.SECP256R1()), other)
    write("client", ec.generate_private_key(ec.SECP256R1()))
    return written
