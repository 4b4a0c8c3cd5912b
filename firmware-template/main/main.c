/* The firmware's entry: finds the model, gives Octet memory and a console, and leaves the rest to it. */
#include <inttypes.h>
#include <string.h>

#include "esp_cpu.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_partition.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#include "board_console.h"
#include "octet.h"
#include "project.h"

static const char *TAG = "octet";

/* So often at least the idle task runs while a network does: it feeds the watchdog. */
#define BREATH_MICROS 1000000

#define ON_CHIP (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT)
#define IN_PSRAM (MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT)

static uint64_t micros(void *context)
{
    (void)context;
    return (uint64_t)esp_timer_get_time();
}

/* The chip's counter has 32 bits and comes round every ten seconds; it is read more often than that. */
static uint64_t cycles(void *context)
{
    static uint32_t last;
    static uint64_t rounds;
    (void)context;
    uint32_t now = (uint32_t)esp_cpu_get_cycle_count();
    if (now < last) {
        rounds += UINT64_C(1) << 32;
    }
    last = now;
    return rounds + now;
}

static void breathe(void *context)
{
    static int64_t last;
    (void)context;
    int64_t now = esp_timer_get_time();
    if (now - last > BREATH_MICROS) {
        vTaskDelay(1);
        last = esp_timer_get_time();
    }
}

/* Where the model lies, and at most how long it is. */
static esp_err_t find_model(const uint8_t **model, size_t *bytes)
{
#if CONFIG_OCTET_MODEL_IN_PARTITION
    static esp_partition_mmap_handle_t handle;
    const esp_partition_t *partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "model");
    if (partition == NULL) {
        ESP_LOGE(TAG, "the flash has no partition `model`; flash the whole project once");
        return ESP_ERR_NOT_FOUND;
    }
    const void *mapped = NULL;
    esp_err_t result =
        esp_partition_mmap(partition, 0, partition->size, ESP_PARTITION_MMAP_DATA, &mapped, &handle);
    if (result != ESP_OK) {
        ESP_LOGE(TAG, "the partition `model` of %" PRIu32 " bytes cannot be mapped: %s", partition->size,
                 esp_err_to_name(result));
        return result;
    }
    *model = mapped;
    *bytes = partition->size;
#else
    *model = octet_model_start;
    *bytes = (size_t)(octet_model_end - octet_model_start);
#endif
    return ESP_OK;
}

/* Memory for activations: on the chip if the plan fits there, else outside. */
static uint8_t *take_arena(const octet_config *config, const octet_platform *platform, size_t *bytes)
{
    *bytes = 0;
#if !CONFIG_OCTET_ARENA_PSRAM
    size_t free_bytes = heap_caps_get_largest_free_block(ON_CHIP);
    size_t limit = free_bytes > CONFIG_OCTET_RESERVE_BYTES ? free_bytes - CONFIG_OCTET_RESERVE_BYTES : 0;
    if (limit > 0 && octet_arena_bytes(config, platform, limit, bytes) == OCTET_OK && *bytes <= limit) {
        uint8_t *arena = heap_caps_aligned_alloc(OCTET_ALIGNMENT, *bytes, ON_CHIP);
        if (arena != NULL) {
            ESP_LOGI(TAG, "activations: %u bytes on the chip", (unsigned)*bytes);
            return arena;
        }
    }
    ESP_LOGW(TAG, "activations need %u bytes, and %u are free on the chip", (unsigned)*bytes, (unsigned)limit);
#endif
#if CONFIG_SPIRAM && !CONFIG_OCTET_ARENA_INTERNAL
    if (octet_arena_bytes(config, platform, 0, bytes) == OCTET_OK) {
        uint8_t *arena = heap_caps_aligned_alloc(OCTET_ALIGNMENT, *bytes, IN_PSRAM);
        if (arena != NULL) {
            ESP_LOGI(TAG, "activations: %u bytes in PSRAM", (unsigned)*bytes);
            return arena;
        }
        ESP_LOGE(TAG, "PSRAM has no %u bytes; is there any on this board?", (unsigned)*bytes);
    }
#endif
    return NULL;
}

static void run(void)
{
    octet_config config = {
        .abi_version = OCTET_ABI_VERSION,
        .target = octet_target_name,
        .labels = octet_labels_start,
        .labels_bytes = (size_t)(octet_labels_end - octet_labels_start),
        .pictures = octet_project_pictures,
        .picture_count = octet_project_picture_count,
        .preprocessing = octet_project_preprocessing,
        .top = CONFIG_OCTET_TOP,
        .threshold = 0.0f,
        .firmware = octet_firmware_name,
    };
    const octet_platform platform = {
        .context = NULL,
        .write = board_console_write,
        .read = board_console_read,
        .micros = micros,
        .cycles = cycles,
        .yield = breathe,
    };
    if (octet_abi_version() != OCTET_ABI_VERSION) {
        ESP_LOGE(TAG, "the library and its header differ; build the project anew");
        return;
    }
    if (find_model(&config.model, &config.model_bytes) != ESP_OK) {
        return;
    }
    int32_t result = octet_workspace_bytes(&config, &platform, &config.workspace_bytes);
    if (result != OCTET_OK) {
        ESP_LOGE(TAG, "the model cannot be read (%" PRId32 "); is its partition flashed?", result);
        return;
    }
    config.workspace = heap_caps_aligned_alloc(OCTET_ALIGNMENT, config.workspace_bytes, ON_CHIP);
#if CONFIG_SPIRAM
    if (config.workspace == NULL) {
        config.workspace = heap_caps_aligned_alloc(OCTET_ALIGNMENT, config.workspace_bytes, IN_PSRAM);
    }
#endif
    if (config.workspace == NULL) {
        ESP_LOGE(TAG, "there are no %u bytes for the workspace", (unsigned)config.workspace_bytes);
        return;
    }
    config.arena = take_arena(&config, &platform, &config.arena_bytes);
    if (config.arena == NULL) {
        ESP_LOGE(TAG, "no memory for the activations; take a smaller input or a board with PSRAM");
    } else {
        result = octet_run(&config, &platform);
        ESP_LOGI(TAG, "ended with %" PRId32, result);
        heap_caps_free(config.arena);
    }
    heap_caps_free(config.workspace);
}

static void task(void *context)
{
    (void)context;
    run();
    vTaskDelete(NULL);
}

void app_main(void)
{
    ESP_ERROR_CHECK(board_console_open());
    /* Each core counts its own cycles: the task stays on one. */
    BaseType_t started = xTaskCreatePinnedToCore(task, "octet", CONFIG_OCTET_TASK_STACK_BYTES, NULL,
                                                 tskIDLE_PRIORITY + 1, NULL, 0);
    if (started != pdPASS) {
        ESP_LOGE(TAG, "there is no memory for a stack of %d bytes", CONFIG_OCTET_TASK_STACK_BYTES);
    }
}
