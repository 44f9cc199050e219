/* See gt-clock.h. */
#include "xsmc.h"
#include "xsHost.h"

#include "esp_attr.h"
#include "esp_rtc_time.h"
#include "esp_system.h"
#include "esp_timer.h"

#include "gt-clock.h"

/* The boot loader fills RTC data anew at every reset but waking from deep sleep. */
static RTC_DATA_ATTR uint64_t sleepClockUs;
static RTC_DATA_ATTR uint64_t sleepRtcUs;

/* What esp_timer did not count: everything before this boot. Set before the first interrupt that asks for the time. */
static uint64_t earlierUs;
static uint8_t hasBegun;

static void begin(void)
{
	hasBegun = 1;
	if (esp_reset_reason() == ESP_RST_DEEPSLEEP)
		earlierUs = sleepClockUs + (esp_rtc_get_time_us() - sleepRtcUs) - (uint64_t)esp_timer_get_time();
}

uint64_t gtClockUs(void)
{
	if (!hasBegun)
		begin();
	return earlierUs + (uint64_t)esp_timer_get_time();
}

void gtClockSleep(void)
{
	sleepClockUs = gtClockUs();
	sleepRtcUs = esp_rtc_get_time_us();
}

void xs_gt_clock_now(xsMachine *the)
{
	/* Whole milliseconds; a double holds them exactly for 285,000 years. */
	xsmcSetNumber(xsResult, (xsNumberValue)(gtClockUs() / 1000));
}
