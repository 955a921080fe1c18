"""Study documents that load, and tables of ones that do not, with what their refusal must say."""

from __future__ import annotations

from typing import Any

GOOD: dict[str, Any] = {
    "id": "x",
    "dataset": {"id": "sample"},
    "encoders": [{"format": "webp", "quality": 80}],
}


FULL: dict[str, Any] = {
    "$schema": "../study.schema.json",
    "id": "full_study-1",
    "name": "Full study",
    "description": "Every key there is.",
    "time_budget": "1h30m",
    "dataset": {"id": "sample", "max_images": 5, "order": "name", "seed": 7},
    "encoders": [
        {
            "format": "jpeg",
            "quality": {"start": 30, "stop": 95, "step": 10},
            "chroma_subsampling": ["444", "420"],
            "extra_args": [{"progressive": [True, False]}, {"optimize": True}],
        },
        {"format": "webp", "quality": 80, "method": [0, 6], "crop": 400},
        {"format": "avif", "quality": [50, 60], "speed": 6, "resolution": ["original", 640]},
        {"format": "jxl", "quality": 75, "effort": 7, "extra_args": {"decodingspeed": 2}},
        {"format": "jxl", "extra_args": {"distance": {"start": 1.5, "stop": 2, "step": 0.25}}},
    ],
    "metrics": ["ssimulacra2", "psnr"],
    "analysis": {"x_axis": "quality", "group_by": "format"},
    "comparison": {
        "tile_parameter": "format",
        "targets": [{"metric": "ssimulacra2", "values": [70, 80.5]}],
        "exclude_images": ["0828.png"],
    },
    "analysis_fragment_size": 200,
    "crop_too_small_strategy": "skip_measurement",
}


OLDER: dict[str, Any] = {
    "$schema": "../study.schema.json",
    "id": "resolution-impact",
    "name": "Resolution impact",
    "time_budget": 1800,
    "dataset": {"id": "div2k-valid", "max_images": None},
    "preprocessing": {"resize": [2048, 720]},
    "encoders": [
        {"format": "jpeg", "quality": [60, 75]},
        {"format": "avif", "quality": {"start": 40, "stop": 85, "step": 20}, "speed": [4, 6]},
    ],
    "analysis": {"x_axis": "resolution", "group_by": "format"},
    "comparison": {"tile_parameter": "format", "targets": [{"metric": "psnr", "values": [40]}]},
}


def with_encoder(**keys: Any) -> dict[str, Any]:
    return {**GOOD, "encoders": [*GOOD["encoders"], keys]}


JPEG = {"format": "jpeg", "quality": 80}
AVIF = {"format": "avif", "quality": 60}

# The encoder, the place after ``encoders[1]``, parts of the message.
ENCODERS: list[tuple[dict[str, Any], str, list[str]]] = [
    # A parameter that the codec does not have.
    ({**JPEG, "encoder": "avif"}, ".format", ['the encoder avif makes avif, not "jpeg"']),
    ({**JPEG, "encoder": "jpgli"}, ".encoder", ["no encoder is named 'jpgli'", "jpeg, webp, avif, jxl"]),
    ({**JPEG, "speed": 4}, ".speed", ["JPEG has no speed", "4", "quality (0 to 100)"]),
    ({**JPEG, "effort": [1, 2]}, ".effort", ["JPEG has no effort", "[1, 2]", "chroma_subsampling (444"]),
    (
        {"format": "jxl", "quality": 80, "chroma_subsampling": "444"},
        ".chroma_subsampling",
        ["JPEG XL has no chroma_subsampling", '"444"', "effort (1 to 10)"],
    ),
    ({"format": "webp", "quality": 1, "speed": 1}, ".speed", ["WebP has no speed", "method (0 to 6)"]),
    ({**AVIF, "method": 1}, ".method", ["AVIF has no method", "speed (0 to 10)"]),
    # A value out of range.
    ({"format": "jpeg", "quality": 101}, ".quality", ["101", "0 to 100"]),
    ({"format": "jpeg", "quality": -1}, ".quality", ["-1", "0 to 100"]),
    ({"format": "jpeg", "quality": [5, 200, 6]}, ".quality[1]", ["200", "0 to 100"]),
    ({**AVIF, "speed": 11}, ".speed", ["11", "0 to 10"]),
    ({"format": "jxl", "quality": 80, "effort": 0}, ".effort", ["0", "1 to 10"]),
    ({"format": "webp", "quality": 81, "method": [0, 7]}, ".method[1]", ["7", "0 to 6"]),
    ({**JPEG, "chroma_subsampling": "400"}, ".chroma_subsampling", ['"400"', "444, 422, 420"]),
    ({**AVIF, "chroma_subsampling": ["411"]}, ".chroma_subsampling[0]", ['"411"', "444, 422, 420, 400"]),
    ({**AVIF, "resolution": 0}, ".resolution", ["0", "1 or more"]),
    ({**AVIF, "crop": [200, -5]}, ".crop[1]", ["-5", "1 or more"]),
    # A wrong type.
    ({"format": "jpeg", "quality": "80"}, ".quality", ['"80" (text)', "0 to 100"]),
    ({"format": "jpeg", "quality": True}, ".quality", ["true", "0 to 100"]),
    ({"format": "jpeg", "quality": 80.5}, ".quality", ["whole number", "80.5", "0 to 100"]),
    ({"format": "jpeg", "quality": [None]}, ".quality[0]", ["null", "0 to 100"]),
    ({"format": "jpeg", "quality": [[1]]}, ".quality[0]", ["[1] (a list)", "0 to 100"]),
    ({**AVIF, "speed": {"start": 0, "stop": 4, "step": 1}}, ".speed", ["list of values", "0 to 10"]),
    ({**AVIF, "speed": "slow"}, ".speed", ['"slow" (text)', "0 to 10"]),
    ({**AVIF, "chroma_subsampling": 420}, ".chroma_subsampling", ["420 (a number)", 'write "420"']),
    ({**AVIF, "resolution": "big"}, ".resolution", ['"big"', '"original"']),
    ({**AVIF, "crop": True}, ".crop", ["true", "pixels"]),
    ({"format": 3, "quality": 5}, ".format", ["must be text", "3"]),
    # A codec that there is not, or none.
    ({"format": "avfi", "quality": 5}, ".format", ["avfi", "did you mean avif", "jpeg, webp, avif, jxl"]),
    ({"format": "", "quality": 5}, ".format", ["jpeg, webp, avif, jxl"]),
    ({"quality": 5}, ".format", ["is missing"]),
    # An unknown key.
    ({**JPEG, "qualty": 5}, ".qualty", ["JPEG has no qualty", "5", "did you mean quality?"]),
    ({**JPEG, "Chroma_Subsampling": "444"}, ".Chroma_Subsampling", ["did you mean chroma_subsampling?"]),
    # An empty sweep.
    ({"format": "jpeg", "quality": []}, ".quality", ["empty", "0 to 100"]),
    ({**AVIF, "speed": []}, ".speed", ["empty", "0 to 10"]),
    ({**AVIF, "resolution": []}, ".resolution", ["empty", "pixels"]),
    ({**AVIF, "extra_args": []}, ".extra_args", ["empty"]),
    # A range that is none.
    ({"format": "jpeg", "quality": {"start": 1, "stop": 9, "step": 0}}, ".quality.step", ["0", "1 or more"]),
    (
        {"format": "jpeg", "quality": {"start": 1, "stop": 9, "step": -1}},
        ".quality.step",
        ["-1", "1 or more"],
    ),
    ({"format": "jpeg", "quality": {"start": 1, "stop": 9}}, ".quality.step", ["is missing"]),
    (
        {"format": "jpeg", "quality": {"start": 1, "stop": 101, "step": 1}},
        ".quality.stop",
        ["101", "0 to 100"],
    ),
    ({"format": "jpeg", "quality": {"start": "1", "stop": 9, "step": 1}}, ".quality.start", ['"1" (text)']),
    ({"format": "jpeg", "quality": {"start": 1, "stop": 9, "step": True}}, ".quality.step", ["true"]),
    (
        {"format": "jpeg", "quality": {"start": 1, "stop": 9, "step": 1, "stepp": 2}},
        ".quality.stepp",
        ["did you mean step?"],
    ),
    # A duplicate setting.
    ({"format": "jpeg", "quality": [50, 60, 50]}, ".quality[2]", ["50 is given twice"]),
    ({**JPEG, "extra_args": [{"optimize": True}] * 2}, ".extra_args[1]", ["given twice"]),
    # extra_args that the codec does not take.
    (
        {**JPEG, "extra_args": {"progresive": True}},
        ".extra_args.progresive",
        ["JPEG has no extra argument", "did you mean progressive?", "optimize (true, false)"],
    ),
    ({**JPEG, "extra_args": {"progressive": 1}}, ".extra_args.progressive", ["1", "true, false"]),
    ({**JPEG, "extra_args": {"quality": 5}}, ".extra_args.quality", ["next to extra_args"]),
    ({**JPEG, "extra_args": [{}, {"a": 1}]}, ".extra_args[1].a", ["no extra argument", "given: 1"]),
    ({**JPEG, "extra_args": [3]}, ".extra_args[0]", ["must be an object", "3"]),
    ({**JPEG, "extra_args": "progressive"}, ".extra_args", ["must be an object", '"progressive"']),
    ({"format": "jxl", "extra_args": {"distance": 26}}, ".extra_args.distance", ["26", "0 to 25"]),
    ({**AVIF, "extra_args": {"tune": [[1]]}}, ".extra_args.tune[0]", ["[1] (a list)"]),
    ({**AVIF, "extra_args": {"tune": []}}, ".extra_args.tune", ["empty"]),
    ({**AVIF, "extra_args": {"sharpness": [1, 1]}}, ".extra_args.sharpness[1]", ["given twice"]),
    (
        {**JPEG, "extra_args": {"progressive": {"start": 0}}},
        ".extra_args.progressive",
        ["one value, or a list"],
    ),
    (
        {**JPEG, "extra_args": [{}, {"progressive": [True, 1]}]},
        ".extra_args[1].progressive[1]",
        ["true, false"],
    ),
    # Combinations.
    ({"format": "jpeg"}, "", ["needs quality, 0 to 100"]),
    ({"format": "jxl", "effort": 3}, "", ["needs quality", "distance"]),
]

# What JSON Schema cannot say, or what JSON itself cannot hold.
ENCODERS_BEYOND_SCHEMA: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"format": "jpeg", "quality": 80.0}, ".quality", ["whole number", "80.0", "0 to 100"]),
    ({**AVIF, "resolution": 640.0}, ".resolution", ["640.0", "pixels"]),
    (
        {"format": "jpeg", "quality": {"start": 90, "stop": 30, "step": 5}},
        ".quality.stop",
        ["30 is below start 90"],
    ),
    ({**AVIF, "resolution": [None, 640, "original"]}, ".resolution[2]", ["null is given twice"]),
    ({**JPEG, "extra_args": [{}, {"optimize": False}]}, "", ["repeats", "encoders[1]", "by default"]),
    (
        {"format": "jxl", "extra_args": {"distance": {"start": 2, "stop": 1, "step": 1}}},
        ".extra_args.distance.stop",
        ["below start"],
    ),
    (
        {**JPEG, "extra_args": {"progressive": [True, False], "optimize": [True, False]}},
        "",
        ["optimize = false"],
    ),
    ({**JPEG, "extra_args": [{}, {"progressive": [False, True]}]}, "", ["repeats", "by default"]),
    ({"format": "webp", "quality": [70, 80]}, "", ["repeats", "encoders[0]", "webp q80"]),
    ({"format": "webp", "quality": 80, "method": 4}, "", ["webp q80 and webp q80 m4, by default"]),
    ({"format": "jxl", "extra_args": {"distance": float("nan")}}, ".extra_args.distance", ["0 to 25"]),
    ({**AVIF, "extra_args": {"no-such-option": 1}}, "", ["no-such-option = 1", "does not accept this"]),
    (
        {**AVIF, "extra_args": {"sharpness": float("inf")}},
        ".extra_args.sharpness",
        ["must be text, a number"],
    ),
    ({"format": "jxl", "quality": 5, "extra_args": {"distance": 1}}, "", ["quality or distance, not both"]),
    ({**AVIF, "crop": 100, "resolution": 640}, ".crop", ["cannot be combined with resolution"]),
]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


# The document, the place, parts of the message.
STUDIES: list[tuple[object, str, list[str]]] = [
    (without("id"), "id", ["is missing"]),
    (without("dataset"), "dataset", ["is missing"]),
    (without("encoders"), "encoders", ["is missing"]),
    ({**GOOD, "id": "Mixed"}, "id", ['"Mixed"', "lower-case letters"]),
    ({**GOOD, "id": "-a"}, "id", ['"-a"', "lower-case letters"]),
    ({**GOOD, "id": ""}, "id", ["lower-case letters"]),
    ({**GOOD, "id": "a/../b"}, "id", ["lower-case letters"]),
    ({**GOOD, "id": 7}, "id", ["must be text", "7 (a number)"]),
    ({**GOOD, "name": 7}, "name", ["must be text", "7 (a number)"]),
    ({**GOOD, "descripton": "?"}, "descripton", ["unknown key", "did you mean description?"]),
    ({**GOOD, "metric": ["psnr"]}, "metric", ["unknown key", "Known here", "time_budget"]),
    ({**GOOD, "metrics": "psnr"}, "metrics", ["must be a list", '"psnr" (text)']),
    ({**GOOD, "metrics": []}, "metrics", ["the list is empty", "leave the key out"]),
    ({**GOOD, "metrics": ["psnr", 5]}, "metrics[1]", ["must be the name of a metric", "5 (a number)"]),
    ({**GOOD, "metrics": ["ssimulacra"]}, "metrics[0]", ["no metric is named", "did you mean ssimulacra2"]),
    ({**GOOD, "metrics": ["butteraugli@0"]}, "metrics[0]", ["an integer from 1 to 10000"]),
    ({**GOOD, "metrics": ["ssim", "ssim"]}, "metrics[1]", ['"ssim" is given twice']),
    ({**GOOD, "time_budget": "30m1h"}, "time_budget", ["30m1h", "1h30m"]),
    ({**GOOD, "time_budget": 0}, "time_budget", ["0", "greater than zero"]),
    ({**GOOD, "time_budget": -5.0}, "time_budget", ["-5.0", "greater than zero"]),
    ({**GOOD, "time_budget": True}, "time_budget", ["true", "greater than zero"]),
    ({**GOOD, "time_budget": ["1h"]}, "time_budget", ['["1h"]', "1h30m"]),
    ({**GOOD, "dataset": "sample"}, "dataset", ["must be an object", '"sample"']),
    ({**GOOD, "dataset": {}}, "dataset.id", ["is missing"]),
    ({**GOOD, "dataset": {"id": ""}}, "dataset.id", ["must not be empty"]),
    ({**GOOD, "dataset": {"id": "a", "max_image": 5}}, "dataset.max_image", ["did you mean max_images?"]),
    ({**GOOD, "dataset": {"id": "a", "max_images": 0}}, "dataset.max_images", ["0", "1 or more"]),
    ({**GOOD, "dataset": {"id": "a", "max_images": True}}, "dataset.max_images", ["whole number", "true"]),
    ({**GOOD, "dataset": {"id": "a", "max_images": "5"}}, "dataset.max_images", ["whole number", '"5"']),
    (
        {**GOOD, "dataset": {"id": "a", "order": "random"}},
        "dataset.order",
        ['"random"', "'hashed' or 'name'"],
    ),
    ({**GOOD, "dataset": {"id": "a", "seed": 1.5}}, "dataset.seed", ["whole number", "1.5"]),
    ({**GOOD, "encoders": []}, "encoders", ["empty"]),
    ({**GOOD, "encoders": {"format": "jpeg", "quality": 5}}, "encoders", ["must be a list"]),
    ({**GOOD, "encoders": ["jpeg"]}, "encoders[0]", ["must be an object", '"jpeg"']),
    ({**GOOD, "preprocessing": {"resise": [1]}}, "preprocessing.resise", ["did you mean resize?"]),
    ({**GOOD, "preprocessing": {"resize": ["a"]}}, "preprocessing.resize[0]", ['"a"', "pixels"]),
    ({**GOOD, "preprocessing": {"resize": []}}, "preprocessing.resize", ["empty"]),
    ({**GOOD, "analysis": "quality"}, "analysis", ["must be an object", '"quality"']),
    ({**GOOD, "analysis": {"x_axes": "quality"}}, "analysis.x_axes", ["did you mean x_axis?"]),
    ({**GOOD, "comparison": [1]}, "comparison", ["must be an object", "[1]"]),
    ({**GOOD, "comparison": {"target": []}}, "comparison.target", ["did you mean targets?"]),
    ({**GOOD, "comparison": {"targets": {}}}, "comparison.targets", ["must be a list"]),
    ({**GOOD, "comparison": {"targets": [{"values": [1]}]}}, "comparison.targets[0].metric", ["is missing"]),
    (
        {**GOOD, "comparison": {"targets": [{"metric": "psnr", "values": ["1"]}]}},
        "comparison.targets[0].values[0]",
        ['must be a number, not "1"'],
    ),
    (
        {**GOOD, "comparison": {"targets": [{"metric": "psnr", "values": []}]}},
        "comparison.targets[0].values",
        ["empty"],
    ),
    ({**GOOD, "comparison": {"exclude_images": "a.png"}}, "comparison.exclude_images", ["must be a list"]),
    ({**GOOD, "comparison": {"source_image": 801}}, "comparison.source_image", ["must be text, not 801"]),
    ({**GOOD, "analysis_fragment_size": 0}, "analysis_fragment_size", ["0", "1 or more"]),
    ({**GOOD, "crop_too_small_strategy": "skip"}, "crop_too_small_strategy", ['"skip"', "'skip_image'"]),
]

# What JSON Schema cannot say, or what JSON itself cannot hold.
STUDIES_BEYOND_SCHEMA: list[tuple[object, str, list[str]]] = [
    ({**GOOD, "id": "a\n"}, "id", ['"a\\n"', "lower-case letters"]),
    ({**GOOD, "time_budget": float("nan")}, "time_budget", ["greater than zero"]),
    ({**GOOD, "time_budget": float("inf")}, "time_budget", ["greater than zero"]),
    ({**GOOD, "time_budget": 10**400}, "time_budget", ["greater than zero"]),
    (
        {**with_encoder(**JPEG, resolution=640), "preprocessing": {"resize": [640, 320]}},
        "encoders[1].resolution",
        ["640 contradicts preprocessing.resize [640, 320]"],
    ),
    ({**with_encoder(**JPEG, crop=640), "preprocessing": {"resize": 320}}, "encoders[1].crop", ["resize"]),
    ({**GOOD, "analysis": {"x_axis": "sped"}}, "analysis.x_axis", ["not a parameter", "Allowed: quality, "]),
    (
        {**GOOD, "analysis": {"x_axis": "speed", "group_by": "method"}},
        "analysis.x_axis",
        ['"speed" is not a parameter of the encoders of this study'],
    ),
    (
        {**GOOD, "analysis": {"x_axis": "method", "group_by": "method"}},
        "analysis.group_by",
        ["already the x axis"],
    ),
    ({**GOOD, "analysis": {"group_by": "quality"}}, "analysis.group_by", ["already the x axis"]),
    (
        {**GOOD, "comparison": {"tile_parameter": "speed"}},
        "comparison.tile_parameter",
        ["not a parameter", "Allowed: method"],
    ),
    (
        {**GOOD, "comparison": {"tile_parameter": "quality"}},
        "comparison.tile_parameter",
        ["sets the size and the score"],
    ),
    (
        {**GOOD, "metrics": ["psnr"], "comparison": {"targets": [{"metric": "ssim", "values": [0.9]}]}},
        "comparison.targets[0].metric",
        ["not measured by this study", "Allowed: psnr, bits_per_pixel"],
    ),
    (
        {**GOOD, "comparison": {"targets": [{"metric": "bits_per_pixel", "values": [1, 0]}]}},
        "comparison.targets[0].values[1]",
        ["0 is out of range"],
    ),
    (
        {
            **GOOD,
            "comparison": {"targets": [{"metric": "psnr", "values": [float("nan")]}]},
        },
        "comparison.targets[0].values[0]",
        ["must be a number, not NaN"],
    ),
    (
        {**GOOD, "comparison": {"exclude_images": ["a.png"], "source_image": "b/a.png"}},
        "comparison.source_image",
        ["also in exclude_images"],
    ),
    ({**GOOD, "comparison": {"source_image": "\ud800"}}, "comparison.source_image", ["must be text"]),
    ({**GOOD, "description": "\ud800"}, "description", ["\\ud800"]),
]
