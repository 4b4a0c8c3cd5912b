/* What the firmware's own C calls: load a model in place, classify pictures, serve the console.
 *
 * Memory is the caller's. In order: octet_workspace_bytes, allocate the workspace, octet_arena_bytes, allocate the
 * arena, octet_run (or octet_open, octet_classify, octet_serve one by one). Nothing here allocates, and nothing keeps a
 * pointer after the workspace is given back. One engine belongs to one task. docs/console.md describes what
 * octet_run and octet_serve write and read. */
#ifndef OCTET_H
#define OCTET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes whenever a structure or a function below does. */
#define OCTET_ABI_VERSION 1u

/* What the arena and the workspace are aligned to. */
#define OCTET_ALIGNMENT 16u

/* What functions return. The text that names the node or tensor is written to the console as an "error" event. */
enum {
    OCTET_OK = 0,
    OCTET_ERROR_ARGUMENT = -1,  /* a null pointer, a wrong abi_version, a misaligned buffer, unknown target or format */
    OCTET_ERROR_MODEL = -2,     /* the file is damaged or holds what is not supported */
    OCTET_ERROR_WORKSPACE = -3, /* the workspace is too small */
    OCTET_ERROR_ARENA = -4,     /* the arena is too small */
    OCTET_ERROR_PICTURE = -5,   /* sizes that do not fit together, or no picture */
    OCTET_ERROR_INTERNAL = -6   /* the file changed while it was in use */
};

/* Pixel formats. Lines are packed, the first line is the top one. */
enum {
    OCTET_RGB888 = 0,    /* red, green, blue */
    OCTET_BGR888 = 1,    /* blue, green, red */
    OCTET_RGB565_LE = 2, /* 16 bits, red in the high ones, low byte first */
    OCTET_RGB565_BE = 3, /* 16 bits, red in the high ones, high byte first (most cameras) */
    OCTET_GREY8 = 4,     /* one byte */
    OCTET_YUYV = 5       /* Y0 U Y1 V for two pixels, BT.601 full range; even width */
};

/* How a picture's size is changed. */
enum { OCTET_RESIZE_NEAREST = 0 /* as ESP-DL does */, OCTET_RESIZE_BILINEAR = 1 };

/* What of a picture goes to the network. */
enum {
    OCTET_FIT_STRETCH = 0,   /* all of it, whatever the proportion */
    OCTET_FIT_CROP = 1,      /* the middle, in the network's proportion; see crop_permille */
    OCTET_FIT_LETTERBOX = 2  /* all of it in its proportion, the rest is fill */
};

/* What the network's channels are; a network with one channel is always OCTET_CHANNELS_GREY. */
enum {
    OCTET_CHANNELS_RGB = 0,
    OCTET_CHANNELS_BGR = 1, /* blue first; mean and std stay red, green, blue */
    OCTET_CHANNELS_GREY = 2 /* the luma 0.299 R + 0.587 G + 0.114 B in every channel */
};

typedef struct octet_picture {
    const uint8_t *pixels;
    size_t bytes; /* exactly what width, height and format need */
    uint32_t width;
    uint32_t height;
    uint32_t format;
    const char *name; /* UTF-8, ends with NUL; NULL: no name */
    int32_t label;    /* index of the right class, -1: not known */
} octet_picture;

typedef struct octet_preprocessing {
    float mean[3]; /* red, green, blue, in units of 0..1 */
    float std[3];
    uint8_t channels;
    uint8_t resize;
    uint8_t fit;
    uint8_t fill[3];        /* red, green, blue around a letterboxed picture */
    uint16_t crop_permille; /* of the largest middle that fits, 1..1000; 875 is "shorter side 256, crop 224" */
} octet_preprocessing;

#define OCTET_PREPROCESSING_IMAGENET                                                                                         \
    {                                                                                                                  \
        {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, OCTET_CHANNELS_RGB, OCTET_RESIZE_NEAREST,                   \
            OCTET_FIT_STRETCH, {0, 0, 0}, 1000                                                                          \
    }

/* The board. Functions are called from the task that called into Octet. */
typedef struct octet_platform {
    void *context; /* handed to each function */
    /* Writes all bytes to the console. */
    void (*write)(void *context, const uint8_t *bytes, size_t length);
    /* Reads what has arrived on the console, at most `length` bytes, and waits for the first one at most `timeout_ms`.
     * Returns the number of bytes, 0 when none came. NULL: nobody is listened to, and octet_serve returns at once. */
    size_t (*read)(void *context, uint8_t *bytes, size_t length, uint32_t timeout_ms);
    /* Microseconds since some moment (esp_timer_get_time). */
    uint64_t (*micros)(void *context);
    /* A counter of cycles or of retired instructions; NULL: there is none. */
    uint64_t (*cycles)(void *context);
    /* Called between layers or rows, at most every 20 ms, for the watchdog and other tasks; may be NULL. Waiting in it does
     * not count as time of the network. */
    void (*yield)(void *context);
} octet_platform;

typedef struct octet_config {
    uint32_t abi_version; /* OCTET_ABI_VERSION */
    const uint8_t *model; /* the .espdl file where it lies, mapped flash or rodata; best aligned to 16 bytes */
    size_t model_bytes;   /* may be more than the file, such as all of a partition */
    const char *target;   /* "esp32p4", "esp32s3", ...; NULL: what the file says */
    void *workspace;      /* octet_workspace_bytes, aligned to 16 */
    size_t workspace_bytes;
    uint8_t *arena;       /* activations: octet_arena_bytes or more, aligned to 16 */
    size_t arena_bytes;
    const char *labels;   /* UTF-8, one line per class; may be NULL */
    size_t labels_bytes;
    const octet_picture *pictures; /* embedded test pictures; may be NULL */
    size_t picture_count;
    octet_preprocessing preprocessing;
    uint32_t top;         /* answers per picture, 1..10 */
    float threshold;      /* answers below this score (0..1) are left out */
    const char *firmware; /* what the "hello" event calls this firmware; may be NULL */
} octet_config;

/* One answer. */
typedef struct octet_answer {
    uint32_t index; /* of the class */
    float score;    /* softmax, 0..1 */
} octet_answer;

/* An opened model; lies in the workspace. */
typedef struct octet_engine octet_engine;

/* OCTET_ABI_VERSION of the library. */
uint32_t octet_abi_version(void);

/* How large the workspace must be (tens of KiB: one entry per tensor and per layer). `config` needs abi_version, model and
 * picture_count. `platform` is where an error is told; may be NULL. */
int32_t octet_workspace_bytes(const octet_config *config, const octet_platform *platform, size_t *bytes);

/* How large the arena must be. `config` needs all but the arena; what stands in the workspace is lost. `arena_limit` is
 * the memory the caller would like to spend (fast memory), 0 for no wish. Within it as few blocks of layers as possible are
 * streamed row by row; when even all of them are too much, *bytes is the least there can be, above the limit. The plan that
 * octet_open makes depends on arena_bytes alone, in the same way. */
int32_t octet_arena_bytes(const octet_config *config, const octet_platform *platform, size_t arena_limit, size_t *bytes);

/* Opens the model in the workspace. On failure *engine is NULL. All that config and platform point at must outlive the
 * engine; the structures themselves are copied. The arena is cleared. */
int32_t octet_open(const octet_config *config, const octet_platform *platform, octet_engine **engine);

/* Classifies one picture; writes at most `capacity` answers, best first, and their number. Writes no event. */
int32_t octet_classify(octet_engine *engine, const octet_picture *picture, octet_answer *answers, size_t capacity,
                       size_t *count);

/* Answers commands on the console until one says "quit" or there is nothing to read from. */
int32_t octet_serve(octet_engine *engine);

/* The firmware's whole main logic: open, say hello, classify the embedded pictures, serve. */
int32_t octet_run(const octet_config *config, const octet_platform *platform);

#ifdef __cplusplus
}
#endif

#endif
