"""Small picture files as others write them, and what Pillow reads out of them.

    pip install pillow piexif; python picture_files.py

Writes ../picture/NAME.{png,jpg,webp} and beside each NAME.EXT.raw, "width height channels\\n" and the pixels upright, in
the channels that Loam gives (RGBA where the file can be transparent). texts.json: what Pillow and piexif find written
in them. bomb.png holds 17 MiB of text in 17 KB. The PNG kinds that Pillow does not write (few bits, 16 bits, interlaced)
are put together here; their pixels are still Pillow's reading, but for 16 bits: the upper 8 of them.
"""
import json
import os
import random
import struct
import zlib

import piexif
import piexif.helper
from PIL import Image, ImageOps, PngImagePlugin

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "picture")
W, H = 19, 13
PARAMETERS = ("ein Wal über 雲 🐋, sea\nNegative prompt: land\n"
              "Steps: 4, Sampler: Euler, CFG scale: 1, Seed: 5, Size: 19x13")
texts = {}


def path(name):
    return os.path.join(OUT, name)


def write_raw(name, image):
    assert image.mode in ("RGB", "RGBA")
    with open(path(name + ".raw"), "wb") as f:
        f.write(b"%d %d %d\n" % (image.width, image.height, len(image.mode)) + image.tobytes())


def expect(name, mode):
    with Image.open(path(name)) as image:
        write_raw(name, ImageOps.exif_transpose(image).convert(mode))


def smooth(mode="RGB"):
    """Soft enough for JPEG, every pixel its own."""
    image = Image.new("RGBA", (W, H))
    for y in range(H):
        for x in range(W):
            image.putpixel((x, y), (x * 255 // W, y * 255 // H, (x + y) * 255 // (W + H), 255 - x * 200 // W))
    return image.convert(mode)


# ---- PNG ----

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def scanlines(samples, w, h, channels, depth, pick):
    out = b""
    for y in range(h):
        bits = "".join(format(s, f"0{depth}b") for x in range(w) for s in samples[pick(x, y)])
        bits += "0" * (-len(bits) % 8)
        out += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    return out


def png(name, color_type, depth, extra=b"", interlaced=False):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]
    rng = random.Random(name)
    top = 2 ** depth - 1
    samples = {(x, y): [rng.randint(0, top) for _ in range(channels)] for y in range(H) for x in range(W)}
    data = b""
    if interlaced:
        for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                               (0, 1, 1, 2)):
            w, h = (W - x0 + dx - 1) // dx, (H - y0 + dy - 1) // dy
            if w > 0 and h > 0:
                data += scanlines(samples, w, h, channels, depth, lambda x, y: (x0 + x * dx, y0 + y * dy))
    else:
        data = scanlines(samples, W, H, channels, depth, lambda x, y: (x, y))
    with open(path(name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, color_type, 0, 0, interlaced)) +
                extra + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))
    return samples


def write_pngs():
    palette = chunk(b"PLTE", bytes(random.Random(1).randrange(256) for _ in range(3 * 16)))
    for depth in (1, 2, 4, 8):
        png(f"gray{depth}.png", 0, depth)
        expect(f"gray{depth}.png", "RGB")
    png("palette4.png", 3, 4, palette)
    expect("palette4.png", "RGB")
    png("palette4_trns.png", 3, 4, palette + chunk(b"tRNS", bytes([0, 80, 255, 7])))
    expect("palette4_trns.png", "RGBA")
    png("gray8_trns.png", 0, 8, chunk(b"tRNS", struct.pack(">H", 77)))
    expect("gray8_trns.png", "RGBA")
    samples = png("rgb8_trns.png", 2, 8)
    samples = png("rgb8_trns.png", 2, 8, chunk(b"tRNS", struct.pack(">HHH", *samples[(3, 5)])))
    expect("rgb8_trns.png", "RGBA")
    png("rgb8_interlaced.png", 2, 8, interlaced=True)
    expect("rgb8_interlaced.png", "RGB")
    png("rgba8_interlaced.png", 6, 8, interlaced=True)
    expect("rgba8_interlaced.png", "RGBA")
    png("ga8.png", 4, 8)
    expect("ga8.png", "RGBA")
    for name, color_type in (("gray16", 0), ("rgb16", 2), ("ga16", 4), ("rgba16", 6)):
        samples = png(name + ".png", color_type, 16)
        mode = "RGBA" if color_type & 4 else "RGB"
        image = Image.new(mode, (W, H))
        for at, s in samples.items():
            s = [v >> 8 for v in s]
            image.putpixel(at, tuple(s if color_type & 2 else [s[0]] * 3 + s[1:]))
        write_raw(name + ".png", image)

    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "f\xfcr Pr\xfcfung")  # tEXt, Latin-1
    info.add_text("parameters", PARAMETERS)  # not Latin-1: iTXt
    info.add_text("zipped", "again and again, " * 40, zip=True)  # zTXt
    info.add_itxt("international", "翻訳 " * 30, lang="ja", tkey="国際", zip=True)
    smooth().save(path("texts.png"), pnginfo=info)
    with open(path("texts.png"), "rb") as f:
        data = f.read()
    assert data.endswith(chunk(b"IEND", b""))
    end = len(data) - 12  # what some programs do: UTF-8 in tEXt; and behind the pixels
    data = data[:end] + chunk(b"tEXt", "raw\0ünïcode 🐋".encode()) + data[end:]
    with open(path("texts.png"), "wb") as f:
        f.write(data)
    expect("texts.png", "RGB")
    with Image.open(path("texts.png")) as image:
        image.load()
        found = {k: str(v) for k, v in image.text.items()}
    found["raw"] = found["raw"].encode("latin-1").decode()
    texts["texts.png"] = found

    smooth().save(path("bomb.png"))
    with open(path("bomb.png"), "rb") as f:
        data = f.read()
    with open(path("bomb.png"), "wb") as f:
        f.write(data[:33] + chunk(b"zTXt", b"big\0\0" + zlib.compress(b"x" * (17 << 20), 9)) + data[33:])


# ---- JPEG and WebP ----

def comment(text):
    return piexif.dump({"Exif": {piexif.ExifIFD.UserComment: piexif.helper.UserComment.dump(text, encoding="unicode")}})


def little_endian_comment(text):
    """II, UTF-16 with the low byte first, as some programs write it."""
    data = b"UNICODE\0" + text.encode("utf-16-le")
    return (b"Exif\0\0II*\0" + struct.pack("<I", 8) + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0) +
            struct.pack("<HHHIII", 1, 0x9286, 7, len(data), 44, 0) + data)


def write_jpegs():
    smooth().save(path("rgb.jpg"), quality=90, subsampling=0)
    smooth().save(path("rgb420.jpg"), quality=80, subsampling=2)
    smooth().save(path("progressive.jpg"), quality=85, progressive=True)
    smooth("L").save(path("gray.jpg"), quality=90)
    smooth().convert("CMYK").save(path("cmyk.jpg"), quality=95)
    names = ["rgb.jpg", "rgb420.jpg", "progressive.jpg", "gray.jpg", "cmyk.jpg"]
    for orientation in range(1, 9):
        name = f"turned{orientation}.jpg"
        smooth().save(path(name), quality=90, exif=piexif.dump({"0th": {piexif.ImageIFD.Orientation: orientation}}))
        names.append(name)
    smooth().save(path("comment.jpg"), quality=90)
    piexif.insert(comment(PARAMETERS), path("comment.jpg"))  # as the web UI does
    smooth().save(path("comment_le.jpg"), quality=90, exif=little_endian_comment(PARAMETERS))
    ascii_text = "a plain prompt, sea\nSteps: 4, Sampler: Euler, Seed: 5"
    smooth().save(path("comment_ascii.jpg"), quality=90, exif=piexif.dump({"Exif": {
        piexif.ExifIFD.UserComment: piexif.helper.UserComment.dump(ascii_text, encoding="ascii")}}))
    for name, text in (("comment.jpg", PARAMETERS), ("comment_le.jpg", PARAMETERS), ("comment_ascii.jpg", ascii_text)):
        texts[name] = {"parameters": text}
        names.append(name)
    for name in names:
        expect(name, "RGB")


def write_webps():
    smooth().save(path("lossless.webp"), lossless=True)
    expect("lossless.webp", "RGB")
    smooth("RGBA").save(path("lossless_alpha.webp"), lossless=True, exact=True)
    expect("lossless_alpha.webp", "RGBA")
    smooth().save(path("lossy.webp"), quality=80)
    expect("lossy.webp", "RGB")
    smooth("RGBA").save(path("lossy_alpha.webp"), quality=80)
    expect("lossy_alpha.webp", "RGBA")
    smooth().save(path("comment.webp"), quality=80)
    piexif.insert(comment(PARAMETERS), path("comment.webp"))
    expect("comment.webp", "RGB")
    texts["comment.webp"] = {"parameters": PARAMETERS}
    frames = [smooth()]
    for i in range(1, 4):  # only a corner changes, so that the file holds parts of pictures
        frames.append(frames[-1].copy())
        frames[-1].paste((255 - 60 * i, 20, 60 * i), (2 * i, i, 2 * i + 5, i + 4))
    frames[0].save(path("anim.webp"), save_all=True, append_images=frames[1:], duration=[100, 50, 70, 80], lossless=True)
    with Image.open(path("anim.webp")) as image:
        assert image.n_frames == 4
        for i in range(4):
            image.seek(i)
            write_raw(f"anim{i}.webp", image.convert("RGBA"))
    expect("anim.webp", "RGBA")  # its header says that it can be transparent


def main():
    os.makedirs(OUT, exist_ok=True)
    write_pngs()
    write_jpegs()
    write_webps()
    with open(path("texts.json"), "w", encoding="utf-8") as f:
        json.dump(texts, f, ensure_ascii=False, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
