/* See FreeRTOS.h. */
#ifndef GT_HOST_TASK_H
#define GT_HOST_TASK_H

#include <stdint.h>

/* Runs in a thread of its own; size and priority are the chip's business. */
int xTaskCreate(void (*task)(void *), const char *name, uint32_t stackBytes, void *argument, uint32_t priority, void *handle);
/* A task here ends by returning, which gt-crypto.c does next. */
void vTaskDelete(void *task);
void vTaskDelay(uint32_t ticks);

#endif
