# roofline.gp - gnuplot -e "csv='FILE'; out='FILE'; set terminal .." roofline.gp: see roofline.sh.
#
# Across: operations for each byte of operands, each operand counted once.  Up: GFLOP/s.  A colour is a set of kernels, a
# shape is a kernel, a point is a size.  pack and unpack have no operations and are left out.
set datafile separator comma
set datafile columnheaders

kernels = "forward forward_plain backward step_sgd step_momentum step_adam norm_forward norm_backward softmax assemble"
shapes = "7 6 5 9 11 13 4 8 3 2"
sets = "avx512 avx2 portable openblas"
colours = "0x0b5394 0x4a9a3f 0x8a8a8a 0xd9822b"
ink = "#333333"

stats csv using (column("threads")) nooutput name "T"
threads = int(T_max) # each number of threads has its own roof: the largest is drawn
number(name) = column("threads") == threads ? column(name) : NaN
stats csv using (number("peak_gflops")) nooutput name "P"
stats csv using (number("triad_gb_per_s")) nooutput name "B"
avx2_peak = 0
stats csv using (strcol("set") eq "avx2" ? number("set_peak_gflops") : 0) nooutput name "A"
avx2_peak = A_max
peak = P_max
triad = B_max

lowest = 0.25
highest = 128
bottom = 0.8 * triad * lowest
set output out
set logscale xy
set xrange [lowest:highest]
set yrange [bottom:1.6 * peak]
set samples 400
set grid xtics ytics lc rgb "#ececec" lw 0.6 lt 1
set border 3 lc rgb "#888888"
set tics nomirror tc rgb ink
set xtics (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
set ytics (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
set xlabel "operations for each byte of operands; above the slope, operands were in a cache" tc rgb ink
set ylabel "GFLOP/s" tc rgb ink
set title sprintf("Kernels of a training step, %d thread%s, below the roof of the machine", threads, threads == 1 ? "" : "s") tc rgb ink
set key outside right top Left reverse samplen 1.5 spacing 1.2 tc rgb ink

ridge = peak / triad
set label 1 sprintf("multiply-adds, widest registers: %.0f GFLOP/s", peak) at lowest * 1.1, peak * 1.12 tc rgb ink
if (avx2_peak > 0 && avx2_peak < 0.99 * peak) {
    set label 2 sprintf("AVX2: %.0f GFLOP/s", avx2_peak) at lowest * 1.1, avx2_peak * 1.12 tc rgb ink
    set arrow 1 from avx2_peak / triad, avx2_peak to highest, avx2_peak nohead dt 2 lc rgb ink
}
set label 3 sprintf("triad: %.0f GB/s", triad) at 1.25, 1.25 * triad * 0.6 tc rgb ink

show(kernel, set) = strcol("kernel") eq kernel && strcol("set") eq set && column("kept") > 0 && column("threads") == threads
plot (x < ridge ? x * triad : peak) with lines lc rgb ink lw 1.6 notitle, \
    for [k = 1:words(kernels)] for [s = 1:words(sets)] csv \
        using (show(word(kernels, k), word(sets, s)) ? column("flops_per_byte") : NaN):(column("gflops")) \
        with points pt int(word(shapes, k)) ps 0.9 lc rgb int(word(colours, s)) notitle, \
    for [s = 1:words(sets)] NaN with points pt 5 ps 1.4 lc rgb int(word(colours, s)) title word(sets, s), \
    for [k = 1:words(kernels)] NaN with points pt int(word(shapes, k)) ps 1.1 lc rgb ink \
        title system("echo ".word(kernels, k)." | tr _ ' '")
