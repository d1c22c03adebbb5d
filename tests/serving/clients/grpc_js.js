// Asks by @grpc/grpc-js, with the messages of predict.proto by @grpc/proto-loader, and reads typed fields.

const fs = require("fs");
const path = require("path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const asked = JSON.parse(fs.readFileSync(0));
const definition = loader.loadSync(path.join(__dirname, "predict.proto"), { longs: Number, arrays: true });
const { PredictionService } = grpc.loadPackageDefinition(definition).tensorflow.serving;
const client = new PredictionService(asked.grpc, grpc.credentials.createInsecure());

const tensor = (dtype, field, values, ...shape) => ({
  dtype,
  tensorShape: { dim: shape.map((size) => ({ size })) },
  [field]: values,
});

function predict(signatureName, inputs) {
  return new Promise((resolve, reject) => {
    const request = { modelSpec: { name: asked.model, signatureName }, inputs };
    client.predict(request, (error, reply) => (error ? reject(error) : resolve(reply.outputs)));
  });
}

// The nested arrays of a tensor in typed fields.
function nested({ tensorShape, floatVal, intVal }) {
  let values = floatVal.length ? floatVal : intVal;
  for (const { size } of tensorShape.dim.slice(1).reverse()) {
    values = Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
  }
  return values;
}

async function main() {
  const { noise, seeds } = asked;
  const labels = tensor(3, "intVal", asked.labels, seeds.length);
  const latents = tensor(1, "floatVal", noise.flat(), noise.length, noise[0].length);
  const draw = {
    seed: tensor(9, "int64Val", seeds, seeds.length),
    truncation: tensor(1, "floatVal", seeds.map(() => Infinity), seeds.length),
    labels,
  };
  const images = {
    serving_default: nested((await predict("serving_default", { noise: latents, labels })).images),
    sample: nested((await predict("sample", draw)).images),
  };
  console.log(JSON.stringify(images));
  client.close();
}

main();
