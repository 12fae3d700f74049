# Spack's recipe, for a checkout of this repository:
#     spack repo add CHECKOUT/cmake/spack/spack_repo/libist
#     spack install libist                   # what is committed there; `spack dev-build libist@main` takes the files as they are
import pathlib

from spack_repo.builtin.build_systems.cmake import CMakePackage

from spack.package import *


class Libist(CMakePackage):
    """Independent subnet training of multilayer perceptrons on NUMA machines: a C library for HPC codes, and the command ist."""

    # The repository that this recipe stands in.
    git = pathlib.Path(__file__).resolve().parents[6].as_uri()

    license("BSD-3-Clause")

    version("main", branch="main")

    variant("shared", default=True, description="libist.so, and libist.a beside it; else libist.a alone")
    variant("hwloc", default=True, description="Read the machine and bind threads")
    variant("tools", default=True, description="The command ist")
    variant("usdt", default=False, description="Probes for bpftrace and perf")

    depends_on("c", type="build")
    depends_on("cmake@3.23:", type="build")
    depends_on("pkgconfig", type="build")
    # No other build of OpenBLAS will do: its threads are OpenMP's, and which one is loaded is checked when a context is made.
    depends_on("openblas threads=openmp")
    depends_on("zlib-api")
    depends_on("jansson")
    depends_on("hwloc@2.5:", when="+hwloc")
    depends_on("random123", type="build")
    depends_on("xxhash", type="build")
    depends_on("systemtap", type="build", when="+usdt")

    def cmake_args(self):
        blas = self.spec["openblas"]
        return [
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define_from_variant("IST_WITH_HWLOC", "hwloc"),
            self.define_from_variant("IST_BUILD_TOOLS", "tools"),
            self.define_from_variant("IST_WITH_USDT", "usdt"),
            self.define("IST_WITH_LIKWID", False),
            self.define("IST_SPEECH_TOOLS", "OFF"),
            self.define("IST_BUILD_TESTS", "OFF"),
            self.define("OpenBLASOpenMP_LIBRARY", blas.libs[0]),
            self.define("OpenBLASOpenMP_INCLUDE_DIR", blas.prefix.include),
            self.define("IST_RANDOM123_INCLUDE_DIR", self.spec["random123"].prefix.include),
            self.define("IST_XXHASH_INCLUDE_DIR", self.spec["xxhash"].prefix.include),
        ]
