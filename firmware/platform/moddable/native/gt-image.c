/* What a boot token says of the image that runs and of the flash that holds the keys. */
#include "xsmc.h"
#include "xsHost.h"

#include "esp_flash_encrypt.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "sdkconfig.h"

#define GT_DIGEST_BYTES 32

/*
 * (into): boolean. The SHA-256 that stands behind the running image, checked against the image: half a second for a megabyte.
 */
void xs_gt_image_digest(xsMachine *the)
{
	const esp_partition_t *running = esp_ota_get_running_partition();
	uint8_t digest[GT_DIGEST_BYTES];
	void *into;
	xsUnsignedValue length;
	int i;

	xsmcGetBufferWritable(xsArg(0), &into, &length);
	if (length < GT_DIGEST_BYTES)
		xsRangeError("buffer too small");
	if (running == NULL || ESP_OK != esp_partition_get_sha256(running, digest)) {
		xsmcSetFalse(xsResult);
		return;
	}
	for (i = 0; i < GT_DIGEST_BYTES; i++)
		((uint8_t *)into)[i] = digest[i];
	xsmcSetTrue(xsResult);
}

/* (): boolean. NVS, where PSA Crypto keeps its keys, is encrypted by a key that flash encryption guards. */
void xs_gt_image_keys_encrypted(xsMachine *the)
{
#if CONFIG_NVS_ENCRYPTION
	xsmcSetBoolean(xsResult, esp_flash_encryption_enabled());
#else
	xsmcSetFalse(xsResult);
#endif
}
