// A ZIP archive of files that are compressed already: stored as they are. APPNOTE.TXT 6.3, 4.3.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = ~0;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** Numbers of two or four bytes, little-endian: fields(2, 20, 4, 7) is 20 in two bytes, then 7 in four. */
function fields(...pairs) {
  const bytes = [];
  for (let at = 0; at < pairs.length; at += 2) {
    for (let shift = 0; shift < 8 * pairs[at]; shift += 8) bytes.push((pairs[at + 1] >>> shift) & 255);
  }
  return new Uint8Array(bytes);
}

const VERSION = 20;
const UTF8 = 1 << 11; // of names
const NO_DATE = (1 << 5) | 1; // 1 January 1980, the format's first day

/** [name, Blob] pairs -> one Blob. */
export async function zip(files) {
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const [name, blob] of files) {
    const data = new Uint8Array(await blob.arrayBuffer());
    const text = new TextEncoder().encode(name);
    const about = [2, VERSION, 2, UTF8, 2, 0, 2, 0, 2, NO_DATE, 4, crc32(data), 4, data.length, 4, data.length];
    const local = fields(4, 0x04034b50, ...about, 2, text.length, 2, 0);
    entries.push(fields(4, 0x02014b50, 2, VERSION, ...about, 2, text.length, 2, 0, 2, 0, 2, 0, 2, 0, 4, 0, 4, offset), text);
    parts.push(local, text, data);
    offset += local.length + text.length + data.length;
  }
  const size = entries.reduce((sum, entry) => sum + entry.length, 0);
  const count = entries.length / 2;
  const end = fields(4, 0x06054b50, 2, 0, 2, 0, 2, count, 2, count, 4, size, 4, offset, 2, 0);
  return new Blob([...parts, ...entries, end], { type: "application/zip" });
}
