#!/usr/bin/env python3
"""Draws the built-in icons of artifacts: 64 x 64 PNGs in crates/core/src/catalog/icons.

Run it after a change of a shape below; needs nothing beside Python.
"""

import math
import struct
import sys
import zlib
from pathlib import Path

SIZE, GRID = 64, 4


def polygon(*points):
    """Inside a polygon, by the even-odd rule."""

    def inside(x, y):
        odd = False
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                odd = not odd
        return odd

    return inside


def line(ax, ay, bx, by, width):
    """Within half of the width of a segment, its ends rounded."""

    def inside(x, y):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        t = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) if length else 0.0
        return math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) <= width / 2

    return inside


def path(width, *points):
    return [line(*a, *b, width) for a, b in zip(points, points[1:])]


def disc(cx, cy, radius):
    return lambda x, y: math.hypot(x - cx, y - cy) <= radius


def ring(cx, cy, radius, width):
    return lambda x, y: abs(math.hypot(x - cx, y - cy) - radius) <= width / 2


def card(x, y):
    """The rounded square behind every icon."""
    dx, dy = max(abs(x - 32) - 20, 0), max(abs(y - 32) - 20, 0)
    return math.hypot(dx, dy) <= 10


def layers():
    sheets = [polygon((32, 14 + d), (50, 23 + d), (32, 32 + d), (14, 23 + d)) for d in (0,)]
    edges = [path(3.5, (14, 32 + d), (32, 41 + d), (50, 32 + d)) for d in (0, 9)]
    return sheets + [stroke for edge in edges for stroke in edge]


def wheel():
    spokes = []
    for turn in range(8):
        x, y = math.cos(turn * math.pi / 4), math.sin(turn * math.pi / 4)
        spokes.append(line(32 + 6 * x, 32 + 6 * y, 32 + 20 * x, 32 + 20 * y, 3))
    return [ring(32, 32, 14, 3.5), ring(32, 32, 5, 3)] + spokes


def box():
    top = path(3.5, (32, 13), (49, 22), (49, 42), (32, 51), (15, 42), (15, 22), (32, 13))
    return top + path(3.5, (15, 22), (32, 31), (49, 22)) + path(3.5, (32, 31), (32, 51))


def chip():
    body = path(4, (20, 20), (44, 20), (44, 44), (20, 44), (20, 20)) + [polygon((28, 28), (36, 28), (36, 36), (28, 36))]
    pins = [line(at, a, at, b, 3) for at in (25, 32, 39) for a, b in ((12, 19), (45, 52))]
    return body + pins + [line(a, at, b, at, 3) for at in (25, 32, 39) for a, b in ((12, 19), (45, 52))]


def net():
    nodes = [(18, 20), (18, 44), (34, 32), (48, 20), (48, 44)]
    edges = [line(34, 32, x, y, 3) for x, y in nodes]
    return edges + [disc(x, y, 5.5) for x, y in nodes]


def check():
    shield = path(3.5, (32, 12), (49, 18), (48, 34), (41, 45), (32, 52), (23, 45), (16, 34), (15, 18), (32, 12))
    return shield + path(4.5, (24, 32), (30, 38), (41, 26))


def seal():
    return [ring(32, 26, 12, 4), disc(32, 26, 5), polygon((24, 36), (31, 40), (25, 53), (18, 48)),
            polygon((40, 36), (33, 40), (39, 53), (46, 48))]


def bolt():
    return [polygon((36, 11), (17, 36), (30, 36), (27, 53), (47, 27), (34, 27))]


def entries():
    rows = [(y, 28 + 20 * (n % 2 == 0) + 12 * (n % 2)) for n, y in enumerate((18, 28, 38, 48))]
    return [disc(18, y, 3.5) for y, _ in rows] + [line(28, y, end, y, 4) for y, end in rows]


def sheet():
    outline = path(3.5, (19, 12), (37, 12), (46, 21), (46, 52), (19, 52), (19, 12))
    return outline + path(3.5, (37, 12), (37, 21), (46, 21))


ICONS = {
    "image": ((38, 97, 176), layers()),
    "chart": ((25, 60, 110), wheel()),
    "cnab": ((0, 122, 122), box()),
    "wasm": ((93, 63, 168), chip()),
    "model": ((123, 45, 120), net()),
    "cosign": ((33, 122, 60), check()),
    "notation": ((171, 94, 18), seal()),
    "nydus": ((0, 110, 170), bolt()),
    "sbom": ((110, 78, 50), entries()),
    "unknown": ((98, 104, 112), sheet()),
}


def pixel(color, shapes, column, row):
    """Color and opacity, averaged over a grid of points."""
    covered = white = 0
    for n in range(GRID * GRID):
        x, y = column + (n % GRID + 0.5) / GRID, row + (n // GRID + 0.5) / GRID
        if card(x, y):
            covered += 1
            white += any(shape(x, y) for shape in shapes)
    if not covered:
        return bytes(4)
    share = white / covered
    mixed = (round(part + (255 - part) * share) for part in color)
    return bytes([*mixed, round(255 * covered / GRID**2)])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(color, shapes):
    rows = b"".join(
        b"\0" + b"".join(pixel(color, shapes, column, row) for column in range(SIZE)) for row in range(SIZE)
    )
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def main():
    folder = Path(sys.argv[0]).resolve().parent.parent / "crates/core/src/catalog/icons"
    for name, (color, shapes) in ICONS.items():
        (folder / f"{name}.png").write_bytes(png(color, shapes))


main()
