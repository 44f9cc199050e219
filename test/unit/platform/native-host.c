/*
 * Runs firmware/platform/moddable/native/gt-keys.c and gt-pulses.c on Linux for native.test.ts: a line in (a verb, its arguments, bytes
 * as hex or "-" for none), a line out ("ok" and what was asked for, or "error" and the result).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gt-keys.h"
#include "gt-pulses.h"

#define MOST_BYTES 4096

static void answer(int result, const uint8_t *bytes, size_t length)
{
	size_t i;

	if (result != GT_OK) {
		printf("error %d\n", result);
		return;
	}
	printf("ok ");
	for (i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	printf("\n");
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
	uint32_t slot, other;
	uint64_t nowUs;
	size_t length;

	if (gtKeysBegin() != GT_OK)
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%31s", verb) != 1)
			continue;
		if (sscanf(line, "import %" SCNu32 " %8192s", &slot, hex) == 2) {
			length = fromHex(hex, bytes);
			answer(gtKeyImport(slot, bytes, length), NULL, 0);
		} else if (sscanf(line, "generate %" SCNu32, &slot) == 1)
			answer(gtKeyGenerate(slot), NULL, 0);
		else if (sscanf(line, "destroy %" SCNu32, &slot) == 1)
			answer(gtKeyDestroy(slot), NULL, 0);
		else if (sscanf(line, "find %" SCNu32, &slot) == 1)
			answer(gtKeyFind(slot), NULL, 0);
		else if (sscanf(line, "public %" SCNu32, &slot) == 1)
			answer(gtPublicKey(slot, out), out, 64);
		else if (sscanf(line, "sign %" SCNu32 " %8192s", &slot, hex) == 2) {
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
