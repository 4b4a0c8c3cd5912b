#include "board_console.h"

#include <stdbool.h>

#include "driver/uart.h"
#include "driver/uart_vfs.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "soc/soc_caps.h"

#if SOC_USB_SERIAL_JTAG_SUPPORTED
#include "driver/usb_serial_jtag.h"
#include "driver/usb_serial_jtag_vfs.h"
#endif

/* Twice the longest command line of the protocol, rounded up. */
#define RECEIVE_BYTES 4096
#define SEND_BYTES 2048

/* How long a console is waited for before the other one is looked at. */
#define TURN_MS 5

#ifdef CONFIG_ESP_CONSOLE_UART_NUM
#define CONSOLE_UART CONFIG_ESP_CONSOLE_UART_NUM
#else
#define CONSOLE_UART -1
#endif

static bool has_uart = false;

#if SOC_USB_SERIAL_JTAG_SUPPORTED
static bool has_usb = false;

/* A host that does not read must not stop the network. */
#define USB_PATIENCE_MS 100

static bool usb_is_listened_to(void)
{
    return has_usb && usb_serial_jtag_is_connected();
}
#endif

esp_err_t board_console_open(void)
{
    if (CONSOLE_UART >= 0) {
        esp_err_t result = uart_driver_install(CONSOLE_UART, RECEIVE_BYTES, SEND_BYTES, 0, NULL, 0);
        if (result != ESP_OK) {
            return result;
        }
        uart_vfs_dev_use_driver(CONSOLE_UART);
        has_uart = true;
    }
#if SOC_USB_SERIAL_JTAG_SUPPORTED
    usb_serial_jtag_driver_config_t config = {.tx_buffer_size = SEND_BYTES, .rx_buffer_size = RECEIVE_BYTES};
    esp_err_t result = usb_serial_jtag_driver_install(&config);
    if (result != ESP_OK) {
        return result;
    }
    usb_serial_jtag_vfs_use_driver();
    has_usb = true;
#endif
    return ESP_OK;
}

void board_console_write(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    if (has_uart) {
        uart_write_bytes(CONSOLE_UART, bytes, length);
    }
#if SOC_USB_SERIAL_JTAG_SUPPORTED
    while (length > 0 && usb_is_listened_to()) {
        size_t piece = length < SEND_BYTES / 2 ? length : SEND_BYTES / 2;
        int sent = usb_serial_jtag_write_bytes(bytes, piece, pdMS_TO_TICKS(USB_PATIENCE_MS));
        if (sent <= 0) {
            break;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
#endif
}

size_t board_console_read(void *context, uint8_t *bytes, size_t length, uint32_t timeout_ms)
{
    (void)context;
    int64_t until = esp_timer_get_time() + (int64_t)timeout_ms * 1000;
    do {
        int got = 0;
        if (has_uart) {
            /* With a wait the driver would stay until `length` bytes are there. */
            got = uart_read_bytes(CONSOLE_UART, bytes, length, 0);
        }
#if SOC_USB_SERIAL_JTAG_SUPPORTED
        if (got <= 0 && has_usb) {
            got = usb_serial_jtag_read_bytes(bytes, length, 0);
        }
#endif
        if (got > 0) {
            return (size_t)got;
        }
        vTaskDelay(pdMS_TO_TICKS(TURN_MS));
    } while (esp_timer_get_time() < until);
    return 0;
}
