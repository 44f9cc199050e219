/* Deep sleep, what is kept through it, and why the node started: there is nothing of these in the SDK for an ESP32. */
#include "xsmc.h"
#include "xsHost.h"

#include "driver/gpio.h"
#include "esp_attr.h"
#include "esp_sleep.h"
#include "esp_system.h"

#include "gt-clock.h"

/* As STATE_BYTES_MAX of firmware/core/bounds.ts; a test compares the two. */
#define GT_RETAINED_BYTES 4096

enum { GT_WAKE_POWER_ON = 0, GT_WAKE_TIMER = 1, GT_WAKE_RESET = 2 };

/* Zero after every reset but waking from deep sleep: state from before a crash is never taken for that of now. */
static RTC_DATA_ATTR uint8_t retained[GT_RETAINED_BYTES];

void xs_gt_retained_destructor(void *data)
{
}

void xs_gt_retained(xsMachine *the)
{
	xsmcSetHostBuffer(xsThis, retained, sizeof retained);
}

void xs_gt_power_wake_cause(xsMachine *the)
{
	int cause = GT_WAKE_RESET;

	switch (esp_reset_reason()) {
	case ESP_RST_DEEPSLEEP:
		cause = GT_WAKE_TIMER;
		break;
	/* After a brown-out nothing in memory is to be trusted. */
	case ESP_RST_POWERON:
	case ESP_RST_BROWNOUT:
	case ESP_RST_PWR_GLITCH:
		cause = GT_WAKE_POWER_ON;
		break;
	default:
		break;
	}
	xsmcSetInteger(xsResult, cause);
}

/* (pin): keeps an output as it is through deep sleep. A falling chip select would wake the radio. */
void xs_gt_power_hold(xsMachine *the)
{
	if (ESP_OK != gpio_hold_en((gpio_num_t)xsmcToInteger(xsArg(0))))
		xsUnknownError("hold failed");
#if !SOC_GPIO_SUPPORT_HOLD_SINGLE_IO_IN_DSLP
	gpio_deep_sleep_hold_en();
#endif
}

/* (pin): lets an output go that was held. */
void xs_gt_power_release(xsMachine *the)
{
	gpio_hold_dis((gpio_num_t)xsmcToInteger(xsArg(0)));
}

/* (milliseconds since power-on) */
void xs_gt_power_deep_sleep(xsMachine *the)
{
	uint64_t atUs = (uint64_t)xsmcToNumber(xsArg(0)) * 1000;
	uint64_t nowUs;

	gtClockSleep();
	nowUs = gtClockUs();
	esp_deep_sleep(atUs > nowUs ? atUs - nowUs : 0);
}
