/* Which engine and which kernels are chosen, and what is refused. */
#include "ist_test.h"

#include <string.h>

#include "ist/ist.h"
#include "math/engine.h"
#include "math/gemm.h"

static const ist__engine untouched = {.kind = -7};

static ist__engine chosen(int32_t asked, int32_t threads)
{
    ist__error error = {0};
    ist__engine engine = untouched;
    CHECK_EQ(ist__engine_choose(asked, threads, &engine, &error), IST_OK);
    CHECK(engine.kernels != NULL);
    return engine;
}

static void check_refused(int32_t asked, int32_t threads, ist_status status, const char *told)
{
    ist__error error = {0};
    ist__engine engine = untouched;
    CHECK_EQ(ist__engine_choose(asked, threads, &engine, &error), status);
    CHECK(strstr(error.text, told) != NULL);
    CHECK_EQ(engine.kind, untouched.kind);
    CHECK(engine.kernels == NULL);
    CHECK_EQ(ist__engine_choose(asked, threads, &engine, NULL), status);
}

TEST(auto_is_native_where_multiply_adds_are_fused)
{
    const ist__kernel_set *fastest = ist__kernel_set_at(0);
    const ist__engine engine = chosen(IST_ENGINE_AUTO, 2);
    CHECK_EQ(engine.kind, fastest->fused ? IST_ENGINE_NATIVE : IST_ENGINE_OPENBLAS);
    CHECK(engine.kernels == fastest);
    CHECK_EQ(chosen(IST_ENGINE_NATIVE, 2).kind, IST_ENGINE_NATIVE); /* asked for, it is taken, slow or not */
}

TEST(every_engine_has_the_fastest_kernels)
{
    for (int32_t asked = IST_ENGINE_AUTO; asked <= IST_ENGINE_NATIVE; asked++)
        CHECK(chosen(asked, 1).kernels == ist__kernel_set_at(0));
}

TEST(each_set_that_runs_here_can_be_forced_and_others_are_refused)
{
    static const char *const name[] = {"avx512", "avx2", "portable"};
    int32_t forced = 0, there = 0;
    for (int32_t i = 0; i < 3; i++) {
        const ist__kernel_set *set = ist__kernel_set_named(name[i]);
        if (!set) {
            check_refused(IST_ENGINE_NATIVE_AVX512 + i, 1, IST_E_ARGUMENT, name[i]);
            continue;
        }
        const ist__engine engine = chosen(IST_ENGINE_NATIVE_AVX512 + i, 1);
        CHECK_EQ(engine.kind, IST_ENGINE_NATIVE);
        CHECK_STR(engine.kernels->name, name[i]);
        forced++;
    }
    while (ist__kernel_set_at(there)) there++;
    CHECK_EQ(forced, there); /* no set that could not be asked for */
    CHECK(ist__kernel_set_named("portable") != NULL);
    CHECK(ist__kernel_set_named("avx1024") == NULL);
}

TEST(only_openblas_limits_the_threads)
{
    const int32_t most = ist__blas_describe().max_threads;
    CHECK_EQ(chosen(IST_ENGINE_OPENBLAS, most).kind, IST_ENGINE_OPENBLAS);
    check_refused(IST_ENGINE_OPENBLAS, most + 1, IST_E_BLAS, "--engine native");
    CHECK_EQ(chosen(IST_ENGINE_NATIVE, 1 << 20).kind, IST_ENGINE_NATIVE);
    CHECK_EQ(chosen(IST_ENGINE_REFERENCE, 1 << 20).kind, IST_ENGINE_REFERENCE);
}

TEST(unknown_engines_are_refused_by_number)
{
    check_refused(IST_ENGINE_NATIVE_PORTABLE + 1, 1, IST_E_ARGUMENT, "engine 7");
    check_refused(99, 1, IST_E_ARGUMENT, "engine 99");
    check_refused(-1, 1, IST_E_ARGUMENT, "engine -1");
}

TEST(engines_have_names)
{
    ist__engine engine = chosen(IST_ENGINE_NATIVE_PORTABLE, 1);
    CHECK_STR(ist__engine_name(&engine), "native");
    engine = chosen(IST_ENGINE_OPENBLAS, 1);
    CHECK_STR(ist__engine_name(&engine), "openblas");
    engine = chosen(IST_ENGINE_REFERENCE, 1);
    CHECK_STR(ist__engine_name(&engine), "reference");
}
