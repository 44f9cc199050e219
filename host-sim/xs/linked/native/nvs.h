/* The part of ESP-IDF's NVS that gt-crypto.c takes, on Linux: one key in an inbox, left there by the test (board.c). */
#ifndef GT_HOST_NVS_H
#define GT_HOST_NVS_H

#include <stddef.h>
#include <stdint.h>

#define ESP_OK 0
#define ESP_ERR_NVS_NOT_FOUND 0x1102

typedef int esp_err_t;
typedef uint32_t nvs_handle_t;
typedef enum { NVS_READONLY, NVS_READWRITE } nvs_open_mode_t;

esp_err_t nvs_open(const char *name, nvs_open_mode_t mode, nvs_handle_t *handle);
esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *value, size_t *length);
esp_err_t nvs_erase_key(nvs_handle_t handle, const char *key);
esp_err_t nvs_commit(nvs_handle_t handle);
void nvs_close(nvs_handle_t handle);

#endif
