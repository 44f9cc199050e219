/*
 * Time since power-on, through deep sleep: awake by the crystal (esp_timer), asleep by the RTC's oscillator. A reset other than
 * waking begins a new count at zero, as a power cut does.
 */
#ifndef GT_CLOCK_H
#define GT_CLOCK_H

#include <stdint.h>

/* Microseconds since power-on. May be called from an interrupt. */
uint64_t gtClockUs(void);
/* To be called right before deep sleep. */
void gtClockSleep(void);

#endif
