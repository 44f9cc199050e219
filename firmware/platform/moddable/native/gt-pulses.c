/* See gt-pulses.h. */
#include "gt-pulses.h"

void gtPulsesBegin(gtPulses *pulses, uint32_t gateUs, uint32_t quietUs, uint64_t nowUs)
{
	pulses->gateStartUs = nowUs;
	pulses->edgeUs = nowUs;
	pulses->gateUs = gateUs;
	pulses->quietUs = quietUs;
	pulses->count = 0;
	pulses->inGate = 0;
	pulses->peak = 0;
}

static void closeGates(gtPulses *pulses, uint64_t nowUs)
{
	uint64_t elapsedUs = nowUs - pulses->gateStartUs;

	if (elapsedUs < pulses->gateUs)
		return;
	if (pulses->inGate > pulses->peak)
		pulses->peak = pulses->inGate;
	pulses->inGate = 0;
	pulses->gateStartUs = nowUs - elapsedUs % pulses->gateUs;
}

void gtPulsesEdge(gtPulses *pulses, int isLow, uint64_t nowUs)
{
	uint64_t quietUs = nowUs - pulses->edgeUs;

	pulses->edgeUs = nowUs;
	if (!isLow || quietUs < pulses->quietUs)
		return;
	closeGates(pulses, nowUs);
	pulses->count++;
	pulses->inGate++;
}

uint32_t gtPulsesTakePeak(gtPulses *pulses, uint64_t nowUs)
{
	uint32_t peak;

	closeGates(pulses, nowUs);
	peak = pulses->peak;
	pulses->peak = 0;
	return peak;
}
