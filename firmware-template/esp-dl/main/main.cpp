/* The same model under Espressif's ESP-DL, for comparison: its own test of the stored output, then the time.
 * The events are those of docs/console.md, as far as ESP-DL knows what they tell. */
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "dl_model_base.hpp"
#include "esp_rom_crc.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#if CONFIG_OCTET_MODEL_IN_RODATA
extern const uint8_t model_espdl[] asm("_binary_model_espdl_start");
#endif

/* Times of single runs differ by what the caches hold. */
constexpr int RUNS = 10;

static uint32_t sequence = 0;

/* One event; `fields` is the JSON text behind "event". */
static void tell(const char *event, const char *fields)
{
    char text[512];
    int length = snprintf(text, sizeof text, "{\"seq\":%" PRIu32 ",\"event\":\"%s\"%s}", sequence++, event, fields);
    if (length < 0 || (size_t)length >= sizeof text) {
        return;
    }
    uint32_t crc = esp_rom_crc32_le(0, reinterpret_cast<const uint8_t *>(text), (uint32_t)length);
    printf("\n@octet1 %08" PRIx32 " %s\n", crc, text);
}

static void run(void)
{
#if CONFIG_OCTET_MODEL_IN_PARTITION
    auto *model = new dl::Model("model", fbs::MODEL_LOCATION_IN_FLASH_PARTITION);
#else
    auto *model = new dl::Model(reinterpret_cast<const char *>(model_espdl), fbs::MODEL_LOCATION_IN_FLASH_RODATA);
#endif
    char fields[160];
    bool passed = model->test() == ESP_OK;
    snprintf(fields, sizeof fields, ",\"id\":0,\"passed\":%s", passed ? "true" : "false");
    tell("test", fields);

    int64_t best = INT64_MAX;
    for (int i = 0; i < RUNS; i++) {
        int64_t began = esp_timer_get_time();
        model->run();
        int64_t took = esp_timer_get_time() - began;
        best = took < best ? took : best;
        vTaskDelay(1);
    }
    snprintf(fields, sizeof fields, ",\"id\":0,\"source\":\"test\",\"top\":[],\"micros\":{\"network\":%" PRId64 "}", best);
    tell("result", fields);
    /* ESP-DL's own tables of memory and of each operation's time. */
    model->profile();
    tell("bye", "");
    delete model;
}

static void task(void *context)
{
    (void)context;
    run();
    vTaskDelete(nullptr);
}

extern "C" void app_main(void)
{
    xTaskCreate(task, "octet", CONFIG_OCTET_TASK_STACK_BYTES, nullptr, tskIDLE_PRIORITY + 1, nullptr);
}
