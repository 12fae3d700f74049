/* engine.h - who multiplies matrices, and with which kernels; chosen once for a context.
 *
 * Floor: math.  An engine is a value of two words: copy it.
 */
#ifndef IST_MATH_ENGINE_H
#define IST_MATH_ENGINE_H

#include "base/status.h"
#include "math/kernels.h"

typedef struct ist__engine {
    int32_t kind;                   /* IST_ENGINE_NATIVE, IST_ENGINE_OPENBLAS or IST_ENGINE_REFERENCE */
    const ist__kernel_set *kernels; /* of products when native, and of all else with every engine */
} ist__engine;

/* Choose what was asked for (IST_ENGINE_*, AUTO among them) for so many threads that multiply at once.
 * AUTO is native where the processor has a fused multiply-add, else OpenBLAS.
 * IST_E_ARGUMENT for an unknown engine or an instruction set that this processor lacks; IST_E_BLAS when OpenBLAS was
 * chosen and cannot be called (gemm.h). */
ist_status ist__engine_choose(int32_t asked, int32_t threads, ist__engine *engine, ist__error *error);

/* "native", "openblas", "reference". */
const char *ist__engine_name(const ist__engine *engine);

#endif
