// The output of a TF.js graph model by TF.js itself, on its backend in plain JavaScript: inputs as JSON on stdin, the output on stdout.
// Run by benchmarks.runtimes: node benchmarks/tfjs_images.js FOLDER, with @tensorflow/tfjs in NODE_PATH.

const fs = require("fs");
const path = require("path");
const tf = require("@tensorflow/tfjs");

const folder = process.argv[2];
const files = {
  load: async () => {
    const { weightsManifest, ...model } = JSON.parse(fs.readFileSync(path.join(folder, "model.json")));
    const parts = weightsManifest.flatMap((group) => group.paths).map((name) => fs.readFileSync(path.join(folder, name)));
    const weightData = new Uint8Array(Buffer.concat(parts)).buffer;
    return { ...model, weightSpecs: weightsManifest.flatMap((group) => group.weights), weightData };
  },
};

async function main() {
  await tf.setBackend("cpu");
  const model = await tf.loadGraphModel(files);
  const inputs = {};
  for (const [name, { values, shape, dtype }] of Object.entries(JSON.parse(fs.readFileSync(0)))) {
    inputs[name] = tf.tensor(values, shape, dtype);
  }
  const output = model.predict(inputs);
  console.log(JSON.stringify({ values: [...(await output.data())], shape: output.shape }));
}

main();
