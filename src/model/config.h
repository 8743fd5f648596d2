/* The config.json of a part of a diffusers folder: plain look-ups with defaults. */
#ifndef LOAM_MODEL_CONFIG_H
#define LOAM_MODEL_CONFIG_H

#include "model/weights.h"

typedef struct loam_config loam_config;

/* *out is an empty config when the part has none. A broken one is an error that names it. */
LOAM_CHECK_RESULT loam_status loam_config_open(const loam_weights *w, const char *part, loam_config **out,
                                               loam_err *err);
void loam_config_close(loam_config *c);

/* The value of key, or otherwise (also when it has another type). */
int64_t loam_config_i64(const loam_config *c, const char *key, int64_t otherwise);
double loam_config_f64(const loam_config *c, const char *key, double otherwise);
bool loam_config_bool(const loam_config *c, const char *key, bool otherwise);
const char *loam_config_str(const loam_config *c, const char *key, const char *otherwise); /* borrowed until close */
/* Element i of a list of numbers, or the number itself when the value is one, or otherwise. */
int64_t loam_config_item(const loam_config *c, const char *key, int i, int64_t otherwise);
double loam_config_item_f64(const loam_config *c, const char *key, int i, double otherwise);
/* Elements of a list; 0 when it is none. */
int loam_config_count(const loam_config *c, const char *key);
/* Whether the key is there and not null. */
bool loam_config_has(const loam_config *c, const char *key);

#endif
