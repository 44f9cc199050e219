/*
 * Runs firmware/platform/moddable/native/gt-keys.c and gt-pulses.c on Linux for native.test.ts: a line in (a verb, its arguments, bytes
 * as hex or "-" for none), a line out ("ok" and what was asked for, or "error" and the result). After "watch" and the complement of a secret, each
 * line ends in the number of that secret's pieces which the function left on the stack.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gt-keys.h"
#include "gt-pulses.h"

#define MOST_BYTES 4096

#define PIECE_BYTES 8
#define SEARCHED_BYTES 65536

static uint8_t watched[MOST_BYTES];
static size_t watchedBytes;

/* Complemented, so that the secret itself stands nowhere because of this search. */
static int isPiece(const volatile uint8_t *at, const uint8_t *piece)
{
	int i;

	for (i = 0; i < PIECE_BYTES; i++)
		if ((at[i] ^ piece[i]) != 0xff)
			return 0;
	return 1;
}

/* In the part of the stack that was used by functions which have returned. */
__attribute__((noinline)) static int piecesLeft(void)
{
	/* An integer, because to a compiler there is nothing to be read there. */
	const volatile uint8_t *end = (const volatile uint8_t *)(uintptr_t)__builtin_frame_address(0);
	const volatile uint8_t *at = end - SEARCHED_BYTES;
	size_t piece;
	int found = 0;

	for (; at < end - PIECE_BYTES; at++)
		for (piece = 0; piece + PIECE_BYTES <= watchedBytes; piece += PIECE_BYTES)
			found += isPiece(at, watched + piece);
	return found;
}

static void finish(int pieces)
{
	if (watchedBytes)
		printf(" %d left", pieces);
	printf("\n");
}

static void answer(int result, const uint8_t *bytes, size_t length)
{
	size_t i;
	int pieces = watchedBytes ? piecesLeft() : 0;

	if (result != GT_OK)
		printf("error %d", result);
	else {
		printf("ok ");
		for (i = 0; i < length; i++)
			printf("%02x", bytes[i]);
	}
	finish(pieces);
}

static size_t fromHex(const char *hex, uint8_t *bytes)
{
	size_t length = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2, i;
	unsigned int byte;

	for (i = 0; i < length && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		bytes[i] = (uint8_t)byte;
	return i;
}

int main(void)
{
	static char line[3 * MOST_BYTES], verb[32], hex[2 * MOST_BYTES + 1];
	static uint8_t bytes[MOST_BYTES], out[MOST_BYTES];
	gtPulses pulses;
	int algorithm, result;
	uint32_t slot, other;
	uint64_t nowUs;
	size_t length;

	if (gtKeysBegin() != GT_OK)
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%31s", verb) != 1)
			continue;
		if (sscanf(line, "import %" SCNu32 " %d %8192s", &slot, &algorithm, hex) == 3) {
			length = fromHex(hex, bytes);
			answer(gtKeyImport(slot, algorithm, bytes, length), NULL, 0);
		} else if (sscanf(line, "watch %8192s", hex) == 1) {
			watchedBytes = fromHex(hex, watched);
			printf("ok\n");
		} else if (sscanf(line, "generate %" SCNu32 " %d", &slot, &algorithm) == 2)
			answer(gtKeyGenerate(slot, algorithm), NULL, 0);
		else if (sscanf(line, "algorithm %" SCNu32, &slot) == 1) {
			result = gtKeyAlgorithm(slot, &algorithm);
			if (result == GT_OK)
				printf("ok %d\n", algorithm);
			else
				answer(result, NULL, 0);
		}
		else if (sscanf(line, "destroy %" SCNu32, &slot) == 1)
			answer(gtKeyDestroy(slot), NULL, 0);
		else if (sscanf(line, "find %" SCNu32, &slot) == 1)
			answer(gtKeyFind(slot), NULL, 0);
		else if (sscanf(line, "public %" SCNu32, &slot) == 1) {
			length = 0;
			result = gtPublicKey(slot, out, &length);
			answer(result, out, length);
		} else if (sscanf(line, "sign %" SCNu32 " %8192s", &slot, hex) == 2) {
			length = fromHex(hex, bytes);
			answer(gtSign(slot, bytes, length, out), out, 64);
		} else if (sscanf(line, "digest %" SCNu32 " %8192s", &slot, hex) == 2) {
			fromHex(hex, bytes);
			answer(gtSignDigest(slot, bytes, out), out, 64);
		} else if (sscanf(line, "block %" SCNu32 " %8192s", &slot, hex) == 2) {
			fromHex(hex, bytes);
			answer(gtEncryptBlock(slot, bytes, out), out, 16);
		} else if (sscanf(line, "cmac %" SCNu32 " %8192s", &slot, hex) == 2) {
			length = fromHex(hex, bytes);
			answer(gtCmac(slot, bytes, length, out), out, 16);
		} else if (sscanf(line, "derive %" SCNu32 " %8192s %" SCNu32, &slot, hex, &other) == 3) {
			fromHex(hex, bytes);
			answer(gtDeriveKey(slot, bytes, other), NULL, 0);
		} else if (sscanf(line, "sha256 %8192s", hex) == 1) {
			length = fromHex(hex, bytes);
			answer(gtSha256(bytes, length, out), out, 32);
		} else if (sscanf(line, "random %zu", &length) == 1 && length <= sizeof out)
			answer(gtRandom(out, length), out, length);
		else if (sscanf(line, "pulses %" SCNu32 " %" SCNu32 " %" SCNu64, &slot, &other, &nowUs) == 3) {
			gtPulsesBegin(&pulses, slot, other, nowUs);
			printf("ok\n");
		} else if (sscanf(line, "edge %" SCNu32 " %" SCNu64, &slot, &nowUs) == 2) {
			gtPulsesEdge(&pulses, (int)slot, nowUs);
			printf("ok %" PRIu32 "\n", pulses.count);
		} else if (sscanf(line, "peak %" SCNu64, &nowUs) == 1)
			printf("ok %" PRIu32 "\n", gtPulsesTakePeak(&pulses, nowUs));
		else
			printf("error unknown\n");
	}
	return 0;
}
