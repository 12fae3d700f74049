#!/usr/bin/env bash
# spack.sh - Spack's recipe, without Spack: with stand-ins for its words the recipe is read, and what it would configure with
# is what this project is configured by, each word of it used.
# shellcheck source=../e2e/scene.sh
source "$(dirname "$0")/../e2e/scene.sh"
need cmake ninja python3
cached() { sed -n "s/^$1:[A-Z]*=//p" "$IST_BUILD/CMakeCache.txt"; }
PYTHONDONTWRITEBYTECODE=1 python3 - "$IST_SOURCE/cmake/spack/spack_repo/libist/packages/libist/package.py" "$(cached OpenBLASOpenMP_LIBRARY)" \
    "$(cached OpenBLASOpenMP_INCLUDE_DIR)" "$(cached IST_RANDOM123_INCLUDE_DIR)" >options <<'END' || fail "the recipe does not read"
import runpy, sys, types

path, blas, blas_include, include = sys.argv[1:]
variants, wanted = {}, []

class CMakePackage:
    def define(self, name, value):
        return f"-D{name}={'ON' if value is True else 'OFF' if value is False else value}"

    def define_from_variant(self, name, variant):
        return self.define(name, variants[variant])

words = types.ModuleType("spack.package")
words.license = lambda text: None
words.version = lambda name, **how: None
words.variant = lambda name, default, description: variants.update({name: default})
words.depends_on = lambda spec, **how: wanted.append(spec)
system = types.ModuleType("cmake")
system.CMakePackage = CMakePackage
for name in "spack", "spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems":
    sys.modules[name] = types.ModuleType(name)
sys.modules["spack.package"], sys.modules["spack_repo.builtin.build_systems.cmake"] = words, system

recipe = runpy.run_path(path)["Libist"]
assert recipe.git.startswith("file:///"), recipe.git
package = recipe()
here = types.SimpleNamespace
package.spec = {name: here(libs=[blas], prefix=here(include=blas_include if name == "openblas" else include))
                for name in (spec.split()[0].split("@")[0] for spec in wanted)}
print(*package.cmake_args(), sep="\n")
END
grep -q '^-DBUILD_SHARED_LIBS=ON$' options || fail "options: $(cat options)"
mapfile -t options <options
cmake -G Ninja -S "$IST_SOURCE" -B build "${options[@]}" -DCMAKE_C_COMPILER="$(cached CMAKE_C_COMPILER)" >log 2>&1 || fail "configure: $(tail -n 5 log)"
if grep -A9 'not used by the project' log; then fail "the recipe has options that do not exist"; fi
# The repository of the recipe is the one that it stands in.
[ -f "$IST_SOURCE/cmake/spack/spack_repo/libist/repo.yaml" ] || fail "no repo.yaml"
