/*
 * Runs a linked XS image of Groundtruth headless on Linux and reports what it used of the engine's memory.
 *
 * The image's main module exports a default function (argument, host), where argument is the text read
 * from standard input and host has print(line) and measure(). What the function returns, or what its promise settles
 * to, is the exit code. 70 stands for an error that the script did not catch, 71 for a promise that never settled,
 * 72 and more for the engine's own reasons to give up (72 + reason).
 */
#include "xsAll.h"
#include "xs.h"
#include "mc.xs.h"

#include <gio/gio.h>

enum { exitUncaught = 70, exitNeverSettled = 71, exitAborted = 72 };
enum { pending, fulfilled, rejected };

static int outcome = pending;
static int exitCode = 0;

/* Slots are 32 bytes on a 64-bit host; the chips that we build for have 16. */
static const int deviceSlotBytes = 16;

static void print(xsMachine* the);
static void measure(xsMachine* the);
static void onFulfilled(xsMachine* the);
static void onRejected(xsMachine* the);

/* The stack is painted before use, so that its deepest point can be read afterwards in any build. */
static const unsigned char paint = 0xA5;

static void paintStack(txMachine* the)
{
	memset(the->stackBottom, paint, (char*)the->stack - (char*)the->stackBottom);
}

static int isPainted(const txSlot* slot)
{
	const unsigned char* byte = (const unsigned char*)slot;
	size_t i;
	for (i = 0; i < sizeof(txSlot); i++)
		if (byte[i] != paint)
			return 0;
	return 1;
}

/* Looks from the top, because regular expressions match in the free part of the stack, from its bottom. */
static long stackPeak(txMachine* the)
{
	const int untouched = 64;
	const txSlot* slot = the->stack;
	const txSlot* deepest = slot;
	while ((slot > the->stackBottom) && (deepest - slot < untouched)) {
		slot--;
		if (!isPainted(slot))
			deepest = slot;
	}
	return the->stackTop - deepest;
}

static int isInChunks(txMachine* the, void* address)
{
	txBlock* block;
	for (block = the->firstBlock; block; block = block->nextBlock)
		if (((txByte*)block < (txByte*)address) && ((txByte*)address < block->limit))
			return 1;
	return 0;
}

/* Arrays are slots inside chunks, so a 64-bit host takes twice the bytes of a device for them. */
static long liveArrayBytes(txMachine* the)
{
	long bytes = 0;
	txSlot *heap, *slot;
	for (heap = the->firstHeap; heap; heap = heap->next)
		for (slot = heap + 1; slot < heap->value.reference; slot++)
			if (((slot->kind == XS_ARRAY_KIND) || (slot->kind == XS_STACK_KIND)) && isInChunks(the, slot->value.array.address))
				bytes += ((txChunk*)((txByte*)slot->value.array.address - sizeof(txChunk)))->size;
	return bytes;
}

typedef struct { long slots, chunkBytes, stackSlots; } Peaks;

static void raisePeak(long* peak, long value)
{
	if (*peak < value)
		*peak = value;
}

/*
 * Writes the figures as JSON: "live" is what a collection leaves, "peak" counts garbage that was not yet collected,
 * since the last call or, when `isEnd`, in the whole run.
 */
static void figures(txMachine* the, int isEnd, char* into, size_t size)
{
	static Peaks whole;
	Peaks peaks = { the->peakHeapCount, the->peakChunksSize, stackPeak(the) };
	long arrayBytes;
	raisePeak(&whole.slots, peaks.slots);
	raisePeak(&whole.chunkBytes, peaks.chunkBytes);
	raisePeak(&whole.stackSlots, peaks.stackSlots);
	if (isEnd)
		peaks = whole;
	fxCollectGarbage(the);
	arrayBytes = liveArrayBytes(the);
	snprintf(into, size,
		"{\"liveSlots\":%ld,\"liveSlotBytes\":%ld,\"liveChunkBytes\":%ld,\"hostLiveChunkBytes\":%ld,\"peakSlots\":%ld,"
		"\"peakSlotBytes\":%ld,\"hostPeakChunkBytes\":%ld,\"peakStackSlots\":%ld,\"stackSlots\":%ld,\"keys\":%ld}",
		(long)the->currentHeapCount, (long)the->currentHeapCount * deviceSlotBytes,
		(long)the->currentChunksSize - arrayBytes + arrayBytes * deviceSlotBytes / (long)sizeof(txSlot),
		(long)the->currentChunksSize, peaks.slots, peaks.slots * deviceSlotBytes, peaks.chunkBytes,
		peaks.stackSlots, (long)(the->stackTop - the->stackBottom), (long)the->keyIndex);
	the->peakHeapCount = the->currentHeapCount;
	the->peakChunksSize = the->currentChunksSize;
	paintStack(the);
}

/* host.print(line): one line on standard output. A zero in the string, which XS keeps as C0 80, becomes a zero. */
void print(xsMachine* the)
{
	const char* text = xsToString(xsArg(0));
	for (; *text; text++) {
		if (((unsigned char)text[0] == 0xC0) && ((unsigned char)text[1] == 0x80)) {
			putchar(0);
			text++;
		}
		else
			putchar(*text);
	}
	putchar('\n');
	fflush(stdout);
}

/* host.measure(): collects garbage, returns the figures as JSON and starts the peaks anew. */
void measure(xsMachine* the)
{
	char buffer[512];
	figures((txMachine*)the, 0, buffer, sizeof(buffer));
	xsResult = xsString(buffer);
}

void onFulfilled(xsMachine* the)
{
	outcome = fulfilled;
	if (xsToInteger(xsArgc) > 0 && xsTypeOf(xsArg(0)) != xsUndefinedType)
		exitCode = xsToInteger(xsArg(0));
}

void onRejected(xsMachine* the)
{
	outcome = rejected;
	exitCode = exitUncaught;
	fprintf(stderr, "uncaught: %s\n", xsToString(xsArg(0)));
}

/* The engine calls this when it cannot go on: out of memory, a built-in that was stripped, a promise nobody caught. */
void fxAbort(txMachine* the, int status)
{
	fflush(stdout);
	fprintf(stderr, "engine: %s\n", fxAbortString(status));
	exit(exitAborted + status);
}

static void run(xsMachine* the, const char* argument)
{
	xsBeginHost(the);
	xsVars(4);
	xsTry {
		xsVar(0) = xsImportNow(((txPreparation*)xsPreparation())->main);
		xsVar(0) = xsGet(xsVar(0), xsID("default"));
		xsVar(1) = xsNewObject();
		xsVar(2) = xsNewHostFunction(print, 1);
		xsSet(xsVar(1), xsID("print"), xsVar(2));
		xsVar(2) = xsNewHostFunction(measure, 0);
		xsSet(xsVar(1), xsID("measure"), xsVar(2));
		xsVar(3) = xsString((char*)argument);
		xsResult = xsCallFunction2(xsVar(0), xsGlobal, xsVar(3), xsVar(1));
		if (xsIsInstanceOf(xsResult, xsPromisePrototype)) {
			xsVar(2) = xsNewHostFunction(onFulfilled, 1);
			xsVar(3) = xsNewHostFunction(onRejected, 1);
			xsCall2(xsResult, xsID("then"), xsVar(2), xsVar(3));
		}
		else {
			outcome = fulfilled;
			if (xsTypeOf(xsResult) != xsUndefinedType)
				exitCode = xsToInteger(xsResult);
		}
	}
	xsCatch {
		outcome = rejected;
		exitCode = exitUncaught;
		fprintf(stderr, "uncaught: %s\n", xsToString(xsException));
	}
	xsEndHost(the);
	while ((outcome == pending) && g_main_context_iteration(NULL, FALSE))
		;
}

/* The whole of standard input, as one string. A command line would be too short for test vectors. */
static char* readArgument(void)
{
	size_t used = 0, room = 65536, got;
	char* text = malloc(room);
	while (text && (got = fread(text + used, 1, room - used - 1, stdin)) > 0) {
		used += got;
		if (room - used < 2)
			text = realloc(text, room *= 2);
	}
	if (text)
		text[used] = 0;
	return text;
}

int main(void)
{
	char buffer[512];
	char* argument = readArgument();
	txMachine* machine = fxPrepareMachine(NULL, xsPreparation(), "groundtruth", NULL, NULL);
	if (!argument || !machine) {
		fprintf(stderr, argument ? "the image was linked for another version of the engine\n" : "out of memory\n");
		return exitUncaught;
	}
	paintStack(machine);
	run((xsMachine*)machine, argument);
	if (outcome == pending) {
		fprintf(stderr, "the promise of the main function never settled\n");
		exitCode = exitNeverSettled;
	}
	figures(machine, 1, buffer, sizeof(buffer));
	fprintf(stderr, "figures %s\n", buffer);
	free(argument);
	fflush(NULL);
	return exitCode;
}
