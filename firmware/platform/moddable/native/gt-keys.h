/*
 * The crypto port's key slots over PSA Crypto 1.0 (Arm IHI 0086): pure C without an engine, the same on a board (ESP-IDF's
 * TF-PSA-Crypto) and on Linux (libmbedcrypto), where the tests compare it with published vectors.
 *
 * A slot's number is the key's PSA persistent identifier. A signing slot holds a key of one of three algorithms, chosen when the key is made or
 * imported. Keys for ECDSA and AES cannot be exported from PSA Crypto. It has no Ed25519, so such a key is stored there as data, leaves it into a
 * buffer of gt-keys.c for as long as libsodium signs, and no further. Every function returns GT_OK or why not.
 */
#ifndef GT_KEYS_H
#define GT_KEYS_H

#include <stddef.h>
#include <stdint.h>

/* As firmware/wire/key-slot.ts; a test compares the two. */
#define GT_SLOT_ATTESTATION 1
#define GT_SLOT_APP_KEY 2
#define GT_SLOT_NWK_S_KEY 3
#define GT_SLOT_APP_S_KEY 4
#define GT_SLOT_RECEIVER 5
#define GT_SLOT_ATTESTATION_NEXT 6

/* COSE algorithm numbers (RFC 9053 2.1 and 2.2, RFC 8812 3.2), as in firmware/ports/crypto.ts. */
#define GT_ES256 (-7)
#define GT_EDDSA (-8)
#define GT_ES256K (-47)
/* Of a slot that holds an AES key. */
#define GT_NOT_SIGNING 0

enum {
	GT_OK = 0,
	GT_NO_KEY = 1,
	GT_BAD_ARGUMENT = 2,
	GT_NO_ROOM = 3,
	GT_FAILED = 4,
	/* This image lacks the algorithm. */
	GT_UNSUPPORTED = 5
};

/* Starts PSA Crypto. May be called again. */
int gtKeysBegin(void);

/*
 * Puts a key into a slot; what was there is gone. Signing slots (1 and 6): `algorithm` and 32 bytes, the scalar or, for Ed25519, the seed (RFC 8032
 * 5.1.5). The others: GT_NOT_SIGNING and an AES-128 key of 16 bytes.
 */
int gtKeyImport(uint32_t slot, int algorithm, const uint8_t *material, size_t length);
/* Makes a key pair inside slot 1 or 6; what was there is gone. */
int gtKeyGenerate(uint32_t slot, int algorithm);
/* An empty slot is no failure. */
int gtKeyDestroy(uint32_t slot);
/* GT_OK when there is a key, GT_NO_KEY when not. */
int gtKeyFind(uint32_t slot);

/* The algorithm of the key in a slot. */
int gtKeyAlgorithm(uint32_t slot, int *algorithm);

/*
 * The public key: x and y, big-endian (SEC 1 2.3.3 without the first byte), 64 bytes; of Ed25519 the 32 bytes of RFC 8032 5.1.5. `length` is set to
 * which of the two.
 */
int gtPublicKey(uint32_t slot, uint8_t publicKey[64], size_t *length);
/*
 * Signs a message. ES256 and ES256K: deterministic ECDSA (RFC 6979) with SHA-256, r and s, with s in the lower half of the group order. Ed25519 as
 * RFC 8032 5.1.6 has it.
 */
int gtSign(uint32_t slot, const uint8_t *message, size_t length, uint8_t signature[64]);
/* The same of a digest: ECDSA alone. */
int gtSignDigest(uint32_t slot, const uint8_t digest[32], uint8_t signature[64]);

/* AES-128 of one block (FIPS 197). */
int gtEncryptBlock(uint32_t slot, const uint8_t input[16], uint8_t output[16]);
/* AES-CMAC (RFC 4493). */
int gtCmac(uint32_t slot, const uint8_t *message, size_t length, uint8_t mac[16]);
/* Encrypts a block under `root`; the result is the AES-128 key in slot `into` (TS001-1.0.4 6.2.5). */
int gtDeriveKey(uint32_t root, const uint8_t block[16], uint32_t into);

int gtSha256(const uint8_t *message, size_t length, uint8_t digest[32]);
int gtRandom(uint8_t *bytes, size_t length);

#endif
