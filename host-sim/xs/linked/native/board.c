/*
 * What firmware/platform/moddable/native/gt-crypto.c finds on an ESP32 and not on Linux, so that the very file runs on linked XS here: tasks as
 * threads, the loop's message queue on GLib's, an inbox of one key. And what the host's own entries call.
 */
#include "xsPlatform.h"
#include "xsmc.h"
#include "mc.xs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "gt-keys.h"
#include "nvs.h"

typedef struct {
	void (*task)(void *);
	void *argument;
} Start;

static gint tasksRunning;

/* The host program ends when its event loop has nothing to do (../host.c); a task that runs is something. */
static gboolean waitForTasks(gpointer data)
{
	(void)data;
	if (g_atomic_int_get(&tasksRunning) == 0)
		return G_SOURCE_REMOVE;
	usleep(200);
	return G_SOURCE_CONTINUE;
}

static void *runTask(void *argument)
{
	Start start = *(Start *)argument;

	free(argument);
	start.task(start.argument);
	g_atomic_int_add(&tasksRunning, -1);
	return NULL;
}

int xTaskCreate(void (*task)(void *), const char *name, uint32_t stackBytes, void *argument, uint32_t priority, void *handle)
{
	pthread_t thread;
	Start *start = malloc(sizeof *start);

	(void)name;
	(void)stackBytes;
	(void)priority;
	(void)handle;
	if (!start)
		return 0;
	start->task = task;
	start->argument = argument;
	g_atomic_int_add(&tasksRunning, 1);
	if (pthread_create(&thread, NULL, runTask, start) != 0) {
		g_atomic_int_add(&tasksRunning, -1);
		free(start);
		return 0;
	}
	g_idle_add(waitForTasks, NULL);
	pthread_detach(thread);
	return pdPASS;
}

void vTaskDelete(void *task)
{
	(void)task;
}

void vTaskDelay(uint32_t ticks)
{
	usleep(1000 * ticks);
}

typedef struct {
	xsMachine *the;
	modMessageDeliver deliver;
	void *refcon;
} Message;

static gboolean deliverMessage(gpointer data)
{
	Message *message = data;

	message->deliver(message->the, message->refcon, NULL, 0);
	free(message);
	return G_SOURCE_REMOVE;
}

int modMessagePostToMachine(xsMachine *the, uint8_t *bytes, uint16_t length, modMessageDeliver deliver, void *refcon)
{
	Message *message = malloc(sizeof *message);

	(void)bytes;
	(void)length;
	if (!message)
		return -1;
	message->the = the;
	message->deliver = deliver;
	message->refcon = refcon;
	g_idle_add(deliverMessage, message);
	return 0;
}

static struct {
	char name[16];
	uint8_t bytes[32];
	size_t length;
} inbox;

esp_err_t nvs_open(const char *name, nvs_open_mode_t mode, nvs_handle_t *handle)
{
	(void)name;
	(void)mode;
	*handle = 1;
	return ESP_OK;
}

esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *value, size_t *length)
{
	(void)handle;
	if (inbox.length == 0 || inbox.length > *length || strcmp(key, inbox.name) != 0)
		return ESP_ERR_NVS_NOT_FOUND;
	memcpy(value, inbox.bytes, inbox.length);
	*length = inbox.length;
	return ESP_OK;
}

esp_err_t nvs_erase_key(nvs_handle_t handle, const char *key)
{
	(void)handle;
	(void)key;
	memset(&inbox, 0, sizeof inbox);
	return ESP_OK;
}

esp_err_t nvs_commit(nvs_handle_t handle)
{
	(void)handle;
	return ESP_OK;
}

void nvs_close(nvs_handle_t handle)
{
	(void)handle;
}

/* (name, material): what provisioning would have left in the inbox. */
void xs_gt_host_leave_in_inbox(xsMachine *the)
{
	void *bytes;
	xsUnsignedValue length;

	xsmcToStringBuffer(xsArg(0), inbox.name, sizeof inbox.name);
	xsmcGetBufferReadable(xsArg(1), &bytes, &length);
	if (length > sizeof inbox.bytes)
		xsRangeError("too long");
	memcpy(inbox.bytes, bytes, length);
	inbox.length = length;
}

/* (slot, message, signature): a signature at once, for a simulation, which has a time of its own and no event loop. */
void xs_gt_host_sign(xsMachine *the)
{
	void *message, *signature;
	xsUnsignedValue length, room;

	xsmcGetBufferReadable(xsArg(1), &message, &length);
	xsmcGetBufferWritable(xsArg(2), &signature, &room);
	if (room < 64)
		xsRangeError("too short");
	if (gtSign(xsmcToUnsigned(xsArg(0)), message, length, signature) != GT_OK)
		xsUnknownError("no signature");
}

/* (): microseconds of this process, for a bench. */
void xs_gt_host_cpu_us(xsMachine *the)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	xsmcSetNumber(xsResult, 1e6 * (double)time.tv_sec + (double)time.tv_nsec / 1e3);
}
