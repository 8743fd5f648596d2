/* How far apart two colours are, for eyes of four kinds. */
#ifndef LOAM_TESTS_FLEET_EYES_H
#define LOAM_TESTS_FLEET_EYES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct colour {
    double r, g, b; /* linear */
} colour;

static double linear(int v)
{
    double c = v / 255.0;
    return c <= .04045 ? c / 12.92 : pow((c + .055) / 1.055, 2.4);
}

static colour colour_of(const char *css, const char *name, int theme)
{
    char key[16];
    snprintf(key, sizeof key, "--%s: #", name);
    const char *at = strstr(css, key);
    for (int i = 0; at && i < theme; i++)
        at = strstr(at + 1, key);
    if (!at)
        fail_msg("no %s in report.css", name);
    unsigned long v = strtoul(at + strlen(key), NULL, 16);
    return (colour){linear(v >> 16 & 255), linear(v >> 8 & 255), linear(v & 255)};
}

/* Severe protanopia, deuteranopia, tritanopia: Machado, Oliveira, Fernandes 2009, table 1; and none. */
static colour seen(colour c, int kind)
{
    static const double m[4][9] = {
        {1, 0, 0, 0, 1, 0, 0, 0, 1},
        {.152286, 1.052583, -.204868, .114503, .786281, .099216, -.003882, -.048116, 1.051998},
        {.367322, .860646, -.227968, .280085, .672501, .047413, -.011820, .042940, .968881},
        {1.255528, -.076749, -.178779, -.078411, .930809, .147602, .004733, .691367, .303900}};
    double out[3];
    for (int i = 0; i < 3; i++)
        out[i] = fmin(1, fmax(0, m[kind][3 * i] * c.r + m[kind][3 * i + 1] * c.g + m[kind][3 * i + 2] * c.b));
    return (colour){out[0], out[1], out[2]};
}

/* Distance in OKLab (Ottosson 2020). */
static double distance(colour a, colour b)
{
    double lab[2][3];
    for (int i = 0; i < 2; i++) {
        colour c = i ? b : a;
        double l = cbrt(.4122214708 * c.r + .5363325363 * c.g + .0514459929 * c.b);
        double m = cbrt(.2119034982 * c.r + .6806995451 * c.g + .1073969566 * c.b);
        double s = cbrt(.0883024619 * c.r + .2817188376 * c.g + .6299787005 * c.b);
        lab[i][0] = .2104542553 * l + .793617785 * m - .0040720468 * s;
        lab[i][1] = 1.9779984951 * l - 2.428592205 * m + .4505937099 * s;
        lab[i][2] = .0259040371 * l + .7827717662 * m - .808675766 * s;
    }
    return sqrt(pow(lab[0][0] - lab[1][0], 2) + pow(lab[0][1] - lab[1][1], 2) + pow(lab[0][2] - lab[1][2], 2));
}

static double contrast(colour a, colour b)
{
    double x = .2126 * a.r + .7152 * a.g + .0722 * a.b, y = .2126 * b.r + .7152 * b.g + .0722 * b.b;
    return (fmax(x, y) + .05) / (fmin(x, y) + .05);
}

#endif
