// A TrueType font in which every character is equally wide. With it, a text has the same width on every machine,
// whatever fonts are installed there. Format: the OpenType specification 1.9.1.

const UNITS = 1000; // per em
const MARGIN = 50; // beside the box that is drawn for every character
const ASCENT = 900;
const DESCENT = 300;
const LAST_CHARACTER = 0x10ffff;

const integers = (size, values) =>
  values.flatMap((value) => Array.from({ length: size }, (_, place) => (value >> (8 * (size - 1 - place))) & 255));
const u16 = (...values) => integers(2, values);
const u32 = (...values) => integers(4, values);
const ascii = (text) => [...Buffer.from(text, "ascii")];
const zeros = (length) => Array(length).fill(0);
const padded = (bytes) => [...bytes, ...zeros(-bytes.length & 3)];

/** The bytes of the font. `width` is the width of every character in em. */
export function uniformFont(width) {
  const advance = Math.round(width * UNITS);
  const size = advance - 2 * MARGIN;
  const right = MARGIN + size;
  const box = padded([
    ...[...u16(1, MARGIN, 0, right, size, 3, 0), 1, 1, 1, 1], // one contour of four points, all on the curve
    ...[...u16(MARGIN, size, 0, -size), ...u16(0, 0, size, 0)], // their x and y, each from the point before
  ]);
  return assemble({
    "OS/2": [
      ...[...u16(4, advance, 400, 5), ...zeros(50), ...ascii("TEST")],
      ...[...u16(64, 32, 65535, ASCENT, -DESCENT, 0, ASCENT, DESCENT), ...zeros(18)],
    ],
    // Format 13: all characters have one glyph.
    cmap: [...u16(0, 1, 3, 10), ...u32(12), ...u16(13, 0), ...u32(28, 0, 1, 32, LAST_CHARACTER, 1)],
    glyf: [...box, ...box],
    head: [
      ...[...u32(0x10000, 0x10000, 0, 0x5f0f3cf5), ...u16(3, UNITS), ...zeros(16)],
      ...u16(MARGIN, 0, right, size, 0, 8, 2, 1, 0),
    ],
    hhea: [...u32(0x10000), ...u16(ASCENT, -DESCENT, 0, advance, MARGIN, MARGIN, right, 1), ...zeros(14), ...u16(1)],
    hmtx: u16(advance, MARGIN, MARGIN),
    loca: u32(0, box.length, 2 * box.length),
    maxp: [...u32(0x10000), ...u16(2, 4, 1, 0, 0, 1), ...zeros(16)],
    name: u16(0, 0, 6),
    post: [...u32(0x30000, 0), ...u16(-100, 50), ...u32(1), ...zeros(16)],
  });
}

function assemble(tables) {
  const names = Object.keys(tables);
  const directory = [];
  let offset = 12 + 16 * names.length;
  for (const name of names) {
    directory.push(...ascii(name), ...u32(0, offset, tables[name].length)); // browsers do not read the checksum, 0
    offset += padded(tables[name]).length;
  }
  const bodies = names.flatMap((name) => padded(tables[name]));
  return [...u32(0x10000), ...u16(names.length, 128, 3, 32), ...directory, ...bodies];
}
