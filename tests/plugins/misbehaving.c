/* A plugin that does one wrong thing, for the tests of the host and of the worker.
 *
 * Wrong from the beginning, chosen when it is compiled (-D...): WRONG_MAJOR, NEWER_MINOR, NO_SYMBOL, SMALL_STRUCT,
 * NULL_FUNCTION, NULL_DESCRIPTOR, BAD_UTF8, NULL_STRING, LONG_STRING, BAD_SCHEMA, BAD_ID, DESCRIBE_FAILS,
 * OTHER_TARGET, HANG_ON_LOAD, CRASH_ON_LOAD. Not wrong: OLDER_MINOR.
 *
 * Wrong when it runs, chosen by the setting `mode`: see MODES.
 *
 *   cc -std=gnu99 -shared -fPIC -pthread -I plugin-api/include -o libmisbehaving.so misbehaving.c
 */
#include "octet_plugin.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODES                                                                                                  \
  "\"well\",\"segfault\",\"abort\",\"exit\",\"loop\",\"untouched\",\"touched\",\"bad-exponent\",\"bad-count\","       \
  "\"bad-tensor\",\"bad-node\",\"bad-bits\",\"nan-weights\",\"few-weights\",\"bad-enum\",\"null-out\","              \
  "\"small-out\",\"huge-request\",\"bad-text\",\"other-thread\",\"late-call\",\"unknown-status\",\"fail\","          \
  "\"fail-silently\",\"cancelled\",\"nothing\",\"print\",\"fork\",\"no-newline\",\"chatter\","                              \
  "\"since-1.1\",\"bad-snapshot\",\"bad-export\",\"finish-early\",\"snoop\""

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

static const char SCHEMA[] =
#ifdef BAD_SCHEMA
    "{\"properties\":{\"mode\":{\"type\":\"array\",\"default\":[]}}}";
#else
    "{\"type\":\"object\",\"properties\":{\"mode\":{\"enum\":[" MODES "],\"type\":\"string\","
    "\"default\":\"well\"}}}";
#endif

static char mode[64];
static const OctetHost *kept;

static OctetString text(const char *literal) {
  OctetString string = {(const uint8_t *)literal, strlen(literal)};
  return string;
}

static void *call_from_thread(void *status) {
  *(int32_t *)status = kept->cancelled(kept);
  return NULL;
}

/* Calls everything that version 1.1 appended. */
static int32_t use_1_1(const OctetHost *host, const OctetSlot *slot) {
  OctetCost narrow = {0}, wide = {0};
  OctetString path;
  uint64_t snapshot = 0;
  uint32_t asked = 0;
  narrow.struct_size = wide.struct_size = sizeof narrow;
  int32_t status = host->cost(host, &narrow);
  if (status == OCTET_OK) status = host->snapshot(host, &snapshot);
  if (status == OCTET_OK) status = host->set_bits(host, slot->node, 16);
  if (status == OCTET_OK) status = host->cost(host, &wide);
  if (status == OCTET_OK) status = host->restore(host, snapshot);
  if (status == OCTET_OK) status = host->picture_file(host, OCTET_PICTURES_CALIBRATION, 0, &path);
  if (status == OCTET_OK) status = host->log(host, OCTET_LOG_INFO, path);
  if (status == OCTET_OK) status = host->model_file(host, &path);
  if (status == OCTET_OK) status = host->log(host, OCTET_LOG_INFO, path);
  if (status == OCTET_OK) status = host->job_folder(host, &path);
  if (status == OCTET_OK) status = host->log(host, OCTET_LOG_INFO, path);
  if (status == OCTET_OK) status = host->export_model(host, OCTET_EXPORT_QDQ, text("a.onnx"));
  if (status == OCTET_OK) status = host->point(host, text("loss"), 1, 0.5);
  if (status == OCTET_OK) status = host->finish_early(host, &asked);
  OctetFloats before, after;
  float *corrected = NULL;
  if (status == OCTET_OK) status = host->weights(host, slot->tensor, &before);
  if (status == OCTET_OK && (corrected = malloc(before.len * sizeof *corrected)) != NULL) {
    for (uint64_t i = 0; i < before.len; ++i) corrected[i] = before.data[i] + 1;
    status = host->correct_weights(host, slot->tensor, corrected, before.len);
    if (status == OCTET_OK) status = host->weights(host, slot->tensor, &after);
    if (status == OCTET_OK && after.data[0] != corrected[0]) wide.latency_ms = 0;
    free(corrected);
  }
  if (status != OCTET_OK) return status;
  if (asked && wide.latency_ms > narrow.latency_ms && wide.flash_bytes > narrow.flash_bytes &&
      wide.arena_bytes > narrow.arena_bytes)
    return OCTET_OK;
  host->fail(host, text("the numbers are wrong"));
  return OCTET_FAILED;
}

/* "held-back-evaluation", every byte XOR 0x55, so that this process does not hold it by itself. */
static const unsigned char HIDDEN[] = {0x3d, 0x30, 0x39, 0x31, 0x78, 0x37, 0x34, 0x36, 0x3e, 0x78,
                                       0x30, 0x23, 0x34, 0x39, 0x20, 0x34, 0x21, 0x3c, 0x3a, 0x3b};

static int holds_hidden(const unsigned char *bytes, size_t len) {
  for (size_t i = 0; i + sizeof HIDDEN <= len; ++i) {
    size_t k = 0;
    while (k < sizeof HIDDEN && (bytes[i + k] ^ 0x55) == HIDDEN[k]) ++k;
    if (k == sizeof HIDDEN) return 1;
  }
  return 0;
}

/* Looks for the name of the evaluation folder in everything that this process has: arguments, environment, memory, open
 * files. Returns where it was found. */
static const char *snoop(void) {
  static unsigned char block[1 << 20];
  char line[512], path[64], target[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  FILE *memory = fopen("/proc/self/mem", "rb");
  if (maps == NULL || memory == NULL) return "nothing, since /proc cannot be read";
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long begin = 0, end = 0;
    char rights[5] = {0};
    if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) != 3 || rights[0] != 'r') continue;
    if (strstr(line, "[vvar") != NULL || strstr(line, "[vsyscall") != NULL) continue;
    /* Blocks overlap, so that a name across two of them is found too. */
    for (unsigned long at = begin; at < end; at += sizeof block - 64) {
      size_t want = end - at < sizeof block ? end - at : sizeof block;
      if (fseek(memory, (long)at, SEEK_SET) != 0) break;
      if (holds_hidden(block, fread(block, 1, want, memory))) return "the memory, arguments or environment";
    }
  }
  fclose(maps);
  fclose(memory);
  for (int fd = 0; fd < 4096; ++fd) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(path, target, sizeof target);
    if (len > 0 && holds_hidden((unsigned char *)target, (size_t)len)) return "the open files";
  }
  return NULL;
}

/* Does the wrong thing of the mode and returns what the host said to it. */
static int32_t misbehave(const OctetHost *host) {
  const int32_t exponent = 0, wild = 1000000;
  const uint64_t nowhere = 1u << 30, bins = 16;
  uint64_t count = 0;
  OctetSlot slot = {0};
  OctetNetworkInfo network = {0};
  slot.struct_size = sizeof slot;
  network.struct_size = sizeof network;
  host->slot_count(host, &count);
  host->slot(host, 0, &slot); /* The first one is a weight tensor. */
  host->network(host, &network);
#define MODE(name) (strcmp(mode, name) == 0)
  if (MODE("segfault")) {
    *(volatile int *)8 = 1;
  } else if (MODE("abort")) {
    abort();
  } else if (MODE("exit")) {
    exit(0);
  } else if (MODE("loop")) {
    for (volatile int forever = 1; forever;) {
    }
  } else if (MODE("untouched") || MODE("touched")) {
    const size_t size = (size_t)8 << 30;
    volatile char *memory = malloc(size);
    if (memory == NULL) {
      host->fail(host, text("no 8 GiB of memory"));
      return OCTET_FAILED;
    }
    for (size_t i = 0; MODE("touched") && i < size; i += 4096) memory[i] = 1;
    return memory[0] == 2 ? OCTET_FAILED : OCTET_OK;
  } else if (MODE("bad-exponent")) {
    int32_t *wrong = malloc(slot.channels * sizeof *wrong);
    for (uint64_t i = 0; i < slot.channels; ++i) wrong[i] = wild;
    return host->set_exponents(host, slot.tensor, slot.bits, wrong, slot.channels);
  } else if (MODE("bad-count")) {
    return host->set_exponents(host, slot.tensor, slot.bits, &exponent, (uint64_t)1 << 60);
  } else if (MODE("bad-tensor")) {
    return host->set_exponents(host, nowhere, 8, &exponent, 1);
  } else if (MODE("bad-node")) {
    return host->set_bits(host, nowhere, 16);
  } else if (MODE("bad-bits")) {
    return host->set_bits(host, 0, 7);
  } else if (MODE("nan-weights") || MODE("few-weights")) {
    OctetFloats weights;
    int32_t status = host->weights(host, slot.tensor, &weights);
    if (status != OCTET_OK) return status;
    float *changed = malloc(weights.len * sizeof *changed);
    memcpy(changed, weights.data, weights.len * sizeof *changed);
    changed[0] = NAN;
    return host->set_weights(host, slot.tensor, changed, weights.len - (uint64_t)MODE("few-weights"));
  } else if (MODE("bad-enum")) {
    return host->picture_count(host, 77, &count);
  } else if (MODE("null-out")) {
    return host->network(host, NULL);
  } else if (MODE("small-out")) {
    network.struct_size = 12;
    return host->network(host, &network);
  } else if (MODE("huge-request")) {
    OctetStatisticsRequest request = {0};
    request.struct_size = sizeof request;
    request.tensors.data = &network.input;
    request.tensors.len = (uint64_t)1 << 61;
    request.bins.data = &bins;
    request.bins.len = (uint64_t)1 << 61;
    return host->statistics(host, &request);
  } else if (MODE("bad-text")) {
    return host->log(host, OCTET_LOG_INFO, text("\xff\xfe"));
  } else if (MODE("other-thread")) {
    pthread_t thread;
    int32_t status = OCTET_OK;
    kept = host;
    pthread_create(&thread, NULL, call_from_thread, &status);
    pthread_join(thread, NULL);
    if (status != OCTET_INVALID) return OCTET_OK;
    host->fail(host, text("refused on another thread"));
    return OCTET_FAILED;
  } else if (MODE("late-call")) {
    kept = host; /* destroy calls it. */
  } else if (MODE("unknown-status")) {
    return -77;
  } else if (MODE("fail")) {
    host->fail(host, text("this strategy never works"));
    return OCTET_FAILED;
  } else if (MODE("fail-silently")) {
    return OCTET_FAILED;
  } else if (MODE("cancelled")) {
    return OCTET_CANCELLED;
  } else if (MODE("print")) {
    puts("{\"tell\":\"quantized\"}");
    fflush(stdout);
  } else if (MODE("fork")) { /* The child holds the worker's pipes for longer than anybody wants to wait. */
    pid_t child = fork();
    if (child == 0) {
      sleep(30);
      _exit(0);
    }
    printf("the child is %ld\n", (long)child);
    fflush(stdout);
    abort();
  } else if (MODE("no-newline")) {
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 4096; ++i) {
      fwrite(block, sizeof block, 1, stderr);
      fwrite(block, sizeof block, 1, stdout);
    }
    host->fail(host, text("told 512 MiB"));
    return OCTET_FAILED;
  } else if (MODE("chatter")) {
    for (volatile int forever = 1; forever;) puts("a line that nobody asked for");
  } else if (MODE("snoop")) {
    const char *where = snoop();
    if (where != NULL) {
      host->fail(host, text(where));
      return OCTET_FAILED;
    }
  } else if (MODE("since-1.1")) {
    return use_1_1(host, &slot);
  } else if (MODE("bad-snapshot")) {
    return host->restore(host, nowhere);
  } else if (MODE("bad-export")) {
    return host->export_model(host, 77, text("a.onnx"));
  } else if (MODE("finish-early")) { /* Works until it is asked to come to an end. */
    uint32_t asked = 0;
    for (double step = 0; asked == 0; step += 1) {
      int32_t status = host->finish_early(host, &asked);
      if (status == OCTET_OK && step < 1000) status = host->point(host, text("loss"), step, 1 / (step + 1));
      if (status != OCTET_OK) return status;
      usleep(10000);
    }
  }
  return OCTET_OK; /* well, nothing */
}

static int32_t run(void *instance, const OctetHost *host) {
  (void)instance;
  return misbehave(host);
}

static int32_t create(const OctetHost *host, OctetString settings, void **instance) {
  static const char key[] = "\"mode\":\"";
  char json[256] = {0};
  (void)host;
  memcpy(json, settings.data, settings.len < sizeof json ? (size_t)settings.len : sizeof json - 1);
  const char *value = strstr(json, key);
  if (value != NULL) {
    value += sizeof key - 1;
    size_t len = strcspn(value, "\"");
    if (len < sizeof mode) {
      memcpy(mode, value, len);
      mode[len] = 0;
    }
  }
  *instance = mode;
  return OCTET_OK;
}

static void destroy(void *instance) {
  (void)instance;
  if (kept != NULL) kept->cancelled(kept);
}

static int32_t describe(OctetString *schema) {
#ifdef DESCRIBE_FAILS
  (void)schema;
  return OCTET_FAILED;
#else
  *schema = text(SCHEMA);
  return OCTET_OK;
#endif
}

#ifdef OTHER_TARGET
static const OctetString TARGETS[] = {TEXT("esp32c3")};
#endif

static const OctetPluginDescriptor DESCRIPTOR = {
#ifdef WRONG_MAJOR
    OCTET_ABI_MAJOR + 1,
#else
    OCTET_ABI_MAJOR,
#endif
#if defined(NEWER_MINOR)
    OCTET_ABI_MINOR + 1,
#elif defined(OLDER_MINOR)
    0,
#else
    OCTET_ABI_MINOR,
#endif
#ifdef SMALL_STRUCT
    sizeof(OctetPluginDescriptor) - 8,
#else
    sizeof(OctetPluginDescriptor),
#endif
#ifdef BAD_ID
    TEXT("dev octet/../bad"),
#else
    TEXT("dev.octet.test.misbehaving"),
#endif
#if defined(BAD_UTF8)
    TEXT("\xff\xfe"),
#elif defined(NULL_STRING)
    {NULL, 10},
#elif defined(LONG_STRING)
    {(const uint8_t *)"x", (uint64_t)1 << 60},
#else
    TEXT("Misbehaving"),
#endif
    TEXT("1.0.0"),
    TEXT("Octet"),
    TEXT("Does one wrong thing."),
#ifdef OTHER_TARGET
    {TARGETS, 1},
#else
    {NULL, 0},
#endif
    describe,
    create,
#ifdef NULL_FUNCTION
    NULL,
#else
    run,
#endif
    destroy,
};

#if defined(HANG_ON_LOAD) || defined(CRASH_ON_LOAD)
__attribute__((constructor)) static void on_load(void) {
#ifdef HANG_ON_LOAD
  for (volatile int forever = 1; forever;) {
  }
#else
  abort();
#endif
}
#endif

#ifdef NO_SYMBOL
const OctetPluginDescriptor *another_entry(void);
const OctetPluginDescriptor *another_entry(void) { return &DESCRIPTOR; }
#else
const OctetPluginDescriptor *octet_plugin_entry(void) {
#ifdef NULL_DESCRIPTOR
  return NULL;
#else
  return &DESCRIPTOR;
#endif
}
#endif
