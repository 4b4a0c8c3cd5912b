/* The header is C; what does not compile here would not in the application either. */
#include "octet.h"

_Static_assert(sizeof(octet_picture) >= sizeof(void *) + sizeof(size_t) + 4 * sizeof(uint32_t), "a picture has its fields");
_Static_assert(sizeof(float) == 4, "scores are 32 bits");
