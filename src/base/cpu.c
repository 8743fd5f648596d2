#define _GNU_SOURCE
#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* Bits of XCR0: which registers the operating system saves. */
static unsigned long long xcr0(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((unsigned long long)hi << 32) | lo;
}

static bool detect(loam_cpu_level level, bool *bf16)
{
    unsigned a, b, c, d, b7, c7, d7;
    *bf16 = false;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) || !(c & bit_FMA) || !(c & bit_F16C))
        return level == LOAM_CPU_LEVEL_REF;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
        return level == LOAM_CPU_LEVEL_REF;
    unsigned long long saved = xcr0();
    bool avx2 = (saved & 6) == 6 && (b7 & bit_AVX2);
    bool avx512 = avx2 && (saved & 0xE0) == 0xE0 && (b7 & bit_AVX512F) && (b7 & bit_AVX512BW) && (b7 & bit_AVX512DQ) &&
                  (b7 & bit_AVX512VL) && (c7 & (1u << 11)); /* VNNI */
    if (avx512 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
        *bf16 = a & (1u << 5);
    return level == LOAM_CPU_LEVEL_REF || (level == LOAM_CPU_LEVEL_AVX2 && avx2) ||
           (level == LOAM_CPU_LEVEL_AVX512 && avx512);
}
#else
static bool detect(loam_cpu_level level, bool *bf16)
{
    *bf16 = false;
    return level == LOAM_CPU_LEVEL_REF;
}
#endif

bool loam_cpu_has(loam_cpu_level level)
{
    bool bf16;
    return detect(level, &bf16);
}

bool loam_cpu_has_avx512_bf16(void)
{
    bool bf16;
    return detect(LOAM_CPU_LEVEL_AVX512, &bf16) && bf16;
}

bool loam_cpu_has_amx_bf16(void)
{
#if defined(__x86_64__) && defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* of arch_prctl: the tiles are 8 KB of state a thread */
    unsigned a, b, c, d;
    const char *mask = getenv("LOAM_CPU");
    bool tiles = !(mask && *mask) && loam_cpu_has_avx512_bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
                 (d & 1u << 22) && (d & 1u << 24) && (xcr0() >> 17 & 3) == 3;
    return tiles && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

bool loam_cpu_has_fast_bf16(void)
{
    if (!loam_cpu_has_avx512_bf16())
        return false;
#if defined(__x86_64__)
    unsigned a, vendor[3];
    return __get_cpuid(0, &a, &vendor[0], &vendor[2], &vendor[1]) && memcmp(vendor, "AuthenticAMD", 12) == 0;
#else
    return false;
#endif
}

const char *loam_cpu_level_name(loam_cpu_level level)
{
    static const char *const names[] = {"ref", "avx2", "avx512"};
    return names[level];
}

loam_cpu_level loam_cpu_best(void)
{
    loam_cpu_level best = LOAM_CPU_LEVEL_AVX512;
    const char *mask = getenv("LOAM_CPU");
    for (loam_cpu_level l = LOAM_CPU_LEVEL_REF; mask && l <= LOAM_CPU_LEVEL_AVX512; l++)
        if (strcmp(mask, loam_cpu_level_name(l)) == 0)
            best = l;
    while (best > LOAM_CPU_LEVEL_REF && !loam_cpu_has(best))
        best--;
    return best;
}

const char *loam_cpu_model(void)
{
    static char name[128];
    if (name[0])
        return name;
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[strcspn(colon, "\n")] = 0;
            snprintf(name, sizeof name, "%s", colon + 2);
            break;
        }
    }
    if (f)
        fclose(f);
    if (!name[0])
        snprintf(name, sizeof name, "unknown processor");
    return name;
}
