/* The host's random source needs no preparation. */
#ifndef GT_HOST_BOOTLOADER_RANDOM_H
#define GT_HOST_BOOTLOADER_RANDOM_H

static inline void bootloader_random_enable(void)
{
}

static inline void bootloader_random_disable(void)
{
}

#endif
