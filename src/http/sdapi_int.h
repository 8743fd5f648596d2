/* Shared by sdapi.c (routes and answers) and sdapi_request.c (fields). */
#ifndef LOAM_HTTP_SDAPI_INT_H
#define LOAM_HTTP_SDAPI_INT_H

#include "http/http_int.h"

/* Turns a body of txt2img, or of img2img, into a job's request. False: the reply (OpenAI's error) says why not. *job is
 * a new reference in either case. */
bool loam_http_sdapi_read(loam_http_exchange *x, const json_t *body, bool from_picture, json_t **job);

/* A1111's names of the samplers, and Loam's; ends with NULL. */
typedef struct loam_http_sdapi_name {
    const char *name, *own;
} loam_http_sdapi_name;
extern const loam_http_sdapi_name loam_http_sdapi_samplers[], loam_http_sdapi_schedulers[];

#endif
