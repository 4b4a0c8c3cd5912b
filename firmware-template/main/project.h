/* What the run decided: texts, pictures and pre-processing. project.c is written by Octet. */
#ifndef OCTET_PROJECT_H
#define OCTET_PROJECT_H

#include "octet.h"

/* Shown by the `hello` event. */
extern const char octet_firmware_name[];

/* The chip, as octet_config.target. */
extern const char octet_target_name[];

extern const octet_preprocessing octet_project_preprocessing;

/* Test pictures; none: NULL and 0. */
extern const octet_picture *const octet_project_pictures;
extern const size_t octet_project_picture_count;

/* Class names, one a line; from assets.S. */
extern const char octet_labels_start[];
extern const char octet_labels_end[];

/* The model where it is part of the application; from assets.S. */
extern const uint8_t octet_model_start[];
extern const uint8_t octet_model_end[];

#endif
