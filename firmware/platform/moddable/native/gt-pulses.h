/*
 * Counts closures of a reed contact and the most of them in one gate window (3 s for a gust, WMO-No. 8 5.1.1): pure C, called
 * by the interrupt on a board and by a test on Linux. Times are microseconds that never go back.
 *
 *   level  ___         _______          a closure is a falling edge after the line was quiet; what bounces within
 *             |_|||___|       |||___    `quietUs` of any edge is not counted
 *   counts    1               2
 */
#ifndef GT_PULSES_H
#define GT_PULSES_H

#include <stdint.h>

typedef struct {
	uint64_t gateStartUs;
	uint64_t edgeUs;
	uint32_t gateUs;
	uint32_t quietUs;
	/* Closures since the start, modulo 2^32. */
	uint32_t count;
	/* Closures in the gate that is open, and the most in a finished one since the last call of gtPulsesTakePeak. */
	uint32_t inGate;
	uint32_t peak;
} gtPulses;

void gtPulsesBegin(gtPulses *pulses, uint32_t gateUs, uint32_t quietUs, uint64_t nowUs);
/* The line changed; `isLow`: it is closed now. */
void gtPulsesEdge(gtPulses *pulses, int isLow, uint64_t nowUs);
/* The gate that is open counts for the next call. */
uint32_t gtPulsesTakePeak(gtPulses *pulses, uint64_t nowUs);

#endif
