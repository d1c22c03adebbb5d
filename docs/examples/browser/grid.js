// What both pages share: latents by seed, and the pixels of a grid. A plain script, so that a page opened from disk may load it.

const COLUMNS = 8;

// `count` normal numbers that depend on the seed alone: numbered hashes (the last steps of MurmurHash3) by the method of Box and Muller.
function normal(seed, count) {
  let number = Math.imul(seed + 1, 0x9e3779b9);
  const uniform = () => {
    let hash = ++number;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
  };
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  return values;
}

// The values of an input of `rows` samples: the labels 0, 1, 2, ... in turn, codes of 0, a psi of 1 (no truncation), normal latents.
function draw(name, rows, size, seed) {
  if (name === "labels") return Int32Array.from({ length: rows }, (_, i) => i % 10);
  if (name === "psi") return new Float32Array(rows).fill(1);
  return name === "codes" ? new Float32Array(rows * size) : normal(seed, rows * size);
}

// Floats in [-1, 1] of shape [rows, height, width, channels] -> {width, height, data: RGBA bytes} of a grid.
function gridPixels(images, [rows, height, width, channels], columns = COLUMNS) {
  const lines = Math.ceil(rows / columns);
  const data = new Uint8ClampedArray(lines * height * columns * width * 4).fill(255);
  for (let n = 0; n < rows; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = ((n * height + y) * width + x) * channels;
        const row = Math.floor(n / columns) * height + y;
        const to = (row * columns * width + (n % columns) * width + x) * 4;
        for (let c = 0; c < 3; c++) data[to + c] = (images[from + (channels === 1 ? 0 : c)] + 1) * 127.5;
      }
    }
  }
  return { width: columns * width, height: lines * height, data };
}

// Draws what `gridPixels` returns on a canvas.
function show(canvas, { width, height, data }) {
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

if (typeof module !== "undefined") module.exports = { COLUMNS, normal, draw, gridPixels }; // for Node
