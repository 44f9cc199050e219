/* See gt-keys.h. */
#ifdef ESP_PLATFORM
/* What ESP-IDF's own build defines for every user of its library: the configuration it was compiled with. */
#define MBEDTLS_CONFIG_FILE "mbedtls/esp_config.h"
#define TF_PSA_CRYPTO_USER_CONFIG_FILE "mbedtls/esp_config.h"
#include "mc.defines.h"
/* manifests/features/ed25519.json */
#if MODDEF_GROUNDTRUTH_ED25519
#define GT_ED25519 1
#endif
#endif
#include "gt-keys.h"

#include <psa/crypto.h>
#include <string.h>
#if GT_ED25519
#include <sodium.h>
#endif

#define GT_SIGNING_ALGORITHM PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256)
#define GT_AES_BYTES 16
#define GT_SCALAR_BYTES 32
/* How far down a signature may leave something; half of the signing task's stack (gt-crypto.c). */
#define GT_STACK_BYTES 4096

/* Orders of the groups (SEC 2 2.4.2 and 2.4.1). */
static const uint8_t orderOfP256[GT_SCALAR_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};
static const uint8_t orderOfSecp256k1[GT_SCALAR_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
	0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
};

static int explain(psa_status_t status)
{
	switch (status) {
	case PSA_SUCCESS:
		return GT_OK;
	case PSA_ERROR_DOES_NOT_EXIST:
	case PSA_ERROR_INVALID_HANDLE:
		return GT_NO_KEY;
	case PSA_ERROR_INVALID_ARGUMENT:
	case PSA_ERROR_NOT_PERMITTED:
		return GT_BAD_ARGUMENT;
	case PSA_ERROR_NOT_SUPPORTED:
		return GT_UNSUPPORTED;
	case PSA_ERROR_INSUFFICIENT_MEMORY:
	case PSA_ERROR_INSUFFICIENT_STORAGE:
		return GT_NO_ROOM;
	default:
		return GT_FAILED;
	}
}

/* The compiler may not leave this out, as it may a memset of what is about to go out of scope. */
static void wipe(uint8_t *bytes, size_t length)
{
	volatile uint8_t *byte = bytes;
	while (length--)
		*byte++ = 0;
}

/*
 * Deterministic ECDSA in Mbed TLS 2.28 and TF-PSA-Crypto 1.0 leaves the private key on the stack: mbedtls_ecdsa_sign_det_restartable does not wipe
 * the seed of its generator. This overwrites where that was. It needs no more of the stack than the signature did.
 */
__attribute__((noinline)) static void wipeStack(void)
{
	uint8_t used[GT_STACK_BYTES];
	wipe(used, sizeof used);
}

static int holdsSigningKey(uint32_t slot)
{
	return slot == GT_SLOT_ATTESTATION || slot == GT_SLOT_ATTESTATION_NEXT;
}

static int describeSigningKey(int algorithm, psa_key_attributes_t *attributes)
{
	switch (algorithm) {
	case GT_ES256:
	case GT_ES256K:
		psa_set_key_type(attributes,
			PSA_KEY_TYPE_ECC_KEY_PAIR(algorithm == GT_ES256 ? PSA_ECC_FAMILY_SECP_R1 : PSA_ECC_FAMILY_SECP_K1));
		psa_set_key_bits(attributes, 8 * GT_SCALAR_BYTES);
		psa_set_key_usage_flags(attributes, PSA_KEY_USAGE_SIGN_HASH);
		psa_set_key_algorithm(attributes, GT_SIGNING_ALGORITHM);
		return GT_OK;
	case GT_EDDSA:
#if GT_ED25519
		psa_set_key_type(attributes, PSA_KEY_TYPE_RAW_DATA);
		psa_set_key_usage_flags(attributes, PSA_KEY_USAGE_EXPORT);
		return GT_OK;
#else
		return GT_UNSUPPORTED;
#endif
	default:
		return GT_BAD_ARGUMENT;
	}
}

static int describeAesKey(uint32_t slot, psa_key_attributes_t *attributes)
{
	switch (slot) {
	case GT_SLOT_APP_KEY:
	case GT_SLOT_NWK_S_KEY:
		/* LoRaWAN takes one key for both: its MICs are CMACs, its frames and session keys AES blocks. */
		psa_set_key_usage_flags(attributes, PSA_KEY_USAGE_ENCRYPT | PSA_KEY_USAGE_SIGN_MESSAGE);
		psa_set_key_algorithm(attributes, PSA_ALG_ECB_NO_PADDING);
		psa_set_key_enrollment_algorithm(attributes, PSA_ALG_CMAC);
		break;
	case GT_SLOT_APP_S_KEY:
		psa_set_key_usage_flags(attributes, PSA_KEY_USAGE_ENCRYPT);
		psa_set_key_algorithm(attributes, PSA_ALG_ECB_NO_PADDING);
		break;
	case GT_SLOT_RECEIVER:
		psa_set_key_usage_flags(attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
		psa_set_key_algorithm(attributes, PSA_ALG_CMAC);
		break;
	default:
		return GT_BAD_ARGUMENT;
	}
	psa_set_key_type(attributes, PSA_KEY_TYPE_AES);
	psa_set_key_bits(attributes, 8 * GT_AES_BYTES);
	return GT_OK;
}

/* What each slot's key is and may be used for, and nothing else. */
static int describe(uint32_t slot, int algorithm, psa_key_attributes_t *attributes)
{
	int result;

	if (holdsSigningKey(slot))
		result = describeSigningKey(algorithm, attributes);
	else if (algorithm != GT_NOT_SIGNING)
		result = GT_BAD_ARGUMENT;
	else
		result = describeAesKey(slot, attributes);
	psa_set_key_lifetime(attributes, PSA_KEY_LIFETIME_PERSISTENT);
	psa_set_key_id(attributes, slot);
	return result;
}

int gtKeysBegin(void)
{
#if GT_ED25519
	if (sodium_init() < 0)
		return GT_FAILED;
#endif
	return explain(psa_crypto_init());
}

#if GT_ED25519
/* Stores what libsodium signs with: the seed and, so that it need not be computed for each signature, the public key. */
static int importSeed(const psa_key_attributes_t *attributes, const uint8_t seed[crypto_sign_SEEDBYTES])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES], publicKey[crypto_sign_PUBLICKEYBYTES];
	psa_key_id_t id;
	int result = GT_FAILED;

	if (crypto_sign_seed_keypair(publicKey, secret, seed) == 0)
		result = explain(psa_import_key(attributes, secret, sizeof secret, &id));
	wipe(secret, sizeof secret);
	return result;
}

static int generateSeed(const psa_key_attributes_t *attributes)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	int result = gtRandom(seed, sizeof seed);

	if (result == GT_OK)
		result = importSeed(attributes, seed);
	wipe(seed, sizeof seed);
	return result;
}

/* The caller wipes `secret`. */
static int exportSecret(uint32_t slot, uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
	size_t length = 0;
	int result = explain(psa_export_key(slot, secret, crypto_sign_SECRETKEYBYTES, &length));

	return result == GT_OK && length != crypto_sign_SECRETKEYBYTES ? GT_FAILED : result;
}
#endif

int gtKeyImport(uint32_t slot, int algorithm, const uint8_t *material, size_t length)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_id_t id;
	int result = describe(slot, algorithm, &attributes);

	if (result != GT_OK)
		return result;
	if (length != (holdsSigningKey(slot) ? GT_SCALAR_BYTES : GT_AES_BYTES))
		return GT_BAD_ARGUMENT;
	result = gtKeyDestroy(slot);
	if (result != GT_OK)
		return result;
#if GT_ED25519
	if (algorithm == GT_EDDSA)
		return importSeed(&attributes, material);
#endif
	return explain(psa_import_key(&attributes, material, length, &id));
}

int gtKeyGenerate(uint32_t slot, int algorithm)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_id_t id;
	int result;

	if (!holdsSigningKey(slot))
		return GT_BAD_ARGUMENT;
	result = describe(slot, algorithm, &attributes);
	if (result == GT_OK)
		result = gtKeyDestroy(slot);
	if (result != GT_OK)
		return result;
#if GT_ED25519
	if (algorithm == GT_EDDSA)
		return generateSeed(&attributes);
#endif
	return explain(psa_generate_key(&attributes, &id));
}

int gtKeyDestroy(uint32_t slot)
{
	int result = slot == 0 ? GT_BAD_ARGUMENT : explain(psa_destroy_key(slot));
	return result == GT_NO_KEY ? GT_OK : result;
}

int gtKeyFind(uint32_t slot)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	int result = explain(psa_get_key_attributes(slot, &attributes));
	psa_reset_key_attributes(&attributes);
	return result;
}

int gtKeyAlgorithm(uint32_t slot, int *algorithm)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	int result = explain(psa_get_key_attributes(slot, &attributes));
	psa_key_type_t type = psa_get_key_type(&attributes);

	psa_reset_key_attributes(&attributes);
	if (type == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1))
		*algorithm = GT_ES256;
	else if (type == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_K1))
		*algorithm = GT_ES256K;
	else if (type == PSA_KEY_TYPE_RAW_DATA)
		*algorithm = GT_EDDSA;
	else
		*algorithm = GT_NOT_SIGNING;
	return result;
}

static int exportPoint(uint32_t slot, uint8_t xy[64])
{
	uint8_t point[65];
	size_t length = 0;
	psa_status_t status = psa_export_public_key(slot, point, sizeof point, &length);

	if (status != PSA_SUCCESS)
		return explain(status);
	/* 4: an uncompressed point (SEC 1 2.3.3). */
	if (length != sizeof point || point[0] != 4)
		return GT_FAILED;
	memcpy(xy, point + 1, 64);
	return GT_OK;
}

int gtPublicKey(uint32_t slot, uint8_t publicKey[64], size_t *length)
{
	int algorithm, result = gtKeyAlgorithm(slot, &algorithm);

	if (result != GT_OK)
		return result;
	*length = 64;
	if (algorithm != GT_EDDSA)
		return exportPoint(slot, publicKey);
#if GT_ED25519
	{
		uint8_t secret[crypto_sign_SECRETKEYBYTES];

		result = exportSecret(slot, secret);
		if (result == GT_OK)
			crypto_sign_ed25519_sk_to_pk(publicKey, secret);
		wipe(secret, sizeof secret);
		*length = crypto_sign_PUBLICKEYBYTES;
		return result;
	}
#else
	return GT_UNSUPPORTED;
#endif
}

/* Both s and n - s verify; verifiers on a chain take the smaller one only. Takes the same time for both. */
static void takeLowS(const uint8_t groupOrder[GT_SCALAR_BYTES], uint8_t s[GT_SCALAR_BYTES])
{
	uint8_t other[GT_SCALAR_BYTES];
	int borrow = 0, isOtherLower = 0, i;

	for (i = GT_SCALAR_BYTES - 1; i >= 0; i--) {
		int difference = groupOrder[i] - s[i] - borrow;
		other[i] = (uint8_t)difference;
		borrow = (difference >> 8) & 1;
	}
	for (i = GT_SCALAR_BYTES - 1; i >= 0; i--)
		isOtherLower = ((other[i] - s[i] - isOtherLower) >> 8) & 1;
	for (i = 0; i < GT_SCALAR_BYTES; i++)
		s[i] ^= (uint8_t)(-isOtherLower) & (s[i] ^ other[i]);
}

/* The algorithm decides which order s is lowered by. */
static int signDigest(uint32_t slot, int algorithm, const uint8_t digest[32], uint8_t signature[64])
{
	size_t length = 0;
	psa_status_t status = psa_sign_hash(slot, GT_SIGNING_ALGORITHM, digest, 32, signature, 64, &length);

	wipeStack();
	if (status != PSA_SUCCESS)
		return explain(status);
	if (length != 64)
		return GT_FAILED;
	takeLowS(algorithm == GT_ES256 ? orderOfP256 : orderOfSecp256k1, signature + GT_SCALAR_BYTES);
	return GT_OK;
}

int gtSignDigest(uint32_t slot, const uint8_t digest[32], uint8_t signature[64])
{
	int algorithm, result = gtKeyAlgorithm(slot, &algorithm);

	if (result != GT_OK)
		return result;
	if (algorithm != GT_ES256 && algorithm != GT_ES256K)
		return GT_BAD_ARGUMENT;
	return signDigest(slot, algorithm, digest, signature);
}

int gtSign(uint32_t slot, const uint8_t *message, size_t length, uint8_t signature[64])
{
	uint8_t digest[32];
	int algorithm, result = gtKeyAlgorithm(slot, &algorithm);

	if (result != GT_OK)
		return result;
	switch (algorithm) {
	case GT_ES256:
	case GT_ES256K:
		result = gtSha256(message, length, digest);
		return result == GT_OK ? signDigest(slot, algorithm, digest, signature) : result;
	case GT_EDDSA:
#if GT_ED25519
	{
		uint8_t secret[crypto_sign_SECRETKEYBYTES];

		result = exportSecret(slot, secret);
		if (result == GT_OK && crypto_sign_detached(signature, NULL, message, length, secret) != 0)
			result = GT_FAILED;
		wipe(secret, sizeof secret);
		return result;
	}
#else
		return GT_UNSUPPORTED;
#endif
	default:
		return GT_BAD_ARGUMENT;
	}
}

int gtEncryptBlock(uint32_t slot, const uint8_t input[16], uint8_t output[16])
{
	size_t length = 0;
	psa_status_t status =
		psa_cipher_encrypt(slot, PSA_ALG_ECB_NO_PADDING, input, GT_AES_BYTES, output, GT_AES_BYTES, &length);

	if (status != PSA_SUCCESS)
		return explain(status);
	return length == GT_AES_BYTES ? GT_OK : GT_FAILED;
}

int gtCmac(uint32_t slot, const uint8_t *message, size_t length, uint8_t mac[16])
{
	size_t macLength = 0;
	psa_status_t status = psa_mac_compute(slot, PSA_ALG_CMAC, message, length, mac, GT_AES_BYTES, &macLength);

	if (status != PSA_SUCCESS)
		return explain(status);
	return macLength == GT_AES_BYTES ? GT_OK : GT_FAILED;
}

int gtDeriveKey(uint32_t root, const uint8_t block[16], uint32_t into)
{
	uint8_t derived[GT_AES_BYTES];
	int result = gtEncryptBlock(root, block, derived);

	if (result == GT_OK)
		result = gtKeyImport(into, GT_NOT_SIGNING, derived, sizeof derived);
	wipe(derived, sizeof derived);
	return result;
}

int gtSha256(const uint8_t *message, size_t length, uint8_t digest[32])
{
	size_t digestLength = 0;
	return explain(psa_hash_compute(PSA_ALG_SHA_256, message, length, digest, 32, &digestLength));
}

int gtRandom(uint8_t *bytes, size_t length)
{
	return explain(psa_generate_random(bytes, length));
}
