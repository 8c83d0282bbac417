"""What a chart's canvas shows, in its own pixels."""

from __future__ import annotations

from playwright.async_api import Page

#: Chromium's advice to who reads pixels.
READS = ("willReadFrequently",)
#: Pixels of a colour of the style sheet between two places (0 to 1) of the time axis.
_INK = """
([name, from, to]) => {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  const canvas = document.querySelector(".chart canvas");
  const over = document.querySelector(".chart .u-over").getBoundingClientRect();
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const left = (over.left - box.left + from * over.width) * scale;
  const width = Math.max(1, (to - from) * over.width * scale);
  const top = (over.top - box.top) * scale;
  const { data } = canvas.getContext("2d").getImageData(left, top, width, over.height * scale);
  let count = 0;
  for (let place = 0; place < data.length; place += 4) {
    const near = colour.every((part, index) => Math.abs(part - data[place + index]) < 12);
    if (near && data[place + 3] > 200) count += 1;
  }
  return count;
}
"""
#: Share of pixels that are not empty in a stretch of the time axis.
_SHADE = """
([from, to]) => {
  const canvas = document.querySelector(".chart canvas");
  const over = document.querySelector(".chart .u-over").getBoundingClientRect();
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const left = (over.left - box.left + from * over.width) * scale;
  const top = (over.top - box.top) * scale;
  const width = Math.max(1, (to - from) * over.width * scale);
  const { data } = canvas.getContext("2d").getImageData(left, top, width, over.height * scale);
  let count = 0;
  for (let place = 3; place < data.length; place += 4) count += data[place] > 0 ? 1 : 0;
  return count / (data.length / 4);
}
"""


async def ink(page: Page, begin: float, end: float, colour: str = "line-1") -> int:
    """How many pixels of the line's colour lie between two places of the time axis."""
    found: int = await page.evaluate(_INK, [colour, begin, end])
    return found


async def shade(page: Page, begin: float, end: float) -> float:
    """Which share of the pixels between two places of the time axis is not empty."""
    found: float = await page.evaluate(_SHADE, [begin, end])
    return found
