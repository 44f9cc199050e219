/* See gt-keys.h. */
#ifdef ESP_PLATFORM
/* What ESP-IDF's own build defines for every user of its library: the configuration it was compiled with. */
#define MBEDTLS_CONFIG_FILE "mbedtls/esp_config.h"
#define TF_PSA_CRYPTO_USER_CONFIG_FILE "mbedtls/esp_config.h"
#endif
#include "gt-keys.h"

#include <psa/crypto.h>
#include <string.h>

#define GT_SIGNING_ALGORITHM PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256)
#define GT_AES_BYTES 16
#define GT_SCALAR_BYTES 32

/* Order of P-256's group (SEC 2 2.4.2). */
static const uint8_t groupOrder[GT_SCALAR_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
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

/* What each slot's key is and may be used for, and nothing else. */
static int describe(uint32_t slot, psa_key_attributes_t *attributes)
{
	switch (slot) {
	case GT_SLOT_ATTESTATION:
		psa_set_key_type(attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
		psa_set_key_bits(attributes, 256);
		psa_set_key_usage_flags(attributes, PSA_KEY_USAGE_SIGN_HASH);
		psa_set_key_algorithm(attributes, GT_SIGNING_ALGORITHM);
		break;
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
	if (slot != GT_SLOT_ATTESTATION) {
		psa_set_key_type(attributes, PSA_KEY_TYPE_AES);
		psa_set_key_bits(attributes, 8 * GT_AES_BYTES);
	}
	psa_set_key_lifetime(attributes, PSA_KEY_LIFETIME_PERSISTENT);
	psa_set_key_id(attributes, slot);
	return GT_OK;
}

int gtKeysBegin(void)
{
	return explain(psa_crypto_init());
}

int gtKeyImport(uint32_t slot, const uint8_t *material, size_t length)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_id_t id;
	int result = describe(slot, &attributes);

	if (result != GT_OK)
		return result;
	if (length != (slot == GT_SLOT_ATTESTATION ? GT_SCALAR_BYTES : GT_AES_BYTES))
		return GT_BAD_ARGUMENT;
	result = gtKeyDestroy(slot);
	return result == GT_OK ? explain(psa_import_key(&attributes, material, length, &id)) : result;
}

int gtKeyGenerate(uint32_t slot)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_id_t id;
	int result;

	if (slot != GT_SLOT_ATTESTATION)
		return GT_BAD_ARGUMENT;
	result = describe(slot, &attributes);
	if (result == GT_OK)
		result = gtKeyDestroy(slot);
	return result == GT_OK ? explain(psa_generate_key(&attributes, &id)) : result;
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

int gtPublicKey(uint32_t slot, uint8_t xy[64])
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

/* Both s and n - s verify; verifiers on a chain take the smaller one only. Takes the same time for both. */
static void takeLowS(uint8_t s[GT_SCALAR_BYTES])
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

int gtSignDigest(uint32_t slot, const uint8_t digest[32], uint8_t signature[64])
{
	size_t length = 0;
	psa_status_t status = psa_sign_hash(slot, GT_SIGNING_ALGORITHM, digest, 32, signature, 64, &length);

	if (status != PSA_SUCCESS)
		return explain(status);
	if (length != 64)
		return GT_FAILED;
	takeLowS(signature + GT_SCALAR_BYTES);
	return GT_OK;
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
		result = into == GT_SLOT_ATTESTATION ? GT_BAD_ARGUMENT : gtKeyImport(into, derived, sizeof derived);
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
