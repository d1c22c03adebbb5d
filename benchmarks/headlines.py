"""The claims of the papers that `python -m benchmarks.claims` tests: each a pair of settings and a score."""

from benchmarks.claims import Claim, Setting

DIGITS = "fd_mnist_cnn"

# Stacked digits: a thousand kinds of images
STACKED = (
    "data.source=stacked:mnist5k",
    "data.channels=3",
    "augmentation=[]",
    "evaluation.scores=['stacked_modes']",
)
WITHOUT_R2 = ("weights.r2=0",)
R3GAN = Setting("R1 and R2", "r3gan", STACKED)

CLAIMS = [
    Claim(
        "sngan_spectral_norm",
        "spectral normalisation of the discriminator gives better images",
        "[Miyato et al. 2018](https://arxiv.org/abs/1802.05957)",
        Setting("spectral normalisation", "sngan"),
        Setting("no constraint", "sngan", ("arguments.weights=none",)),
        DIGITS,
    ),
    Claim(
        "dcgan_batch_norm",
        "batch normalisation in both players helps",
        "[Radford et al. 2015](https://arxiv.org/abs/1511.06434)",
        Setting("in both", "dcgan"),
        Setting("in the generator alone", "dcgan", ("arguments.batch_norm=false",)),
        DIGITS,
    ),
    Claim(
        "dragan_digits",
        "a gradient penalty around the data gives better images",
        "[Kodali et al. 2017](https://arxiv.org/abs/1705.07215)",
        Setting("penalty", "dragan"),
        Setting("no penalty", "dragan", ("arguments.penalty=0",)),
        DIGITS,
    ),
    Claim(
        "dragan_ring",
        "a gradient penalty around the data prevents collapse",
        "[Kodali et al. 2017](https://arxiv.org/abs/1705.07215)",
        Setting("penalty", "dragan", preset="ring8"),
        Setting("no penalty", "dragan", ("arguments.penalty=0",), "ring8"),
        "modes_found",
        higher=True,
    ),
    Claim(
        "wgan_gp_grid",
        "a gradient penalty serves better than clipping",
        "[Gulrajani et al. 2017](https://arxiv.org/abs/1704.00028)",
        Setting("gradient penalty", "wgan_gp", preset="grid25"),
        Setting("clipping", "wgan", preset="grid25"),
        "good_samples",
        higher=True,
    ),
    Claim(
        "lsgan_ring",
        "least squares lose fewer modes than the regular GAN",
        "[Mao et al. 2016](https://arxiv.org/abs/1611.04076)",
        Setting("least squares", "lsgan", preset="ring8"),
        Setting("cross-entropy", "gan", preset="ring8"),
        "modes_found",
        higher=True,
    ),
    Claim(
        "ebgan_pulling_away",
        "the pulling-away term gives better images",
        "[Zhao et al. 2016](https://arxiv.org/abs/1609.03126)",
        Setting("pulling away", "ebgan"),
        Setting("without", "ebgan", ("arguments.pulling_away_weight=0",)),
        DIGITS,
    ),
    Claim(
        "projection_concatenation",
        "the label as an inner product serves better than as further channels",
        "[Miyato and Koyama 2018](https://arxiv.org/abs/1802.05637)",
        Setting("projection", "projection"),
        Setting("concatenation", "projection", ("arguments.conditioning='concatenation'",)),
        DIGITS,
    ),
    Claim(
        "projection_classifier",
        "the label as an inner product serves better than an auxiliary classifier",
        "[Miyato and Koyama 2018](https://arxiv.org/abs/1802.05637)",
        Setting("projection", "projection"),
        Setting("auxiliary classifier", "projection", ("arguments.conditioning='auxiliary_classifier'",)),
        DIGITS,
    ),
    Claim(
        "sagan_attention",
        "self-attention gives better images",
        "[Zhang et al. 2018](https://arxiv.org/abs/1805.08318)",
        Setting("attention", "sagan"),
        Setting("none", "sagan", ("arguments.attention=false",)),
        DIGITS,
    ),
    Claim(
        "ambientgan_ignore",
        "clean images are learnt from occluded ones, which a GAN that ignores the occlusion cannot",
        "[Bora et al. 2018](https://openreview.net/forum?id=Hy7fDog0b)",
        Setting("measured fakes", "ambientgan"),
        Setting("ignoring the measurement", "ambientgan", ("arguments.ignore=true",)),
        DIGITS,
    ),
    Claim(
        "r3gan_r2",
        "with penalties at real and at generated images all of 1,000 modes are found, which R1 alone does not do",
        "[Huang et al. 2024](https://arxiv.org/abs/2501.05441)",
        R3GAN,
        Setting("R1 alone", "r3gan", (*STACKED, *WITHOUT_R2)),
        "stacked_modes_found",
        higher=True,
        seeds=3,
    ),
    Claim(
        "r3gan_relativistic",
        "the relativistic loss with both penalties finds more of 1,000 modes than the non-saturating loss with R1",
        "[Huang et al. 2024](https://arxiv.org/abs/2501.05441)",
        R3GAN,
        Setting("non-saturating, R1", "r3gan", (*STACKED, *WITHOUT_R2, "arguments.loss=non_saturating")),
        "stacked_modes_found",
        higher=True,
        seeds=3,
    ),
]
