/* What gt-crypto.c takes from FreeRTOS and from the SDK's ESP32 host, on Linux: see ../board.c. */
#ifndef GT_HOST_FREERTOS_H
#define GT_HOST_FREERTOS_H

#include <stdint.h>

#define pdPASS 1

typedef void (*modMessageDeliver)(void *the, void *refcon, uint8_t *message, uint16_t messageLength);

/* Declared as the SDK's xs/platforms/esp/xsHost.h has it. */
int modMessagePostToMachine(xsMachine *the, uint8_t *message, uint16_t messageLength, modMessageDeliver callback, void *refcon);

#endif
