/* The board's console for octet_platform: the UART, and the chip's own USB where it has one. */
#ifndef BOARD_CONSOLE_H
#define BOARD_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

/* Installs the drivers whose buffers hold a whole command line; the hardware's hold 64 to 128 bytes. */
esp_err_t board_console_open(void);

/* octet_platform.write: to every console that somebody listens on. */
void board_console_write(void *context, const uint8_t *bytes, size_t length);

/* octet_platform.read: from whichever console something arrives on. */
size_t board_console_read(void *context, uint8_t *bytes, size_t length, uint32_t timeout_ms);

#endif
