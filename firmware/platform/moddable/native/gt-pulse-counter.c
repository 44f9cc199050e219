/*
 * Counts the closures of a reed contact in an interrupt (gt-pulses.h). The SDK's PulseCount is a quadrature decoder: with one
 * line it counts up on one edge and down on the next. Works while the chip is awake.
 */
#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "builtinCommon.h"
#include "driver/gpio.h"

#include "gt-clock.h"
#include "gt-pulses.h"

typedef struct {
	gtPulses pulses;
	gpio_num_t pin;
} gtPulseCounter;

static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;

static void onEdge(void *refcon)
{
	gtPulseCounter *counter = refcon;

	portENTER_CRITICAL_ISR(&mux);
	gtPulsesEdge(&counter->pulses, gpio_get_level(counter->pin) == 0, gtClockUs());
	portEXIT_CRITICAL_ISR(&mux);
}

void xs_gt_pulse_counter_destructor(void *data)
{
	gtPulseCounter *counter = data;

	if (!counter)
		return;
	gpio_isr_handler_remove(counter->pin);
	gpio_reset_pin(counter->pin);
	builtinFreePin(counter->pin);
	c_free(counter);
}

/* (pin, gateMs, quietMs): a line that is pulled up and that the contact closes to ground. */
void xs_gt_pulse_counter(xsMachine *the)
{
	gtPulseCounter *counter;
	gpio_config_t config = { 0 };
	int pin = xsmcToInteger(xsArg(0));
	int gateMs = xsmcToInteger(xsArg(1));
	int quietMs = xsmcToInteger(xsArg(2));

	if (!GPIO_IS_VALID_GPIO(pin) || !builtinIsPinFree(pin))
		xsRangeError("pin");
	if (gateMs < 1 || gateMs > 3600000 || quietMs < 0 || quietMs >= gateMs)
		xsRangeError("gate");

	counter = c_calloc(1, sizeof(gtPulseCounter));
	if (!counter)
		xsUnknownError("no memory");
	counter->pin = (gpio_num_t)pin;
	gtPulsesBegin(&counter->pulses, (uint32_t)gateMs * 1000, (uint32_t)quietMs * 1000, gtClockUs());
	xsmcSetHostData(xsThis, counter);
	builtinUsePin(pin);

	config.pin_bit_mask = 1ULL << pin;
	config.mode = GPIO_MODE_INPUT;
	config.pull_up_en = GPIO_PULLUP_ENABLE;
	config.intr_type = GPIO_INTR_ANYEDGE;
	/* Not an error: the service is one for all, and the SDK may have installed it. */
	gpio_install_isr_service(0);
	if (ESP_OK != gpio_config(&config) || ESP_OK != gpio_isr_handler_add(counter->pin, onEdge, counter))
		xsUnknownError("interrupt");
}

void xs_gt_pulse_counter_close(xsMachine *the)
{
	gtPulseCounter *counter = xsmcGetHostData(xsThis);

	if (!counter)
		return;
	xsmcGetHostDataValidate(xsThis, xs_gt_pulse_counter_destructor);
	xsmcSetHostData(xsThis, NULL);
	xsmcSetHostDestructor(xsThis, NULL);
	xs_gt_pulse_counter_destructor(counter);
}

void xs_gt_pulse_counter_read(xsMachine *the)
{
	gtPulseCounter *counter = xsmcGetHostDataValidate(xsThis, xs_gt_pulse_counter_destructor);
	uint32_t count;

	portENTER_CRITICAL(&mux);
	count = counter->pulses.count;
	portEXIT_CRITICAL(&mux);
	xsmcSetUnsigned(xsResult, count);
}

void xs_gt_pulse_counter_take_peak(xsMachine *the)
{
	gtPulseCounter *counter = xsmcGetHostDataValidate(xsThis, xs_gt_pulse_counter_destructor);
	uint32_t peak;

	portENTER_CRITICAL(&mux);
	peak = gtPulsesTakePeak(&counter->pulses, gtClockUs());
	portEXIT_CRITICAL(&mux);
	xsmcSetUnsigned(xsResult, peak);
}
