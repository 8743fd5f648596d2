#!/usr/bin/env python3
"""FLOP of one pass of the U-Nets of SD-1.5 and SDXL and of their decoder, layer by layer from the published
configurations (diffusers' unet/config.json, vae/config.json), for the table of src/fleet/scenario_models_known.c.
The parameters counted on the way must come out as published: 859.5 M and 2,567 M."""


class Count:
    def __init__(self):
        self.params = self.macs = 0

    def conv(self, cin, cout, k, n):  # n: output positions
        self.params += cin * cout * k * k + cout
        self.macs += cin * cout * k * k * n

    def lin(self, cin, cout, n, bias=True):
        self.params += cin * cout + (cout if bias else 0)
        self.macs += cin * cout * n

    def norm(self, c):
        self.params += 2 * c

    def res(self, cin, cout, n, temb=1280):
        self.norm(cin), self.norm(cout)
        self.conv(cin, cout, 3, n)
        if temb:
            self.lin(temb, cout, 1)
        self.conv(cout, cout, 3, n)
        if cin != cout:
            self.conv(cin, cout, 1, n)

    def transformer(self, c, n, depth, ctx, text=77):
        self.norm(c)
        self.lin(c, c, n), self.lin(c, c, n)
        for _ in range(depth):
            self.norm(c), self.norm(c), self.norm(c)
            for _ in range(3):
                self.lin(c, c, n, bias=False)
            self.lin(c, c, n)
            self.macs += 2 * n * n * c
            self.lin(c, c, n, bias=False), self.lin(c, c, n)
            self.lin(ctx, c, text, bias=False), self.lin(ctx, c, text, bias=False)
            self.macs += 2 * n * text * c
            self.lin(c, 8 * c, n), self.lin(4 * c, c, n)


def unet(side, channels, depths, ctx, mid_depth, added=0):
    u, n = Count(), side * side
    u.lin(320, 1280, 1), u.lin(1280, 1280, 1)
    if added:
        u.lin(added, 1280, 1), u.lin(1280, 1280, 1)
    u.conv(4, 320, 3, n)
    skips, c = [320], 320
    for i, out in enumerate(channels):
        for _ in range(2):
            u.res(c, out, n)
            c = out
            if depths[i]:
                u.transformer(c, n, depths[i], ctx)
            skips.append(c)
        if i + 1 < len(channels):
            n //= 4
            u.conv(c, c, 3, n)
            skips.append(c)
    u.res(c, c, n), u.transformer(c, n, mid_depth, ctx), u.res(c, c, n)
    for i in reversed(range(len(channels))):
        for _ in range(3):
            u.res(c + skips.pop(), channels[i], n)
            c = channels[i]
            if depths[i]:
                u.transformer(c, n, depths[i], ctx)
        if i:
            n *= 4
            u.conv(c, c, 3, n)
    u.norm(c), u.conv(c, 4, 3, n)
    return u


def decoder(side):
    d, n, c = Count(), side * side, 512
    d.conv(4, 4, 1, n), d.conv(4, c, 3, n)
    d.res(c, c, n, 0), d.res(c, c, n, 0)
    for _ in range(4):
        d.lin(c, c, n)
    d.macs += 2 * n * n * c
    for i, out in enumerate((512, 512, 256, 128)):
        for _ in range(3):
            d.res(c, out, n, 0)
            c = out
        if i < 3:
            n *= 4
            d.conv(c, c, 3, n)
    d.conv(c, 3, 3, n)
    return d


for name, u, side in (("SD-1.5", unet(64, (320, 640, 1280, 1280), (1, 1, 1, 0), 768, 1), 64),
                      ("SDXL", unet(128, (320, 640, 1280), (0, 2, 10), 2048, 10, added=2816), 128)):
    print(f"{name}: {u.params / 1e6:.1f} M parameters, {2 * u.macs / 1e12:.3f} TFLOP a pass = "
          f"{u.macs / u.params:.1f} tokens, decoder {2 * decoder(side).macs / 1e12:.2f} TFLOP")
