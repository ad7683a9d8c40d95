"""Whether a certificate may vouch for PayPal's notifications, and whether it does for this one."""

import re
import warnings
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from payments.gateways.contract import SignatureInvalid

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_OWNER = ".paypal.com"


def check_signature(
    document: bytes, roots: tuple[bytes, ...], now: datetime, signature: bytes, message: bytes
) -> None:
    """The first certificate of a PEM document signed this message. Raises SignatureInvalid."""
    chain = _certificates_in(document)
    if not chain:
        raise SignatureInvalid("no_certificate")
    _check_certificate(chain, roots, now)
    key = chain[0].public_key()
    if not isinstance(key, RSAPublicKey):
        raise SignatureInvalid("certificate_is_not_rsa")
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise SignatureInvalid("signature_mismatch") from None


def _certificates_in(pem: bytes) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():
            # One old authority numbers itself zero; it vouches for nobody here.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def _check_certificate(
    chain: list[x509.Certificate], roots: tuple[bytes, ...], now: datetime
) -> None:
    """Valid now, PayPal's, and issued by somebody trusted; or itself one that is trusted."""
    leaf = chain[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise SignatureInvalid("certificate_not_valid_now")
    name = _common_name(leaf)
    if not name.endswith(_OWNER):
        raise SignatureInvalid("certificate_of_somebody_else")
    trusted = _trusted(roots)
    if leaf not in trusted:
        _check_chain(chain, name, trusted, now)


def _common_name(certificate: x509.Certificate) -> str:
    try:
        names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError:
        return ""
    return str(names[0].value).lower() if len(names) == 1 else ""


def _check_chain(
    chain: list[x509.Certificate], name: str, trusted: tuple[x509.Certificate, ...], now: datetime
) -> None:
    if not trusted:
        raise SignatureInvalid("no_trusted_roots")
    at = now.astimezone(UTC).replace(tzinfo=None)
    try:
        verifier = PolicyBuilder().store(Store(list(trusted))).time(at)
        verifier.build_server_verifier(x509.DNSName(name)).verify(chain[0], chain[1:])
    except (VerificationError, UnsupportedAlgorithm, ValueError):
        raise SignatureInvalid("certificate_not_trusted") from None


@lru_cache(maxsize=8)
def _trusted(roots: tuple[bytes, ...]) -> tuple[x509.Certificate, ...]:
    """Read one by one: that a single one cannot be read must not cost the others."""
    blocks = [block for pem in roots for block in _BLOCK.findall(pem)]
    return tuple(each for block in blocks for each in _certificates_in(block))
