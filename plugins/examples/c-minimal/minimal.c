/* A strategy in plain C: every exponent is the first power of two that clips nothing. It asks the host for values and
 * ranges only, and decides everything itself.
 *
 *   cc -std=c99 -O2 -shared -fPIC -I plugin-api/include -o liboctet_c_minimal.so minimal.c -lm
 */
#include "octet_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

static const char SCHEMA[] =
    "{\"type\":\"object\",\"exponents\":\"chooses\",\"properties\":{\"shift\":{\"type\":\"integer\",\"minimum\":-4,\"maximum\":4,"
    "\"default\":0,\"title\":\"Shift\",\"description\":\"Added to every activation's exponent.\"}}}";

typedef struct {
  int shift;
} Instance;

static OctetString text(const char *literal) {
  OctetString string = {(const uint8_t *)literal, strlen(literal)};
  return string;
}

/* Gives up with a text for the user. */
static int32_t give_up(const OctetHost *host, const char *why) {
  host->fail(host, text(why));
  return OCTET_FAILED;
}

/* The smallest e with reach <= (largest + 0.5) * 2^e. */
static int32_t exponent_of(double reach, uint32_t bits) {
  double step = 2.0 * reach / (bits == 8 ? 255.0 : 65535.0);
  return (int32_t)ceil(log2(step > 1e-8 ? step : 1e-8));
}

static int32_t choose_weights(const OctetHost *host, const OctetSlot *slot) {
  OctetTensorInfo tensor = {0};
  OctetFloats values;
  tensor.struct_size = sizeof tensor;
  int32_t status = host->tensor(host, slot->tensor, &tensor);
  if (status == OCTET_OK) status = host->weights(host, slot->tensor, &values);
  if (status != OCTET_OK) return status;

  double *reach = calloc(slot->channels, sizeof *reach);
  int32_t *exponents = calloc(slot->channels, sizeof *exponents);
  if (reach != NULL && exponents != NULL) {
    uint64_t inner = 1; /* Values between two neighbours along the channels' axis. */
    for (uint64_t axis = slot->axis + 1; axis < tensor.shape.len; ++axis) inner *= tensor.shape.data[axis];
    for (uint64_t i = 0; i < values.len; ++i) {
      uint64_t channel = (i / inner) % slot->channels;
      double magnitude = fabs((double)values.data[i]);
      if (magnitude > reach[channel]) reach[channel] = magnitude;
    }
    for (uint64_t c = 0; c < slot->channels; ++c) exponents[c] = exponent_of(reach[c], slot->bits);
    status = host->set_exponents(host, slot->tensor, slot->bits, exponents, slot->channels);
  } else {
    status = give_up(host, "out of memory");
  }
  free(reach);
  free(exponents);
  return status;
}

/* Adds an id where it is not yet, and tells its place. */
static uint64_t place_of(uint64_t *ids, uint64_t *len, uint64_t id) {
  uint64_t place = 0;
  while (place < *len && ids[place] != id) ++place;
  if (place == *len) ids[(*len)++] = id;
  return place;
}

/* All activations at once: every request runs the network over all pictures. */
static int32_t choose_activations(const OctetHost *host, const OctetSlot *slots, uint64_t count, int shift) {
  uint64_t *tensors = calloc(count + 1, sizeof *tensors);
  uint64_t *no_bins = calloc(count + 1, sizeof *no_bins);
  OctetStatisticsRequest request = {0};
  uint64_t len = 0;
  int32_t status = OCTET_OK;
  if (tensors != NULL && no_bins != NULL) {
    /* Where widths meet a tensor has a slot for each, and is asked about once. */
    for (uint64_t i = 0; i < count; ++i) place_of(tensors, &len, slots[i].tensor);
    request.struct_size = sizeof request;
    request.tensors.data = tensors;
    request.tensors.len = len;
    request.bins.data = no_bins;
    request.bins.len = len;
    request.weights = OCTET_WEIGHTS_QUANTIZED;
    status = host->statistics(host, &request);
  } else {
    status = give_up(host, "out of memory");
  }
  for (uint64_t i = 0; i < count && status == OCTET_OK; ++i) {
    OctetStatistics numbers = {0};
    numbers.struct_size = sizeof numbers;
    status = host->statistics_of(host, place_of(tensors, &len, slots[i].tensor), &numbers);
    if (status != OCTET_OK) break;
    double reach = fabs((double)numbers.min);
    if (fabs((double)numbers.max) > reach) reach = fabs((double)numbers.max);
    int32_t exponent = exponent_of(reach, slots[i].bits) + shift;
    status = host->set_exponents(host, slots[i].tensor, slots[i].bits, &exponent, 1);
  }
  free(tensors);
  free(no_bins);
  return status;
}

static int32_t run(void *instance, const OctetHost *host) {
  const Instance *self = instance;
  OctetString findings;
  uint64_t count = 0, activations = 0;
  int32_t status = host->slot_count(host, &count);
  OctetSlot *slots = calloc(count + 1, sizeof *slots);
  if (status == OCTET_OK && slots == NULL) status = give_up(host, "out of memory");
  /* Weights first: the statistics of activations are taken with quantized ones. */
  for (uint64_t i = 0; i < count && status == OCTET_OK; ++i) {
    OctetSlot slot = {0};
    slot.struct_size = sizeof slot;
    status = host->slot(host, i, &slot);
    if (status != OCTET_OK) break;
    if (slot.role == OCTET_ROLE_WEIGHTS) {
      status = choose_weights(host, &slot);
    } else {
      slots[activations++] = slot;
    }
    if (status == OCTET_OK) status = host->progress(host, 0.5f * (float)(i + 1) / (float)count, text("weights"));
  }
  if (status == OCTET_OK && activations > 0) status = choose_activations(host, slots, activations, self->shift);
  free(slots);
  if (status == OCTET_OK) status = host->progress(host, 1.0f, text("activations"));
  return status == OCTET_OK ? host->complete(host, 1, &findings) : status;
}

/* Settings are JSON; one integer is found without a parser. */
static int read_shift(OctetString settings) {
  static const char key[] = "\"shift\":";
  for (uint64_t i = 0; i + sizeof key <= settings.len; ++i) {
    if (memcmp(settings.data + i, key, sizeof key - 1) == 0) {
      int negative = settings.data[i + sizeof key - 1] == '-';
      uint64_t digit = i + sizeof key - 1 + (uint64_t)negative;
      int value = digit < settings.len ? settings.data[digit] - '0' : 0;
      return negative ? -value : value;
    }
  }
  return 0;
}

static int32_t create(const OctetHost *host, OctetString settings, void **instance) {
  if (host->struct_size < sizeof(OctetHost)) return OCTET_INVALID;
  Instance *self = malloc(sizeof *self);
  if (self == NULL) return give_up(host, "out of memory");
  self->shift = read_shift(settings);
  *instance = self;
  return OCTET_OK;
}

static void destroy(void *instance) { free(instance); }

static int32_t describe(OctetString *schema) {
  *schema = text(SCHEMA);
  return OCTET_OK;
}

static const OctetPluginDescriptor DESCRIPTOR = {
    OCTET_ABI_MAJOR,
    OCTET_ABI_MINOR,
    sizeof(OctetPluginDescriptor),
    TEXT("dev.octet.example.c-minimal"),
    TEXT("Minimal example in C"),
    TEXT("1.0.0"),
    TEXT("Octet"),
    TEXT("Example for plugin authors: nothing is clipped."),
    {NULL, 0},
    describe,
    create,
    run,
    destroy,
};

const OctetPluginDescriptor *octet_plugin_entry(void) { return &DESCRIPTOR; }
