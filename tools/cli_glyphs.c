/* cli_glyphs.c - seeded pictures of handwritten-like signs, for the demo.
 *
 * Why not a file: the demo must run on a machine without network, the moment after the build.  A sign is a few strokes
 * on a grid; a picture bends them (every point jittered), warps them (turn, slant, stretch, shift), draws them with a
 * pen of some width and darkness, and adds noise.  That is easy for people, hard for a linear model, and as with real
 * writing some pictures of 0 and O, 1 and I, 5 and S cannot be told apart.
 */
#include "cli_glyphs.h"

#include <math.h>
#include <string.h>

/* Strokes of a sign, separated by blanks: pairs of digits x y on a grid of 7 x 9, y downward; ~ means round. */
static const char *const strokes[CLI_GLYPH_CLASSES] = {
    "~302114273847544130",              /* 0 */
    "123038",                           /* 1 */
    "~021040625308 0868",               /* 2 */
    "~0120515324 ~245466572807",        /* 3 */
    "400565 4048",                      /* 4 */
    "501003 ~03335466572807",           /* 5 */
    "~50210406184866441406",            /* 6 */
    "006028",                           /* 7 */
    "~30111334555738171534535130",      /* 8 */
    "~51301103245351 ~515438",          /* 9 */
    "083068 1555",                      /* A */
    "0008 ~004051534404 ~044465674808", /* B */
    "~61401104174867",                  /* C */
    "0008 ~003062663808",               /* D */
    "60000868 0454",                    /* E */
    "600008 0454",                      /* F */
    "~61401104174867 676434",           /* G */
    "0008 6068 0464",                   /* H */
    "3038 1050 1858",                   /* I */
    "~5056481806",                      /* J */
    "0008 600468",                      /* K */
    "000868",                           /* L */
    "0800356068",                       /* M */
    "08006860",                         /* N */
    "~301104173857645130",              /* O */
    "0008 ~004061634404",               /* P */
    "~301104173857645130 4568",         /* Q */
    "0008 ~004061634404 3468",          /* R */
    "~614011133455572807",              /* S */
    "0060 3038",                        /* T */
    "~000628486660",                    /* U */
    "003860",                           /* V */
    "0018335860",                       /* W */
    "0068 6008",                        /* X */
    "003460 3438",                      /* Y */
    "00600868",                         /* Z */
};

/* SplitMix64 (Steele, Lea, Flood 2014): a counter through a mixing function, so any row can start anywhere. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [low, high). */
static float uniform(uint64_t *state, float low, float high)
{
    return low + (high - low) * (float)(next_bits(state) >> 40) * 0x1p-24f;
}

/* Roughly normal, deviation 1: four uniforms are near enough for noise. */
static float bell(uint64_t *state)
{
    const uint64_t bits = next_bits(state);
    const float sum =
        (float)(bits & 0xffff) + (float)(bits >> 16 & 0xffff) + (float)(bits >> 32 & 0xffff) + (float)(bits >> 48);
    return (sum / 65536 - 2) * 1.7320508f;
}

typedef struct pen {
    float xx, xy, yx, yy, x0, y0; /* grid -> pixels */
    float jitter, width;
    float ink[CLI_GLYPH_PIXELS]; /* 0 .. 1 */
} pen;

/* A segment in pixels: ink falls off over one pixel beyond the pen's half width; overlaps keep the darker one. */
static void draw_segment(pen *p, float ax, float ay, float bx, float by)
{
    const float reach = p->width + 1, dx = bx - ax, dy = by - ay, len2 = dx * dx + dy * dy + 1e-6f;
    const int left = (int)fmaxf(0, floorf(fminf(ax, bx) - reach)), top = (int)fmaxf(0, floorf(fminf(ay, by) - reach));
    const int right = (int)fminf(CLI_GLYPH_SIDE - 1, ceilf(fmaxf(ax, bx) + reach));
    const int bottom = (int)fminf(CLI_GLYPH_SIDE - 1, ceilf(fmaxf(ay, by) + reach));
    for (int y = top; y <= bottom; y++) {
        for (int x = left; x <= right; x++) {
            const float px = (float)x - ax, py = (float)y - ay;
            const float t = fminf(1, fmaxf(0, (px * dx + py * dy) / len2));
            const float ex = px - t * dx, ey = py - t * dy;
            const float ink = fminf(1, fmaxf(0, p->width + 0.5f - sqrtf(ex * ex + ey * ey)));
            float *at = &p->ink[y * CLI_GLYPH_SIDE + x];
            if (ink > *at) *at = ink;
        }
    }
}

enum { MAX_POINTS = 16, BENDS = 4 };

/* One stroke through its points; a round one through BENDS places between them too (Catmull-Rom). */
static void draw_stroke(pen *p, const char *text, int points, int round, uint64_t *state)
{
    float x[MAX_POINTS], y[MAX_POINTS], from_x = 0, from_y = 0;
    for (int i = 0; i < points; i++) {
        const float gx = (float)(text[2 * i] - '0') - 3 + p->jitter * bell(state);
        const float gy = (float)(text[2 * i + 1] - '0') - 4 + p->jitter * bell(state);
        x[i] = p->xx * gx + p->xy * gy + p->x0;
        y[i] = p->yx * gx + p->yy * gy + p->y0;
    }
    for (int i = 0; i + 1 < points; i++) {
        const int before = i > 0 ? i - 1 : i, after = i + 2 < points ? i + 2 : i + 1, steps = round ? BENDS : 1;
        for (int k = 0; k <= steps; k++) {
            const float t = (float)k / (float)steps, t2 = t * t, t3 = t2 * t;
            float to_x = x[i] + t * (x[i + 1] - x[i]), to_y = y[i] + t * (y[i + 1] - y[i]);
            if (round) {
                const float a = 0.5f * (-t3 + 2 * t2 - t), b = 0.5f * (3 * t3 - 5 * t2 + 2);
                const float c = 0.5f * (-3 * t3 + 4 * t2 + t), d = 0.5f * (t3 - t2);
                to_x = a * x[before] + b * x[i] + c * x[i + 1] + d * x[after];
                to_y = a * y[before] + b * y[i] + c * y[i + 1] + d * y[after];
            }
            if (k > 0) draw_segment(p, from_x, from_y, to_x, to_y);
            from_x = to_x;
            from_y = to_y;
        }
    }
}

static void render(uint64_t seed, int64_t index, uint8_t *image, int32_t *label)
{
    uint64_t state = seed * 0xd1342543de82ef95u + (uint64_t)index * 0x2545f4914f6cdd1du;
    next_bits(&state);
    *label = (int32_t)(next_bits(&state) % CLI_GLYPH_CLASSES);

    pen p;
    const float turn = 0.16f * bell(&state), slant = 0.22f * bell(&state);
    const float wide = uniform(&state, 1.6f, 2.7f), tall = uniform(&state, 1.8f, 2.6f); /* pixels of a grid step */
    p.xx = wide * cosf(turn);
    p.xy = tall * (slant * cosf(turn) - sinf(turn));
    p.yx = wide * sinf(turn);
    p.yy = tall * (slant * sinf(turn) + cosf(turn));
    p.x0 = 13.5f + uniform(&state, -3, 3);
    p.y0 = 13.5f + uniform(&state, -2.5f, 2.5f);
    p.jitter = uniform(&state, 0.15f, 0.5f);
    p.width = uniform(&state, 0.5f, 1.5f);
    memset(p.ink, 0, sizeof p.ink);
    for (const char *text = strokes[*label]; *text;) {
        const int round = *text == '~';
        text += round;
        const int len = (int)strcspn(text, " ");
        draw_stroke(&p, text, len / 2, round, &state);
        text += len;
        text += *text == ' ';
    }

    const float paint = uniform(&state, 130, 255), noise = uniform(&state, 5, 35);
    for (int i = 0; i < CLI_GLYPH_PIXELS; i++) {
        image[i] = (uint8_t)fminf(255, fmaxf(0, paint * p.ink[i] + noise * bell(&state) + 0.5f));
    }
}

void cli_glyphs_render(uint64_t seed, int64_t first, int64_t rows, uint8_t *image, int32_t *label)
{
    for (int64_t i = 0; i < rows; i++) render(seed, first + i, image + i * CLI_GLYPH_PIXELS, label + i);
}
