import io

import numpy as np
from PIL import Image, features

from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.types import EncoderFacts, Parameter, Setting, ToolCommand

SAMPLING = {"444": "1x1", "420": "2x2"}


def encode(pixels, setting):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer,
        "JPEG",
        quality=setting.get("quality", 75),
        subsampling="4:4:4" if setting.get("chroma_subsampling") == "444" else "4:2:0",
        progressive=True,
    )
    return buffer.getvalue()


def decode(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def commands(setting):
    sampling = SAMPLING[setting.get("chroma_subsampling", "420")]
    options = f"-quality {setting.get('quality', 75)} -baseline -sample {sampling}"
    return (ToolCommand("cjpeg", f"cjpeg {options} -progressive -outfile output.jpg input.ppm"),)


ENCODER = Encoder(
    EncoderFacts(
        id="progressive",
        format="jpeg",
        title="Progressive JPEG",
        extension=".jpg",
        parameters=(
            Parameter("quality", "libjpeg quality", minimum=1, maximum=100, default=75),
            Parameter("chroma_subsampling", "chroma samples kept", choices=("444", "420"), default="420"),
        ),
        mime="image/jpeg",
        browsers="all browsers",
        all_browsers=True,
    ),
    version=lambda: f"libjpeg-turbo {features.version('libjpeg_turbo')}",
    encode=encode,
    decode=decode,
    seconds_per_megapixel=lambda setting: 0.02,
    commands=commands,
    self_test=SelfTest(Setting.of("jpeg", encoder="progressive", quality=100, chroma_subsampling="444"), 4),
)
