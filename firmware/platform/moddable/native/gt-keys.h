/*
 * The crypto port's key slots over PSA Crypto 1.0 (Arm IHI 0086): pure C without an engine, the same on a board (ESP-IDF's
 * TF-PSA-Crypto) and on Linux (libmbedcrypto), where the tests compare it with published vectors.
 *
 * A slot's number is the key's PSA persistent identifier. Keys cannot be exported. Every function returns GT_OK or why not.
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

enum {
	GT_OK = 0,
	GT_NO_KEY = 1,
	GT_BAD_ARGUMENT = 2,
	GT_NO_ROOM = 3,
	GT_FAILED = 4
};

/* Starts PSA Crypto. May be called again. */
int gtKeysBegin(void);

/* Puts a private key (32 bytes, slot 1) or an AES-128 key (16 bytes) into a slot; what was there is gone. */
int gtKeyImport(uint32_t slot, const uint8_t *material, size_t length);
/* Makes a P-256 key pair inside slot 1; what was there is gone. */
int gtKeyGenerate(uint32_t slot);
/* An empty slot is no failure. */
int gtKeyDestroy(uint32_t slot);
/* GT_OK when there is a key, GT_NO_KEY when not. */
int gtKeyFind(uint32_t slot);

/* The public key as x and y, big-endian (SEC 1 2.3.3 without the first byte). */
int gtPublicKey(uint32_t slot, uint8_t xy[64]);
/* Deterministic ECDSA (RFC 6979 with SHA-256) of a digest: r and s, with s in the lower half of the group order. */
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
