/* engine.c - chooses the engine and its kernels.  Floor: math.  Cold. */
#include "math/engine.h"

#include <stddef.h>

#include "ist/ist.h"
#include "math/gemm.h"

/* The kernels that an engine is forced to; NULL: the fastest. */
static const char *kernels_asked(int32_t asked)
{
    switch (asked) {
    case IST_ENGINE_NATIVE_AVX512: return "avx512";
    case IST_ENGINE_NATIVE_AVX2: return "avx2";
    case IST_ENGINE_NATIVE_PORTABLE: return "portable";
    default: return NULL;
    }
}

ist_status ist__engine_choose(int32_t asked, int32_t threads, ist__engine *engine, ist__error *error)
{
    const char *name = kernels_asked(asked);
    ist__engine chosen = {.kind = asked, .kernels = name ? ist__kernel_set_named(name) : ist__kernel_set_at(0)};
    if (!chosen.kernels)
        return ist__fail(error, IST_E_ARGUMENT,
                         "the %s kernels cannot run: this processor, or the compiler, lacks them", name);
    if (name) chosen.kind = IST_ENGINE_NATIVE;
    if (asked == IST_ENGINE_AUTO) chosen.kind = chosen.kernels->fused ? IST_ENGINE_NATIVE : IST_ENGINE_OPENBLAS;
    if (chosen.kind == IST_ENGINE_OPENBLAS) {
        const ist__blas_info blas = ist__blas_describe();
        const ist_status status = ist__blas_judge(&blas, threads, error);
        if (status) return status;
    } else if (chosen.kind != IST_ENGINE_NATIVE && chosen.kind != IST_ENGINE_REFERENCE) {
        return ist__fail(error, IST_E_ARGUMENT, "engine %d is not one of IST_ENGINE_*", (int)asked);
    }
    *engine = chosen;
    return IST_OK;
}

const char *ist__engine_name(const ist__engine *engine)
{
    switch (engine->kind) {
    case IST_ENGINE_NATIVE: return "native";
    case IST_ENGINE_OPENBLAS: return "openblas";
    default: return "reference";
    }
}
