"""The claims of the papers that `python -m benchmarks.claims` tests: each a pair of settings and a score."""

from benchmarks.claims import Claim
from benchmarks.zoo import ALONE, Trial

DIGITS = "fd_mnist_cnn"

# Stacked digits: a thousand kinds of images, counted among 26,000 samples as in PacGAN
STACKED = (
    "steps=3000",
    "evaluation.samples=26000",
    "data.source=stacked:mnist5k",
    "data.channels=3",
    "augmentation=[]",
    "evaluation.scores=['stacked_modes']",
)
WITHOUT_R2 = ("weights.r2=0",)
R3GAN = Trial("r3gan", "R1 and R2", STACKED)
R3GAN_R1 = Trial("r3gan", "R1 alone", (*STACKED, *WITHOUT_R2))
R3GAN_CLASSIC = Trial("r3gan", "non-saturating, R1", (*STACKED, *WITHOUT_R2, "arguments.loss=non_saturating"))
HUANG = "[Huang et al. 2024](https://arxiv.org/abs/2501.05441)"

# Styles of digits, a third as long as the quickstart, whose recipe has no path length
STYLES = ("steps=2000", "evaluation.scores=['distances','path_length']")
WITH_PATHS = Trial("stylegan2", "path length", (*STYLES, "arguments.path_length=true"))
WITHOUT_PATHS = Trial("stylegan2", "none", STYLES)
KARRAS = "[Karras et al. 2019](https://arxiv.org/abs/1912.04958)"

CLAIMS = [
    Claim(
        "sngan_spectral_norm",
        "spectral normalisation of the discriminator gives better images",
        "[Miyato et al. 2018](https://arxiv.org/abs/1802.05957)",
        Trial("sngan", "spectral normalisation"),
        Trial("sngan", "no constraint", ("arguments.weights=none",)),
        DIGITS,
    ),
    Claim(
        "dcgan_batch_norm",
        "batch normalisation in both players helps",
        "[Radford et al. 2015](https://arxiv.org/abs/1511.06434)",
        Trial("dcgan", "in both"),
        Trial("dcgan", "in the generator alone", ("arguments.batch_norm=false",)),
        DIGITS,
    ),
    Claim(
        "dragan_digits",
        "a gradient penalty around the data gives better images",
        "[Kodali et al. 2017](https://arxiv.org/abs/1705.07215)",
        Trial("dragan", "penalty"),
        Trial("dragan", "no penalty", ("arguments.penalty=0",)),
        DIGITS,
    ),
    Claim(
        "dragan_ring",
        "a gradient penalty around the data prevents collapse",
        "[Kodali et al. 2017](https://arxiv.org/abs/1705.07215)",
        Trial("dragan", "penalty", preset="ring8"),
        Trial("dragan", "no penalty", ("arguments.penalty=0",), "ring8"),
        "modes_found",
        higher=True,
    ),
    Claim(
        "dragan_grid",
        "a gradient penalty around the data prevents collapse",
        "[Kodali et al. 2017](https://arxiv.org/abs/1705.07215)",
        Trial("dragan", "penalty", preset="grid25"),
        Trial("dragan", "no penalty", ("arguments.penalty=0",), "grid25"),
        "modes_found",
        higher=True,
    ),
    Claim(
        "wgan_ring",
        "a critic's estimate of the earth mover's distance prevents collapse",
        "[Arjovsky et al. 2017](https://arxiv.org/abs/1701.07875)",
        Trial("wgan", "critic", preset="ring8"),
        Trial("gan", "cross-entropy", preset="ring8"),
        "modes_found",
        higher=True,
    ),
    Claim(
        "sgan_labels",
        "with few labels, learning from generated images too makes a better classifier",
        "[Odena 2016](https://arxiv.org/abs/1606.01583)",
        Trial("sgan", "SGAN, 100 labels"),
        Trial("sgan", "the CNN alone, 100 labels", ALONE),
        "test_error",
    ),
    Claim(
        "wgan_gp_grid",
        "a gradient penalty serves better than clipping",
        "[Gulrajani et al. 2017](https://arxiv.org/abs/1704.00028)",
        Trial("wgan_gp", "gradient penalty", preset="grid25"),
        Trial("wgan", "clipping", preset="grid25"),
        "good_samples",
        higher=True,
    ),
    Claim(
        "lsgan_ring",
        "least squares lose fewer modes than the regular GAN",
        "[Mao et al. 2016](https://arxiv.org/abs/1611.04076)",
        Trial("lsgan", "least squares", preset="ring8"),
        Trial("gan", "cross-entropy", preset="ring8"),
        "modes_found",
        higher=True,
    ),
    Claim(
        "ebgan_pulling_away",
        "the pulling-away term gives better images",
        "[Zhao et al. 2016](https://arxiv.org/abs/1609.03126)",
        Trial("ebgan", "pulling away"),
        Trial("ebgan", "without", ("arguments.pulling_away_weight=0",)),
        DIGITS,
    ),
    Claim(
        "projection_concatenation",
        "the label as an inner product serves better than as further channels",
        "[Miyato and Koyama 2018](https://arxiv.org/abs/1802.05637)",
        Trial("projection", "projection"),
        Trial("projection", "concatenation", ("arguments.conditioning='concatenation'",)),
        DIGITS,
    ),
    Claim(
        "projection_classifier",
        "the label as an inner product serves better than an auxiliary classifier",
        "[Miyato and Koyama 2018](https://arxiv.org/abs/1802.05637)",
        Trial("projection", "projection"),
        Trial("projection", "auxiliary classifier", ("arguments.conditioning='auxiliary_classifier'",)),
        DIGITS,
    ),
    Claim(
        "sagan_attention",
        "self-attention gives better images",
        "[Zhang et al. 2018](https://arxiv.org/abs/1805.08318)",
        Trial("sagan", "attention"),
        Trial("sagan", "none", ("arguments.attention=false",)),
        DIGITS,
    ),
    Claim(
        "ambientgan_ignore",
        "clean images are learnt from occluded ones, which a GAN that ignores the occlusion cannot",
        "[Bora et al. 2018](https://openreview.net/forum?id=Hy7fDog0b)",
        Trial("ambientgan", "measured fakes"),
        Trial("ambientgan", "ignoring the measurement", ("arguments.ignore=true",)),
        DIGITS,
    ),
    Claim(
        "r3gan_r2",
        "penalties at real and at generated images find more of 1,000 modes than R1 alone",
        HUANG,
        R3GAN,
        R3GAN_R1,
        "stacked_modes_found",
        higher=True,
        seeds=3,
    ),
    Claim(
        "r3gan_r2_evenly",
        "both penalties find the 1,000 modes more evenly than R1 alone",
        HUANG,
        R3GAN,
        R3GAN_R1,
        "stacked_modes_kl",
        seeds=3,
    ),
    Claim(
        "r3gan_relativistic",
        "the relativistic loss with both penalties finds more of 1,000 modes than the non-saturating loss with R1",
        HUANG,
        R3GAN,
        R3GAN_CLASSIC,
        "stacked_modes_found",
        higher=True,
        seeds=3,
    ),
    Claim(
        "r3gan_relativistic_evenly",
        "the relativistic loss with both penalties finds the 1,000 modes more evenly than the non-saturating loss with R1",
        HUANG,
        R3GAN,
        R3GAN_CLASSIC,
        "stacked_modes_kl",
        seeds=3,
    ),
    Claim(
        "projected_equal_time",
        "in equal time, a discriminator on frozen features gives better images",
        "[Sauer et al. 2021](https://arxiv.org/abs/2111.01007)",
        Trial("projected", "SNGAN's generator against frozen features"),
        Trial("sngan", "SNGAN's own discriminator, for as long"),
        DIGITS,
        seeds=3,
    ),
    Claim(
        "stylegan2_path_length",
        "path length regularisation makes images change less along paths between styles",
        KARRAS,
        WITH_PATHS,
        WITHOUT_PATHS,
        "ppl_mnist_cnn",
        seeds=3,
    ),
    Claim(
        "stylegan2_path_evenness",
        "path length regularisation makes images change more evenly along paths between styles",
        KARRAS,
        WITH_PATHS,
        WITHOUT_PATHS,
        "ppl_mnist_cnn_unevenness",
        seeds=3,
    ),
]
