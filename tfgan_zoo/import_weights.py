"""Turns weights that another library trained into a run, which sample, evaluate and export then open like any other.

python -m tfgan_zoo.import_weights --from=mimicry netG_100000_steps.pth --to=runs/sngan
python -m tfgan_zoo.import_weights --from=mimicry netG.pth --discriminator=netD.pth --to=runs/sagan
python -m tfgan_zoo.import_weights --from=biggan_pytorch G_ema.pth --discriminator=D.pth --to=runs/biggan
python -m tfgan_zoo.import_weights --from=hf_biggan_deep pytorch_model.bin --truncation=0.4 --to=runs/biggan_deep
python -m tfgan_zoo.import_weights --from=mimicry all.pt --key=netG_ema --discriminator=all.pt --discriminator_key=netD --to=runs/x
python -m tfgan_zoo.import_weights --from=studiogan model=G-best-weights.pth --to=runs/sagan
python -m tfgan_zoo.import_weights --from=stylegan2_ada ffhq.pkl --to=runs/stylegan2
python -m tfgan_zoo.import_weights --from=r3gan network-snapshot.pkl --to=runs/r3gan

Only tensors are read from the files: no code in them is executed, and PyTorch is not needed. Pickles of StyleGAN2 (also its TensorFlow
version), StyleGAN2-ADA and R3GAN hold several networks; of these G_ema and D are taken.
"""

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

LAYOUTS = ("mimicry", "biggan_pytorch", "hf_biggan_deep", "studiogan", "stylegan2_ada", "r3gan")
FROM = flags.DEFINE_enum("from", None, LAYOUTS, "Which library wrote the file.", required=True)
TO = flags.DEFINE_string("to", None, "The run's folder, which must not exist yet.", required=True)
KEY = flags.DEFINE_string(
    "key", None, "Under which key of the file the generator is found, such as g_ema; needed if it holds several."
)
DISCRIMINATOR = flags.DEFINE_string(
    "discriminator", None, "The discriminator's file, if there is one; none leaves out that of a snapshot."
)
DISCRIMINATOR_KEY = flags.DEFINE_string("discriminator_key", None, "Likewise of the discriminator, in its file.")
TRUNCATION = flags.DEFINE_float(
    "truncation",
    None,
    "hf_biggan_deep only: the truncation whose batch statistics to use, one of 0.02, 0.04, ..., 1; 1 by default.",
)
EPSILON = flags.DEFINE_float(
    "batch_norm_epsilon",
    None,
    "biggan_pytorch only: what batch norm adds to the variance. 1e-5 by default; weights converted from TF Hub need 1e-4.",
    lower_bound=0.0,
)
OPTIONS = {"hf_biggan_deep": TRUNCATION, "biggan_pytorch": EPSILON}  # {layout: the flag that only it takes}


def main(*files: str) -> int:
    from tfgan_zoo.core.errors import ZooError

    if len(files) != 1:
        raise ZooError(
            f"got {len(files)} files ({' '.join(files) or 'none'}); give exactly one, the generator's; see --help."
        )
    for layout, flag in OPTIONS.items():
        if flag.value is not None and FROM.value != layout:
            raise ZooError(f"--{flag.name} applies only to --from={layout}; leave it out.")
    from tfgan_zoo.weight_files.layout_table import READERS, players_of, read_file
    from tfgan_zoo.weight_files.transfer import state_dict

    (file,), layout = files, FROM.value
    options = {flag.name: flag.value for flag in OPTIONS.values() if flag.value is not None}
    of_file = read_file(layout, file)
    generator_key, discriminator_key = players_of(layout, of_file)
    tensors, discriminator = state_dict(of_file, KEY.value or generator_key), None
    discriminator_file = DISCRIMINATOR.value or (file if discriminator_key else None)
    if discriminator_file == "none":
        discriminator_file = None
    if discriminator_file:
        if discriminator_file != file:
            of_file = read_file(layout, discriminator_file)
            discriminator_key = players_of(layout, of_file)[1]
        discriminator = state_dict(of_file, DISCRIMINATOR_KEY.value or discriminator_key, f"--{DISCRIMINATOR_KEY.name}")
    weights = READERS[layout](tensors, discriminator, **options)
    command_line.load_tensorflow()
    from tfgan_zoo.runs.from_weights import write_run

    run = write_run(TO.value, weights, layout, file, discriminator_file)
    count = weights.num_classes
    classes = f", {count} class{'es' * (count > 1)}" if count else ""
    print(f"{weights.model}, {weights.image_shape[0]} pixels{classes}: {run.folder}", *weights.notes, sep="\n")
    return 0


if __name__ == "__main__":
    command_line.run(main, words=1)
