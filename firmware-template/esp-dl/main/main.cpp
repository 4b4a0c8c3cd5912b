/* The same model under Espressif's ESP-DL, for comparison: its own test of the stored output, then the time.
 * The events are those of docs/console.md, as far as ESP-DL knows what they tell. */
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "dl_model_base.hpp"
#include "esp_partition.h"
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

#if CONFIG_OCTET_MODEL_IN_PARTITION
static bool read_model(const esp_partition_t *partition, size_t offset, void *bytes, size_t length)
{
    return esp_partition_read(partition, offset, bytes, length) == ESP_OK;
}
#else
static bool read_model(const uint8_t *model, size_t offset, void *bytes, size_t length)
{
    memcpy(bytes, model + offset, length);
    return true;
}
#endif

/* CRC32 of the model's file. Behind its header of 16 bytes lies what the header's third word counts. */
static bool model_crc32(uint32_t *crc)
{
    constexpr size_t HEADER_BYTES = 16;
#if CONFIG_OCTET_MODEL_IN_PARTITION
    const esp_partition_t *model =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "model");
    if (model == nullptr) {
        return false;
    }
    const size_t room = model->size;
#else
    const uint8_t *model = model_espdl;
    const size_t room = SIZE_MAX;
#endif
    uint32_t header[HEADER_BYTES / sizeof(uint32_t)];
    if (!read_model(model, 0, header, HEADER_BYTES) || header[2] > room - HEADER_BYTES) {
        return false;
    }
    const size_t end = HEADER_BYTES + header[2];
    uint32_t sum = 0;
    uint8_t part[512];
    for (size_t at = 0; at < end; at += sizeof part) {
        const size_t length = std::min(sizeof part, end - at);
        if (!read_model(model, at, part, length)) {
            return false;
        }
        sum = esp_rom_crc32_le(sum, part, (uint32_t)length);
    }
    *crc = sum;
    return true;
}

/* Who is there, so that no other chip's or model's time is taken for this one's. */
static void hello(void)
{
    char crc_text[16] = "null";
    uint32_t crc = 0;
    if (model_crc32(&crc)) {
        snprintf(crc_text, sizeof crc_text, "\"%08" PRIx32 "\"", crc);
    }
    char fields[160];
    snprintf(fields, sizeof fields,
             ",\"protocol\":1,\"firmware\":\"ESP-DL\",\"target\":\"" CONFIG_IDF_TARGET "\",\"model_crc32\":%s", crc_text);
    tell("hello", fields);
}

static void run(void)
{
    hello();
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
