"""Verifies tokens with cbor2 and cryptography, and with nothing of this project.

Reads lines of two words from standard input:

    key JWK         a public key, as JSON without blanks; keys are numbered from 0
    NUMBER HEX      a token, and the number of the key that should have signed it

and prints one line for each token: "good", or why not.
"""

import base64
import hashlib
import json
import sys

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

SIGN1_TAG = 18  # RFC 9052 2
ALG, KID = 1, 4  # RFC 9052 3.1
# COSE algorithm, COSE curve, group order (RFC 9053 2.1, 2.2, 7.1; RFC 8812 3)
CURVES = {
    "P-256": (-7, 1, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    "Ed25519": (-8, 6, 0),
    "secp256k1": (-47, 8, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141),
}


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Key:
    def __init__(self, jwk):
        self.alg, crv, self.order = CURVES[jwk["crv"]]
        x = unpadded(jwk["x"])
        if self.order == 0:
            self.public = ed25519.Ed25519PublicKey.from_public_bytes(x)
            required = {1: 1, -1: crv, -2: x}
        else:
            y = unpadded(jwk["y"])
            curve = ec.SECP256R1() if self.alg == -7 else ec.SECP256K1()
            numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
            self.public = numbers.public_key()
            required = {1: 2, -1: crv, -2: x, -3: y}
        # COSE Key Thumbprint, RFC 9679 4
        self.kid = hashlib.sha256(cbor2.dumps(required, canonical=True)).digest()[:8]

    def verify(self, signature, message):
        """Raises InvalidSignature. Returns what is wrong with a signature that is right, or None."""
        if self.order == 0:
            self.public.verify(signature, message)
            return None
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        self.public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        return "s is in the upper half" if s > self.order // 2 else None


def judge(token, key):
    message = cbor2.loads(token)
    if not isinstance(message, cbor2.CBORTag) or message.tag != SIGN1_TAG:
        return "no COSE_Sign1"
    protected, unprotected, payload, signature = message.value
    if cbor2.loads(protected) != {ALG: key.alg}:
        return "protected header"
    if dict(unprotected) != {KID: key.kid}:
        return "unprotected header"
    if len(signature) != 64:
        return "length of the signature"
    try:
        fault = key.verify(signature, cbor2.dumps(["Signature1", protected, b"", payload]))
    except InvalidSignature:
        return "signature"
    if fault is not None:
        return fault
    # Claims' keys sort alike by RFC 8949 4.2.1 and by the older rule of cbor2: shorter ones come first in both.
    if cbor2.dumps(cbor2.loads(payload), canonical=True) != payload:
        return "encoding of the claims"
    if cbor2.dumps(message, canonical=True) != token:
        return "encoding of the token"
    return "good"


def main():
    keys = []
    for line in sys.stdin:
        what, word = line.split()
        if what == "key":
            keys.append(Key(json.loads(word)))
            continue
        try:
            print(judge(bytes.fromhex(word), keys[int(what)]))
        except (cbor2.CBORError, ValueError, TypeError) as error:
            print(f"{type(error).__name__}: {error}".replace("\n", " "))


main()
