/* rod.c - a simulation for the twenty lines in README.md: a rod of 32 cells, cold at its ends, with a heater somewhere.
 * Each call draws parameters (place of the heater, its power, conductivity; all 0 .. 1), steps 200 times, and tells the
 * temperatures of two cells.  Explicit finite differences, in place. */
#include <stdlib.h>

void simulate(float parameters[3], float probes_k[2]);

void simulate(float parameters[3], float probes_k[2])
{
    enum { CELLS = 32, STEPS = 200 };
    float rod_k[CELLS + 2] = {0};
    for (int i = 0; i < 3; i++) parameters[i] = (float)rand() / (float)RAND_MAX;
    for (int step = 0; step < STEPS; step++)
        for (int i = 1; i <= CELLS; i++) {
            const float away = (float)i / (CELLS + 1) - parameters[0], flow = 0.1F + 0.3F * parameters[2];
            rod_k[i] += parameters[1] / (1 + 200 * away * away) + flow * (rod_k[i - 1] - 2 * rod_k[i] + rod_k[i + 1]);
        }
    probes_k[0] = rod_k[8];
    probes_k[1] = rod_k[20];
}
