/* Small files for tests: tensors given one by one, written as safetensors. */
#ifndef LOAM_TESTS_TENSOR_FILE_H
#define LOAM_TESTS_TENSOR_FILE_H

#include <stddef.h>
#include <stdint.h>

typedef struct tensor_file tensor_file;

tensor_file *tensor_file_new(void);
/* dtype as in the file ("F32"), shape as JSON ("[2,3]"). bytes are copied. */
void tensor_file_add(tensor_file *f, const char *name, const char *dtype, const char *shape, const void *bytes,
                     size_t n);
/* Text of "__metadata__", a JSON object; before write. Copied. */
void tensor_file_metadata(tensor_file *f, const char *json);
/* Writes to path and frees f. */
void tensor_file_write(tensor_file *f, const char *path);

#endif
