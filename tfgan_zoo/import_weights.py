"""Makes a run of weights that another library trained: then sample, evaluate and export take it like our own.

python -m tfgan_zoo.import_weights --from=mimicry netG_100000_steps.pth --to=runs/sngan
python -m tfgan_zoo.import_weights --from=mimicry netG.pth --discriminator=netD.pth --to=runs/sagan
python -m tfgan_zoo.import_weights --from=biggan_pytorch G_ema.pth --discriminator=D.pth --to=runs/biggan
python -m tfgan_zoo.import_weights --from=hf_biggan_deep pytorch_model.bin --truncation=0.4 --to=runs/biggan_deep
python -m tfgan_zoo.import_weights --from=studiogan model=G-best-weights.pth --to=runs/sagan

The files are read as tensors alone: no code that a file asks for is run, and PyTorch is not needed.
"""

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

LAYOUTS = ("mimicry", "biggan_pytorch", "hf_biggan_deep", "studiogan")
FROM = flags.DEFINE_enum("from", None, LAYOUTS, "Which library wrote the file.", required=True)
TO = flags.DEFINE_string("to", None, "The run's folder, which must not be there yet.", required=True)
DISCRIMINATOR = flags.DEFINE_string("discriminator", None, "The file of the discriminator, where there is one.")
TRUNCATION = flags.DEFINE_float(
    "truncation", None, "hf_biggan_deep: whose batch statistics to take, one of 0.02, 0.04, ..., 1 (1)."
)
EPSILON = flags.DEFINE_float(
    "batch_norm_epsilon",
    None,
    "biggan_pytorch: what its batch norm adds to the variance (1e-5); 1e-4 in weights that came from TF Hub.",
    lower_bound=0.0,
)
OPTIONS = {"hf_biggan_deep": TRUNCATION, "biggan_pytorch": EPSILON}  # each is for one layout alone


def main(*words):
    from tfgan_zoo.core.errors import ZooError

    if len(words) != 1:
        raise ZooError(
            f"give one file, the generator's, and got {len(words)}: {' '.join(words) or 'none'}; see --help."
        )
    for only, flag in OPTIONS.items():
        if flag.value is not None and FROM.value != only:
            raise ZooError(f"--{flag.name} is for --from={only} alone; leave it out.")
    from tfgan_zoo.weight_files.layout_table import READERS
    from tfgan_zoo.weight_files.torch_file import read_tensors
    from tfgan_zoo.weight_files.transfer import state_dict

    (file,), layout = words, FROM.value
    options = {flag.name: flag.value for flag in OPTIONS.values() if flag.value is not None}
    discriminator = state_dict(read_tensors(DISCRIMINATOR.value)) if DISCRIMINATOR.value else None
    found = READERS[layout](state_dict(read_tensors(file)), discriminator, **options)
    command_line.load_tensorflow()
    from tfgan_zoo.runs.from_weights import write_run

    run = write_run(TO.value, found, layout, file, DISCRIMINATOR.value)
    classes = f", {found.num_classes} classes" if found.num_classes else ""
    print(f"{found.model}, {found.image_shape[0]} pixels{classes}: {run.folder}", *found.notes, sep="\n")
    return 0


if __name__ == "__main__":
    command_line.run(main, words=1)
