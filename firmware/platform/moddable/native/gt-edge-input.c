/*
 * A digital input that notes the time of an edge in its interrupt, before the engine gets to it: the MAC's receive windows count
 * from that time. The SDK's own Digital tells that there was an edge, not when.
 */
#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "builtinCommon.h"
#include "driver/gpio.h"

#include "gt-clock.h"

typedef struct {
	xsMachine *the;
	xsSlot self;
	xsSlot *onReadable;
	uint64_t edgeUs;
	gpio_num_t pin;
	/* One for the object, one for a message on its way. */
	uint8_t useCount;
	uint8_t isPending;
	uint8_t isClosed;
} gtEdgeInput;

static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;

void xs_gt_edge_input_destructor(void *data);
static void mark(xsMachine *the, void *data, xsMarkRoot markRoot);

static const xsHostHooks hooks = { xs_gt_edge_input_destructor, mark, NULL };

static void release(gtEdgeInput *input)
{
	uint8_t useCount;

	portENTER_CRITICAL(&mux);
	useCount = --input->useCount;
	portEXIT_CRITICAL(&mux);
	if (useCount == 0)
		c_free(input);
}

static void deliver(void *machine, void *refcon, uint8_t *message, uint16_t length)
{
	gtEdgeInput *input = refcon;
	xsMachine *the = input->the;

	portENTER_CRITICAL(&mux);
	input->isPending = 0;
	portEXIT_CRITICAL(&mux);
	if (!input->isClosed) {
		xsBeginHost(the);
			xsCallFunction0(xsReference(input->onReadable), input->self);
		xsEndHost(the);
	}
	release(input);
}

static void onEdge(void *refcon)
{
	gtEdgeInput *input = refcon;
	uint8_t isFirst;

	portENTER_CRITICAL_ISR(&mux);
	isFirst = !input->isPending;
	if (isFirst) {
		input->edgeUs = gtClockUs();
		input->isPending = 1;
		input->useCount++;
	}
	portEXIT_CRITICAL_ISR(&mux);
	if (isFirst && modMessagePostToMachineFromISR(input->the, deliver, input) != 0) {
		/* The queue is full: the next edge tries again. */
		portENTER_CRITICAL_ISR(&mux);
		input->isPending = 0;
		input->useCount--;
		portEXIT_CRITICAL_ISR(&mux);
	}
}

/* ({pin, rises, onReadable}): rises true for the rising edge, false for the falling one. */
void xs_gt_edge_input(xsMachine *the)
{
	gtEdgeInput *input;
	gpio_config_t config = { 0 };
	int pin, rises;

	xsmcVars(2);
	xsmcGet(xsVar(0), xsArg(0), xsID_pin);
	pin = xsmcToInteger(xsVar(0));
	xsmcGet(xsVar(0), xsArg(0), xsID_rises);
	rises = xsmcTest(xsVar(0));
	xsmcGet(xsVar(1), xsArg(0), xsID_onReadable);
	if (!GPIO_IS_VALID_GPIO(pin) || !builtinIsPinFree(pin))
		xsRangeError("pin");
	if (!xsmcIsCallable(xsVar(1)))
		xsTypeError("onReadable");

	input = c_calloc(1, sizeof(gtEdgeInput));
	if (!input)
		xsUnknownError("no memory");
	input->the = the;
	input->self = xsThis;
	input->onReadable = xsmcToReference(xsVar(1));
	input->pin = (gpio_num_t)pin;
	input->useCount = 1;
	xsmcSetHostData(xsThis, input);
	xsSetHostHooks(xsThis, &hooks);
	xsRemember(input->self);
	builtinUsePin(pin);

	config.pin_bit_mask = 1ULL << pin;
	config.mode = GPIO_MODE_INPUT;
	config.intr_type = rises ? GPIO_INTR_POSEDGE : GPIO_INTR_NEGEDGE;
	/* Not an error: the service is one for all, and the SDK may have installed it. */
	gpio_install_isr_service(0);
	if (ESP_OK != gpio_config(&config) || ESP_OK != gpio_isr_handler_add(input->pin, onEdge, input))
		xsUnknownError("interrupt");
}

void xs_gt_edge_input_destructor(void *data)
{
	gtEdgeInput *input = data;

	if (!input)
		return;
	input->isClosed = 1;
	gpio_isr_handler_remove(input->pin);
	gpio_reset_pin(input->pin);
	builtinFreePin(input->pin);
	release(input);
}

static void mark(xsMachine *the, void *data, xsMarkRoot markRoot)
{
	gtEdgeInput *input = data;
	(*markRoot)(the, input->onReadable);
}

void xs_gt_edge_input_close(xsMachine *the)
{
	gtEdgeInput *input = xsmcGetHostData(xsThis);

	if (!input)
		return;
	xsmcGetHostDataValidate(xsThis, (void *)&hooks);
	xsForget(input->self);
	xsmcSetHostData(xsThis, NULL);
	xsmcSetHostDestructor(xsThis, NULL);
	xs_gt_edge_input_destructor(input);
}

void xs_gt_edge_input_read(xsMachine *the)
{
	gtEdgeInput *input = xsmcGetHostDataValidate(xsThis, (void *)&hooks);
	xsmcSetInteger(xsResult, gpio_get_level(input->pin));
}

/* Milliseconds since power-on of the edge that onReadable was called for last. */
void xs_gt_edge_input_edge_ms(xsMachine *the)
{
	gtEdgeInput *input = xsmcGetHostDataValidate(xsThis, (void *)&hooks);
	uint64_t edgeUs;

	portENTER_CRITICAL(&mux);
	edgeUs = input->edgeUs;
	portEXIT_CRITICAL(&mux);
	xsmcSetNumber(xsResult, (xsNumberValue)(edgeUs / 1000));
}
