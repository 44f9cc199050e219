/*
 * The crypto port's functions for the engine, over gt-keys.c. Everything that happens while the node runs, a signature excepted, answers
 * at once. A signature takes up to 150 ms, so a task of lower priority than the engine's computes it and posts the answer: the
 * loop goes on, on the second core where there is one, and the radio's interrupts are served meanwhile. TF-PSA-Crypto locks its key
 * store (MBEDTLS_THREADING_C), so the loop may use other keys at the same time. Making a key and computing its public half run on
 * the loop, at start; they are why manifests/base.json gives its task 16 KB of stack instead of 10.
 */
#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "bootloader_random.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs.h"

#include "gt-keys.h"

/* Bytes; a PC needs 4.3 KB (docs/native.md). */
#define GT_SIGNING_STACK 8192
/* The engine's task has 4 (the SDK's main.c). */
#define GT_SIGNING_PRIORITY 2

/* Secret keys that provisioning left in NVS under these names, to be moved into their slots. */
#define GT_INBOX_NAMESPACE "gt-inbox"

typedef struct {
	xsMachine *the;
	/* The Uint8Array that takes the signature, and the function to call then. */
	xsSlot signature;
	xsSlot done;
	uint32_t slot;
	int result;
	uint8_t bytes[64];
	/* A copy: the engine moves the original when it collects garbage. */
	size_t length;
	uint8_t message[];
} gtSigning;

static void check(xsMachine *the, int result)
{
	switch (result) {
	case GT_OK:
		break;
	case GT_NO_KEY:
		xsUnknownError("no-key");
		break;
	case GT_BAD_ARGUMENT:
		xsRangeError("bad-argument");
		break;
	case GT_NO_ROOM:
		xsUnknownError("no-room");
		break;
	case GT_UNSUPPORTED:
		xsUnknownError("unsupported-algorithm");
		break;
	default:
		xsUnknownError("crypto-failed");
		break;
	}
}

/* The bytes of a buffer from `offset` on, of which there must be `length`. Good until the engine allocates. */
static uint8_t *bytesOf(xsMachine *the, xsSlot *slot, size_t offset, size_t length, int isWritten)
{
	void *data;
	xsUnsignedValue available;

	if (isWritten)
		xsmcGetBufferWritable(*slot, &data, &available);
	else
		xsmcGetBufferReadable(*slot, &data, &available);
	if (offset > available || length > available - offset)
		xsRangeError("buffer too small");
	return (uint8_t *)data + offset;
}

static size_t sizeOf(xsMachine *the, xsSlot *slot)
{
	int value = xsmcToInteger(*slot);
	if (value < 0)
		xsRangeError("negative");
	return (size_t)value;
}

/* () */
void xs_gt_crypto_begin(xsMachine *the)
{
	check(the, gtKeysBegin());
}

/* (slot, algorithm, material) */
void xs_gt_crypto_import(xsMachine *the)
{
	uint32_t slot = xsmcToUnsigned(xsArg(0));
	int algorithm = xsmcToInteger(xsArg(1));
	void *material;
	xsUnsignedValue length;

	xsmcGetBufferReadable(xsArg(2), &material, &length);
	check(the, gtKeyImport(slot, algorithm, material, length));
}

/*
 * (slot, algorithm) Without Wi-Fi or Bluetooth the random source needs noise from the converter (ESP-IDF, "Random Number Generation"), which
 * no analogue input may use at that time: a key is made at first boot, before any input is opened.
 */
void xs_gt_crypto_generate(xsMachine *the)
{
	uint32_t slot = xsmcToUnsigned(xsArg(0));
	int algorithm = xsmcToInteger(xsArg(1));
	int result;

	bootloader_random_enable();
	result = gtKeyGenerate(slot, algorithm);
	bootloader_random_disable();
	check(the, result);
}

/* (slot) */
void xs_gt_crypto_destroy(xsMachine *the)
{
	check(the, gtKeyDestroy(xsmcToUnsigned(xsArg(0))));
}

/* (slot): boolean */
void xs_gt_crypto_has(xsMachine *the)
{
	xsmcSetBoolean(xsResult, gtKeyFind(xsmcToUnsigned(xsArg(0))) == GT_OK);
}

/* (slot): the algorithm of the key that is there */
void xs_gt_crypto_algorithm(xsMachine *the)
{
	int algorithm;

	check(the, gtKeyAlgorithm(xsmcToUnsigned(xsArg(0)), &algorithm));
	xsmcSetInteger(xsResult, algorithm);
}

/* (slot, into) */
void xs_gt_crypto_public_key(xsMachine *the)
{
	uint8_t publicKey[64];
	size_t length;

	check(the, gtPublicKey(xsmcToUnsigned(xsArg(0)), publicKey, &length));
	c_memcpy(bytesOf(the, &xsArg(1), 0, length, 1), publicKey, length);
}

/* (slot, input, inputOffset, output, outputOffset) */
void xs_gt_crypto_encrypt_block(xsMachine *the)
{
	uint32_t slot = xsmcToUnsigned(xsArg(0));
	size_t inputOffset = sizeOf(the, &xsArg(2));
	size_t outputOffset = sizeOf(the, &xsArg(4));
	uint8_t block[16];

	/* A copy, because PSA Crypto does not allow input and output to overlap in part. */
	c_memcpy(block, bytesOf(the, &xsArg(1), inputOffset, sizeof block, 0), sizeof block);
	check(the, gtEncryptBlock(slot, block, bytesOf(the, &xsArg(3), outputOffset, sizeof block, 1)));
}

/* (slot, message, length, mac) */
void xs_gt_crypto_cmac(xsMachine *the)
{
	uint32_t slot = xsmcToUnsigned(xsArg(0));
	size_t length = sizeOf(the, &xsArg(2));
	uint8_t *message = bytesOf(the, &xsArg(1), 0, length, 0);

	check(the, gtCmac(slot, message, length, bytesOf(the, &xsArg(3), 0, 16, 1)));
}

/* (root, block, into) */
void xs_gt_crypto_derive(xsMachine *the)
{
	uint32_t root = xsmcToUnsigned(xsArg(0));
	uint32_t into = xsmcToUnsigned(xsArg(2));

	check(the, gtDeriveKey(root, bytesOf(the, &xsArg(1), 0, 16, 0), into));
}

/* (message, length, digest) */
void xs_gt_crypto_sha256(xsMachine *the)
{
	size_t length = sizeOf(the, &xsArg(1));
	uint8_t *message = bytesOf(the, &xsArg(0), 0, length, 0);

	check(the, gtSha256(message, length, bytesOf(the, &xsArg(2), 0, 32, 1)));
}

/* (bytes) */
void xs_gt_crypto_random(xsMachine *the)
{
	void *bytes;
	xsUnsignedValue length;

	xsmcGetBufferWritable(xsArg(0), &bytes, &length);
	check(the, gtRandom(bytes, length));
}

static void deliver(void *machine, void *refcon, uint8_t *message, uint16_t length)
{
	gtSigning *signing = refcon;
	xsMachine *the = signing->the;

	(void)machine;
	(void)message;
	(void)length;
	xsBeginHost(the);
		xsmcVars(1);
		if (signing->result == GT_OK)
			c_memcpy(bytesOf(the, &signing->signature, 0, sizeof signing->bytes, 1), signing->bytes, sizeof signing->bytes);
		xsmcSetInteger(xsVar(0), signing->result);
		xsCallFunction1(signing->done, xsGlobal, xsVar(0));
		xsForget(signing->signature);
		xsForget(signing->done);
	xsEndHost(the);
	c_free(signing);
}

static void sign(void *refcon)
{
	gtSigning *signing = refcon;

	signing->result = gtSign(signing->slot, signing->message, signing->length, signing->bytes);
	/* A full queue is emptied by the loop, which does not wait for this. */
	while (modMessagePostToMachine(signing->the, NULL, 0, deliver, signing) != 0)
		vTaskDelay(1);
	vTaskDelete(NULL);
}

/* (slot, message, length, signature, done): fills `signature` and calls done(result) in a later turn. */
void xs_gt_crypto_sign(xsMachine *the)
{
	gtSigning *signing;
	uint32_t slot = xsmcToUnsigned(xsArg(0));
	size_t length = sizeOf(the, &xsArg(2));

	bytesOf(the, &xsArg(1), 0, length, 0);
	bytesOf(the, &xsArg(3), 0, 64, 1);
	if (!xsmcIsCallable(xsArg(4)))
		xsTypeError("done");
	signing = c_calloc(1, sizeof(gtSigning) + length);
	if (!signing)
		xsUnknownError("no-room");
	signing->the = the;
	signing->slot = slot;
	signing->length = length;
	c_memcpy(signing->message, bytesOf(the, &xsArg(1), 0, length, 0), length);
	signing->signature = xsArg(3);
	signing->done = xsArg(4);
	xsRemember(signing->signature);
	xsRemember(signing->done);
	if (xTaskCreate(sign, "gt-sign", GT_SIGNING_STACK, signing, GT_SIGNING_PRIORITY, NULL) != pdPASS) {
		xsForget(signing->signature);
		xsForget(signing->done);
		c_free(signing);
		xsUnknownError("no-room");
	}
}

/*
 * (slot, algorithm, name): moves a key that provisioning left in NVS into its slot, and erases it there. The key passes through C only.
 * Answers whether there was one.
 */
void xs_gt_crypto_take_from_inbox(xsMachine *the)
{
	uint32_t slot = xsmcToUnsigned(xsArg(0));
	int algorithm = xsmcToInteger(xsArg(1));
	char name[16];
	uint8_t material[32];
	size_t length = sizeof material;
	nvs_handle_t inbox;
	int result = GT_OK, isThere = 0;

	xsmcToStringBuffer(xsArg(2), name, sizeof name);
	if (ESP_OK == nvs_open(GT_INBOX_NAMESPACE, NVS_READWRITE, &inbox)) {
		if (ESP_OK == nvs_get_blob(inbox, name, material, &length)) {
			isThere = 1;
			result = gtKeyImport(slot, algorithm, material, length);
			/* Only now: a power cut in between leaves it for the next boot. */
			if (result == GT_OK && (ESP_OK != nvs_erase_key(inbox, name) || ESP_OK != nvs_commit(inbox)))
				result = GT_FAILED;
		}
		nvs_close(inbox);
	}
	for (length = 0; length < sizeof material; length++)
		((volatile uint8_t *)material)[length] = 0;
	check(the, result);
	xsmcSetBoolean(xsResult, isThere);
}
