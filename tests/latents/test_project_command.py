"""`python -m tfgan_zoo.project`, from pictures to figures, and what it says of mistakes."""

import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.latents.search_report import network_or_reason
from tfgan_zoo.runs.open_generator import known_export, open_subject

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture(tmp_path):
    """A 28 x 28 file of a vertical stroke, in colour."""
    pixels = np.zeros([28, 28, 3], np.uint8)
    pixels[5:23, 13:16] = 250
    Image.fromarray(pixels).save(tmp_path / "one.png")
    return "one.png"


def test_a_picture_gives_a_strip_and_a_latent_that_gives_its_last_image_again(commands, tmp_path, picture):
    arguments = ("--export=acgan_mnist", f"--image={picture}", "--steps=8", "--restarts=1", "--label=1")
    done = commands.run("project", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "one.png: latent.npz\n  mean squared error 0." in done.stdout
    assert "distance of features (mnist_cnn) " in done.stdout
    assert done.stdout.endswith("Figure: latent.png\n")
    latent = dict(np.load(tmp_path / "latent.npz"))
    assert {name: values.shape for name, values in latent.items()} == {"noise": (1, 64), "labels": (1,)}
    assert latent["labels"].tolist() == [1]
    strip = np.asarray(Image.open(tmp_path / "latent.png"))
    assert strip.shape[1] == 7 * (128 + 8) + 8
    target = strip[8 : 8 + 128 : 4, 8 : 8 + 128 : 4, 0]
    np.testing.assert_array_equal(target[7:25, 15:18], np.full([18, 3], 250))  # padded by 2

    again = commands.run("project", "--export=acgan_mnist", "--terms=latent.npz", "--out=again.png", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    last = strip[8:136, -136:-8]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "again.png"))[8:136, 8:136], last)
    first = (tmp_path / "latent.npz").read_bytes()
    assert commands.run("project", *arguments, cwd=tmp_path).returncode == 0
    assert (tmp_path / "latent.npz").read_bytes() == first


def test_several_pictures_with_their_mean_a_sum_and_a_way(commands, tmp_path, picture):
    images = [f"--image={picture}", f"--image={picture}"]
    export = f"--export={ROOT / 'export' / 'infogan_mnist'}"
    quick = ("--steps=3", "--restarts=1", "--codes=8,nan,nan", "--features=none")
    done = commands.run("project", export, *images, *quick, "--mean", "--out=deep/a.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "features" not in done.stdout
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["a-1.npz", "a-2.npz", "a.png"]
    total = commands.run("project", export, "--terms=a-1.npz - 0.5*seed:3", "--out=b.png", cwd=tmp_path / "deep")
    assert "Latent: b.npz" in total.stdout, total.stderr
    assert np.load(tmp_path / "deep" / "b.npz")["codes"][0, 0] == 8
    way = commands.run(
        "project", export, "--from=b.npz", "--to=a-1.npz", "--num=3", "--out=c.png", cwd=tmp_path / "deep"
    )
    assert way.returncode == 0, way.stderr
    assert (tmp_path / "deep" / "c.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--export=acgan_mnist"], "give one of --image, --terms, --from with --to, and --mean"),
        (["--export=acgan_mnist", "--image=one.png", "--terms=a.npz"], "give one of --image"),
        (["--image=one.png"], "give either --run or --export"),
        (["--export=acgan_mnst", "--mean"], "Did you mean 'acgan_mnist'"),
        (["--export=acgan_mnist", "--image=two.png"], "two.png: there is no such file"),
        (["--export=acgan_mnist", "--image=one.png", "--label=10"], "no class '10'. Did you mean '1'"),
        (["--export=dcgan_mnist", "--image=one.png", "--label=1"], "takes no labels"),
        (["--export=dcgan_mnist", "--image=one.png", "--codes=1"], "takes none"),
        (["--export=acgan_mnist", "--from=seed:1"], "give both --from and --to"),
        (["--export=acgan_mnist", "--terms=seed:1"], "takes labels; give one, such as --label=0"),
        (["--export=acgan_mnist", "--mean", "--out=a.gif"], "expected a name that ends in .png"),
        (["--export=acgan_mnist", "--mean", "--out=one.png/a.png"], "one.png"),
        (["--export=acgan_mnist", "--image=one.png", "--features=effnet_lite", "--label=1"], "effnet_lite0"),
    ],
)
def test_mistakes_are_told_in_a_sentence_and_nothing_is_written(commands, tmp_path, picture, arguments, message):
    done = commands.run("project", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["one.png"]


def test_an_export_goes_by_its_folder_or_by_the_name_of_a_shipped_one(tmp_path):
    assert known_export("dcgan_mnist") == ROOT / "export" / "dcgan_mnist"
    assert known_export(str(tmp_path)) == tmp_path
    with pytest.raises(ZooError, match=r"no folder or trained generator 'dcgn_mnist'\. Did you mean 'dcgan_mnist'"):
        known_export("dcgn_mnist")


def test_what_a_card_says_of_its_data_comes_with_the_generator():
    subject = open_subject(None, ROOT / "export" / "acgan_mnist")
    assert (subject.class_names, subject.fit, subject.features) == (tuple("0123456789"), "pad", "mnist_cnn")
    assert open_subject(None, "dcgan_mnist").class_names == ()


def test_a_feature_network_that_is_not_there_is_told_unless_a_user_asks_for_it():
    network, reason = network_or_reason(None, "mnist_cnn", None, 3)
    assert network is None
    assert reason.startswith("No distance of features: mnist_cnn takes no images of 3 channel(s)")
    assert network_or_reason("none", "mnist_cnn", None, 1) == (None, None)
    with pytest.raises(ZooError, match="mnist_cnn takes no images of 3"):
        network_or_reason("mnist_cnn", "inception", None, 3)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "latents.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(compile(block, "latents.md", "exec"), {})
    assert np.load("latent.npz")["noise"].shape == (1, 64)


def test_a_run_is_looked_into_as_its_export_is(commands, tmp_path, picture):
    settings = ("--set=steps=1", "--set=evaluation.samples=0", "--set=batch_size=8")
    settings += ("--set=arguments.generator_channels=4", "--set=arguments.discriminator_channels=4")
    trained = commands.run("train", "--model=dcgan", "--workdir=run", *settings, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    quick = ("--steps=2", "--restarts=1", "--features=none", f"--image={picture}")
    latents = []
    for source in ("--run=run", f"--export={next(tmp_path.glob('run/export/**/saved_model.pb')).parent}"):
        done = commands.run("project", source, *quick, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        latents.append(np.load(tmp_path / "latent.npz")["noise"])
    np.testing.assert_allclose(latents[0], latents[1], atol=1e-4)


def test_the_command_is_listed():
    assert "project" in importlib.import_module("tfgan_zoo.cli.entry").COMMANDS
