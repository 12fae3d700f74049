/* cli_glyphs.h - seeded pictures of handwritten-like signs, for the demo. */
#ifndef IST_TOOLS_CLI_GLYPHS_H
#define IST_TOOLS_CLI_GLYPHS_H

#include <stdint.h>

enum { CLI_GLYPH_SIDE = 28, CLI_GLYPH_PIXELS = CLI_GLYPH_SIDE * CLI_GLYPH_SIDE, CLI_GLYPH_CLASSES = 36 };

/* Rows first .. first + rows - 1 of the endless data set `seed`: images (rows, 28 * 28), white on black, and labels,
 * 0 .. 9 the digits, 10 .. 35 the capital letters.  Row i depends on (seed, i) alone. */
void cli_glyphs_render(uint64_t seed, int64_t first, int64_t rows, uint8_t *image, int32_t *label);

#endif
